package httpauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/passport"
)

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
		c := newPassport(t, passport.Options{Also: `Basic realm="files"`, Status401: true}, wrongPassword, andBasic)
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
}

func TestPassportSignIn(t *testing.T) {
	t.Parallel()
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
	for name, tt := range map[string]struct {
		o     passport.Options
		first int // requests at the first login server
	}{
		"P15 of a sign-in":       {passport.Options{RedirectSignIn: true}, 2},
		"P15 of a token request": {passport.Options{RedirectToken: true}, 1},
		"P15 of both":            {passport.Options{RedirectSignIn: true, RedirectToken: true}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPassport(t, tt.o)
			c.download(t, 0)
			if first, second := len(c.Login.Requests()), len(c.Login2.Requests()); first != tt.first || second != 3-tt.first {
				t.Errorf("the login servers saw %d and %d requests", first, second)
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
}

func TestPassportTickets(t *testing.T) {
	t.Parallel()
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
	t.Run("no weaker scheme after a sign-in without an outcome", func(t *testing.T) {
		t.Parallel()
		for _, o := range []passport.Options{{Fail: true}, {ReturnTo: "https://127.0.0.1:9/"}} {
			o.Status401, o.Also = true, `Basic realm="files"`
			c := newPassport(t, o, andBasic)
			resp, err := c.RoundTrip(newRequest(t, http.MethodGet, c.FileURL, nil))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if e := httpauth.Failure(resp, nil); e == nil || e.Refused != "" || !strings.Contains(e.Error(), "the sign-in was tried") {
				t.Errorf("got %v", e)
			}
			c.saw(t, traffic{partner: 1, nexus: 1, tokens: 1, signIns: 1})
		}
	})
}
