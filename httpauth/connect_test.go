package httpauth_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/digest"
)

// secured is an https server whose requests must not have anything of the proxy's in them.
func secured(t testing.TB) *httptest.Server {
	t.Helper()
	return serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(name, "Proxy-") {
				t.Errorf("%s reached the server", name)
			}
		}
		io.WriteString(w, strictContent)
	}))
}

// basicProxy lets the user of proxyBasic in.
func basicProxy(attempts *atomic.Int32) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		got := r.Header.Get("Proxy-Authorization")
		if got != "" {
			attempts.Add(1)
		}
		if got == "Basic cDpxOnI=" {
			return true
		}
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "no", http.StatusProxyAuthRequired)
		return false
	}
}

func proxyBasic(origin string) httpauth.Credentials {
	return httpauth.Credentials{Target: httpauth.Proxy, Scheme: httpauth.Basic, Origin: origin, User: "p", Password: "q:r"}
}

// TestProxyLegsShareAConnection: challenge and answer of one CONNECT go over one connection, unless the
// proxy closes it.
func TestProxyLegsShareAConnection(t *testing.T) {
	t.Parallel()
	for _, hangsUp := range []bool{false, true} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("hangsUp=%v/secure=%v", hangsUp, secure), func(t *testing.T) {
				t.Parallel()
				s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Proxy: true, Algorithm: "SHA-256"})
				p := &testProxy{t: t, auth: s.Admit, hangsUp: hangsUp}
				proxy := p.start(secure)
				tr := mustNew(t, httpauth.Config{
					Credentials: []httpauth.Credentials{digestFor(httpauth.Proxy, proxy.URL)}, Proxy: through(proxy), TLS: insecure,
				})
				for range 3 {
					wantContent(t, tr, "GET", secured(t).URL, "")
				}
				want := int32(3)
				if hangsUp {
					want = 4 // the first CONNECT needs two; the others send the known nonce ahead
				}
				if n := p.conns.Load(); n != want || p.opened.Load() != 3 {
					t.Errorf("%d connections for %d tunnels, want %d for 3", n, p.opened.Load(), want)
				}
			})
		}
	}
}

// TestProxyHangsUpWithoutAWord: it announces keep-alive and closes all the same.
func TestProxyHangsUpWithoutAWord(t *testing.T) {
	t.Parallel()
	server := secured(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var handlers sync.WaitGroup
	handlers.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handlers.Go(func() {
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil || req.Header.Get("Proxy-Authorization") == "" {
					io.WriteString(conn, "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\nno")
					return
				}
				onward, err := net.Dial("tcp", req.Host)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(conn, "HTTP/1.1 200 x\r\n\r\n")
				handlers.Go(func() { io.Copy(onward, conn); onward.Close() })
				io.Copy(conn, onward)
			})
		}
	})
	t.Cleanup(func() { l.Close(); handlers.Wait() })
	origin := "http://" + l.Addr().String()
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{proxyBasic(origin)}, Proxy: http.ProxyURL(u), TLS: insecure})
	wantContent(t, tr, "GET", server.URL, "")
}

func TestProxyAndServerBothAsk(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		atServer := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Algorithm: "SHA-256", Uses: 2})
		atProxy := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Algorithm: "MD5", Proxy: true, Uses: 3})
		srv := serve(t, atServer.Protect(contentHandler))
		if secure {
			srv = serveTLS(t, atServer.Protect(contentHandler))
		}
		proxy := (&testProxy{t: t, auth: atProxy.Admit}).start(false)
		tr := mustNew(t, httpauth.Config{
			Credentials: []httpauth.Credentials{digestFor(httpauth.Proxy, proxy.URL), digestFor(httpauth.Server, srv.URL)},
			Proxy:       through(proxy), TLS: insecure,
		})
		for range 6 {
			wantContent(t, tr, "POST", srv.URL+"/a?b", "body")
		}
		if server, proxy := atServer.Counts(), atProxy.Counts(); server.Refusals+proxy.Refusals != 0 || proxy.Naked != 1 || server.Naked != 1 {
			t.Errorf("secure=%v: server %+v, proxy %+v", secure, server, proxy)
		}
	}
}

