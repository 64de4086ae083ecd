package httpx

import (
	"net/url"
	"strings"

	"golang.org/x/sys/windows/registry"

	"github.com/ebb-transfer/ebb/job"
)

// detected are the proxies that the user of this process has set in Windows, else those of the environment. They are
// read each time, since they change when the network does.
func detected(u *url.URL) ([]*url.URL, error) {
	key, err := registry.OpenKey(registry.CURRENT_USER, `Software\Microsoft\Windows\CurrentVersion\Internet Settings`, registry.QUERY_VALUE)
	if err != nil {
		return environment()(u) // a user without settings, such as a service's
	}
	defer key.Close()
	if script, _, err := key.GetStringValue("AutoConfigURL"); err == nil && script != "" {
		return nil, job.Invalid(job.InvalidProxyInfo,
			"this system finds its proxies by a script (PAC), %.200q, which ebb does not run; give the job a list of proxies, or none", redact(script))
	}
	on, _, err := key.GetIntegerValue("ProxyEnable")
	if err != nil || on == 0 {
		return environment()(u)
	}
	list, _, err := key.GetStringValue("ProxyServer")
	if err != nil {
		return environment()(u)
	}
	bypass, _, _ := key.GetStringValue("ProxyOverride") // none is no error
	return newRoutes(forHTTP(list), bypass)(u)
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
