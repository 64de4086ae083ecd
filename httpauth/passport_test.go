package httpauth_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
)

// passportClient is the servers of Passport and a client that may sign in.
type passportClient struct {
	*passport.Trio
	http.RoundTripper
}

// newPassport starts the servers and a client with the right password, unless change says otherwise.
func newPassport(t *testing.T, o passport.Options, change ...func(*httpauth.Config)) passportClient {
	t.Helper()
	trio := passport.New(t, o)
	o = trio.Options()
	cfg := httpauth.Config{
		Credentials: []httpauth.Credentials{
			{Scheme: httpauth.Passport, Origin: trio.Partner.URL, User: o.User, Password: o.Password},
		},
		PassportNexus: trio.Nexus.URL, TLS: trio.TLS(),
	}
	for _, c := range change {
		c(&cfg)
	}
	return passportClient{trio, mustNew(t, cfg)}
}

func wrongPassword(cfg *httpauth.Config) { cfg.Credentials[0].Password += "x" }

// download gets the file from an offset on, and fails the test if it is not the file.
func (c passportClient) download(t *testing.T, offset int64) {
	t.Helper()
	got, err := c.part(t, c.FileURL, offset)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, c.Content().Size()-offset)
	if _, err := c.Content().ReadAt(want, offset); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("from %d: %d bytes, which are not the %d of the file", offset, len(got), len(want))
	}
}

// part returns what comes of url from an offset on, up to the error.
func (c passportClient) part(t *testing.T, url string, offset int64) ([]byte, error) {
	t.Helper()
	req := newRequest(t, http.MethodGet, url, nil)
	want := http.StatusOK
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		req.Header.Set("If-Range", `"v1"`)
		want = http.StatusPartialContent
	}
	resp, err := c.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		return nil, fmt.Errorf("status %s", resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// refused fails the test unless the file is refused for that reason, in an error with that text. Nil is a reason that
// may pass.
func (c passportClient) refused(t *testing.T, reason error, text string) *httpauth.Error {
	t.Helper()
	resp, err := c.RoundTrip(newRequest(t, http.MethodGet, c.FileURL, nil))
	if resp != nil {
		resp.Body.Close()
	}
	e := httpauth.Failure(resp, err)
	lasting := errors.Is(e, httpauth.ErrRefused) || errors.Is(e, httpauth.ErrChallenge)
	if e == nil || (reason == nil && lasting) || (reason != nil && !errors.Is(e, reason)) || !strings.Contains(e.Error(), text) {
		t.Fatalf("got %v %v, want %v: …%s…", resp, err, reason, text)
	}
	if password := c.Options().Password; strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), password) {
		t.Errorf("the error has the password: %v", e)
	}
	return e
}

// traffic is how many requests the servers have seen since the start.
type traffic struct{ partner, nexus, tokens, signIns int }

func (c passportClient) traffic() traffic {
	n := traffic{partner: len(c.Partner.Requests()), nexus: len(c.Nexus.Requests())}
	for _, r := range append(c.Login.Requests(), c.Login2.Requests()...) {
		if strings.Contains(r.Text, "sign-in=") {
			n.signIns++
		} else {
			n.tokens++
		}
	}
	return n
}

// saw fails the test if the servers have seen other numbers of requests.
func (c passportClient) saw(t *testing.T, want traffic) {
	t.Helper()
	if got := c.traffic(); got != want {
		t.Errorf("the servers saw %+v, want %+v", got, want)
	}
}

