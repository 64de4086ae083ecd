package httpauth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

type authorityKey struct {
	target Target
	origin string
}

// Transport is an http.RoundTripper that answers 401 and 407. It is safe for concurrent use by any number of
// goroutines. Its credentials never change, so what it learns of them (accepted, refused) holds for its life;
// for other credentials make another Transport.
type Transport struct {
	pools          pools
	allowCleartext bool
	verifyServer   verifyFunc                  // nil: crypto/tls does it
	authorities    map[authorityKey]*authority // never changes: those there are credentials for
	configured     map[Target][]Scheme
}

// New checks cfg and returns its Transport; nothing is dialed.
func New(cfg Config) (*Transport, error) {
	base, err := cfg.base()
	if err != nil {
		return nil, fmt.Errorf("httpauth: %w", err)
	}
	t := &Transport{allowCleartext: cfg.AllowCleartext, verifyServer: cfg.VerifyServer}
	t.pools = pools{base: base, transports: map[route]*http.Transport{}, lanes: map[route][]*lane{}}
	if t.authorities, t.configured, err = cfg.authorities(t.newScheme); err != nil {
		return nil, fmt.Errorf("httpauth: %w", err)
	}
	return t, nil
}

// CloseIdleConnections closes the connections that serve no request now.
func (t *Transport) CloseIdleConnections() { t.pools.closeIdle() }

// String tells the Transport without its credentials.
func (t *Transport) String() string { return "httpauth.Transport" }

// GoString is String, so that %#v prints no secret.
func (t *Transport) GoString() string { return t.String() }

// LogValue is String.
func (t *Transport) LogValue() slog.Value { return slog.StringValue(t.String()) }

// authority returns the one for origin; if there are no credentials for it, one that remembers nothing.
func (t *Transport) authority(target Target, origin string) *authority {
	if a := t.authorities[authorityKey{target, origin}]; a != nil {
		return a
	}
	return &authority{target: target, origin: origin, configured: t.configured[target]}
}

// RoundTrip sends req and answers what server and proxy ask for, on as many legs as that takes. It follows no
// redirects and leaves req unchanged. It does not touch a request with an Authorization header of its own on
// the server's side, and refuses one with Proxy-Authorization.
//
// A 401 or 407 that cannot be answered is returned as a response; Failure tells why. Where the answer has
// no response (a CONNECT or SOCKS proxy, a false proof of the server), the error is, or wraps, an *Error.
// If credentials have to be sent again, Request.GetBody supplies the body.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	trip, err := t.plan(req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("httpauth: %w", err)
	}
	return trip.run()
}

// trip is one RoundTrip. It belongs to the goroutine of that call.
type trip struct {
	req      *http.Request
	pools    *pools
	pool     *http.Transport // shared
	lane     *lane           // used instead once it is set
	server   *exchange       // nil: the caller authenticates
	proxy    *exchange       // nil: there is none, or CONNECT or SOCKS deals with it
	toServer message
	toProxy  message
	sent     bool // the body was sent
	opening  bool // the last request went without its body
}

// plan finds the way for req and what is known about it.
func (t *Transport) plan(req *http.Request) (*trip, error) {
	if req.URL == nil || (req.URL.Scheme != "http" && req.URL.Scheme != "https") {
		return nil, errors.New("the URL must begin with http:// or https://")
	}
	if req.Header.Get("Proxy-Authorization") != "" {
		return nil, errors.New("the request has a Proxy-Authorization header: set Credentials for the proxy instead")
	}
	origin, err := Origin(req.URL)
	if err != nil {
		return nil, err
	}
	r, proxy, err := t.route(req)
	if err != nil {
		return nil, err
	}
	build := func(p *http.Protocols) *http.Transport { return t.build(r.way, proxy, p) }
	trip := &trip{req: req, pools: &t.pools}
	trip.pool = t.pools.get(r, func() *http.Transport { return build(t.pools.base.Protocols) })
	r.origin, r.foreign = origin, req.Header.Get("Authorization") != ""
	bind := func(identity Scheme) (*lane, bool) {
		r.identity = identity
		return trip.bind(r, build)
	}
	if err := trip.describe(); err != nil {
		return nil, err
	}
	if !r.foreign {
		trip.server = newExchange(t.authority(Server, origin), t.exposedToServer(req.URL, proxy))
		trip.server.bind = bind
	}
	if r.way == forward {
		trip.proxy = newExchange(t.authority(Proxy, r.proxy), t.exposedToProxy(proxy))
		trip.proxy.bind = bind
		trip.toProxy.host = proxy.Hostname()
	}
	return trip, nil
}

