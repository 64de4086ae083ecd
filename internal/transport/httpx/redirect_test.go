package httpx

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

func TestRedirectsAreFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := ebbtest.NewServer(t, ebbtest.Redirects(10, status))
		got, m, err := download(t, transport.Source{URL: srv.URL}, 1000, version)
		if err != nil || m.Offset != 1000 || len(got) != 1<<20-1000 {
			t.Errorf("%d: %d bytes, meta %+v, error %v", status, len(got), m, err)
		}
		for _, r := range srv.Requests() {
			if r.Method != http.MethodGet || r.Range != "bytes=1000-" || r.Conn != srv.Requests()[0].Conn {
				t.Errorf("%d: %+v; want GET, the range and one connection on all hops", status, r)
			}
		}
	}
}

func TestRedirectsThatAreRefused(t *testing.T) {
	t.Parallel()
	to := func(location string) ebbtest.Option { return ebbtest.RedirectTo(302, location) }
	tests := []struct {
		name   string
		option ebbtest.Option
		text   string
	}{
		{"eleven", ebbtest.Redirects(11, 301), "more than 10"},
		{"loop", to("/file.bin"), "loop"},
		{"no Location", to(""), "no Location"},
		{"bad Location", to("http://[::1/"), "not a URL"},
		{"no host", to("http:///x"), "no host"},
		{"file", to("file:///etc/passwd"), "file: URLs are not followed"},
		{"ftp", to("ftp://127.0.0.1/x"), "ftp: URLs are not followed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, tt.option)
			_, _, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
			e := asJobError(t, err)
			if e.Class != job.Fatal || e.Code.HTTP()/100 != 3 || !strings.Contains(e.Text, tt.text) {
				t.Errorf("code %v, class %v, text %q", e.Code, e.Class, e.Text)
			}
			if n := len(srv.Requests()); n > 11 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestSecretsStayHome redirects to another port, another scheme and another name of the same machine.
func TestSecretsStayHome(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		var options []ebbtest.Option
		if secure {
			options = append(options, ebbtest.TLS())
		}
		away := ebbtest.NewServer(t, options...)
		home := ebbtest.NewServer(t, ebbtest.BasicAuth("alice", "wonderland"))
		home.Set(ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, _, ok := r.BasicAuth(); !ok {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			// The user in the Location is the server's invention.
			http.Redirect(w, r, strings.Replace(away.URL, "://", "://eve:evil@", 1), http.StatusFound)
		})))
		src := transport.Source{
			URL:         home.URL,
			Headers:     []job.Header{{Name: "X-Token", Value: "t"}, {Name: "Cookie", Value: "c"}, {Name: "Authorization2", Value: "x"}},
			Credentials: []job.Credential{{Target: "server", Scheme: "any", User: "alice", Password: "wonderland"}},
		}
		if secure {
			src.Network.CACert = away.CACert()
		}
		if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
			t.Fatal(err)
		}
		if r := home.Requests()[0]; r.Header.Get("X-Token") != "t" || r.Header.Get("Cookie") != "c" {
			t.Errorf("home got %v", r.Header)
		}
		for _, r := range away.Requests() {
			for _, name := range []string{"Authorization", "X-Token", "Cookie", "Authorization2"} {
				if r.Header.Get(name) != "" {
					t.Errorf("another origin got %s", name)
				}
			}
		}

		// It may ask, but it does not get the credentials of home.
		away.Set(ebbtest.BasicAuth("alice", "wonderland"))
		_, _, err := download(t, src, 0, job.Validator{})
		if e := asJobError(t, err); e.Code != job.HTTPStatus(401) || e.Class != job.NeedsAction {
			t.Errorf("error %v", e)
		}
		for _, r := range away.Requests() {
			if r.Header.Get("Authorization") != "" {
				t.Error("another origin got the credentials when it asked")
			}
		}
	}
}

// TestClientCertificateStaysHome: an origin that the server redirects to does not learn who we are.
func TestClientCertificateStaysHome(t *testing.T) {
	t.Parallel()
	home := ebbtest.NewServer(t, ebbtest.ClientCert())
	src := transport.Source{URL: home.URL, ClientCert: home.ClientCert(), Network: job.Network{CACert: home.CACert()}}
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Fatal(err)
	}
	asked := make(chan int, 1)
	away := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.AskClientCert(), ebbtest.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- len(r.TLS.PeerCertificates)
	})))
	home.Set(ebbtest.RedirectTo(302, away.URL))
	src.Network.CACert += away.CACert()
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Fatal(err)
	}
	if n := <-asked; n != 0 {
		t.Error("the client certificate went to another origin")
	}
}

