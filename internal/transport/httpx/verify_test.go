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

// faults are what can be wrong with a certificate, each with the flag that forgives it.
var faults = []struct {
	flag   job.SecurityFlags
	change func(*x509.Certificate)
	name   string
}{
	{job.IgnoreHostName, forAnotherHost, "host name"},
	{job.IgnoreDate, expired, "date"},
	{job.IgnoreUnknownCA, func(*x509.Certificate) {}, "unknown CA"}, // made by the one who does not trust it
	{job.IgnoreUsage, forClients, "usage"},
}

// TestEachFlagForgivesItsOwnFault: a certificate with any set of faults passes with any set of flags exactly if
// the flags cover all the faults.
func TestEachFlagForgivesItsOwnFault(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	stranger := newIssuer(t, "stranger", nil)
	middle := newIssuer(t, "middle", root)
	for bits := range 1 << len(faults) {
		var given job.SecurityFlags
		var changes []func(*x509.Certificate)
		var names []string
		for i, f := range faults {
			if bits>>i&1 == 1 {
				given |= f.flag
				changes, names = append(changes, f.change), append(names, f.name)
			}
		}
		url := serveTLS(t, middle.server(changes...))
		trusted := root
		if given.Has(job.IgnoreUnknownCA) {
			trusted = stranger
		}
		for flags := range 1 << len(faults) {
			forgiven := job.SecurityFlags(flags << 1) // from IgnoreHostName to IgnoreUsage
			err := fetchWith(t, newDownloader(t), transport.Source{URL: url, Network: job.Network{CACert: trusted.pem(), SecurityFlags: forgiven}})
			switch want := given&^forgiven == 0; {
			case want && err != nil:
				t.Errorf("faults %v, flags %#x: %v", names, forgiven, err)
			case !want && err == nil:
				t.Errorf("faults %v, flags %#x: the file was fetched", names, forgiven)
			case !want:
				if e := asJobError(t, err); e.Code != job.SecureFailure || e.Class != job.NeedsAction {
					t.Errorf("faults %v, flags %#x: code %v, class %v", names, forgiven, e.Code, e.Class)
				}
			}
		}
	}
}

// TestFaultsFurtherUp: what is wrong with an issuer is forgiven by the same flag, and by no other.
func TestFaultsFurtherUp(t *testing.T) {
	t.Parallel()
	root, oldRoot := newIssuer(t, "root", nil), newIssuer(t, "old root", nil, expired)
	const all = job.IgnoreHostName | job.IgnoreDate | job.IgnoreUnknownCA | job.IgnoreUsage
	issued := func(i *issuer) tls.Certificate { return i.server() }
	shuffled := newIssuer(t, "middle", newIssuer(t, "middle of the middle", root)).server()
	shuffled.Certificate[1], shuffled.Certificate[2] = shuffled.Certificate[2], shuffled.Certificate[1]
	// One key, two certificates, of which one has expired: that one leads further, or both lead as far.
	upper := newIssuer(t, "upper", newIssuer(t, "x", nil))
	old := newIssuer(t, "middle", upper, expired)
	renewed := func(by *issuer) []byte {
		tmpl := newTemplate("middle")
		tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.SubjectKeyId = true, true, old.cert.SubjectKeyId
		if by == old {
			return by.sign(tmpl, tmpl, old.key).Raw
		}
		return by.sign(tmpl, by.cert, old.key).Raw
	}
	twins, unequal := old.server(), old.server()
	twins.Certificate = [][]byte{twins.Certificate[0], old.cert.Raw, renewed(upper)}
	unequal.Certificate = [][]byte{unequal.Certificate[0], old.cert.Raw, renewed(old), upper.cert.Raw}
	withoutMiddle := newIssuer(t, "middle", root).server()
	withoutMiddle.Certificate = withoutMiddle.Certificate[:1]
	foreignIssuer := newIssuer(t, "middle", root).server()
	foreignIssuer.Certificate[1] = newIssuer(t, "middle", root).cert.Raw
	tests := []struct {
		name    string
		cert    tls.Certificate
		trusted *issuer
		needs   job.SecurityFlags
	}{
		{"expired intermediate", issued(newIssuer(t, "middle", root, expired)), root, job.IgnoreDate},
		{"expired intermediate of nobody", issued(newIssuer(t, "middle", newIssuer(t, "x", nil), expired)), root, job.IgnoreDate | job.IgnoreUnknownCA},
		{"expired root", issued(newIssuer(t, "middle", oldRoot)), oldRoot, job.IgnoreDate},
		{"expired root, old server", oldRoot.server(expired), oldRoot, job.IgnoreDate},
		{"intermediate for clients", issued(newIssuer(t, "middle", root, forClients)), root, job.IgnoreUsage},
		{"intermediate for clients of nobody", issued(newIssuer(t, "middle", newIssuer(t, "x", nil), forClients)), root, job.IgnoreUsage | job.IgnoreUnknownCA},
		{"not yet valid", root.server(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
		}), root, job.IgnoreDate},
		{"expired intermediate beside a valid one", twins, root, job.IgnoreUnknownCA},
		{"expired intermediate that leads further than a valid one", unequal, root, job.IgnoreDate | job.IgnoreUnknownCA},
		{"issuer of an intermediate expired", issued(newIssuer(t, "middle", newIssuer(t, "upper", newIssuer(t, "x", nil), expired))), root, job.IgnoreDate | job.IgnoreUnknownCA},
		{"in another order", shuffled, root, 0},
		{"without its intermediate", withoutMiddle, root, job.IgnoreUnknownCA},
		{"with another intermediate of that name", foreignIssuer, root, job.IgnoreUnknownCA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := serveTLS(t, tt.cert)
			flagSets := []job.SecurityFlags{0, tt.needs, all, all &^ tt.needs}
			for _, f := range faults {
				if tt.needs.Has(f.flag) {
					flagSets = append(flagSets, all&^f.flag)
				}
			}
			for _, flags := range flagSets {
				err := fetchWith(t, newDownloader(t), transport.Source{URL: url, Network: job.Network{CACert: tt.trusted.pem(), SecurityFlags: flags}})
				if want := flags.Has(tt.needs); want != (err == nil) {
					t.Errorf("flags %#x: error %v", flags, err)
				}
			}
		})
	}
}

