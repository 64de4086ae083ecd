package httpx

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// TestConnectFailures is what keeps a request from reaching its server.
func TestConnectFailures(t *testing.T) {
	t.Parallel()
	plain := ebbtest.NewServer(t)
	secure := ebbtest.NewServer(t, ebbtest.TLS())
	expired := ebbtest.NewServer(t, ebbtest.ExpiredCert())
	strict := ebbtest.NewServer(t, ebbtest.ClientCert())
	refusing := ebbtest.Refusing(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(secure.Base, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		src   transport.Source
		code  job.Code
		class job.Class
		text  string
	}{
		{"refused", transport.Source{URL: "http://" + refusing}, job.CannotConnect, job.Transient, refusing + " refused"},
		{"proxy refused", transport.Source{URL: "http://a.example", Network: job.Network{Proxy: "http://" + refusing}}, job.CannotConnect, job.Transient, refusing},
		{"proxy refused CONNECT", transport.Source{URL: "https://a.example", Network: job.Network{Proxy: "http://" + refusing}}, job.CannotConnect, job.Transient, refusing},
		// A name that is none, so that no name server is asked.
		{"no such name", transport.Source{URL: "http://no..where"}, job.NameNotResolved, job.Transient, "no..where"},
		{"unknown authority", transport.Source{URL: secure.URL}, job.SecureFailure, job.NeedsAction, "--cacert"},
		{"expired", transport.Source{URL: expired.URL, Network: job.Network{CACert: expired.CACert()}}, job.SecureFailure, job.NeedsAction, "expired"},
		{
			"another name",
			transport.Source{URL: "https://127.0.0.2:" + port, Network: job.Network{CACert: secure.CACert()}},
			job.SecureFailure, job.NeedsAction, "another name",
		},
		{"http at an https port", transport.Source{URL: "https" + strings.TrimPrefix(plain.URL, "http")}, job.SecureFailure, job.Fatal, "http://"},
		{
			"client certificate",
			transport.Source{URL: strict.URL, Network: job.Network{CACert: strict.CACert()}},
			job.ClientCertNeeded, job.NeedsAction, "--cert",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := download(t, tt.src, 0, job.Validator{})
			e := asJobError(t, err)
			if tt.name == "another name" && e.Code == job.CannotConnect {
				t.Skip("the server does not listen on 127.0.0.2")
			}
			if e.Code != tt.code || e.Class != tt.class || !strings.Contains(e.Text, tt.text) {
				t.Errorf("code %v, class %v, text %q", e.Code, e.Class, e.Text)
			}
		})
	}
}

