package httpauth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
)

// spellings are the password as it may be found in traffic.
func spellings(password string) []string {
	return []string{
		password, url.QueryEscape(password), url.PathEscape(password), strings.ReplaceAll(url.QueryEscape(password), "+", "%20"),
		base64.StdEncoding.EncodeToString([]byte(password)), fmt.Sprintf("%x", password), fmt.Sprintf("%q", password),
	}
}

func hasAny(text string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// TestPassportPasswordGoesToTheLoginServerOnly is P23.
func TestPassportPasswordGoesToTheLoginServerOnly(t *testing.T) {
	t.Parallel()
	const password = `Zq,%="ü wonder`
	for name, o := range map[string]passport.Options{
		"right":   {},
		"handed":  {RedirectSignIn: true},
		"refused": {RefuseTickets: true},
		"prompt":  {Prompt: true},
		"broken":  {Fail: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Password = password
			c := newPassport(t, o)
			resp, err := c.RoundTrip(newRequest(t, http.MethodGet, c.FileURL, nil))
			said := fmt.Sprintf("%v %+v %v", err, httpauth.Failure(resp, err), c.RoundTripper)
			if resp != nil {
				resp.Body.Close()
			}
			for _, s := range []*passport.Server{c.Partner, c.Nexus} {
				for _, r := range s.Requests() {
					said += r.Text
				}
			}
			for _, r := range append(c.Login.Requests(), c.Login2.Requests()...) {
				if before, signIn, ok := strings.Cut(r.Text, "Authorization: Passport1.4 sign-in="); ok {
					line, after, _ := strings.Cut(signIn, "\n")
					_, line, _ = strings.Cut(line, "elapsed-time=")
					r.Text = before + line + after
				}
				said += r.Text
			}
			if hasAny(said, spellings(password)) {
				t.Errorf("the password is in\n%s", said)
			}
		})
	}
}

// TestPassportSignsInOnce: many files, one sign-in, whether the password is right or wrong.
func TestPassportSignsInOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*httpauth.Config)
		ok     bool
		want   traffic // but for the partner
	}{
		"wrong": {wrongPassword, false, traffic{nexus: 1, tokens: 1, signIns: 1}},
		"right": {func(*httpauth.Config) {}, true, traffic{nexus: 1, tokens: 1, signIns: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{Size: 1 << 10}, tt.change, func(cfg *httpauth.Config) {
				cfg.MaxConnsPerHost, cfg.MaxIdleConnsPerHost = 32, 32
			})
			if c.rush(t, 300) != tt.ok {
				t.Errorf("let through: %v", !tt.ok)
			}
			got := c.traffic()
			if got.partner = 0; got != tt.want {
				t.Errorf("the servers saw %+v, want %+v", got, tt.want)
			}
			if !tt.ok {
				return
			}
			c.ExpireCookies()
			c.rush(t, 64)
			if got := c.traffic(); got.signIns != 1 || got.tokens != 2 {
				t.Errorf("the cookies ran out, and the servers saw %+v", got)
			}
		})
	}
}

// rush makes n requests at once and reports whether all were let through; it fails the test if only some were.
func (c passportClient) rush(t *testing.T, n int) bool {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = c.part(t, fmt.Sprintf("%s&n=%d", c.FileURL, i), 0) })
	}
	wg.Wait()
	let := 0
	for _, err := range errs {
		if err == nil {
			let++
		} else if !errors.Is(err, httpauth.ErrRefused) {
			t.Error(err)
		}
	}
	if let != 0 && let != n {
		t.Errorf("%d of %d were let through", let, n)
	}
	return let == n
}

// TestPassportPasswordIsChanged: those that wait for their turn to sign in learn that the password is no longer right.
func TestPassportPasswordIsChanged(t *testing.T) {
	t.Parallel()
	c := newPassport(t, passport.Options{NoCookie: true, NoCookies: true, Size: 1 << 10})
	c.download(t, 0)
	c.Set(func(o *passport.Options) { o.Password = "new" })
	if c.rush(t, 20) {
		t.Error("let through")
	}
	if got := c.traffic(); got.signIns != 2 {
		t.Errorf("the servers saw %+v, want 2 sign-ins", got)
	}
}

// TestPassportLateChallenge: another request signs in while a challenge is on its way.
func TestPassportLateChallenge(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, after bool // the cookies run out before and after the other sign-in
		want          traffic
	}{
		"of a request without cookies":          {false, false, traffic{partner: 4, nexus: 1, tokens: 1, signIns: 1}},
		"of a request with old cookies":         {true, false, traffic{partner: 6, nexus: 1, tokens: 2, signIns: 1}},
		"and the new cookies are no longer new": {false, true, traffic{partner: 5, nexus: 1, tokens: 2, signIns: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{Size: 1 << 10})
			if tt.before {
				c.download(t, 0)
				c.ExpireCookies()
			}
			trace := &httptrace.ClientTrace{GotFirstResponseByte: sync.OnceFunc(func() {
				c.download(t, 0)
				if tt.after {
					c.ExpireCookies()
				}
			})}
			req := newRequest(t, http.MethodGet, c.FileURL, nil)
			resp, err := c.RoundTrip(req.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Error(resp.Status)
			}
			c.saw(t, tt.want)
		})
	}
}

