package httpauth

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
)

// way is how a request travels.
type way int

const (
	direct  way = iota
	forward     // http URL: the proxy gets the whole URL
	tunnel      // https URL: CONNECT
	socks
)

// route is the key of a connection pool: connections are shared by requests with the same route only.
type route struct {
	way   way
	proxy string // its origin; "" without one

	// origin and identity are set where a connection is authenticated, not a request: it is then good for
	// one identity at one origin.
	origin   string
	identity Scheme // a Transport has one identity for each scheme
	foreign  bool   // at the server it is the caller's identity, which we do not know
}

// pools keeps one http.Transport for each route, and for each connection that is authenticated.
type pools struct {
	base       *http.Transport
	mu         sync.Mutex // guards transports and lanes
	transports map[route]*http.Transport
	lanes      map[route][]*lane // those that serve no request now
}

// get returns the pool for r, made by build at its first use.
func (p *pools) get(r route, build func() *http.Transport) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.transports[r]
	if t == nil {
		t = build()
		p.transports[r] = t
	}
	return t
}

func (p *pools) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
	for _, free := range p.lanes {
		for _, l := range free {
			l.transport.CloseIdleConnections()
		}
	}
}

// build makes the http.Transport for one way through proxy, which is nil for direct.
func (t *Transport) build(w way, proxy *url.URL, protocols *http.Protocols) *http.Transport {
	base := t.pools.base
	pool := base.Clone()
	pool.Proxy, pool.Protocols = nil, protocols
	toServer := &tlsDialer{base.DialContext, t.serverTLS(protocols), base.TLSHandshakeTimeout, t.verifyServer}
	pool.DialTLSContext = toServer.DialContext
	if w == direct {
		return pool
	}
	origin, _ := Origin(proxy) // checked by RoundTrip
	address, _ := url.Parse(origin)
	a := t.authority(Proxy, origin)
	toProxy := base.DialContext
	secure := &tlsDialer{base.DialContext, t.proxyTLS(), base.TLSHandshakeTimeout, nil}
	if proxy.Scheme == "https" {
		toProxy = secure.DialContext
	}
	timeout := base.ResponseHeaderTimeout
	override(&timeout, timeout == 0, connectTimeout)
	switch w {
	case direct:
	case forward:
		pool.Proxy = http.ProxyURL(address)
		pool.DialTLSContext = secure.DialContext // the only TLS here is the one to the proxy
	case tunnel:
		maxHeader := base.MaxResponseHeaderBytes
		override(&maxHeader, maxHeader == 0, maxConnectHeader)
		toServer.dial = (&tunneler{
			authority: a, exposed: t.exposedToProxy(proxy), addr: address.Host, dial: toProxy,
			header: t.connectHeader(address), timeout: timeout, maxHeader: maxHeader,
		}).DialContext
	case socks:
		toServer.dial = (&socksDialer{
			authority: a, exposed: t.exposedToProxy(proxy), addr: address.Host, dial: toProxy, timeout: timeout,
		}).DialContext
		pool.DialContext = toServer.dial
	}
	return pool
}

func (t *Transport) serverTLS(protocols *http.Protocols) *tls.Config {
	config := t.pools.base.TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	if protocols.HTTP2() {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return config
}

func (t *Transport) proxyTLS() *tls.Config {
	config := t.pools.base.TLSClientConfig.Clone()
	config.ServerName = ""
	config.NextProtos = []string{"http/1.1"}
	return config
}

// connectHeader returns what Base wants to be sent with CONNECT.
func (t *Transport) connectHeader(proxy *url.URL) func(context.Context, string) (http.Header, error) {
	base := t.pools.base
	return func(ctx context.Context, addr string) (http.Header, error) {
		h := base.ProxyConnectHeader
		if base.GetProxyConnectHeader != nil {
			var err error
			if h, err = base.GetProxyConnectHeader(ctx, proxy, addr); err != nil {
				return nil, err
			}
		}
		if h = h.Clone(); h == nil {
			h = http.Header{}
		}
		return h, nil
	}
}

// exposedToProxy reports whether a secret sent as it is could be read on the way to the proxy, and may not be.
func (t *Transport) exposedToProxy(proxy *url.URL) bool {
	return !t.allowCleartext && proxy.Scheme != "https" && !isLoopback(proxy)
}

// exposedToServer is the same for the way to the server. What passes a proxy in the clear leaves this machine
// unless that is here too.
func (t *Transport) exposedToServer(server, proxy *url.URL) bool {
	return !t.allowCleartext && server.Scheme != "https" && !(isLoopback(server) && (proxy == nil || isLoopback(proxy)))
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}
