package httpx

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// issuer is a certificate that signs others.
type issuer struct {
	t      testing.TB
	cert   *x509.Certificate
	key    crypto.Signer
	parent *issuer // nil for a root
}

func newIssuer(t testing.TB, name string, parent *issuer, change ...func(*x509.Certificate)) *issuer {
	t.Helper()
	i := &issuer{t: t, key: newKey(t), parent: parent}
	tmpl := newTemplate(name)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	for _, c := range change {
		c(tmpl)
	}
	signer, by := i, tmpl
	if parent != nil {
		signer, by = parent, parent.cert
	}
	i.cert = signer.sign(tmpl, by, i.key)
	return i
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTemplate(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
	}
}

func (i *issuer) sign(tmpl, by *x509.Certificate, key crypto.Signer) *x509.Certificate {
	i.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by, key.Public(), i.key)
	if err != nil {
		i.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return cert
}

// server issues a certificate for 127.0.0.1 and shows it with those of its issuers but for the root.
func (i *issuer) server(change ...func(*x509.Certificate)) tls.Certificate {
	i.t.Helper()
	tmpl := newTemplate("server")
	tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, c := range change {
		c(tmpl)
	}
	key := newKey(i.t)
	leaf := i.sign(tmpl, i.cert, key)
	pair := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for at := i; at.parent != nil; at = at.parent {
		pair.Certificate = append(pair.Certificate, at.cert.Raw)
	}
	return pair
}

// pem is what a job has as CACert.
func (i *issuer) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw}))
}

// serveTLS serves a file of one byte with that certificate, and returns its URL.
func serveTLS(t testing.TB, cert tls.Certificate) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL + "/file"
}

// fetchWith opens and reads src by d.
func fetchWith(t testing.TB, d *Downloader, src transport.Source) error {
	t.Helper()
	body, _, err := d.Open(t.Context(), src, 0, job.Validator{})
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.ReadAll(body)
	return err
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
}

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

func forAnotherHost(c *x509.Certificate) {
	c.IPAddresses, c.DNSNames = nil, []string{"another.example"}
}