// route asks Config.Proxy for the way of req.
func (t *Transport) route(req *http.Request) (route, *url.URL, error) {
	if t.pools.base.Proxy == nil {
		return route{}, nil, nil
	}
	proxy, err := t.pools.base.Proxy(req)
	if err != nil || proxy == nil {
		return route{}, nil, err
	}
	if proxy.User != nil {
		return route{}, nil, fmt.Errorf("proxy %s: the URL contains a user: set Credentials for the proxy instead", proxy.Host)
	}
	origin, err := Origin(proxy)
	if err != nil {
		return route{}, nil, fmt.Errorf("proxy: %w", err)
	}
	switch {
	case strings.HasPrefix(origin, "socks5:"):
		return route{way: socks, proxy: origin}, proxy, nil
	case req.URL.Scheme == "https":
		return route{way: tunnel, proxy: origin}, proxy, nil
	default:
		return route{way: forward, proxy: origin}, proxy, nil
	}
}

// describe fills in what the server and the proxy see of the request: the origin gets the path, a forward
// proxy the whole URL, each as net/http writes it on the request line.
func (t *trip) describe() error {
	m := message{
		method: t.req.Method, uri: t.req.URL.RequestURI(), url: t.req.URL,
		host: t.req.URL.Hostname(), path: t.req.URL.EscapedPath(),
	}
	override(&m.method, m.method == "", http.MethodGet)
	override(&m.path, m.path == "", "/")
	switch {
	case t.req.Body == nil || t.req.Body == http.NoBody:
		m.body = noBody
	case t.req.GetBody != nil:
		m.body = t.req.GetBody
	}
	t.toServer, t.toProxy = m, m
	t.toProxy.path = ""
	if t.req.URL.Opaque == "" {
		host := t.req.Host
		override(&host, host == "", t.req.URL.Host)
		host, err := httpguts.PunycodeHostPort(host)
		if err != nil {
			return fmt.Errorf("host %q: %w", host, err)
		}
		t.toProxy.uri = t.req.URL.Scheme + "://" + withoutZone(host) + m.uri
	}
	return nil
}

// withoutZone drops the zone of an IPv6 address, which means nothing to others (RFC 6874 section 4).
func withoutZone(host string) string {
	if end := strings.LastIndexByte(host, ']'); strings.HasPrefix(host, "[") && end > 0 {
		if zone := strings.LastIndexByte(host[:end], '%'); zone > 0 {
			return host[:zone] + host[end:]
		}
	}
	return host
}

// bind moves the rest of the trip to a lane of r, and reports whether it was not on one before.
func (t *trip) bind(r route, build func(*http.Protocols) *http.Transport) (_ *lane, taken bool) {
	if t.lane != nil {
		return t.lane, false
	}
	t.lane = t.pools.take(r, build)
	return t.lane, true
}

func (t *trip) send(out *http.Request) (*http.Response, error) {
	if t.lane == nil {
		return t.pool.RoundTrip(out)
	}
	return t.lane.send(out)
}

// receiver is the exchange and the message of whoever is at the other end of the connection's TLS.
func (t *trip) receiver() (*exchange, *message) {
	if t.proxy != nil {
		return t.proxy, &t.toProxy
	}
	return t.server, &t.toServer
}

// meet notes the certificate of the receiver. Answers are bound to it, and a new connection to the same place is
// expected to show the same one; if it does not, the answer is made again.
func (t *trip) meet(resp *http.Response) {
	x, m := t.receiver()
	if x == nil || resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return
	}
	m.certificate = resp.TLS.PeerCertificates[0]
	x.authority.meet(m.certificate)
}

