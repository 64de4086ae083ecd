package httpauth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
)

type callerKey struct{}

// decision is a Config.VerifyServer that writes down what it was asked.
type decision struct {
	mu   sync.Mutex // guards seen
	seen []string
	err  error
}

func (d *decision) verify(ctx context.Context, addr string, state tls.ConnectionState) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	caller, _ := ctx.Value(callerKey{}).(string)
	if len(state.PeerCertificates) == 0 {
		caller = "no certificate"
	}
	d.seen = append(d.seen, addr+" "+caller)
	return d.err
}

// TestVerifyServer: it decides instead of crypto/tls, directly and behind a proxy, before a request is sent.
func TestVerifyServer(t *testing.T) {
	t.Parallel()
	var reached int
	server := serveTLS(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	addr := strings.TrimPrefix(server.URL, "https://")
	proxy := (&testProxy{t: t}).start(false)
	trusted := x509.NewCertPool() // not the server's certificate
	for _, tt := range []struct {
		name  string
		proxy *httptest.Server
		err   error
	}{{"yes", nil, nil}, {"no", nil, errors.New("I do not like it")}, {"yes behind a proxy", proxy, nil}, {"no behind a proxy", proxy, errors.New("I do not like it")}} {
		d := &decision{err: tt.err}
		config := httpauth.Config{TLS: &tls.Config{RootCAs: trusted}, VerifyServer: d.verify}
		if tt.proxy != nil {
			config.Proxy = through(tt.proxy)
		}
		rt, err := httpauth.New(config)
		if err != nil {
			t.Fatal(err)
		}
		reached = 0
		req, err := http.NewRequestWithContext(context.WithValue(t.Context(), callerKey{}, "caller"), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if !errors.Is(err, tt.err) || (err == nil) != (reached == 1) {
			t.Errorf("%s: error %v, %d requests", tt.name, err, reached)
		}
		if want := []string{addr + " caller"}; !slices.Equal(d.seen, want) {
			t.Errorf("%s: asked %v, want %v", tt.name, d.seen, want)
		}
		rt.CloseIdleConnections()
	}
}

// TestVerifyServerIsForServers: https proxies are verified by crypto/tls all the same.
func TestVerifyServerIsForServers(t *testing.T) {
	t.Parallel()
	proxy := (&testProxy{t: t}).start(true)
	d := &decision{}
	rt, err := httpauth.New(httpauth.Config{Proxy: through(proxy), VerifyServer: d.verify})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"http://127.0.0.1:9/", "https://127.0.0.1:9/"} {
		_, _, err := get(t, rt, http.MethodGet, url, "")
		if !errors.As(err, new(x509.UnknownAuthorityError)) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if len(d.seen) > 0 {
		t.Errorf("asked %v", d.seen)
	}
}

// TestVerifyServerOfAResumedSession: a session that was begun earlier is no reason not to ask.
func TestVerifyServerOfAResumedSession(t *testing.T) {
	t.Parallel()
	server := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS.DidResume {
			w.Header().Set("Resumed", "yes")
		}
	}))
	d := &decision{}
	rt, err := httpauth.New(httpauth.Config{TLS: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)}, VerifyServer: d.verify})
	if err != nil {
		t.Fatal(err)
	}
	resumed := ""
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		resumed = resp.Header.Get("Resumed")
		rt.CloseIdleConnections()
	}
	if resumed == "" || len(d.seen) != 2 {
		t.Errorf("resumed %q, asked %v", resumed, d.seen)
	}
}

// TestVerifyServerTakesItsTime: it may ask a person; the handshake's own time is bounded all the same.
func TestVerifyServerTakesItsTime(t *testing.T) {
	t.Parallel()
	server := serveTLS(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	const timeout = 2 * time.Second
	slow := func(ctx context.Context, _ string, _ tls.ConnectionState) error {
		wait := time.NewTimer(timeout + timeout/4)
		defer wait.Stop()
		select {
		case <-wait.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	rt, err := httpauth.New(httpauth.Config{TLSHandshakeTimeout: timeout, VerifyServer: slow})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, err := get(t, rt, http.MethodGet, server.URL, ""); err != nil || status != http.StatusOK {
		t.Errorf("status %d, error %v", status, err)
	}
	rt.CloseIdleConnections()
}
