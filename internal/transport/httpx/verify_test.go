package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
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