// TestSelfSigned: the certificate most owners of a device see first.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	tmpl := newTemplate("device")
	self := &issuer{t: t, key: key}
	forAnotherHost(tmpl)
	leaf := self.sign(tmpl, tmpl, key)
	url := serveTLS(t, tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key})
	for flags, works := range map[job.SecurityFlags]bool{
		0: false, job.IgnoreUnknownCA: false, job.IgnoreHostName: false, job.IgnoreUnknownCA | job.IgnoreHostName: true,
		job.IgnoreUnknownCA | job.IgnoreHostName | job.CheckRevocation: true, // there is no issuer that could revoke it
	} {
		if err := fetchWith(t, newDownloader(t), transport.Source{URL: url, Network: job.Network{SecurityFlags: flags}}); works != (err == nil) {
			t.Errorf("flags %#x: %v", flags, err)
		}
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	root, stranger := newIssuer(t, "root", nil), newIssuer(t, "stranger", nil)
	middle := newIssuer(t, "middle", root)
	cert := middle.server()
	padded := cert
	padded.Certificate = append(padded.Certificate[:2:2], stranger.cert.Raw)
	tests := []struct {
		name  string
		cert  tls.Certificate
		pins  []string
		flags job.SecurityFlags
		works bool
	}{
		{"server", cert, []string{pinOf(cert.Leaf)}, 0, true},
		{"intermediate", cert, []string{pinOf(middle.cert)}, 0, true},
		{"root, which is not sent", cert, []string{pinOf(root.cert)}, 0, true},
		{"one of two", cert, []string{pinOf(stranger.cert), pinOf(root.cert)}, 0, true},
		{"another", cert, []string{pinOf(stranger.cert)}, 0, false},
		{"sent, but not an issuer", padded, []string{pinOf(stranger.cert)}, 0, false},
		{"sent, but not an issuer, authority unknown", padded, []string{pinOf(stranger.cert)}, job.IgnoreUnknownCA, false},
		{"authority unknown", cert, []string{pinOf(middle.cert)}, job.IgnoreUnknownCA, true},
		{"authority unknown, another", cert, []string{pinOf(root.cert)}, job.IgnoreUnknownCA, false}, // it was not presented
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := job.Network{CACert: root.pem(), Pins: tt.pins, SecurityFlags: tt.flags}
			if tt.flags != 0 {
				n.CACert = ""
			}
			err := fetchWith(t, newDownloader(t), transport.Source{URL: serveTLS(t, tt.cert), Network: n})
			if tt.works {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := asJobError(t, err); e.Class != job.NeedsAction || e.Code != job.SecureFailure || !strings.Contains(e.Text, pinOf(cert.Leaf)) {
				t.Errorf("%+v", e)
			}
		})
	}
	// A pin does not make up for what is wrong otherwise.
	err := fetchWith(t, newDownloader(t), transport.Source{URL: serveTLS(t, cert), Network: job.Network{Pins: []string{pinOf(cert.Leaf)}}})
	if e := asJobError(t, err); !strings.Contains(e.Text, "unknown authority") {
		t.Errorf("%+v", e)
	}
}

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

// TestServerThatAcceptsAClientCertificate, but does not require one: BITS fails there (0x80072F0C).
func TestServerThatAcceptsAClientCertificate(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.AskClientCert())
	for _, cert := range [][]byte{nil, srv.ClientCert()} {
		if err := fetchWith(t, newDownloader(t), transport.Source{URL: srv.URL, ClientCert: cert, Network: job.Network{CACert: srv.CACert()}}); err != nil {
			t.Errorf("certificate of %d bytes: %v", len(cert), err)
		}
	}
}

// TestLoginServersAreVerifiedAsEverywhere: what a job demands or forgives is not for those that only take part in a sign-in.
func TestLoginServersAreVerifiedAsEverywhere(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{root.server().Leaf}}
	strangers, known := &verifier{roots: poolOf(nil)}, &verifier{roots: poolOf([]*x509.Certificate{root.cert})}
	const addr = "127.0.0.1:443"
	h := &hop{source: transport.Source{Network: job.Network{SecurityFlags: job.IgnoreUnknownCA, Pins: []string{pinOf(newIssuer(t, "other", nil).cert)}}}}
	inHop := context.WithValue(t.Context(), hopKey{}, h)
	if err := strangers.verify(t.Context(), addr, state); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("nothing is forgiven: %v", err)
	}
	if err := known.verify(t.Context(), addr, state); err != nil {
		t.Errorf("no pin is demanded: %v", err)
	}
	if err := known.verify(inHop, addr, state); err == nil {
		t.Error("a pin is demanded of the job's own servers")
	}
	h.source.Network.Pins = nil
	if err := strangers.verify(inHop, addr, state); err != nil {
		t.Errorf("the job's own servers are forgiven: %v", err)
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
