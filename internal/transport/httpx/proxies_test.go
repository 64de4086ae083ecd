package httpx

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// ways are the proxies that settings lead to for a URL, "direct" for none.
func ways(t testing.TB, find routes, raw string) string {
	t.Helper()
	u, err := parseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	found, err := find(t.Context(), u)
	if err != nil {
		return asJobError(t, err).Code.String()
	}
	var out []string
	for _, way := range found {
		if way == nil {
			out = append(out, "direct")
		} else {
			out = append(out, way.String())
		}
	}
	return strings.Join(out, " ")
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	const two = "http://a:1 http://b:2"
	tests := []struct{ setting, bypass, url, want string }{
		{"http://a:1", "", "http://x.example/", "http://a:1"},
		{"a:1", "", "https://x.example/", "http://a:1"},
		{"socks5://a:1", "", "https://x.example/", "socks5://a:1"},
		{two, "", "http://x.example/", two},
		{"a:1,b:2;c:3", "", "http://x.example/", "http://a:1 http://b:2 http://c:3"},
		{"http=a:1 https=b:2", "", "http://x.example/", "http://a:1"},
		{"http=a:1 https=b:2", "", "https://x.example/", "http://b:2"},
		{"http=a:1 c:3 http=b:2", "", "http://x.example/", two},
		{"http=a:1 c:3 http=b:2", "", "https://x.example/", "http://c:3"},
		{"http=a:1", "", "https://x.example/", "direct"},
		{"ftp://a:1", "", "http://x.example/", "BG_E_INVALID_PROXY_INFO"},
		{"http://a:0", "", "http://x.example/", "BG_E_INVALID_PROXY_INFO"},
		{" ", "", "http://x.example/", "BG_E_INVALID_PROXY_INFO"},
		{"a:1", "x.example", "http://x.example/", "direct"},
		{"a:1", "x.example", "http://www.x.example/", "http://a:1"},
		{"a:1", "y.example, *.x.example", "http://www.x.example:81/", "direct"},
	}
	for _, tt := range tests {
		if got := ways(t, listed(tt.setting, tt.bypass), tt.url); got != tt.want {
			t.Errorf("proxy %q, bypass %q, %s: %s, want %s", tt.setting, tt.bypass, tt.url, got, tt.want)
		}
	}
}

func TestBypasses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		list, host string
		want       bool
	}{
		{"", "x.example", false},
		{"*", "x.example", true},
		{"X.Example", "x.example", true},
		{"x.example", "x.example.", true},
		{"x.example", "ax.example", false},
		{"*.x.example", "a.b.x.example", true},
		{"*.x.example", "x.example", false},
		{"*x.example", "x.example", true},
		{"<local>", "intranet", true},
		{"<local>", "intra.net", false},
		{"<local>", "::1", false}, // an address is no name
		{"<LOCAL> y", "localhost", true},
		{"b\u00fccher.example", "xn--bcher-kva.example", true},
		{"*.B\u00fccher.example", "www.xn--bcher-kva.example", true},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.10", false},
		{"10.0.0.0/8", "10.200.3.4", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"10.0.0.0/8", "10.example", false},
		{"10.*", "10.1.2.3", true}, // as Windows has it in its own settings
		{"::1", "0:0::1", true},
		{"[::1]", "::1", true},
		{"fd00::/8", "fd12::1", true},
		{"fe80::/10", "fe80::1%eth0", true},
		{"127.0.0.1", "::ffff:127.0.0.1", true},
		{"[", "[", false},
	}
	for _, tt := range tests {
		if got := bypasses(tt.list, tt.host); got != tt.want {
			t.Errorf("%q, host %q: %v", tt.list, tt.host, got)
		}
	}
}

// TestWhoseProxy: the job's setting, then the environment's. Not parallel: it changes the environment.
func TestWhoseProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://env:1")
	t.Setenv("NO_PROXY", "env.example")
	for _, tt := range []struct{ setting, bypass, url, want string }{
		{"", "", "http://x.example/", "http://env:1"},
		{"", "", "http://env.example/", "direct"},
		{"auto", "", "http://x.example/", "http://env:1"},
		{"none", "", "http://x.example/", "direct"},
		{"http://job:3", "job.example", "http://x.example/", "http://job:3"},
		{"http://job:3", "job.example", "http://job.example/", "direct"},
		{"http://job:3", "job.example", "http://env.example/", "http://job:3"},
		{"gopher://job:3", "", "http://x.example/", "BG_E_INVALID_PROXY_INFO"},
	} {
		d := New(Config{})
		if got := ways(t, d.routes(job.Network{Proxy: tt.setting, ProxyBypass: tt.bypass}), tt.url); got != tt.want {
			t.Errorf("job %q %q, %s: %s, want %s", tt.setting, tt.bypass, tt.url, got, tt.want)
		}
	}
	t.Setenv("HTTP_PROXY", "http://alice:s3cret@[::1")
	_, _, err := download(t, transport.Source{URL: "http://x.example/"}, 0, job.Validator{})
	if e := asJobError(t, err); e.Code != job.InvalidProxyInfo || strings.Contains(e.Text, "s3cret") {
		t.Errorf("%+v", e)
	}
}

