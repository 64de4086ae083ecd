package httpx

import (
	"errors"
	"strings"

	"golang.org/x/sys/windows/registry"

	"github.com/ebb-transfer/ebb/job"
)

// systemProxies are those of the Internet settings of the user of this process. They are read each time, since they
// change when the network does.
func systemProxies() (proxySettings, error) {
	key, err := registry.OpenKey(registry.CURRENT_USER, `Software\Microsoft\Windows\CurrentVersion\Internet Settings`, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return proxySettings{}, nil // a service's user
	}
	if err != nil {
		return proxySettings{}, job.Invalid(job.InvalidProxyInfo, "the proxy settings of Windows cannot be read: %v", err)
	}
	defer key.Close()
	var set proxySettings
	// What is not there is "" or 0.
	set.script, _, _ = key.GetStringValue("AutoConfigURL")
	if on, _, _ := key.GetIntegerValue("ProxyEnable"); on != 0 {
		list, _, _ := key.GetStringValue("ProxyServer")
		set.list = forHTTP(list)
		set.bypass, _, _ = key.GetStringValue("ProxyOverride")
	}
	return set, nil
}

// forHTTP are the entries of a list of Windows that job.ParseProxies knows: Windows has proxies for other protocols, too.
func forHTTP(list string) string {
	var out []string
	for _, entry := range job.ProxyFields(list) {
		if protocol, _, ok := strings.Cut(entry, "="); !ok || protocol == "http" || protocol == "https" {
			out = append(out, entry)
		}
	}
	if len(out) == 0 {
		return job.ProxyNone
	}
	return strings.Join(out, " ")
}