func TestPassportNexus(t *testing.T) {
	t.Parallel()
	t.Run("P1 configuration is fetched once", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{NoCookie: true, NoCookies: true})
		for range 3 {
			c.download(t, 0)
		}
		c.saw(t, traffic{partner: 6, nexus: 1, tokens: 3, signIns: 3})
	})
	t.Run("P2 a higher version is fetched before the password is sent", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{NoCookie: true, NoCookies: true})
		c.download(t, 0)
		c.Set(func(o *passport.Options) {
			o.Announce, o.Version, o.DALogin = 11, 11, c.Login2.URL+"/login2.srf"
		})
		c.download(t, 0)
		c.saw(t, traffic{partner: 4, nexus: 2, tokens: 3, signIns: 2})
		if n := len(c.Login2.Requests()); n != 2 {
			t.Errorf("the new login server saw %d requests, want 2", n)
		}
		c.download(t, 0)
		c.saw(t, traffic{partner: 6, nexus: 2, tokens: 4, signIns: 3})
	})
	for _, announced := range []uint64{9, 10} {
		t.Run(fmt.Sprintf("P2 version %d after 10 is not fetched", announced), func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{NoCookie: true, NoCookies: true, Announce: announced})
			c.download(t, 0)
			c.download(t, 0)
			c.saw(t, traffic{partner: 4, nexus: 1, tokens: 2, signIns: 2})
		})
	}
	t.Run("P2 what is not higher is not taken", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{NoCookie: true, NoCookies: true})
		c.download(t, 0)
		c.Set(func(o *passport.Options) { o.Announce, o.DALogin = 11, "login.invalid/" })
		c.download(t, 0)
		c.saw(t, traffic{partner: 4, nexus: 2, tokens: 3, signIns: 2})
	})
	t.Run("P2 the old one serves while the nexus is down", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{NoCookie: true, NoCookies: true})
		c.download(t, 0)
		c.Set(func(o *passport.Options) { o.Announce, o.NexusFail = 11, true })
		c.download(t, 0)
	})
	t.Run("without a nexus no password is sent", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{NexusFail: true})
		c.refused(t, nil, "configuration server")
		c.saw(t, traffic{partner: 1, nexus: 1})
		c.Set(func(o *passport.Options) { o.NexusFail = false })
		c.download(t, 0)
	})
	for _, login := range []string{"http://127.0.0.1:9/login", "ftp://127.0.0.1/", "https://me@127.0.0.1/"} {
		t.Run("P15 DALogin "+login, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{DALogin: login})
			c.refused(t, httpauth.ErrChallenge, "no password is sent there")
			c.saw(t, traffic{partner: 1, nexus: 1})
		})
	}
}

func TestPassportPartner(t *testing.T) {
	t.Parallel()
	t.Run("P3 a challenge by 302 is not followed", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{})
		c.download(t, 0)
		for _, r := range c.Login.Requests() {
			if strings.HasPrefix(r.URI, "/page") {
				t.Errorf("the Location was fetched: %s", r.Text)
			}
		}
	})
	t.Run("P4 a challenge by 401", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{Status401: true, Also: `Basic realm="files"`})
		c.download(t, 0)
		c.saw(t, traffic{partner: 2, nexus: 1, tokens: 1, signIns: 1})
	})
	t.Run("P5 a ticket that is refused is not replaced", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{RefuseTickets: true})
		e := c.refused(t, httpauth.ErrRefused, "does not accept its ticket")
		if e.Refused != httpauth.Passport || e.Origin != c.Partner.URL {
			t.Errorf("refused %q at %s", e.Refused, e.Origin)
		}
		c.refused(t, httpauth.ErrRefused, "")
		c.saw(t, traffic{partner: 3, nexus: 1, tokens: 1, signIns: 1})
	})
	t.Run("P6 a range with a ticket", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{})
		c.download(t, 1000)
		c.saw(t, traffic{partner: 2, nexus: 1, tokens: 1, signIns: 1})
	})
	t.Run("P7 with cookies the login server is not asked", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{})
		for _, offset := range []int64{0, 0, 500_000} {
			c.download(t, offset)
		}
		c.saw(t, traffic{partner: 4, nexus: 1, tokens: 1, signIns: 1})
	})
	t.Run("P8 cookies run out in the middle of a download", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{Size: 20 << 20, CutAfter: 7 << 20})
		head, err := c.part(t, c.FileURL, 0)
		if err == nil || len(head) == 0 {
			t.Fatalf("%d bytes, %v: the connection was not cut", len(head), err)
		}
		c.ExpireCookies()
		c.download(t, int64(len(head)))
		c.saw(t, traffic{partner: 4, nexus: 1, tokens: 2, signIns: 1})
	})
	t.Run("cookies of one folder", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{CookiePath: true})
		for _, folder := range []string{"/a/1", "/b/1", "/a/2", "/b/2"} {
			if _, err := c.part(t, c.Partner.URL+folder, 0); err != nil {
				t.Fatal(err)
			}
		}
		c.saw(t, traffic{partner: 6, nexus: 1, tokens: 2, signIns: 1})
	})
	t.Run("over http on this machine", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{Cleartext: true})
		c.download(t, 0)
		c.download(t, 0)
		c.saw(t, traffic{partner: 3, nexus: 1, tokens: 1, signIns: 1})
	})
}