// TestProxyRefuses: a 407 on CONNECT is an *Error of the proxy, with what it offers, and never a network error;
// on a plain request it is a response.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		var attempts atomic.Int32
		proxy := (&testProxy{t: t, auth: basicProxy(&attempts)}).start(false)
		srv := serve(t, http.NotFoundHandler())
		if secure {
			srv = secured(t)
		}
		check := func(cfg httpauth.Config, reason error, refused httpauth.Scheme) {
			t.Helper()
			cfg.Proxy, cfg.TLS = through(proxy), insecure
			tr := mustNew(t, cfg)
			var workers sync.WaitGroup
			for range 16 {
				workers.Go(func() {
					e, _ := refusal(t, tr, newRequest(t, "GET", srv.URL, nil))
					var network net.Error
					if !errors.Is(e, reason) || e.Target != httpauth.Proxy || e.Status != 407 || e.Refused != refused || errors.As(e.Err, &network) {
						t.Errorf("%+v", e)
					}
					if diff := cmp.Diff([]httpauth.Scheme{httpauth.Basic}, e.Offered); diff != "" {
						t.Error(diff)
					}
				})
			}
			workers.Wait()
		}
		check(httpauth.Config{}, httpauth.ErrNoCredentials, "")
		wrong := proxyBasic(proxy.URL)
		wrong.Password = "wrong"
		check(httpauth.Config{Credentials: []httpauth.Credentials{wrong}}, httpauth.ErrRefused, httpauth.Basic)
		if attempts.Load() != 1 {
			t.Errorf("secure=%v: the wrong password was sent %d times, want once", secure, attempts.Load())
		}
		elsewhere := proxyBasic("http://proxy.example:3128")
		check(httpauth.Config{Credentials: []httpauth.Credentials{elsewhere}}, httpauth.ErrNoCredentials, "")
	}
}

func TestProxyAnswersConnectWithAnotherStatus(t *testing.T) {
	t.Parallel()
	proxy := (&testProxy{t: t, auth: func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	}}).start(false)
	e, _ := refusal(t, mustNew(t, httpauth.Config{Proxy: through(proxy)}), newRequest(t, "GET", "https://files.example/", nil))
	if !errors.Is(e, httpauth.ErrConnect) || e.Status != 503 || e.Header.Get("Retry-After") != "7" || e.Target != httpauth.Proxy {
		t.Errorf("%+v", e)
	}
}

// TestProxyMisbehaves: what a bad or dead proxy sends ends in an error soon.
func TestProxyMisbehaves(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer, says string
		endless      bool
	}{
		"silence":           {says: "timeout awaiting the answer to CONNECT"},
		"not HTTP":          {answer: "SSH-2.0-x\r\n\r\n", says: "malformed HTTP"},
		"an endless header": {answer: "HTTP/1.1 200 OK\r\n", endless: true, says: "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var handler sync.WaitGroup
			handler.Go(func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				io.WriteString(conn, tt.answer)
				for tt.endless && err == nil {
					_, err = io.WriteString(conn, "X: "+strings.Repeat("x", 1000)+"\r\n")
				}
				io.Copy(io.Discard, conn)
			})
			t.Cleanup(func() { l.Close(); handler.Wait() })
			tr := mustNew(t, httpauth.Config{
				Proxy:                 http.ProxyURL(&url.URL{Scheme: "http", Host: l.Addr().String()}),
				ResponseHeaderTimeout: 500 * time.Millisecond,
			})
			_, err = tr.RoundTrip(newRequest(t, "GET", "https://files.example/", nil))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if httpauth.Failure(nil, err) != nil {
				t.Error("this is no refusal")
			}
		})
	}
}

func TestProxyURLsAndHeadersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, proxy := range []string{"http://user:" + secret + "@127.0.0.1:1", "ftp://127.0.0.1:1"} {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		_, err = mustNew(t, httpauth.Config{Proxy: http.ProxyURL(u)}).RoundTrip(newRequest(t, "GET", "http://127.0.0.1:1/", nil))
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "proxy") {
			t.Errorf("%s: %v", u.Redacted(), err)
		}
	}
	req := newRequest(t, "GET", "http://127.0.0.1:1/", nil)
	req.Header.Set("Proxy-Authorization", "Basic x")
	if _, err := mustNew(t, httpauth.Config{}).RoundTrip(req); err == nil || !strings.Contains(err.Error(), "Credentials") {
		t.Error(err)
	}
}

// TestCleartextToProxy: the password for a proxy goes to it over TLS, or to this machine.
func TestCleartextToProxy(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	proxy := (&testProxy{t: t, auth: basicProxy(&attempts)}).start(false)
	cfg := httpauth.Config{
		Credentials: []httpauth.Credentials{proxyBasic("http://proxy.example:3128")}, TLS: insecure,
		Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example:3128"}), Dial: toAddr(proxy.Listener.Addr().String()),
	}
	server := secured(t)
	if e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", server.URL, nil)); !errors.Is(e, httpauth.ErrCleartext) || attempts.Load() != 0 {
		t.Error(e)
	}
	cfg.AllowCleartext = true
	wantContent(t, mustNew(t, cfg), "GET", server.URL, "")

	secure := (&testProxy{t: t, auth: basicProxy(&attempts)}).start(true)
	wantContent(t, mustNew(t, httpauth.Config{
		Credentials: []httpauth.Credentials{proxyBasic("https://proxy.example:3129")}, TLS: insecure,
		Proxy: http.ProxyURL(&url.URL{Scheme: "https", Host: "proxy.example:3129"}), Dial: toAddr(secure.Listener.Addr().String()),
	}), "GET", server.URL, "")
}
