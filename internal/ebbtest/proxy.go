package ebbtest

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy is an HTTP proxy, plain and CONNECT. It stops when its test ends. It is safe for concurrent use.
type Proxy struct {
	URL string

	user, password string
	plain          *http.Transport
	mu             sync.Mutex // guards seen and tunnels
	seen           []string
	tunnels        []net.Conn
}

// NewProxy starts a proxy that demands user and password by Basic, or nothing if user is "".
func NewProxy(t testing.TB, user, password string) *Proxy {
	t.Helper()
	p := &Proxy{user: user, password: password, plain: &http.Transport{DisableCompression: true}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	p.URL = "http://" + ln.Addr().String()
	served := make(chan struct{})
	go func() { // ends with the clean-up below
		defer close(served)
		_ = server.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.tunnels {
			_ = c.Close()
		}
		p.plain.CloseIdleConnections()
		<-served
	})
	return p
}

// Seen are the requests that were let through, as "METHOD target".
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

// ServeHTTP forwards r or opens a tunnel.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.password))
	if p.user != "" && r.Header.Get("Proxy-Authorization") != want {
		w.Header().Set("Proxy-Authenticate", `Basic realm="ebbtest proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.mu.Lock()
	p.seen = append(p.seen, r.Method+" "+r.RequestURI)
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.Header.Del("Proxy-Authorization")
	out.Header.Del("Proxy-Connection")
	resp, err := p.plain.RoundTrip(out)
	if err != nil {
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	host := strings.TrimSuffix(r.Host, ".")
	far, err := net.Dial("tcp", host)
	if err != nil {
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	}
	near, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = far.Close()
		return
	}
	p.mu.Lock()
	p.tunnels = append(p.tunnels, near, far)
	p.mu.Unlock()
	_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { // ends when either end closes
		_, _ = io.Copy(far, rw)
		_ = far.Close()
	}()
	_, _ = io.Copy(near, far)
	_ = near.Close()
}