func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1<<19))
	d := newDownloader(t)
	body, m, err := d.Open(t.Context(), transport.Source{URL: srv.URL}, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 1<<19)); err != nil {
		t.Fatal(err)
	}
	srv.Down()
	if _, err := body.Read(make([]byte, 1)); asJobError(t, err).Class != job.Transient {
		t.Errorf("error %v", err)
	}
	srv.Set(ebbtest.StallBody(-1))
	srv.Up()
	rest, m, err := d.Open(t.Context(), transport.Source{URL: srv.URL}, 1<<19, m.Validator)
	if err != nil || m.Offset != 1<<19 {
		t.Fatalf("meta %+v, error %v", m, err)
	}
	defer rest.Close()
	if got, err := io.ReadAll(rest); err != nil || len(got) != 1<<19 {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.ClientCert())
	src := transport.Source{URL: srv.URL, ClientCert: srv.ClientCert(), Network: job.Network{CACert: srv.CACert()}}
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Error(err)
	}
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 on this machine")
	} else {
		_ = ln.Close()
	}
	srv := ebbtest.NewServer(t, ebbtest.Listen("[::1]:0"))
	if got, _, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{}); err != nil || len(got) != 1<<20 {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

// TestHTTP2OnDemand: HTTP/1.1 where the server takes it, HTTP/2 where it does not, which is found out once.
func TestHTTP2OnDemand(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		option ebbtest.Option
		proto  string
	}{"both": {ebbtest.TLS(), "HTTP/1.1"}, "only HTTP/2": {ebbtest.HTTP2Only(), "HTTP/2.0"}} {
		srv := ebbtest.NewServer(t, tt.option)
		d := newDownloader(t)
		for range 3 {
			body, _, err := d.Open(t.Context(), transport.Source{URL: srv.URL, Network: job.Network{CACert: srv.CACert()}}, 0, job.Validator{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := io.Copy(io.Discard, body); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			_ = body.Close()
		}
		for _, c := range d.clients.clients {
			if known := len(c.only2) == 1; known != (name == "only HTTP/2") {
				t.Errorf("%s: it is known that the server takes only HTTP/2: %v", name, known)
			}
		}
		all := srv.Requests()
		if len(all) != 3 || all[0].Proto != tt.proto || all[0].Conn != all[2].Conn {
			t.Errorf("%s: %d requests, the first by %s; want 3 by %s on one connection", name, len(all), all[0].Proto, tt.proto)
		}
	}
}

// TestKeepAlive: files and jobs share connections, unless they differ in what a connection depends on.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(10_000))
	d := newDownloader(t)
	alice := []job.Credential{{Target: "server", Scheme: "basic", User: "alice", Password: "a"}}
	bob := []job.Credential{{Target: "server", Scheme: "basic", User: "alice", Password: "b"}}
	conns := map[string]string{}
	for _, tt := range []struct {
		name string
		src  transport.Source
	}{
		{"anybody", transport.Source{URL: srv.URL}},
		{"anybody", transport.Source{URL: srv.Base + "/other", Headers: []job.Header{{Name: "X", Value: "y"}}}},
		{"alice", transport.Source{URL: srv.URL, Credentials: alice}},
		{"alice", transport.Source{URL: srv.Base + "/other", Credentials: alice}},
		{"bob", transport.Source{URL: srv.URL, Credentials: bob}},
		{"direct", transport.Source{URL: srv.URL, Network: job.Network{Proxy: "none"}}},
		{"anybody", transport.Source{URL: srv.URL}},
	} {
		body, _, err := d.Open(t.Context(), tt.src, 0, job.Validator{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadFull(body, make([]byte, 10_000)) // without the Read that would return io.EOF
		_ = body.Close()
		all := srv.Requests()
		conn := all[len(all)-1].Conn
		if before, ok := conns[tt.name]; ok && before != conn {
			t.Errorf("%s: a new connection", tt.name)
		}
		conns[tt.name] = conn
	}
	distinct := map[string]bool{}
	for _, c := range conns {
		distinct[c] = true
	}
	if len(distinct) != 4 {
		t.Errorf("connections %v: want one for each identity", conns)
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	plain, secure := ebbtest.NewServer(t), ebbtest.NewServer(t, ebbtest.TLS())
	open := ebbtest.NewProxy(t, "", "")
	locked := ebbtest.NewProxy(t, "alice", "wonder:land")
	for _, srv := range []*ebbtest.Server{plain, secure} {
		src := transport.Source{URL: srv.URL, Network: job.Network{Proxy: open.URL}}
		if srv == secure {
			src.Network.CACert = srv.CACert()
		}
		if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
			t.Errorf("open proxy: %v", err)
		}
		src.Network.Proxy = locked.URL
		_, _, err := download(t, src, 0, job.Validator{})
		e := asJobError(t, err)
		if e.Code != job.HTTPStatus(407) || e.Class != job.NeedsAction || e.Context != job.ContextRemoteFile || !cmp.Equal(e.Schemes, []string{"basic"}) {
			t.Errorf("without credentials: %+v", e)
		}
		src.Credentials = []job.Credential{{Target: "proxy", Scheme: "any", User: "alice", Password: "wonder:land"}}
		if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
			t.Errorf("with credentials: %v", err)
		}
		src.Credentials[0].Password = "wrong"
		_, _, err = download(t, src, 0, job.Validator{})
		if e := asJobError(t, err); e.Refused != "basic" || e.Class != job.NeedsAction {
			t.Errorf("with a wrong password: %+v", e)
		}
	}
	want := []string{"GET " + plain.URL, "CONNECT " + strings.TrimPrefix(secure.Base, "https://")}
	if diff := cmp.Diff(want, open.Seen()); diff != "" {
		t.Errorf("through the proxy (-want +got):\n%s", diff)
	}
	for _, r := range append(plain.Requests(), secure.Requests()...) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the server got the proxy's credentials")
		}
	}
}

// TestProxiesOfTheEnvironment cannot be parallel: it changes the environment.
func TestProxiesOfTheEnvironment(t *testing.T) {
	proxy := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := parseProxyAuth(r); user != "alice" || password != "secret" {
			w.Header().Set("Proxy-Authenticate", `Basic realm="p"`)
			w.WriteHeader(http.StatusProxyAuthRequired)
		}
	})))
	direct := ebbtest.NewServer(t)
	t.Setenv("HTTP_PROXY", strings.Replace(proxy.Base, "://", "://alice:secret@", 1))
	t.Setenv("NO_PROXY", "direct.example")
	for _, host := range []string{"one.example", "b\u00fccher.example"} {
		if _, _, err := download(t, transport.Source{URL: "http://" + host + "/a b/\u00e9%2Fx?q=\u00e4&s=%20"}, 0, job.Validator{}); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	for _, r := range proxy.Requests() {
		if r.Header.Get("Proxy-Authorization") != "" {
			paths = append(paths, r.Path)
		}
	}
	const path = "/a%20b/%C3%A9%2Fx?q=%C3%A4&s=%20"
	if diff := cmp.Diff([]string{"http://one.example" + path, "http://xn--bcher-kva.example" + path}, paths); diff != "" {
		t.Errorf("through the proxy (-want +got):\n%s", diff)
	}
	n := len(proxy.Requests())
	if _, _, err := download(t, transport.Source{URL: direct.URL}, 0, job.Validator{}); err != nil || len(proxy.Requests()) != n {
		t.Errorf("this machine is reached through a proxy; error %v", err)
	}
}

// parseProxyAuth is Request.BasicAuth for Proxy-Authorization.
func parseProxyAuth(r *http.Request) (user, password string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
}

func TestPool(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1))
	d := newDownloader(t)
	for i := range maxClients + 10 {
		src := transport.Source{URL: srv.URL, Network: job.Network{ConnectTimeout: job.Duration(i + 1e9)}}
		body, _, err := d.Open(t.Context(), src, 0, job.Validator{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(body)
		_ = body.Close()
	}
	d.clients.mu.Lock()
	n := len(d.clients.clients)
	d.clients.mu.Unlock()
	if n != maxClients {
		t.Errorf("%d clients, want at most %d", n, maxClients)
	}
}
