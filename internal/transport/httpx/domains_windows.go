//go:build pac

package httpx

import "golang.org/x/sys/windows/registry"

// systemDomains are those that this machine is in: the one that it was joined to, and the one of its network.
func systemDomains() []string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`, registry.QUERY_VALUE)
	if err != nil {
		return nil
	}
	defer key.Close()
	var out []string
	for _, name := range []string{"Domain", "DhcpDomain"} {
		if domain, _, err := key.GetStringValue(name); err == nil && domain != "" {
			out = append(out, domain)
		}
	}
	return out
}