func TestPassportCookies(t *testing.T) {
	t.Parallel()
	c := newPassport(t, passport.Options{Size: 1 << 10})
	req := newRequest(t, http.MethodGet, c.FileURL, nil)
	req.Header.Set("Cookie", "a=1; MSPAuth=old; b=2")
	for range 2 {
		resp, err := c.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
	}
	got := c.Partner.Requests()[2].Header.Get("Cookie")
	if !strings.HasPrefix(got, "a=1; b=2; MSP") || strings.Contains(got, "old") || strings.Count(got, "MSPAuth") != 1 {
		t.Errorf("the partner got Cookie: %s", got)
	}
	if req.Header.Get("Cookie") != "a=1; MSPAuth=old; b=2" {
		t.Error("the caller's request was changed")
	}
}

func TestPassportStopsWithItsContext(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	slow := serveTLS(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	}))
	c := newPassport(t, passport.Options{}, func(cfg *httpauth.Config) { cfg.PassportNexus = slow.URL })
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-reached
		cancel(io.ErrUnexpectedEOF)
	}()
	_, err := c.RoundTrip(newRequest(t, http.MethodGet, c.FileURL, nil).WithContext(ctx))
	if !errors.Is(err, io.ErrUnexpectedEOF) || httpauth.Failure(nil, err) != nil {
		t.Errorf("got %v", err)
	}
}

// TestPassportTracesTheCallersRequests: not those to the nexus and the login server, which have other connections.
func TestPassportTracesTheCallersRequests(t *testing.T) {
	t.Parallel()
	c := newPassport(t, passport.Options{})
	hosts := map[string]bool{}
	trace := &httptrace.ClientTrace{GetConn: func(hostPort string) { hosts["https://"+hostPort] = true }}
	req := newRequest(t, http.MethodGet, c.FileURL, nil)
	resp, err := c.RoundTrip(req.WithContext(httptrace.WithClientTrace(t.Context(), trace)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(hosts) != 1 || !hosts[c.Partner.URL] {
		t.Errorf("traced %v", hosts)
	}
}

// TestPassportBehindProxy: all four servers are reached by the proxy, which wants credentials of its own.
func TestPassportBehindProxy(t *testing.T) {
	t.Parallel()
	for name, cleartext := range map[string]bool{"tunnel": false, "forward": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &testProxy{t: t, auth: basicProxy(new(atomic.Int32))}
			proxy := p.start(false)
			c := newPassport(t, passport.Options{RedirectSignIn: true, Cleartext: cleartext}, func(cfg *httpauth.Config) {
				cfg.Proxy = through(proxy)
				cfg.Credentials = append(cfg.Credentials, proxyBasic(proxy.URL))
			})
			c.download(t, 0)
			c.download(t, 1000)
			if n := p.opened.Load(); n < 3 {
				t.Errorf("%d tunnels, want one for each https server", n)
			}
		})
	}
}

func TestPassportNeedsHTTPS(t *testing.T) {
	t.Parallel()
	for name, allow := range map[string]bool{"refused": false, "allowed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{Cleartext: true}, func(cfg *httpauth.Config) {
				cfg.Dial = toAddr(strings.TrimPrefix(cfg.Credentials[0].Origin, "http://"))
				cfg.Credentials[0].Origin = "http://partner.example"
				cfg.AllowCleartext = allow
			})
			resp, err := c.RoundTrip(newRequest(t, http.MethodGet, "http://partner.example/", nil))
			if resp != nil {
				resp.Body.Close()
			}
			if e := httpauth.Failure(resp, err); errors.Is(e, httpauth.ErrCleartext) == allow {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestPassportCredentials(t *testing.T) {
	t.Parallel()
	good := httpauth.Credentials{Scheme: httpauth.Passport, Origin: "https://files.example", User: "a", Password: "b"}
	for name, tt := range map[string]struct {
		change func(*httpauth.Credentials)
		nexus  string
		want   string
	}{
		"default nexus": {func(*httpauth.Credentials) {}, "", ""},
		"proxy":         {func(c *httpauth.Credentials) { c.Target = httpauth.Proxy }, "", "for servers"},
		"no user":       {func(c *httpauth.Credentials) { c.User = "" }, "", "needs a user"},
		"no password":   {func(c *httpauth.Credentials) { c.Password = "" }, "", "needs a user"},
		"implicit":      {func(c *httpauth.Credentials) { c.Implicit = true }, "", "implicit"},
		"http nexus":    {func(*httpauth.Credentials) {}, "http://nexus.example/", "https://"},
		"no nexus host": {func(*httpauth.Credentials) {}, "https:///x", "https://"},
		"nexus user":    {func(*httpauth.Credentials) {}, "https://u@nexus.example/", "https://"},
		"no URL":        {func(*httpauth.Credentials) {}, "https://[", "https://"},
		"own nexus":     {func(*httpauth.Credentials) {}, "https://FILES.example:443/nexus", "both"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			tt.change(&c)
			_, err := httpauth.New(httpauth.Config{Credentials: []httpauth.Credentials{c}, PassportNexus: tt.nexus})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
}
