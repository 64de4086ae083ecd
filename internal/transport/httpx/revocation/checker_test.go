package revocation

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// now of all tests: what is signed is for the day around it.
var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// authority signs certificates and says what has become of them.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  crypto.Signer
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	own := template(name, 1)
	own.IsCA, own.BasicConstraintsValid, own.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	own.SubjectKeyId = []byte(name)
	a.cert = a.sign(own, a.key, own)
	return a
}

// sign makes a certificate of tmpl for key; issuer is the authority's own but for itself.
func (a *authority) sign(tmpl *x509.Certificate, key crypto.Signer, issuer *x509.Certificate) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, issuer, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue signs a certificate that can be asked about at http://ocsp.test/ and http://crl.test/.
func (a *authority) issue(serial int64, change ...func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	tmpl := template("server", serial)
	tmpl.OCSPServer, tmpl.CRLDistributionPoints = []string{"http://ocsp.test/"}, []string{"http://crl.test/1"}
	for _, c := range change {
		c(tmpl)
	}
	return a.sign(tmpl, newKey(a.t), a.cert)
}

func (a *authority) answer(cert *x509.Certificate, status int, change ...func(*ocsp.Response)) []byte {
	a.t.Helper()
	r := ocsp.Response{
		Status: status, SerialNumber: cert.SerialNumber, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour), RevokedAt: now.Add(-2 * time.Hour),
	}
	signer, key := a.cert, a.key
	for _, c := range change {
		c(&r)
	}
	if r.Certificate != nil {
		signer, key = r.Certificate, delegates[r.Certificate]
	}
	raw, err := ocsp.CreateResponse(a.cert, signer, r, key)
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

var delegates = map[*x509.Certificate]crypto.Signer{}

// delegate charges another certificate with answering, if usage says so.
func (a *authority) delegate(usage ...x509.ExtKeyUsage) func(*ocsp.Response) {
	key := newKey(a.t)
	tmpl := template("responder", 77)
	tmpl.ExtKeyUsage = usage
	cert := a.sign(tmpl, key, a.cert)
	delegates[cert] = key
	return func(r *ocsp.Response) { r.Certificate = cert }
}

func (a *authority) list(change func(*x509.RevocationList), serials ...int64) []byte {
	a.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	for _, s := range serials {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: now})
	}
	if change != nil {
		change(l)
	}
	raw, err := x509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return raw
}

// scoped adds an IssuingDistributionPoint.
func scoped(s scope, place string) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		if place != "" {
			s.Place.Full = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(place)}}
		}
		raw, err := asn1.Marshal(s)
		if err != nil {
			panic(err)
		}
		l.ExtraExtensions = []pkix.Extension{{Id: oidScope, Critical: true, Value: raw}}
	}
}

// world answers by URL, and remembers what it was asked.
type world struct {
	mu    sync.Mutex // guards asked
	asked []string
	says  map[string][]byte // nil: nobody is there
}

func (w *world) fetch(_ context.Context, r Request) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, r.URL)
	if raw := w.says[r.URL]; raw != nil {
		return raw, nil
	}
	return nil, errors.New("nobody is there")
}

func newChecker() *Checker {
	c := New()
	c.now = func() time.Time { return now }
	return c
}

