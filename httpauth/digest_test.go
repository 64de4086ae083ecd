package httpauth_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/digest"
)

// insecure trusts the certificates of httptest.
var insecure = &tls.Config{InsecureSkipVerify: true}

func mustNew(t testing.TB, cfg httpauth.Config) *httpauth.Transport {
	t.Helper()
	tr, err := httpauth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func serve(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func serveTLS(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func digestFor(target httpauth.Target, origin string) httpauth.Credentials {
	return httpauth.Credentials{Target: target, Scheme: httpauth.Digest, Origin: origin, User: "alice", Password: "s3cret"}
}

// get returns status, body and the error of reading either.
func get(t testing.TB, rt http.RoundTripper, method, url, body string) (int, string, error) {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(content), err
}

// wantContent fails the test unless the request gets strictContent.
func wantContent(t testing.TB, rt http.RoundTripper, method, url, body string) {
	t.Helper()
	if status, content, err := get(t, rt, method, url, body); status != 200 || content != strictContent || err != nil {
		t.Errorf("%s %s: %d %q %v", method, url, status, content, err)
	}
}

// TestDigestMatrix runs every algorithm, qop and form of the user name against the strict server, at the
// origin, at a plain proxy and on CONNECT. Three requests each: challenged, ahead, and with a body.
func TestDigestMatrix(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"", "MD5", "SHA-256", "SHA-512-256", "MD5-sess", "SHA-256-sess", "SHA-512-256-sess"} {
		for _, qop := range []string{"", "auth", "auth-int", "auth-int,auth"} {
			for _, user := range []string{"alice", `a"b\c`, "J\u00e4s\u00f8n Doe", "hashed"} {
				t.Run(fmt.Sprintf("%s/%s/%s", algorithm, qop, user), func(t *testing.T) {
					t.Parallel()
					o := digest.Options{
						User: user, Password: "p\u00e4ss:w\"ord", Algorithm: algorithm, QOP: qop,
						Userhash: user == "hashed", Charset: true, Signed: strictContent,
					}
					for _, way := range []string{"server", "forward", "connect"} {
						t.Run(way, func(t *testing.T) { runDigest(t, o, way) })
					}
				})
			}
		}
	}
}

func runDigest(t *testing.T, o digest.Options, way string) {
	o.Proxy = way != "server"
	if way == "connect" {
		o.Signed = ""
	}
	s := digest.New(t, o)
	c := httpauth.Credentials{Scheme: httpauth.Digest, User: o.User, Password: o.Password}
	cfg := httpauth.Config{TLS: insecure}
	var url string
	switch way {
	case "server":
		url = serve(t, s.Protect(contentHandler)).URL
		c.Origin = url
	case "forward":
		url = serve(t, contentHandler).URL
	case "connect":
		url = serveTLS(t, contentHandler).URL
	}
	if o.Proxy {
		proxy := (&testProxy{t: t, auth: s.Admit}).start(false)
		c.Target, c.Origin, cfg.Proxy = httpauth.Proxy, proxy.URL, through(proxy)
	}
	cfg.Credentials = []httpauth.Credentials{c}
	tr := mustNew(t, cfg)
	wantContent(t, tr, "GET", url+"/a/b%20c?d=e&f=%2F", "")
	wantContent(t, tr, "GET", url, "")
	wantContent(t, tr, "POST", url+"/x", "a body")
	wantNaked, wantAttempts := 1, 3
	if way == "connect" {
		wantAttempts = 1 // one tunnel serves all
	}
	if got, want := s.Counts(), (digest.Counts{Attempts: wantAttempts, Naked: wantNaked}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestDigestStale(t *testing.T) {
	t.Parallel()
	for _, forgets := range []bool{false, true} {
		s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Uses: 2, Forgets: forgets})
		srv := serve(t, s.Protect(contentHandler))
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
		for range 7 {
			wantContent(t, tr, "GET", srv.URL, "")
		}
		if got, want := s.Counts(), (digest.Counts{Attempts: 10, Naked: 1, Stale: 3}); got != want {
			t.Errorf("forgets=%v: %+v, want %+v", forgets, got, want)
		}
	}
}

func TestDigestNextNonce(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"MD5", "SHA-256-sess"} {
		s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Algorithm: algorithm, Uses: 1, NextNonce: true})
		srv := serve(t, s.Protect(contentHandler))
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
		for range 5 {
			wantContent(t, tr, "GET", srv.URL, "")
		}
		if got, want := s.Counts(), (digest.Counts{Attempts: 5, Naked: 1}); got != want {
			t.Errorf("%s: %+v, want %+v", algorithm, got, want)
		}
	}
}

