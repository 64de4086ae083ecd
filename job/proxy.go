package job

import (
	"net/url"
	"slices"
	"strings"
)

// The proxy settings that are no list.
const (
	ProxyPreconfigured = ""
	ProxyNone          = "none"
	ProxyAuto          = "auto"
)

// maxProxyList in bytes bounds a list of proxies and one of hosts to bypass, as in BITS.
const maxProxyList = 32 << 10

// ProxyEntry is one proxy of a list.
type ProxyEntry struct {
	For string   // the scheme of the URLs it is for: "http" or "https"; "" for both
	URL *url.URL // scheme http, https or socks5, and a host
}

// ProxyFields splits a list of proxies, or of hosts to bypass: at spaces and commas, as the API and the command
// line of BITS do.
func ProxyFields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '\t' })
}

// ParseProxies reads a list of proxies (see [Network.Proxy]). Its errors have code InvalidProxyInfo.
func ParseProxies(list string) ([]ProxyEntry, error) {
	var out []ProxyEntry
	for _, field := range ProxyFields(list) {
		scheme, server, _ := strings.Cut(field, "=")
		if scheme != "http" && scheme != "https" {
			scheme, server = "", field
		}
		if !strings.Contains(server, "://") {
			server = "http://" + server
		}
		u, err := url.Parse(server)
		if err != nil || u.Hostname() == "" || strings.Contains(u.Host, "=") || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
			return nil, Invalid(InvalidProxyInfo, "proxy %q is not a URL of a proxy; write it like http://proxy.example:3128", redact(field))
		}
		if err := checkProxyURL(u); err != nil {
			return nil, err
		}
		out = append(out, ProxyEntry{For: scheme, URL: u})
	}
	return out, nil
}

func checkProxyURL(u *url.URL) error {
	switch {
	case !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme):
		return Invalid(InvalidProxyInfo, "%s: proxies are not supported; use http, https or socks5", u.Scheme)
	case !validPort(u.Port()):
		return Invalid(InvalidProxyInfo, "port %s of proxy %s is none of 1 to 65535", u.Port(), u.Hostname())
	case u.User != nil:
		return Invalid(InvalidProxyInfo, "the proxy URL holds a user name; give it as proxy credentials (--proxy-user) instead")
	}
	return nil
}

func checkProxies(list, bypass string) error {
	switch {
	case len(list) > maxProxyList:
		return Invalid(ProxyListTooLarge, "the list of proxies has more than %d bytes", maxProxyList)
	case len(bypass) > maxProxyList:
		return Invalid(ProxyBypassListTooLarge, "the list of hosts to bypass has more than %d bytes", maxProxyList)
	case list == ProxyPreconfigured || list == ProxyNone || list == ProxyAuto:
		if bypass != "" {
			return Invalid(InvalidArg, "a list of hosts to bypass belongs to a list of proxies, and there is none")
		}
		return nil
	}
	for _, host := range ProxyFields(bypass) {
		if strings.LastIndexByte(host, '*') > 0 {
			return Invalid(InvalidProxyInfo, "%q: a * can only be at the beginning of a host to bypass", host)
		}
	}
	proxies, err := ParseProxies(list)
	if err == nil && len(proxies) == 0 {
		err = Invalid(InvalidProxyInfo, "the list of proxies names none")
	}
	return err
}
