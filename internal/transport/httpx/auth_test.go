package httpx

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.BasicAuth("alice", "wonder:land"))
	credential := func(scheme, user, password string) job.Credential {
		return job.Credential{Target: "server", Scheme: scheme, User: user, Password: password}
	}
	tests := []struct {
		name    string
		given   []job.Credential
		works   bool
		refused string
	}{
		{"basic", []job.Credential{credential("basic", "alice", "wonder:land")}, true, ""},
		{"any", []job.Credential{credential("any", "alice", "wonder:land")}, true, ""},
		{"basic before any", []job.Credential{credential("any", "x", "y"), credential("basic", "alice", "wonder:land")}, true, ""},
		{"wrong", []job.Credential{credential("basic", "alice", "x")}, false, "basic"},
		{"another scheme", []job.Credential{credential("digest", "alice", "wonder:land")}, false, ""},
		{"for the proxy", []job.Credential{{Target: "proxy", Scheme: "basic", User: "alice", Password: "wonder:land"}}, false, ""},
		{"none", nil, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := download(t, transport.Source{URL: srv.URL, Credentials: tt.given}, 0, job.Validator{})
			if tt.works {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := asJobError(t, err)
			if e.Code != job.HTTPStatus(401) || e.Class != job.NeedsAction || e.Refused != tt.refused || !cmp.Equal(e.Schemes, []string{"basic"}) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestRefusedOnceIsNotForever: the owner may repair the password at the server and resume.
func TestRefusedOnceIsNotForever(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.BasicAuth("alice", "old"))
	src := transport.Source{URL: srv.URL, Credentials: []job.Credential{{Target: "server", Scheme: "basic", User: "alice", Password: "new"}}}
	d := newDownloader(t)
	_, _, err := d.Open(t.Context(), src, 0, job.Validator{})
	if e := asJobError(t, err); e.Refused != "basic" {
		t.Errorf("%+v", e)
	}
	srv.Set(ebbtest.BasicAuth("alice", "new"))
	body, _, err := d.Open(t.Context(), src, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	_ = body.Close()
}

// TestWrongPasswordOncePerTry: however many sources a try opens, also when it is long refused, the server sees a
// wrong password once; and once more in the next try.
func TestWrongPasswordOncePerTry(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.BasicAuth("alice", "right"))
	d := newDownloader(t)
	for n, try := range []string{"job/0", "job/1"} {
		src := transport.Source{URL: srv.URL, Try: try, Credentials: []job.Credential{{Target: "server", Scheme: "basic", User: "alice", Password: "wrong"}}}
		for range 3 {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					_, _, err := d.Open(t.Context(), src, 0, job.Validator{})
					var e *job.Error
					if !errors.As(err, &e) || e.Refused != "basic" {
						t.Errorf("%v", err)
					}
				})
			}
			all.Wait()
		}
		sent := 0
		for _, r := range srv.Requests() {
			if r.Header.Get("Authorization") != "" {
				sent++
			}
		}
		if sent != n+1 {
			t.Errorf("after try %s the wrong password was sent %d times, want %d", try, sent, n+1)
		}
	}
}

// TestOnePasswordForTwoServers: the client of one must not serve the other.
func TestOnePasswordForTwoServers(t *testing.T) {
	t.Parallel()
	d := newDownloader(t)
	for range 2 {
		src := transport.Source{
			URL:         ebbtest.NewServer(t, ebbtest.BasicAuth("alice", "x")).URL,
			Credentials: []job.Credential{{Target: "server", Scheme: "basic", User: "alice", Password: "x"}},
		}
		body, _, err := d.Open(t.Context(), src, 0, job.Validator{})
		if err != nil {
			t.Fatal(err)
		}
		_ = body.Close()
	}
}

