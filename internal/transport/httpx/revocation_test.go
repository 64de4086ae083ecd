package httpx

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// revoker is where an issuer tells what it has revoked, by OCSP and as a list. Both are real servers.
type revoker struct {
	issuer  *issuer
	server  *httptest.Server
	revoked []int64
	asked   atomic.Int64
	strange atomic.Int64 // requests that bring what is none of its business
	silent  atomic.Bool
}

func newRevoker(t testing.TB, i *issuer, revoked ...int64) *revoker {
	t.Helper()
	r := &revoker{issuer: i, revoked: revoked}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ocsp", r.ocsp)
	mux.HandleFunc("GET /crl", r.crl)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Token"} {
			if req.Header.Get(name) != "" {
				r.strange.Add(1)
			}
		}
		if r.silent.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, req)
	}))
	t.Cleanup(r.server.Close)
	return r
}

func (r *revoker) ocsp(w http.ResponseWriter, req *http.Request) {
	raw, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	question, err := ocsp.ParseRequest(raw)
	if err != nil || req.Header.Get("Content-Type") != "application/ocsp-request" {
		http.Error(w, "not an OCSP request", http.StatusBadRequest)
		return
	}
	_, _ = w.Write(r.answer(question.SerialNumber))
}

// answer is what OCSP says about a serial number.
func (r *revoker) answer(serial *big.Int) []byte {
	status := ocsp.Good
	if slices.Contains(r.revoked, serial.Int64()) {
		status = ocsp.Revoked
	}
	raw, err := ocsp.CreateResponse(r.issuer.cert, r.issuer.cert, ocsp.Response{
		Status: status, SerialNumber: serial, ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour), RevokedAt: time.Now(),
	}, r.issuer.key)
	if err != nil {
		panic(err)
	}
	return raw
}

func (r *revoker) crl(w http.ResponseWriter, _ *http.Request) {
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour)}
	for _, s := range r.revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: time.Now()})
	}
	raw, err := x509.CreateRevocationList(rand.Reader, l, r.issuer.cert, r.issuer.key)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(raw)
}

// cert issues a certificate with that serial number, which names the revoker's servers as by tells.
func (r *revoker) cert(serial int64, by ...string) tls.Certificate {
	return r.issuer.server(func(c *x509.Certificate) {
		c.SerialNumber = big.NewInt(serial)
		if slices.Contains(by, "ocsp") {
			c.OCSPServer = []string{r.server.URL + "/ocsp"}
		}
		if slices.Contains(by, "crl") {
			c.CRLDistributionPoints = []string{r.server.URL + "/crl"}
		}
	})
}

func TestCheckRevocation(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	r := newRevoker(t, root, 13)
	silent := newRevoker(t, root, 13)
	silent.silent.Store(true)
	stapled := func(c tls.Certificate) tls.Certificate {
		c.OCSPStaple = r.answer(c.Leaf.SerialNumber)
		return c
	}
	tests := []struct {
		name string
		cert tls.Certificate
		code job.Code // OK for a file
	}{
		{"good by OCSP", r.cert(2, "ocsp"), job.OK},
		{"revoked by OCSP", r.cert(13, "ocsp"), job.CertRevoked},
		{"good by list", r.cert(2, "crl"), job.OK},
		{"revoked by list", r.cert(13, "crl"), job.CertRevoked},
		{"stapled good", stapled(silent.cert(2, "ocsp")), job.OK},
		{"stapled revoked", stapled(silent.cert(13, "ocsp")), job.CertRevoked},
		{"nobody answers", silent.cert(2, "ocsp", "crl"), job.RevocationFailed},
		{"nobody to ask", r.cert(2), job.RevocationFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := transport.Source{URL: serveTLS(t, tt.cert), Network: job.Network{CACert: root.pem()}}
			if err := fetchWith(t, newDownloader(t), src); err != nil {
				t.Errorf("without the flag: %v", err)
			}
			src.Network.SecurityFlags = job.CheckRevocation
			err := fetchWith(t, newDownloader(t), src)
			if tt.code == job.OK {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := asJobError(t, err); e.Code != tt.code || e.Class != job.Fatal || !strings.Contains(e.Text, "127.0.0.1") {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestRevocationIsAskedOnce for all connections and jobs until the answer is outdated, through the job's proxy and
// without its secrets.
func TestRevocationIsAskedOnce(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	for _, by := range []string{"ocsp", "crl"} {
		r := newRevoker(t, root)
		proxy := ebbtest.NewProxy(t, "alice", "proxy-s3cret")
		d := newDownloader(t)
		url := serveTLS(t, r.cert(2, by))
		for n := range 3 {
			src := transport.Source{
				URL: url, Headers: []job.Header{{Name: "X-Token", Value: "t"}, {Name: "Cookie", Value: "c"}},
				Network: job.Network{
					CACert: root.pem(), SecurityFlags: job.CheckRevocation, Proxy: proxy.URL, ConnectTimeout: job.Duration(time.Hour) + job.Duration(n),
				},
				Credentials: []job.Credential{
					{Target: "server", Scheme: "basic", User: "alice", Password: "server-s3cret"},
					{Target: "proxy", Scheme: "basic", User: "alice", Password: "proxy-s3cret"},
				},
			}
			if err := fetchWith(t, d, src); err != nil {
				t.Fatalf("%s: %v", by, err)
			}
		}
		if n := r.asked.Load(); n != 1 {
			t.Errorf("%s: asked %d times", by, n)
		}
		if n := r.strange.Load(); n != 0 {
			t.Errorf("%s: %d fields that are none of its business", by, n)
		}
		if !slices.ContainsFunc(proxy.Seen(), func(s string) bool { return strings.Contains(s, r.server.URL+"/"+by) }) {
			t.Errorf("%s: not through the proxy: %v", by, proxy.Seen())
		}
	}
}

// TestRevocationOfAnUnknownAuthority: nobody can tell, even if the authority is forgiven.
func TestRevocationOfAnUnknownAuthority(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	r := newRevoker(t, root)
	src := transport.Source{URL: serveTLS(t, r.cert(2, "ocsp")), Network: job.Network{SecurityFlags: job.CheckRevocation | job.IgnoreUnknownCA}}
	if e := asJobError(t, fetchWith(t, newDownloader(t), src)); e.Code != job.RevocationFailed {
		t.Errorf("%+v", e)
	}
}

// TestSecureResponder: what the job demands of its servers is not demanded of those that are asked about them.
func TestSecureResponder(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "root", nil)
	r := newRevoker(t, root)
	secure := httptest.NewUnstartedServer(r.server.Config.Handler)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{root.server()}, MinVersion: tls.VersionTLS12}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	cert := root.server(func(c *x509.Certificate) { c.OCSPServer = []string{secure.URL + "/ocsp"} })
	h := &hook{}
	err := fetchWith(t, newDownloader(t), transport.Source{
		URL: serveTLS(t, cert), CheckCertificate: h.check,
		Network: job.Network{CACert: root.pem(), SecurityFlags: job.CheckRevocation, Pins: []string{pinOf(cert.Leaf)}},
	})
	if err != nil || h.count() != 1 {
		t.Errorf("asked %d times, error %v", h.count(), err)
	}
}
