package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// hook is a check that remembers what it was asked.
type hook struct {
	mu    sync.Mutex // guards asked
	asked []string
	err   error
}

func (h *hook) check(_ context.Context, host string, chain [][]byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	h.asked = append(h.asked, fmt.Sprintf("%s %s %d", host, leaf.Subject.CommonName, len(chain)))
	return h.err
}

func (h *hook) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.asked)
}

func TestCheckCertificate(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1))
	d := newDownloader(t)
	h := &hook{}
	src := transport.Source{URL: srv.URL, Network: job.Network{CACert: srv.CACert()}, CheckCertificate: h.check, Try: "one/0"}
	fetchAfresh := func() error {
		for _, c := range d.clients.clients {
			c.close() // idle connections, so that the next request opens another
		}
		return fetchWith(t, d, src)
	}

	// A no is an error of the transient kind, before any request; it is not remembered.
	h.err = errors.New("not on my list")
	for n := range 2 {
		e := asJobError(t, fetchAfresh())
		if e.Context != job.ContextCertificate || e.Class != job.Transient || !strings.Contains(e.Text, "not on my list") || h.count() != n+1 {
			t.Errorf("%+v; asked %d times", e, h.count())
		}
	}
	h.err = &job.Error{Code: job.CertificateHookNeeded, Text: "nobody to ask"}
	if e := asJobError(t, fetchAfresh()); e.Code != job.CertificateHookNeeded || e.Context != job.ContextCertificate || e.Class != job.Transient {
		t.Errorf("%+v", e)
	}
	if n := len(srv.Requests()); n != 0 {
		t.Errorf("%d requests although the certificate was rejected", n)
	}

	// A yes holds for the connection, whatever else it serves of this job, and for no other.
	h.err = nil
	before := h.count()
	for connections := range 3 {
		if err := fetchAfresh(); err != nil {
			t.Fatal(err)
		}
		for try := range 3 {
			src.Try = fmt.Sprintf("one/%d", try)
			if err := fetchWith(t, d, src); err != nil {
				t.Fatal(err)
			}
		}
		if n := h.count() - before; n != connections+1 {
			t.Errorf("asked %d times about %d connections", n, connections+1)
		}
	}
	if want := fmt.Sprintf("%s ebb test server 2", strings.TrimPrefix(srv.Base, "https://")); h.asked[before] != want {
		t.Errorf("asked about %q, want %q", h.asked[before], want)
	}
}

// TestCheckedConnectionsAreNotShared: neither with another job, nor with one that checks nothing, nor across a
// change of who checks.
func TestCheckedConnectionsAreNotShared(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1))
	d := newDownloader(t)
	one, two := &hook{}, &hook{err: errors.New("no")}
	n := job.Network{CACert: srv.CACert()}
	sources := []struct {
		src   transport.Source
		works bool
	}{
		{transport.Source{Network: n}, true},
		{transport.Source{Network: n, CheckCertificate: one.check, Try: "one/0"}, true},
		{transport.Source{Network: n, CheckCertificate: two.check, Try: "two/0"}, false},
		{transport.Source{Network: n, CheckCertificate: two.check, Try: "one/0", CheckedBy: "second"}, false},
		{transport.Source{Network: n, CheckCertificate: two.check}, false},
		{transport.Source{Network: n, CheckCertificate: one.check, Try: "one/7"}, true},
		{transport.Source{Network: n, Try: "one/0"}, true},
	}
	for i, tt := range sources {
		tt.src.URL = srv.URL
		if err := fetchWith(t, d, tt.src); tt.works != (err == nil) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if one.count() != 1 || two.count() != 3 {
		t.Errorf("asked %d and %d times, want 1 and 3", one.count(), two.count())
	}
}

// TestCheckComesAfterTheSystem: a certificate that is not valid is not shown to the job's own check.
func TestCheckComesAfterTheSystem(t *testing.T) {
	t.Parallel()
	h := &hook{}
	src := transport.Source{URL: serveTLS(t, newIssuer(t, "x", nil).server()), CheckCertificate: h.check}
	if e := asJobError(t, fetchWith(t, newDownloader(t), src)); e.Context != job.ContextRemoteFile || h.count() != 0 {
		t.Errorf("%+v; asked %d times", e, h.count())
	}
}

// TestSlowCheck: the time that the job's own check takes is not the server's.
func TestSlowCheck(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1))
	const patience = 2 * time.Second
	src := transport.Source{
		URL: srv.URL, Network: job.Network{CACert: srv.CACert(), ConnectTimeout: job.Duration(patience)},
		CheckCertificate: func(ctx context.Context, _ string, _ [][]byte) error {
			slow := time.NewTimer(patience + patience/4)
			defer slow.Stop()
			select {
			case <-slow.C:
			case <-ctx.Done():
			}
			return ctx.Err()
		},
	}
	if err := fetchWith(t, newDownloader(t), src); err != nil {
		t.Error(err)
	}
}

// TestCheckOfEachServer: the same certificate at another port is asked about again, and so is another one.
func TestCheckOfEachServer(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	cert := root.server()
	d, h := newDownloader(t), &hook{}
	for n, shown := range []tls.Certificate{cert, cert, root.server()} {
		src := transport.Source{URL: serveTLS(t, shown), Network: job.Network{CACert: root.pem()}, CheckCertificate: h.check, Try: "one/0"}
		for range 2 {
			if err := fetchWith(t, d, src); err != nil {
				t.Fatal(err)
			}
		}
		if h.count() != n+1 {
			t.Errorf("asked %d times about %d servers", h.count(), n+1)
		}
	}
}

// TestCheckAfterARedirect: a connection that another job has open to where a redirect leads was not checked for this one.
func TestCheckAfterARedirect(t *testing.T) {
	t.Parallel()
	away := ebbtest.NewServer(t, ebbtest.TLS(), ebbtest.Size(1))
	home := ebbtest.NewServer(t, ebbtest.RedirectTo(302, away.URL))
	d, h := newDownloader(t), &hook{}
	n := job.Network{CACert: away.CACert()}
	if err := fetchWith(t, d, transport.Source{URL: away.URL, Network: n}); err != nil {
		t.Fatal(err)
	}
	if err := fetchWith(t, d, transport.Source{URL: home.URL, Network: n, CheckCertificate: h.check, Try: "one/0"}); err != nil || h.count() != 1 {
		t.Errorf("asked %d times, error %v", h.count(), err)
	}
}