func TestCheck(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t, "authority"), newAuthority(t, "authority")
	cert, other := a.issue(2), a.issue(3)
	renamed := &authority{t: t, key: a.key}
	tmpl := template("authority of another name", 1)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage, tmpl.SubjectKeyId = true, true, x509.KeyUsageCRLSign, a.cert.SubjectKeyId
	renamed.cert = renamed.sign(tmpl, renamed.key, tmpl)
	bare := a.issue(2, func(c *x509.Certificate) { c.OCSPServer, c.CRLDistributionPoints = nil, []string{"ldap://crl.test/"} })
	good, revoked, unknown := a.answer(cert, ocsp.Good), a.answer(cert, ocsp.Revoked), a.answer(cert, ocsp.Unknown)
	older := func(by time.Duration) func(*ocsp.Response) {
		return func(r *ocsp.Response) {
			r.ThisUpdate = r.ThisUpdate.Add(-by)
			r.NextUpdate = r.NextUpdate.Add(-by)
		}
	}
	undated := func(age time.Duration) func(*ocsp.Response) {
		return func(r *ocsp.Response) { r.ThisUpdate, r.NextUpdate = now.Add(-age), time.Time{} }
	}
	tests := []struct {
		name              string
		cert              *x509.Certificate
		staple, ocsp, crl []byte
		want              error
	}{
		{"stapled good", cert, good, nil, nil, nil},
		{"stapled revoked wins", cert, revoked, good, a.list(nil), ErrRevoked},
		{"good", cert, nil, good, nil, nil},
		{"revoked", cert, nil, revoked, a.list(nil), ErrRevoked},
		{"unknown to OCSP, not in the list", cert, nil, unknown, a.list(nil, 3, 4), nil},
		{"unknown to OCSP, in the list", cert, nil, unknown, a.list(nil, 1, 2, 3), ErrRevoked},
		{"nobody there", cert, nil, nil, nil, ErrUnknown},
		{"nothing to ask", bare, nil, good, a.list(nil), ErrUnknown},
		{"only in the list", cert, nil, nil, a.list(nil, 2), ErrRevoked},
		{"answer of a stranger", cert, nil, stranger.answer(cert, ocsp.Good), nil, ErrUnknown},
		{"staple of a stranger", cert, stranger.answer(cert, ocsp.Good), revoked, nil, ErrRevoked},
		{"answer about another", cert, nil, a.answer(other, ocsp.Good), nil, ErrUnknown},
		{"outdated answer", cert, nil, a.answer(cert, ocsp.Good, older(2*time.Hour)), nil, ErrUnknown},
		{"outdated staple", cert, a.answer(cert, ocsp.Good, older(2*time.Hour)), nil, nil, ErrUnknown},
		{"answer of tomorrow", cert, nil, a.answer(cert, ocsp.Good, older(-24*time.Hour)), nil, ErrUnknown},
		{"without NextUpdate", cert, nil, a.answer(cert, ocsp.Good, undated(time.Hour)), nil, nil},
		{"old and without NextUpdate", cert, nil, a.answer(cert, ocsp.Good, undated(25*time.Hour)), nil, ErrUnknown},
		{"delegate", cert, nil, a.answer(cert, ocsp.Good, a.delegate(x509.ExtKeyUsageOCSPSigning)), nil, nil},
		{"any certificate of the issuer", cert, nil, a.answer(cert, ocsp.Good, a.delegate(x509.ExtKeyUsageServerAuth)), nil, ErrUnknown},
		{"delegate of a stranger", cert, nil, a.answer(cert, ocsp.Good, stranger.delegate(x509.ExtKeyUsageOCSPSigning)), nil, ErrUnknown},
		{"no OCSP answer", cert, nil, []byte("<html>"), nil, ErrUnknown},
		{"list of a stranger", cert, nil, nil, stranger.list(nil), ErrUnknown},
		{"list of another name with that key", cert, nil, nil, renamed.list(nil), ErrUnknown},
		{"outdated list", cert, nil, nil, a.list(func(l *x509.RevocationList) { l.NextUpdate = now.Add(-time.Minute) }), ErrUnknown},
		{"no list", cert, nil, nil, []byte("<html>"), ErrUnknown},
		{"taken off the list", cert, nil, nil, a.list(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].ReasonCode = 8 }, 2), nil},
		{"piece of a list", cert, nil, nil, a.list(scoped(scope{}, "http://crl.test/1")), nil},
		{"another piece", cert, nil, nil, a.list(scoped(scope{}, "http://crl.test/2")), ErrUnknown},
		{"list of servers", cert, nil, nil, a.list(scoped(scope{OnlyUsers: true}, "")), nil},
		{"list of authorities", cert, nil, nil, a.list(scoped(scope{OnlyCAs: true}, "")), ErrUnknown},
		{"indirect list", cert, nil, nil, a.list(scoped(scope{Indirect: true}, "")), ErrUnknown},
		{"some reasons only", cert, nil, nil, a.list(scoped(scope{SomeReasons: asn1.BitString{Bytes: []byte{0x40}, BitLength: 2}}, "")), ErrUnknown},
		{"delta list", cert, nil, nil, a.list(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		}), ErrUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &world{says: map[string][]byte{"http://ocsp.test/": tt.ocsp, "http://crl.test/1": tt.crl}}
			c := newChecker()
			err := c.Check(t.Context(), []*x509.Certificate{tt.cert, a.cert}, tt.staple, w.fetch)
			if !errors.Is(err, tt.want) || (tt.want == nil && err != nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if strings.HasPrefix(tt.name, "stapled") && len(w.asked) > 0 {
				t.Errorf("asked %v although the answer was stapled", w.asked)
			}
		})
	}
}

