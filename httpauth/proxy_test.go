package httpauth_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// testProxy forwards http requests and opens tunnels, after auth has let the request pass.
type testProxy struct {
	t       testing.TB
	auth    func(http.ResponseWriter, *http.Request) bool
	hangsUp bool // closes the connection after each 407
	conns   atomic.Int32
	opened  atomic.Int32 // tunnels
	onward  http.Transport
	tunnels sync.WaitGroup
}

// start runs p, over TLS if secure, until the test ends.
func (p *testProxy) start(secure bool) *httptest.Server {
	srv := httptest.NewUnstartedServer(p)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			p.conns.Add(1)
		}
	}
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	p.t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		p.onward.CloseIdleConnections()
		p.tunnels.Wait()
	})
	return srv
}

func (p *testProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.hangsUp {
		w.Header().Set("Connection", "close")
	}
	if p.auth != nil && !p.auth(w, r) {
		return
	}
	w.Header().Del("Connection")
	if r.Method == http.MethodConnect {
		p.tunnel(w, r.Host)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.Header.Del("Proxy-Authorization")
	resp, err := p.onward.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for k, v := range resp.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	io.Copy(w, resp.Body)
}

func (p *testProxy) tunnel(w http.ResponseWriter, addr string) {
	server, err := net.Dial("tcp", addr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	info := w.Header().Get("Proxy-Authentication-Info")
	client, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		p.t.Error(err)
		return
	}
	p.opened.Add(1)
	answer := "HTTP/1.1 200 Connection established\r\n"
	if info != "" {
		answer += "Proxy-Authentication-Info: " + info + "\r\n"
	}
	io.WriteString(client, answer+"\r\n")
	p.tunnels.Go(func() { io.Copy(server, buffered); server.Close() })
	p.tunnels.Go(func() { io.Copy(client, server); client.Close() })
}

// through returns a Config.Proxy that sends everything to srv.
func through(srv *httptest.Server) func(*http.Request) (*url.URL, error) {
	u, err := url.Parse(srv.URL)
	return func(*http.Request) (*url.URL, error) { return u, err }
}

// toAddr dials addr instead of whatever is asked for: a name server for names that do not exist.
func toAddr(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}