// TestFailover: a proxy that cannot be reached is passed over, for http and https, and rests; one that can be reached has
// the last word, whatever it says.
func TestFailover(t *testing.T) {
	t.Parallel()
	plain, secure := ebbtest.NewServer(t), ebbtest.NewServer(t, ebbtest.TLS())
	dead := "http://" + ebbtest.Refusing(t)
	deadSocks := "socks5://" + ebbtest.Refusing(t)
	noTLS := "https" + strings.TrimPrefix(plain.Base, "http") // speaks no TLS
	for _, srv := range []*ebbtest.Server{plain, secure} {
		good := ebbtest.NewProxy(t, "alice", "secret")
		src := transport.Source{URL: srv.URL, Credentials: []job.Credential{{Target: "proxy", Scheme: "basic", User: "alice", Password: "secret"}}}
		if srv == secure {
			src.Network.CACert = srv.CACert()
		}
		for _, list := range [][]string{{dead, good.URL}, {deadSocks, good.URL}, {noTLS, good.URL}, {dead, noTLS, deadSocks, good.URL}} {
			src.Network.Proxy = strings.Join(list, " ")
			before := len(good.Seen())
			d := newDownloader(t)
			if err := fetchWith(t, d, src); err != nil {
				t.Errorf("%v: %v", list, err)
			}
			if n := len(good.Seen()) - before; n != 1 {
				t.Errorf("%v: %d requests through the good one", list, n)
			}
			if ordered := d.resting.order(urls(t, list...)); ordered[0].String() != good.URL {
				t.Errorf("%v: the next one begins with %v", list, ordered)
			}
		}
		src.Network.Proxy = dead + " " + noTLS
		if e := asJobError(t, fetchWith(t, newDownloader(t), src)); e.Context != job.ContextTransport {
			t.Errorf("all dead: %+v", e)
		}
		locked := ebbtest.NewProxy(t, "bob", "builder")
		src.Network.Proxy = locked.URL + " " + good.URL
		before := len(good.Seen())
		if e := asJobError(t, fetchWith(t, newDownloader(t), src)); e.Code != job.HTTPStatus(407) || len(good.Seen()) != before {
			t.Errorf("a refusal: %+v", e)
		}
		bad := transport.Source{URL: strings.Replace(srv.URL, srv.Base, strings.Split(srv.Base, ":")[0]+"://"+strings.TrimPrefix(dead, "http://"), 1), Network: src.Network}
		bad.Network.Proxy = good.URL + " " + locked.URL
		bad.Credentials = src.Credentials
		if err := fetchWith(t, newDownloader(t), bad); err == nil {
			t.Error("a server that does not answer is no failure of its proxy")
		}
		if len(locked.Seen()) != 0 {
			t.Error("the second proxy was asked for a server that the first could not reach")
		}
	}
}

func urls(t testing.TB, raw ...string) []*url.URL {
	t.Helper()
	var out []*url.URL
	for _, r := range raw {
		u, err := url.Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}

func TestRestingProxies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r resting
		list := urls(t, "http://a:1", "http://b:2", "http://c:3")
		hosts := func() (out []string) {
			for _, u := range r.order(list) {
				out = append(out, u.Host)
			}
			return out
		}
		r.add(list[0])
		time.Sleep(time.Minute)
		r.add(list[1])
		if diff := cmp.Diff([]string{"c:3", "a:1", "b:2"}, hosts()); diff != "" {
			t.Error(diff)
		}
		time.Sleep(proxyRest - 30*time.Second)
		if diff := cmp.Diff([]string{"a:1", "c:3", "b:2"}, hosts()); diff != "" {
			t.Error(diff)
		}
		r.add(list[2])
		if len(r.until) != 2 {
			t.Errorf("what has rested is kept: %v", r.until)
		}
	})
}

// TestCredentialsStayWithTheirProxy: the second proxy of a list gets them for itself, and a server that a proxy is passed over
// for gets none.
func TestBypassedServersGetNoProxyCredentials(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t)
	src := transport.Source{
		URL:         srv.URL,
		Network:     job.Network{Proxy: "http://" + ebbtest.Refusing(t), ProxyBypass: "127.0.0.0/8"},
		Credentials: []job.Credential{{Target: "proxy", Scheme: "any", User: "alice", Password: "secret"}},
	}
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range srv.Requests() {
		if r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("the server got %v", r.Header)
		}
	}
}
