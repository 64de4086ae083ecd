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
					s := strictDigest{
						t: t, user: user, password: "p\u00e4ss:w\"ord", algorithm: algorithm, qop: qop,
						userhash: user == "hashed", charset: true,
					}
					for _, way := range []string{"server", "forward", "connect"} {
						t.Run(way, func(t *testing.T) { runDigest(t, &s, way) })
					}
				})
			}
		}
	}
}

func runDigest(t *testing.T, template *strictDigest, way string) {
	s := &strictDigest{
		t: t, user: template.user, password: template.password, algorithm: template.algorithm, qop: template.qop,
		userhash: template.userhash, charset: template.charset, proxy: way != "server",
	}
	c := httpauth.Credentials{Scheme: httpauth.Digest, User: s.user, Password: s.password}
	cfg := httpauth.Config{TLS: insecure}
	var url string
	plain := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strictContent) })
	switch way {
	case "server":
		url = serve(t, s).URL
		c.Origin, s.signed = url, strictContent
	case "forward":
		s.signed = strictContent
		url = serve(t, plain).URL
	case "connect":
		url = serveTLS(t, plain).URL
	}
	if s.proxy {
		proxy := (&testProxy{t: t, auth: s.serve}).start(false)
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
	if attempts, refusals, naked := s.counts(); attempts != wantAttempts || refusals != 0 || naked != wantNaked {
		t.Errorf("%d attempts, %d refusals, %d without credentials; want %d, 0, %d", attempts, refusals, naked, wantAttempts, wantNaked)
	}
}

func TestDigestStale(t *testing.T) {
	t.Parallel()
	for _, forgets := range []bool{false, true} {
		s := &strictDigest{t: t, user: "alice", password: "s3cret", qop: "auth", uses: 2, forgets: forgets}
		srv := serve(t, s)
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
		for range 7 {
			wantContent(t, tr, "GET", srv.URL, "")
		}
		if attempts, refusals, naked := s.counts(); refusals != 0 || naked != 1 || attempts != 10 {
			t.Errorf("forgets=%v: %d attempts, %d refusals, %d naked; want 10, 0, 1", forgets, attempts, refusals, naked)
		}
	}
}

func TestDigestNextNonce(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"MD5", "SHA-256-sess"} {
		s := &strictDigest{t: t, user: "alice", password: "s3cret", qop: "auth", algorithm: algorithm, uses: 1, nextnonce: true}
		srv := serve(t, s)
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
		for range 5 {
			wantContent(t, tr, "GET", srv.URL, "")
		}
		if attempts, refusals, naked := s.counts(); attempts != 5 || refusals != 0 || naked != 1 || s.stale != 0 {
			t.Errorf("%s: %d attempts, %d refusals, %d naked, %d stale; want 5, 0, 1, 0", algorithm, attempts, refusals, naked, s.stale)
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
				s := &strictDigest{t: t, user: "alice", password: "s3cret", qop: qop, lie: lie, proxy: proxy, signed: strictContent}
				cfg := httpauth.Config{}
				srv := serve(t, s)
				url := srv.URL
				if proxy {
					p := (&testProxy{t: t, auth: s.serve}).start(false)
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
	s := &strictDigest{t: t, user: "alice", password: "s3cret", qop: "auth", domain: "/in https://elsewhere.example/"}
	srv := serve(t, s)
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
	for _, path := range []string{"/in/a", "/in/b", "/out", "/in/c"} {
		wantContent(t, tr, "GET", srv.URL+path, "")
	}
	if attempts, _, naked := s.counts(); attempts != 4 || naked != 2 {
		t.Errorf("%d attempts, %d without credentials; want 4, 2", attempts, naked)
	}
}

func TestDigestParallel(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"server", "forward"} {
		for _, algorithm := range []string{"MD5", "SHA-256-sess"} {
			s := &strictDigest{t: t, user: "alice", password: "s3cret", qop: "auth", algorithm: algorithm, uses: 20, nextnonce: true, proxy: way != "server"}
			plain := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strictContent) }))
			cfg := httpauth.Config{MaxIdleConnsPerHost: 16}
			url := plain.URL
			if s.proxy {
				p := (&testProxy{t: t, auth: s.serve}).start(false)
				cfg.Proxy, cfg.Credentials = through(p), []httpauth.Credentials{digestFor(httpauth.Proxy, p.URL)}
			} else {
				url = serve(t, s).URL
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
			if attempts, refusals, _ := s.counts(); refusals != 0 || attempts > 400 {
				t.Errorf("%s %s: %d attempts for 320 requests, %d refusals", way, algorithm, attempts, refusals)
			}
		}
	}
}

// TestDigestNonceForOneUse: a nonce that a request has been given is its own until it has served.
func TestDigestNonceForOneUse(t *testing.T) {
	t.Parallel()
	s := &strictDigest{t: t, user: "alice", password: "s3cret", qop: "auth", uses: 1}
	srv := serve(t, s)
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
	if attempts, refusals, _ := s.counts(); refusals != 0 || attempts > 2*320 {
		t.Errorf("%d attempts for 320 requests, %d refusals", attempts, refusals)
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