func TestDigestStaleWithoutEnd(t *testing.T) {
	t.Parallel()
	n := 0
	srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", nonce="%d", stale=true`, n))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
	resp, err := tr.RoundTrip(newRequest(t, "GET", srv.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if e := httpauth.Failure(resp, err); n != 3 || e == nil || !errors.Is(e, httpauth.ErrChallenge) || e.Refused != "" {
		t.Errorf("%d requests, %v; want 3 and ErrChallenge", n, e)
	}
}

func TestDigestFalseProof(t *testing.T) {
	t.Parallel()
	for _, qop := range []string{"auth", "auth-int"} {
		for _, lie := range []string{"rspauth", "cnonce"} {
			for _, proxy := range []bool{false, true} {
				s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: qop, Lie: lie, Proxy: proxy, Signed: strictContent})
				cfg := httpauth.Config{}
				srv := serve(t, s.Protect(contentHandler))
				url := srv.URL
				if proxy {
					p := (&testProxy{t: t, auth: s.Admit}).start(false)
					cfg.Proxy = through(p)
					cfg.Credentials = []httpauth.Credentials{digestFor(httpauth.Proxy, p.URL)}
					url = serve(t, http.NotFoundHandler()).URL
				} else {
					cfg.Credentials = []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}
				}
				_, _, err := get(t, mustNew(t, cfg), "GET", url, "")
				if !errors.Is(err, httpauth.ErrServerProof) {
					t.Errorf("qop=%s, false %s, proxy=%v: %v; want ErrServerProof", qop, lie, proxy, err)
				}
			}
		}
	}
}

func TestDigestDomainLimitsWhatIsSentAhead(t *testing.T) {
	t.Parallel()
	s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Domain: "/in https://elsewhere.example/"})
	srv := serve(t, s.Protect(contentHandler))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
	for _, path := range []string{"/in/a", "/in/b", "/out", "/in/c"} {
		wantContent(t, tr, "GET", srv.URL+path, "")
	}
	if got, want := s.Counts(), (digest.Counts{Attempts: 4, Naked: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestDigestParallel(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"server", "forward"} {
		for _, algorithm := range []string{"MD5", "SHA-256-sess"} {
			s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Algorithm: algorithm, Uses: 20, NextNonce: true, Proxy: way != "server"})
			plain := serve(t, contentHandler)
			cfg := httpauth.Config{MaxIdleConnsPerHost: 16}
			url := plain.URL
			if way != "server" {
				p := (&testProxy{t: t, auth: s.Admit}).start(false)
				cfg.Proxy, cfg.Credentials = through(p), []httpauth.Credentials{digestFor(httpauth.Proxy, p.URL)}
			} else {
				url = serve(t, s.Protect(contentHandler)).URL
				cfg.Credentials = []httpauth.Credentials{digestFor(httpauth.Server, url)}
			}
			tr := mustNew(t, cfg)
			var workers sync.WaitGroup
			for range 16 {
				workers.Go(func() {
					for range 20 {
						wantContent(t, tr, "POST", url, "body")
					}
				})
			}
			workers.Wait()
			if got := s.Counts(); got.Refusals != 0 || got.Attempts > 400 {
				t.Errorf("%s %s, 320 requests: %+v", way, algorithm, got)
			}
		}
	}
}

// TestDigestNonceForOneUse: a nonce that a request has been given is its own until it has served.
func TestDigestNonceForOneUse(t *testing.T) {
	t.Parallel()
	s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Uses: 1})
	srv := serve(t, s.Protect(contentHandler))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}, MaxIdleConnsPerHost: 16})
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for range 20 {
				wantContent(t, tr, "GET", srv.URL, "")
			}
		})
	}
	workers.Wait()
	if got := s.Counts(); got.Refusals != 0 || got.Attempts > 2*320 {
		t.Errorf("320 requests: %+v", got)
	}
}

func newRequest(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}
