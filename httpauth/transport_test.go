package httpauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/digest"
)

const secret = "s3cret-and-nothing-else"

// basicServer lets user a with the given password in.
func basicServer(password string, attempts *atomic.Int32) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, got, ok := r.BasicAuth()
		if ok {
			attempts.Add(1)
		}
		if !ok || user != "a" || got != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="files"`)
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, "who are you?")
			return
		}
		io.Copy(w, r.Body)
		io.WriteString(w, strictContent)
	}
}

func basicFor(origin string) httpauth.Credentials {
	return httpauth.Credentials{Scheme: httpauth.Basic, Origin: origin, User: "a", Password: secret}
}

// refusal returns the Failure of a GET, and the body that came with it.
func refusal(t testing.TB, rt http.RoundTripper, req *http.Request) (*httpauth.Error, string) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	e := httpauth.Failure(resp, err)
	if e == nil {
		t.Fatalf("no refusal, but %v %v", resp, err)
	}
	if resp == nil {
		return e, ""
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	if resp.Request.Header.Get("Authorization") != "" || resp.Request.URL != req.URL {
		t.Error("Response.Request is not the caller's request")
	}
	return e, string(content)
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	basic := serve(t, basicServer("another", &attempts))
	strict := digest.New(t, digest.Options{User: "alice", Password: "another", QOP: "auth"})
	for _, tt := range []struct {
		url   string
		c     httpauth.Credentials
		count func() int
	}{
		{basic.URL, basicFor(basic.URL), func() int { return int(attempts.Load()) }},
		{"", digestFor(httpauth.Server, ""), func() int { return strict.Counts().Attempts }},
	} {
		if tt.url == "" {
			tt.url = serve(t, strict.Protect(contentHandler)).URL
			tt.c.Origin = tt.url
		}
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{tt.c}})
		var workers sync.WaitGroup
		for range 16 {
			workers.Go(func() {
				for range 10 {
					e, body := refusal(t, tr, newRequest(t, "GET", tt.url, nil))
					if !errors.Is(e, httpauth.ErrRefused) || e.Refused != tt.c.Scheme || e.Status != 401 || body == "" {
						t.Errorf("%+v, body %q", e, body)
					}
				}
			})
		}
		workers.Wait()
		if n := tt.count(); n != 1 {
			t.Errorf("%s: the wrong password was sent %d times, want once", tt.c.Scheme, n)
		}
	}
}

func TestPasswordChangedWhileRunning(t *testing.T) {
	t.Parallel()
	s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth"})
	srv := serve(t, s.Protect(contentHandler))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{digestFor(httpauth.Server, srv.URL)}})
	wantContent(t, tr, "GET", srv.URL, "")
	s.SetPassword("another")
	for range 5 {
		if e, _ := refusal(t, tr, newRequest(t, "GET", srv.URL, nil)); !errors.Is(e, httpauth.ErrRefused) {
			t.Error(e)
		}
	}
	// One ahead of a challenge, with the nonce that was good; one to the challenge that it brought.
	if n := s.Counts().Refusals; n != 2 {
		t.Errorf("the old password was refused %d times, want 2", n)
	}
}

func TestRefusalTeaches(t *testing.T) {
	t.Parallel()
	offer := func(status int, fields ...string) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Www-Authenticate"] = fields
			w.WriteHeader(status)
		})).URL
	}
	tests := map[string]struct {
		url     string
		with    func(url string) []httpauth.Credentials
		reason  error
		offered []httpauth.Scheme
		says    string
	}{
		"no credentials at all": {
			url: offer(401, "Negotiate, NTLM"), reason: httpauth.ErrNoCredentials, offered: []httpauth.Scheme{"negotiate", "ntlm"},
			says: "answered 401 Unauthorized, offering negotiate, ntlm: there are no credentials for this server",
		},
		"credentials for another scheme": {
			url: offer(401, "Negotiate", `Digest realm=x, nonce=y`, "Digest realm=z"), reason: httpauth.ErrNoCredentials,
			with:    func(url string) []httpauth.Credentials { return []httpauth.Credentials{basicFor(url)} },
			offered: []httpauth.Scheme{"negotiate", "digest"}, says: "there are credentials for basic only",
		},
		"a digest nobody knows": {
			url: offer(401, `Digest realm="x", nonce="y", algorithm=SHA3-512`), reason: httpauth.ErrChallenge,
			with: func(url string) []httpauth.Credentials {
				return []httpauth.Credentials{digestFor(httpauth.Server, url)}
			},
			offered: []httpauth.Scheme{"digest"}, says: `algorithm "SHA3-512" is unknown`,
		},
		"unreadable": {
			url: offer(401, `realm="x"`), reason: httpauth.ErrChallenge,
			with: func(url string) []httpauth.Credentials { return []httpauth.Credentials{basicFor(url)} },
			says: "a parameter without a scheme",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := httpauth.Config{}
			if tt.with != nil {
				cfg.Credentials = tt.with(tt.url)
			}
			e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", tt.url, nil))
			if !errors.Is(e, tt.reason) || !strings.Contains(e.Error(), tt.says) || strings.Contains(e.Error(), "\n") {
				t.Errorf("%v", e)
			}
			if diff := cmp.Diff(tt.offered, e.Offered); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCredentialsStayAtTheirOrigin: same host with another port or scheme, another name of the host, and
// redirects between them, for every scheme.
func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	t.Parallel()
	var leaks atomic.Int32
	thief := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization")+r.Header.Get("Proxy-Authorization") != "" {
			leaks.Add(1)
		}
		w.Header()["Www-Authenticate"] = []string{`Basic realm="files"`, `Digest realm="files", nonce="1"`, `Bearer realm="files"`}
		w.WriteHeader(http.StatusUnauthorized)
	})
	otherPort, otherScheme := serve(t, thief), serveTLS(t, thief)
	var target atomic.Value
	home := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			thief(w, r)
			return
		}
		http.Redirect(w, r, target.Load().(string), http.StatusFound)
	}))
	u, err := url.Parse(home.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []httpauth.Credentials{
		{Scheme: httpauth.Basic, User: "a", Password: secret},
		{Scheme: httpauth.Digest, User: "a", Password: secret},
		{Scheme: httpauth.Bearer, Password: secret},
	} {
		c.Origin = home.URL
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{c}, AllowCleartext: true, TLS: insecure})
		for _, to := range []string{otherPort.URL, otherScheme.URL, "http://localhost:" + u.Port() + "/"} {
			for _, from := range []string{to, home.URL} {
				target.Store(to)
				client := &http.Client{Transport: tr, CheckRedirect: func(req *http.Request, via []*http.Request) error {
					if len(via) > 1 {
						return http.ErrUseLastResponse
					}
					return nil
				}}
				resp, err := client.Do(newRequest(t, "GET", from, nil))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if e := httpauth.Failure(resp, err); e == nil || !errors.Is(e, httpauth.ErrNoCredentials) {
					t.Errorf("%s: %s from %s: %d %v", c.Scheme, to, from, resp.StatusCode, e)
				}
			}
		}
	}
	if n := leaks.Load(); n != 0 {
		t.Errorf("credentials were sent %d times to where they do not belong", n)
	}
}

func TestCleartext(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	srv := serve(t, basicServer(secret, &attempts))
	base := &http.Transport{DialContext: toAddr(srv.Listener.Addr().String())}
	for _, c := range []httpauth.Credentials{
		basicFor("http://files.example"), {Scheme: httpauth.Bearer, Origin: "http://files.example", Password: secret},
	} {
		e, _ := refusal(t, mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{c}, Base: base}), newRequest(t, "GET", "http://files.example/x", nil))
		want := httpauth.ErrCleartext
		if c.Scheme == httpauth.Bearer {
			want = httpauth.ErrNoCredentials // the server offers Basic only
		}
		if !errors.Is(e, want) {
			t.Error(e)
		}
	}
	if attempts.Load() != 0 {
		t.Error("the password was sent in the clear")
	}
	allowed := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{basicFor("http://files.example")}, AllowCleartext: true, Base: base})
	wantContent(t, allowed, "GET", "http://files.example/x", "")
	wantContent(t, mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{basicFor(srv.URL)}}), "GET", srv.URL, "")
}

// TestCleartextThroughProxy: a server called localhost is not on this machine when a proxy elsewhere goes there.
func TestCleartextThroughProxy(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	proxy := serve(t, basicServer(secret, &attempts))
	elsewhere := &url.URL{Scheme: "http", Host: "proxy.example:80"}
	tr := mustNew(t, httpauth.Config{
		Credentials: []httpauth.Credentials{basicFor("http://localhost:80")},
		Proxy:       http.ProxyURL(elsewhere), Dial: toAddr(proxy.Listener.Addr().String()),
	})
	if e, _ := refusal(t, tr, newRequest(t, "GET", "http://localhost/", nil)); !errors.Is(e, httpauth.ErrCleartext) {
		t.Error(e)
	}
	if attempts.Load() != 0 {
		t.Error("the password was sent in the clear")
	}
}

func TestBasicIsSentAheadWithinItsFolders(t *testing.T) {
	t.Parallel()
	var naked, attempts atomic.Int32
	inner := basicServer(secret, &attempts)
	srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			naked.Add(1)
		}
		inner(w, r)
	}))
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{basicFor(srv.URL)}})
	for _, path := range []string{"/a/b", "/a/c", "/a/d/e", "/f", "/g/h"} {
		wantContent(t, tr, "GET", srv.URL+path, "")
	}
	if naked.Load() != 2 {
		t.Errorf("%d requests without credentials, want 2: for /a/ and for /", naked.Load())
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	var requests, wrong atomic.Int32
	srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if got := r.Header.Get("Authorization"); got != "Bearer good" {
			if got != "" {
				wrong.Add(1)
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%d", error="invalid_token"`, requests.Load()))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.WriteString(w, strictContent)
	}))
	c := httpauth.Credentials{Scheme: httpauth.Bearer, Origin: srv.URL, Password: "good"}
	wantContent(t, mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{c}}), "GET", srv.URL, "")
	if requests.Load() != 1 {
		t.Errorf("%d requests, want 1: a token is not asked for", requests.Load())
	}
	c.Password = "bad"
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{c}})
	requests.Store(0)
	wrong.Store(0)
	for range 3 {
		if e, _ := refusal(t, tr, newRequest(t, "GET", srv.URL, nil)); !errors.Is(e, httpauth.ErrRefused) {
			t.Error(e)
		}
	}
	if wrong.Load() != 1 {
		t.Errorf("the wrong token was sent %d times, want once", wrong.Load())
	}
}

// TestNoDowngrade: what was refused is not tried again by a weaker scheme, what cannot be answered is.
func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	var basic atomic.Int32
	for _, tt := range []struct {
		digest string
		status int
	}{
		{`Digest realm="x", nonce="n"`, 401},
		{`Digest realm="x", nonce="n", algorithm=unheard-of`, 200},
	} {
		basic.Store(0)
		srv := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); ok {
				basic.Add(1)
				return
			}
			w.Header()["Www-Authenticate"] = []string{`Basic realm="x"`, tt.digest}
			w.WriteHeader(http.StatusUnauthorized)
		}))
		tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{basicFor(srv.URL), digestFor(httpauth.Server, srv.URL)}})
		for range 2 {
			if status, _, err := get(t, tr, "GET", srv.URL, ""); status != tt.status || err != nil {
				t.Errorf("%s: %d %v, want %d", tt.digest, status, err, tt.status)
			}
		}
		if (tt.status == 401) != (basic.Load() == 0) {
			t.Errorf("%s: Basic was sent %d times", tt.digest, basic.Load())
		}
	}
}
