package httpx

import (
	"context"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/idna"

	"github.com/ebb-transfer/ebb/job"
)

// proxyRest is how long a proxy that could not be reached comes after the others of its list.
const proxyRest = 5 * time.Minute

// routes returns the ways to the server of a URL in the order in which they are to be tried: proxies, and nil for
// the direct way. There is at least one.
type routes func(context.Context, *url.URL) ([]*url.URL, error)

var directly = []*url.URL{nil}

// routes are those of a job's settings. Their errors have code InvalidProxyInfo.
func (d *Downloader) routes(n job.Network) routes {
	switch n.Proxy {
	case job.ProxyPreconfigured:
		return d.preconfigured
	case job.ProxyNone:
		return func(context.Context, *url.URL) ([]*url.URL, error) { return directly, nil }
	case job.ProxyAuto:
		return d.detector.routes
	}
	return listed(n.Proxy, n.ProxyBypass)
}

// listed are those of a list, but for the hosts to bypass.
func listed(list, bypass string) routes {
	proxies, err := parseProxies(list)
	return func(_ context.Context, u *url.URL) ([]*url.URL, error) {
		if err != nil {
			return nil, err
		}
		if bypasses(bypass, u.Hostname()) {
			return directly, nil
		}
		return forScheme(proxies, u.Scheme), nil
	}
}

func parseProxies(list string) ([]job.ProxyEntry, error) {
	proxies, err := job.ParseProxies(list)
	if err == nil && len(proxies) == 0 {
		err = job.Invalid(job.InvalidProxyInfo, "the list of proxies names none")
	}
	return proxies, err
}

// forScheme are the proxies for URLs of a scheme: those that are for it alone, else those for all, else none.
func forScheme(proxies []job.ProxyEntry, scheme string) []*url.URL {
	for _, want := range []string{scheme, ""} {
		var out []*url.URL
		for _, p := range proxies {
			if p.For == want {
				out = append(out, p.URL)
			}
		}
		if out != nil {
			return out
		}
	}
	return directly
}

// environment are the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY as they are now. They may name a user, so errors do
// not quote them.
func environment() routes {
	config := httpproxy.FromEnvironment()
	find := config.ProxyFunc()
	return func(_ context.Context, u *url.URL) ([]*url.URL, error) {
		given := config.HTTPProxy
		if u.Scheme == "https" {
			given = config.HTTPSProxy
		}
		proxy, err := find(u)
		if err != nil || (given != "" && !isProxyURL(given)) { // which httpproxy makes something of
			return nil, job.Invalid(job.InvalidProxyInfo, "the proxy of the environment (HTTP_PROXY, HTTPS_PROXY) is not a URL")
		}
		return []*url.URL{proxy}, nil
	}
}

// isProxyURL reports whether the environment names a proxy, with a scheme or without.
func isProxyURL(given string) bool {
	if !strings.Contains(given, "://") {
		given = "http://" + given
	}
	u, err := url.Parse(given)
	return err == nil && u.Hostname() != ""
}

// bypasses reports whether a list of hosts that no proxy is for has host: by its name or address, as a part of
// *.example.com, as an address in 10.0.0.0/8, or, with <local>, as a name without a dot.
func bypasses(list, host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addr, err := netip.ParseAddr(host)
	isAddr := err == nil
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(job.ProxyFields(list), func(entry string) bool {
		entry = strings.ToLower(entry)
		if isAddr {
			if block, err := netip.ParsePrefix(entry); err == nil {
				return block.Contains(addr)
			}
			if one, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
				return one.Unmap() == addr
			}
		}
		if entry == "<local>" {
			return !isAddr && !strings.Contains(host, ".")
		}
		if ascii, err := idna.Punycode.ToASCII(entry); err == nil {
			entry = ascii
		}
		same, err := path.Match(strings.TrimSuffix(entry, "."), host) // a host has no /, so * is anything
		return same && err == nil
	})
}

// resting are the proxies that could not be reached a while ago. It is safe for concurrent use.
type resting struct {
	mu    sync.Mutex // guards until
	until map[string]time.Time
}

// order is ways with those that rest at the end.
func (r *resting) order(ways []*url.URL) []*url.URL {
	if len(ways) < 2 {
		return ways
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, out := time.Now(), slices.Clone(ways)
	slices.SortStableFunc(out, func(a, b *url.URL) int {
		switch resting := now.Before(r.until[a.Host]); {
		case resting == now.Before(r.until[b.Host]):
			return 0
		case resting:
			return 1
		}
		return -1
	})
	return out
}

// add lets proxy rest.
func (r *resting) add(proxy *url.URL) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil {
		r.until = map[string]time.Time{}
	}
	now := time.Now()
	for host, until := range r.until {
		if now.After(until) {
			delete(r.until, host)
		}
	}
	r.until[proxy.Host] = now.Add(proxyRest)
}

// noProxy reports whether err means that the proxy itself cannot be reached, so that another one may do. What a proxy
// that can be reached says about a server is not that.
func noProxy(err error) bool {
	if err == nil || !strings.HasPrefix(err.Error(), "proxy") { // proxyconnect of net/http, proxy ORIGIN of httpauth
		return false
	}
	return isDial(err) || strings.Contains(err.Error(), "TLS handshake with")
}
