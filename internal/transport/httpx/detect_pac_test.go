//go:build pac

package httpx

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

func TestDevolved(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string][]string{
		"Berlin.Corp.Example.com.": {"berlin.corp.example.com", "corp.example.com", "example.com"},
		"example.co.uk":            {"example.co.uk"},
		"co.uk":                    nil, // a public suffix
		"com":                      nil,
		"local":                    nil,
		"":                         nil,
		"me.github.io":             {"me.github.io"},
	} {
		if diff := cmp.Diff(want, devolved([]string{domain})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", domain, diff)
		}
	}
}

// inDomain is a Downloader on a machine in corp.example.com, whose name server knows only the named hosts, all here.
func inDomain(t *testing.T, hosts map[string]string) *Downloader {
	t.Helper()
	d := newDownloader(t)
	d.detector.domains = func() []string { return []string{"berlin.corp.example.com"} }
	d.detector.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, _ := strings.Cut(addr, ":")
		if to, ok := hosts[host]; ok {
			return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(to, "http://"))
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return d
}

func scriptServer(t *testing.T, contentType, script string) *ebbtest.Server {
	t.Helper()
	return ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(script))
	})))
}

// TestWPAD: the script of the nearest domain that has one leads the way, and is fetched once.
func TestWPAD(t *testing.T) {
	t.Parallel()
	proxy, srv := ebbtest.NewProxy(t, "", ""), ebbtest.NewServer(t)
	script := `function FindProxyForURL(url, host) { return "PROXY ` + ebbtest.Refusing(t) + `; PROXY ` + strings.TrimPrefix(proxy.URL, "http://") + `" }`
	portal := scriptServer(t, "text/html; charset=utf-8", "<html>Log in</html>")
	wpad := scriptServer(t, "application/x-ns-proxy-autoconfig", script)
	d := inDomain(t, map[string]string{"wpad.berlin.corp.example.com": portal.Base, "wpad.corp.example.com": wpad.Base})
	for range 3 {
		if err := fetchWith(t, d, transport.Source{URL: srv.URL, Network: job.Network{Proxy: "auto"}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(proxy.Seen()); n != 3 {
		t.Errorf("%d requests through the proxy", n)
	}
	if all := wpad.Requests(); len(all) != 1 || all[0].Path != "/wpad.dat" || all[0].Host != "wpad.corp.example.com" {
		t.Errorf("the script was fetched by %+v", all)
	}
	if n := len(portal.Requests()); n != 1 {
		t.Errorf("where there is no script was looked %d times", n)
	}
}

// TestNoWPAD: without one it is the environment, and a script that fails is an error of the job.
func TestNoWPAD(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t)
	if err := fetchWith(t, inDomain(t, nil), transport.Source{URL: srv.URL, Network: job.Network{Proxy: "auto"}}); err != nil {
		t.Error(err)
	}
	var d *Downloader
	for _, script := range []string{`function FindProxyForURL() { return nowhere }`, `function FindProxyForURL( {`} {
		broken := scriptServer(t, "application/x-ns-proxy-autoconfig", script)
		d = inDomain(t, map[string]string{"wpad.example.com": broken.Base})
		e := asJobError(t, fetchWith(t, d, transport.Source{URL: srv.URL, Network: job.Network{Proxy: "auto"}}))
		if e.Code != job.InvalidProxyInfo || e.Class != job.Fatal || !strings.Contains(e.Text, "wpad.example.com") {
			t.Errorf("%s: %+v", script, e)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := d.detector.discover(ctx, urls(t, "http://x.example/")[0]); err == nil {
		t.Error("a context that has ended is no answer")
	}
}

// TestScriptOfTheSystem: one that cannot be had passes, one that is none does not.
func TestScriptOfTheSystem(t *testing.T) {
	t.Parallel()
	u := urls(t, "http://x.example/")[0]
	var d detector
	_, err := d.run(t.Context(), "http://"+ebbtest.Refusing(t)+"/proxy.pac?key=s3cret", u)
	if e := asJobError(t, err); e.Code != job.InvalidProxyInfo || e.Class != job.Transient || strings.Contains(e.Text, "s3cret") {
		t.Errorf("%+v", e)
	}
	if ways, err := d.run(t.Context(), scriptServer(t, "", `function FindProxyForURL() { return "DIRECT" }`).URL, u); err != nil || len(ways) != 1 || ways[0] != nil {
		t.Errorf("%v, %v", ways, err)
	}
}