func TestPassportLogin(t *testing.T) {
	t.Parallel()
	t.Run("P9 P11 the password is sent when it is asked for", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{})
		c.download(t, 0)
		first, second := c.Login.Requests()[0].Text, c.Login.Requests()[1].Text
		if !strings.Contains(first, "Authorization: Passport1.4 tname=,OrgVerb=GET,") || !strings.Contains(second, "sign-in=") {
			t.Errorf("the login server got\n%s\n%s", first, second)
		}
		c.saw(t, traffic{partner: 2, nexus: 1, tokens: 1, signIns: 1})
	})
	t.Run("P10 with a cookie no password is sent", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{})
		c.download(t, 0)
		c.ExpireCookies()
		c.download(t, 0)
		c.saw(t, traffic{partner: 4, nexus: 1, tokens: 2, signIns: 1})
	})
	t.Run("P12 a wrong password is sent once", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{Also: `Basic realm="files"`, Status401: true}, wrongPassword,
			func(cfg *httpauth.Config) {
				weaker := cfg.Credentials[0]
				weaker.Scheme, weaker.User = httpauth.Basic, "alice"
				cfg.Credentials = append(cfg.Credentials, weaker)
			})
		e := c.refused(t, httpauth.ErrRefused, "by the login server")
		if e.Refused != httpauth.Passport || e.Status != http.StatusUnauthorized {
			t.Errorf("refused %q, status %d", e.Refused, e.Status)
		}
		for range 3 {
			c.refused(t, httpauth.ErrRefused, "")
		}
		c.saw(t, traffic{partner: 4, nexus: 1, tokens: 1, signIns: 1})
	})
	for _, status := range []string{"failed-noretry", "fail-noretry", "Failed-NoRetry"} {
		t.Run("P13 "+status, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{Status: status})
			c.refused(t, httpauth.ErrChallenge, "failed-noretry")
			c.saw(t, traffic{partner: 1, nexus: 1, tokens: 1})
		})
	}
	t.Run("P14 the challenge comes back as it is", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{}) // its challenge has what is tempting to tidy up
		c.download(t, 0)
		challenge := c.Login.Requests()[0].Header.Get("Authorization")
		if !strings.Contains(challenge, `,KV=7,kv=8,ver=2.1.6000.1,odd=a  b==c&d%2c"e', spaced =x,,rn=`) {
			t.Errorf("the login server got %s", challenge)
		}
	})
	t.Run("P16 prompt", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{Prompt: true})
		c.refused(t, httpauth.ErrChallenge, "prompt")
		c.saw(t, traffic{partner: 1, nexus: 1, tokens: 1})
	})
	t.Run("P17 another realm", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{Realm: "Elsewhere.Test"})
		c.refused(t, httpauth.ErrChallenge, "Elsewhere.Test")
		c.saw(t, traffic{partner: 1, nexus: 1, tokens: 1})
	})
	t.Run("P18 signed out", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{CookiePath: true})
		visit := func(path string, want traffic) {
			if _, err := c.part(t, c.Partner.URL+path, 0); err != nil {
				t.Fatal(err)
			}
			c.saw(t, want)
		}
		visit("/a/1", traffic{partner: 2, nexus: 1, tokens: 1, signIns: 1})
		c.Set(func(o *passport.Options) { o.LogOut = true })
		visit("/b/1", traffic{partner: 4, nexus: 1, tokens: 3, signIns: 2})
		visit("/a/2", traffic{partner: 5, nexus: 1, tokens: 3, signIns: 2})
		if again := c.Login.Requests()[3]; again.Header.Get("Cookie") != "" {
			t.Errorf("after the logout the login server got Cookie: %s", again.Header.Get("Cookie"))
		}
	})
	for _, password := range []string{",", "%", "=", `"`, "&+ /?#", "ü€漢", "a,pwd=b", strings.Repeat("long", 64)} {
		t.Run("P19 password "+url.QueryEscape(password), func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{Password: password, User: password + "@example.org"})
			c.download(t, 0)
		})
	}
	t.Run("P20 the request that was made", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{}) // which compares
		resp, err := c.RoundTrip(newRequest(t, http.MethodPost, c.Partner.URL+"/%7e/a;b,c/%C3%BC?x=1,2&y=%2C,#no", strings.NewReader("body")))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		if m := c.Login.Requests()[0].Text; !strings.Contains(m, "OrgVerb=POST,OrgUrl="+c.Partner.URL+"/%7e/a;b%2Cc/%C3%BC?x=1%2C2&y=%2C%2C,lc=") {
			t.Error(m)
		}
	})
}