func TestDowngrade(t *testing.T) {
	t.Parallel()
	plain := ebbtest.NewServer(t)
	secure := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.RedirectTo(302, plain.URL))
	src := transport.Source{URL: secure.URL, Network: job.Network{CACert: secure.CACert()}}
	_, _, err := download(t, src, 0, job.Validator{})
	if e := asJobError(t, err); e.Class != job.NeedsAction || !strings.Contains(e.Text, "https to http") {
		t.Errorf("class %v, text %q", e.Class, e.Text)
	}
	if n := len(plain.Requests()); n != 0 {
		t.Errorf("%d requests to the http server", n)
	}
	src.Network.SecurityFlags = job.AllowDowngrade
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

// TestRedirectPolicy is BITS's: followed silently, followed and reported, or refused with the target in the error.
func TestRedirectPolicy(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		away := ebbtest.NewServer(t)
		target := away.Base + "/elsewhere?sig=abc"
		srv := ebbtest.NewServer(t, ebbtest.RedirectTo(status, strings.Replace(target, "://", "://eve:evil@", 1)))
		get := func(flags job.SecurityFlags) (transport.Meta, error) {
			_, m, err := download(t, transport.Source{URL: srv.URL, Network: job.Network{SecurityFlags: flags}}, 0, job.Validator{})
			return m, err
		}
		if m, err := get(0); err != nil || m.Redirected != "" {
			t.Errorf("%d silently: %q, %v", status, m.Redirected, err)
		}
		if m, err := get(job.ReportRedirects); err != nil || m.Redirected != target {
			t.Errorf("%d reported: %q, %v", status, m.Redirected, err)
		}
		n := len(away.Requests())
		_, err := get(job.RefuseRedirects)
		e := asJobError(t, err)
		var redirect *transport.Redirect
		if e.Code != job.HTTPStatus(status) || e.Class != job.Fatal || !errors.As(err, &redirect) || redirect.To != target {
			t.Errorf("%d refused: %+v, redirect %v", status, e, redirect)
		}
		if strings.Contains(e.Text, "sig=abc") || strings.Contains(e.Err.Error(), "sig=abc") || e.Answer == nil || e.Answer.Status != status {
			t.Errorf("%d refused: text %q, answer %+v", status, e.Text, e.Answer)
		}
		if len(away.Requests()) != n {
			t.Errorf("%d was refused and followed all the same", status)
		}
	}
	srv := ebbtest.NewServer(t)
	_, m, err := download(t, transport.Source{URL: srv.URL, Network: job.Network{SecurityFlags: job.ReportRedirects}}, 0, job.Validator{})
	if err != nil || m.Redirected != "" {
		t.Errorf("without a redirect: %q, %v", m.Redirected, err)
	}
}

// TestDowngradeAndPolicy: a way from https to http is refused whatever becomes of redirects, and its target is no remote name for the
// job, unless that is allowed.
func TestDowngradeAndPolicy(t *testing.T) {
	t.Parallel()
	away := ebbtest.NewServer(t)
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.RedirectTo(302, away.URL))
	for _, policy := range []job.SecurityFlags{0, job.ReportRedirects, job.RefuseRedirects} {
		for _, allow := range []job.SecurityFlags{0, job.AllowDowngrade} {
			src := transport.Source{URL: srv.URL, Network: job.Network{CACert: srv.CACert(), SecurityFlags: policy | allow}}
			_, _, err := download(t, src, 0, job.Validator{})
			var redirect *transport.Redirect
			switch has := errors.As(err, &redirect); {
			case policy == job.RefuseRedirects && has != (allow != 0):
				t.Errorf("flags %#x: %v", policy|allow, err)
			case policy != job.RefuseRedirects && (err == nil) != (allow != 0):
				t.Errorf("flags %#x: %v", policy|allow, err)
			case err != nil && !has && asJobError(t, err).Class != job.NeedsAction:
				t.Errorf("flags %#x: %v", policy|allow, err)
			}
		}
	}
}