// TestAuthorizationHeader: who brings the field is not helped.
func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.BasicAuth("alice", "wonderland"))
	src := transport.Source{URL: srv.URL, Headers: []job.Header{{Name: "Authorization", Value: "Basic YWxpY2U6d29uZGVybGFuZA=="}}}
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Error(err)
	}
	src.Headers[0].Value = "Basic d3Jvbmc6d3Jvbmc="
	_, _, err := download(t, src, 0, job.Validator{})
	if e := asJobError(t, err); e.Class != job.NeedsAction || !cmp.Equal(e.Schemes, []string{"basic"}) || strings.Contains(e.Text, "d3Jv") {
		t.Errorf("%+v", e)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	with := func(c job.Credential) transport.Source {
		return transport.Source{URL: "http://a.example", Credentials: []job.Credential{c}}
	}
	network := func(n job.Network) transport.Source {
		return transport.Source{URL: "http://a.example", Network: n}
	}
	header := func(name, value string) transport.Source {
		return transport.Source{URL: "http://a.example", Headers: []job.Header{{Name: name, Value: value}}}
	}
	const secret = "hunter2"
	cert, other := newIssuer(t, "a", nil).server(), newIssuer(t, "b", nil).server()
	key, err := x509.MarshalPKCS8PrivateKey(other.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	mismatched := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	tests := []struct {
		name string
		src  transport.Source
		code job.Code
		text string
	}{
		{"fine", with(job.Credential{Target: "server", Scheme: "any", User: "a", Password: secret}), job.OK, ""},
		{"fine IRI", transport.Source{URL: "https://b\u00fccher.example/\u00e9 x?a=%zz"}, job.OK, ""},
		{"no URL", transport.Source{URL: "x"}, job.InvalidArg, "https://example.com/file"},
		{"ftp", transport.Source{URL: "ftp://a.example/x"}, job.UnsupportedConfiguration, "ftp"},
		{"no host", transport.Source{URL: "http:///x"}, job.InvalidArg, "URL"},
		{"bad host", transport.Source{URL: "http://\u2000x.example/"}, job.InvalidArg, ""},
		{"ntlm", with(job.Credential{Target: "server", Scheme: "ntlm", User: `DOM\a`, Password: secret}), job.OK, ""},
		{"implicit negotiate", with(job.Credential{Target: "proxy", Scheme: "negotiate", Implicit: true}), job.OK, ""},
		{"implicit any", with(job.Credential{Target: "server", Scheme: "any", Implicit: true}), job.OK, ""},
		{"implicit basic", with(job.Credential{Target: "server", Scheme: "basic", Implicit: true}), job.InvalidArg, "implicit"},
		{"passport", with(job.Credential{Target: "server", Scheme: "passport", User: "a", Password: secret}), job.OK, ""},
		{"passport at a proxy", with(job.Credential{Target: "proxy", Scheme: "passport", User: "a", Password: secret}), job.InvalidCredentials, "servers"},
		{"unknown scheme", with(job.Credential{Target: "server", Scheme: "magic"}), job.InvalidAuthScheme, "magic"},
		{"unknown target", with(job.Credential{Target: "moon", Scheme: "basic"}), job.InvalidAuthTarget, "moon"},
		{"colon", with(job.Credential{Target: "server", Scheme: "basic", User: "a:b", Password: secret}), job.InvalidCredentials, "colon"},
		{"colon in any", with(job.Credential{Target: "server", Scheme: "any", User: "a:b", Password: secret}), job.OK, ""},
		{"control character", with(job.Credential{Target: "proxy", Scheme: "digest", User: "a\x00", Password: secret}), job.InvalidCredentials, "control"},
		{"CA", network(job.Network{CACert: "hello"}), job.InvalidArg, "--cacert"},
		{"client certificate", transport.Source{URL: "https://a.example", ClientCert: []byte(secret)}, job.InvalidArg, "--cert"},
		{"key of another certificate", transport.Source{URL: "https://a.example", ClientCert: mismatched}, job.InvalidArg, "--key"},
		{"list of proxies", network(job.Network{Proxy: "http=a:1 https=b:2 c", ProxyBypass: "<local>"}), job.OK, ""},
		{"auto", network(job.Network{Proxy: "auto"}), job.OK, ""},
		{"no proxy in the list", network(job.Network{Proxy: ","}), job.InvalidProxyInfo, "none"},
		{"proxy", network(job.Network{Proxy: "://"}), job.InvalidProxyInfo, "proxy"},
		{"proxy scheme", network(job.Network{Proxy: "ftp://p.example"}), job.InvalidProxyInfo, "ftp"},
		{"header name", header("a b", "c"), job.InvalidArg, "a b"},
		{"header value", header("A", "c\r\nX: y"), job.InvalidArg, "control"},
		{"reserved header", header("range", "bytes=1-"), job.InvalidArg, "Range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := Check(tt.src)
			if tt.code == job.OK {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := asJobError(t, err)
			if e.Code != tt.code || e.Class != job.Fatal || !strings.Contains(e.Text, tt.text) || strings.Contains(fmt.Sprintf("%+v", e), secret) {
				t.Errorf("code %v, class %v, text %q", e.Code, e.Class, e.Text)
			}
		})
	}
}

// TestImplicitCredentialsAreTheOwners: never those of the service, if that is another user's.
func TestImplicitCredentialsAreTheOwners(t *testing.T) {
	t.Parallel()
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	implicit := []job.Credential{{Target: "server", Scheme: "negotiate", Implicit: true}}
	for _, tt := range []struct {
		owner string
		uid   int // -1: those of this process
	}{{"", -1}, {"uid:" + self.Uid, -1}, {"uid:4711", 4711}} {
		got, err := kerberos(transport.Source{Owner: tt.owner, Credentials: implicit})
		if err != nil || (got.UID == nil) != (tt.uid < 0) || (got.UID != nil && *got.UID != tt.uid) {
			t.Errorf("%q: %v, %v", tt.owner, got, err)
		}
	}
	const windows = "S-1-5-21-1-2-3-1001"
	if _, err := kerberos(transport.Source{Owner: windows, Credentials: implicit}); err == nil {
		t.Error("a user of Windows: no error")
	}
	if _, err := kerberos(transport.Source{Owner: windows}); err != nil {
		t.Errorf("without implicit credentials: %v", err)
	}
}