// TestIntermediates: every certificate is checked but the one that is trusted; the staple is about the first.
func TestIntermediates(t *testing.T) {
	t.Parallel()
	root, middle := newAuthority(t, "root"), newAuthority(t, "middle")
	tmpl := template("middle", 9)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	tmpl.CRLDistributionPoints = []string{"http://root.test/"}
	middle.cert = root.sign(tmpl, middle.key, root.cert)
	cert := middle.issue(2)
	chain := []*x509.Certificate{cert, middle.cert, root.cert}
	for _, tt := range []struct {
		list []byte
		want error
	}{{root.list(nil), nil}, {root.list(nil, 9), ErrRevoked}, {nil, ErrUnknown}} {
		w := &world{says: map[string][]byte{"http://root.test/": tt.list}}
		if err := newChecker().Check(t.Context(), chain, middle.answer(cert, ocsp.Good), w.fetch); !errors.Is(err, tt.want) || (tt.want == nil && err != nil) {
			t.Errorf("error %v, want %v", err, tt.want)
		}
	}
	if err := newChecker().Check(t.Context(), chain[2:], nil, nil); err != nil {
		t.Errorf("a root alone: %v", err)
	}
}

// TestAnswersAreKept until they are outdated, failures are not.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, "authority")
	cert := a.issue(2)
	chain := []*x509.Certificate{cert, a.cert}
	for name, says := range map[string]map[string][]byte{
		"ocsp": {"http://ocsp.test/": a.answer(cert, ocsp.Good)},
		"crl":  {"http://crl.test/1": a.list(nil)},
	} {
		w := &world{}
		c := newChecker()
		if err := c.Check(t.Context(), chain, nil, w.fetch); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		w.says, w.asked = says, nil
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if err := c.Check(t.Context(), chain, nil, w.fetch); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		good := 0
		for _, url := range w.asked {
			if says[url] != nil {
				good++
			}
		}
		if good != 1 {
			t.Errorf("%s: the answer was fetched %d times", name, good)
		}
		w.says = nil
		c.now = func() time.Time { return now.Add(time.Hour) }
		if err := c.Check(t.Context(), chain, nil, w.fetch); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: after NextUpdate: %v", name, err)
		}
	}
}

// TestMemoIsBounded: what is outdated first goes first.
func TestMemoIsBounded(t *testing.T) {
	t.Parallel()
	var m memo[int]
	for i := range 10 {
		got, err := m.get(t.Context(), [32]byte{byte(i + 1)}, now, 100, func() (answer[int], time.Time, error) {
			return answer[int]{i, 30}, now.Add(time.Duration(100-i) * time.Hour), nil
		})
		if got != i || err != nil {
			t.Fatal(got, err)
		}
	}
	if m.weight != 90 || len(m.kept) != 3 {
		t.Errorf("weight %d, %d answers", m.weight, len(m.kept))
	}
	if _, ok := m.kept[[32]byte{1}]; !ok {
		t.Error("the answer that is valid longest is gone")
	}
}

// TestWhoWaitsIsNotTiedToWhoAsks: the one who asks goes away, the one who waits asks.
func TestWhoWaitsIsNotTiedToWhoAsks(t *testing.T) {
	t.Parallel()
	var m memo[int]
	ctx, cancel := context.WithCancel(t.Context())
	asking, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_, _ = m.get(ctx, [32]byte{}, now, 1, func() (answer[int], time.Time, error) {
			close(asking)
			<-ctx.Done()
			return answer[int]{}, time.Time{}, ctx.Err()
		})
	}()
	<-asking
	time.AfterFunc(10*time.Millisecond, cancel)
	got, err := m.get(t.Context(), [32]byte{}, now, 1, func() (answer[int], time.Time, error) { return answer[int]{7, 1}, now.Add(time.Hour), nil })
	if got != 7 || err != nil {
		t.Error(got, err)
	}
	<-done
}

func FuzzParseAnswer(f *testing.F) {
	a := newAuthority(f, "authority")
	cert := a.issue(2)
	f.Add(a.answer(cert, ocsp.Good))
	f.Add(a.answer(cert, ocsp.Revoked, a.delegate(x509.ExtKeyUsageOCSPSigning)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, until, err := parseAnswer(raw, cert, a.cert, now); err == nil && !until.IsZero() && until.Before(now) {
			t.Errorf("valid until %v", until)
		}
	})
}

func FuzzParseList(f *testing.F) {
	a := newAuthority(f, "authority")
	cert := a.issue(2)
	f.Add(a.list(nil, 1, 2, 3))
	f.Add(a.list(scoped(scope{OnlyUsers: true}, "http://crl.test/1"), 7))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, until, err := parseList(raw, a.cert, now)
		if err != nil {
			return
		}
		if until.Before(now) || !bytes.Contains(raw, a.cert.RawSubject) {
			t.Errorf("until %v", until)
		}
		_, _ = l.verdict(cert)
	})
}