// run sends the request until it is let through or refused.
func (t *trip) run() (*http.Response, error) {
	defer t.abandon()
	for range maxRounds {
		out, err := t.next()
		if err != nil {
			return nil, err
		}
		resp, err := t.send(out)
		if err != nil {
			return nil, err
		}
		resp.Request = t.req
		t.meet(resp)
		again, err := t.judge(resp)
		if err != nil {
			resp.Body.Close()
			return nil, err
		}
		if !again {
			if t.lane != nil {
				resp.Body = newLaneBody(resp.Body, t.pools, t.lane)
				t.lane = nil
			}
			return resp, nil
		}
	}
	return nil, fmt.Errorf("httpauth: %s: %w: no end of them after %d requests", t.req.URL.Host, ErrChallenge, maxRounds)
}

func (t *trip) abandon() {
	for _, x := range []*exchange{t.server, t.proxy} {
		if x != nil {
			x.abandon()
		}
	}
	if t.lane != nil {
		t.pools.put(t.lane)
	}
	if !t.sent && t.req.Body != nil {
		t.req.Body.Close()
	}
}

// next returns the request for the next leg. The server's turn to wait is always before the proxy's, so two
// requests never wait for each other.
func (t *trip) next() (*http.Request, error) {
	ctx := t.req.Context()
	out := t.req.Clone(ctx)
	if out.Header == nil {
		out.Header = http.Header{}
	}
	out.Body = nil
	for _, side := range []struct {
		x *exchange
		m message
	}{{t.server, t.toServer}, {t.proxy, t.toProxy}} {
		if side.x == nil {
			continue
		}
		if err := side.x.write(ctx, out, side.m); err != nil {
			return nil, err
		}
	}
	return out, t.attachBody(out)
}

// attachBody gives out the body of the request, unless an answer has said that it only opens a conversation.
func (t *trip) attachBody(out *http.Request) error {
	hasBody := t.req.Body != nil && t.req.Body != http.NoBody
	if t.opening = out.Body != nil && hasBody; t.opening {
		out.ContentLength, out.GetBody = 0, nil
		return nil
	}
	out.Body = t.req.Body
	if t.sent {
		body, err := t.toServer.body()
		if err != nil {
			return fmt.Errorf("httpauth: opening the request body again: %w", err)
		}
		out.Body = body
	}
	t.sent = true
	t.toServer.spent = t.toServer.body == nil
	t.toProxy.spent = t.toServer.spent
	return nil
}

// judge takes a response: it is the caller's, or asks for another leg, or is not to be trusted.
func (t *trip) judge(resp *http.Response) (again bool, err error) {
	if t.proxy != nil && resp.StatusCode == http.StatusProxyAuthRequired {
		return t.answer(t.proxy, t.toProxy, resp)
	}
	if t.proxy != nil {
		if err := t.proxy.accepted(resp, ""); err != nil {
			return false, err
		}
	}
	if t.server == nil {
		return t.opened(resp), nil
	}
	if resp.StatusCode == http.StatusUnauthorized || t.server.signIn(resp) {
		return t.answer(t.server, t.toServer, resp)
	}
	return t.opened(resp), t.server.accepted(resp, t.toServer.path)
}

// opened reports whether resp only answers the opening of a conversation, which nobody asked for: the request
// itself is still to be sent.
func (t *trip) opened(resp *http.Response) bool {
	if t.opening {
		_ = readHead(resp.Body)
		resp.Body.Close()
	}
	return t.opening
}

// answer prepares the next leg. If there is none, resp goes to the caller with its body as it was.
func (t *trip) answer(x *exchange, m message, resp *http.Response) (again bool, err error) {
	rest := resp.Body
	head := readHead(rest)
	if err := x.challenged(t.req.Context(), m, resp); err != nil {
		var refusal *Error
		if !errors.As(err, &refusal) {
			return false, err
		}
		if resp.StatusCode/100 == 3 { // nobody is to take it for an ordinary redirect
			return false, refusal
		}
		attach(resp, t.req, refusal)
		resp.Body = body{io.MultiReader(bytes.NewReader(head), rest), rest}
		return false, nil
	}
	rest.Close()
	return true, nil
}

// body is what is left of a response body, read through Reader.
type body struct {
	io.Reader
	io.Closer
}

// readHead reads up to maxDrain bytes, within drainTime. If the body ends there, its connection is free for the
// next leg before this request waits for another's turn.
func readHead(r io.ReadCloser) []byte {
	slow := time.AfterFunc(drainTime, func() { r.Close() })
	defer slow.Stop()
	head, _ := io.ReadAll(io.LimitReader(r, maxDrain)) // whoever reads on meets the error again
	return head
}
