package httpauth_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
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

// andBasic adds what a client could fall back to.
func andBasic(cfg *httpauth.Config) {
	weaker := cfg.Credentials[0]
	weaker.Scheme, weaker.User = httpauth.Basic, "alice"
	cfg.Credentials = append(cfg.Credentials, weaker)
}

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
		c.Set(func(o *passport.Options) { o.Announce = 0 })
		c.download(t, 0) // it was announced once more after it was fetched
		c.download(t, 0)
		c.saw(t, traffic{partner: 8, nexus: 3, tokens: 5, signIns: 4})
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