func TestPassportRedirects(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]passport.Options{
		"P15 of a sign-in":       {RedirectSignIn: true},
		"P15 of a token request": {RedirectToken: true},
		"P15 of both":            {RedirectSignIn: true, RedirectToken: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, o)
			c.download(t, 0)
			if n := len(c.Login2.Requests()); n == 0 {
				t.Error("the second login server was not asked")
			}
		})
	}
	for name, to := range map[string]string{
		"http":     "http://127.0.0.1:9/login2.srf",
		"nothing":  " ",
		"userinfo": "https://eve@127.0.0.1:9/",
		"no URL":   "https://[/",
	} {
		t.Run("P15 to "+name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{RedirectSignIn: true, RedirectTo: to})
			c.refused(t, httpauth.ErrChallenge, "login server")
			c.saw(t, traffic{partner: 1, nexus: 1, tokens: 1, signIns: 1})
		})
	}
	t.Run("P15 in a circle", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{RedirectToken: true, RedirectTo: "/login2.srf"})
		c.refused(t, httpauth.ErrChallenge, "without end")
		c.saw(t, traffic{partner: 1, nexus: 1, tokens: 5})
	})
	for name, ru := range map[string]string{
		"another host":   "https://localhost:9/files/file.bin",
		"another port":   "https://127.0.0.1:9/files/file.bin",
		"another scheme": "http",
		"no URL":         "https://[",
		"a path only":    "/files/file.bin",
	} {
		t.Run("P21 ru to "+name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, passport.Options{})
			if ru == "http" {
				ru += strings.TrimPrefix(c.FileURL, "https")
			}
			c.Set(func(o *passport.Options) { o.ReturnTo = ru })
			c.refused(t, httpauth.ErrChallenge, "login server")
			c.saw(t, traffic{partner: 1, nexus: 1, tokens: 1, signIns: 1})
		})
	}
	t.Run("P21 ru to the same server", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{})
		c.Set(func(o *passport.Options) { o.ReturnTo = c.Partner.URL + "/other%20path?q=1#fragment" })
		c.download(t, 0)
		if r := c.Partner.Requests()[1]; r.URI != "/other%20path?q=1" || r.Header.Get("Authorization") == "" {
			t.Errorf("the ticket went with %s", r.Text)
		}
	})
	t.Run("P22 the ticket is not changed", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{}) // which compares
		c.download(t, 0)
		if got := c.Partner.Requests()[1].Header.Get("Authorization"); !strings.HasPrefix(got, "Passport1.4 from-PP='t=") ||
			!strings.HasSuffix(got, "==&p=x%2Cy z;ru=no'") {
			t.Errorf("the partner got %s", got)
		}
	})
	t.Run("P24 without credentials the 302 is a redirect", func(t *testing.T) {
		t.Parallel()
		c := newPassport(t, passport.Options{}, func(cfg *httpauth.Config) { cfg.Credentials = nil })
		resp, err := (&http.Client{Transport: c.RoundTripper}).Do(newRequest(t, http.MethodGet, c.FileURL, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if page, err := io.ReadAll(resp.Body); string(page) != "who are you?\n" || err != nil {
			t.Errorf("got %q, %v", page, err)
		}
		c.saw(t, traffic{partner: 1, tokens: 1}) // the page
	})
}
