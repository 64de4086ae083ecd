package ebbtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// certs are an authority made for one test, and what it signed.
type certs struct {
	ca        *x509.Certificate
	caKey     *ecdsa.PrivateKey
	caPEM     []byte
	clientPEM []byte
	server    tls.Certificate
}

func newCerts(t testing.TB, expired bool) *certs {
	t.Helper()
	c := &certs{caKey: newKey(t)}
	template := newTemplate("ebb test authority", false)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, c.caKey.Public(), c.caKey)
	if err != nil {
		t.Fatal(err)
	}
	if c.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.caPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})

	server := newTemplate("ebb test server", expired)
	server.DNSNames = []string{"localhost", "xn--bcher-kva.example"}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	certPEM, keyPEM := c.sign(t, server)
	if c.server, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	client := newTemplate("ebb test client", false)
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	certPEM, keyPEM = c.sign(t, client)
	c.clientPEM = bytes.Join([][]byte{certPEM, keyPEM}, nil)
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTemplate(name string, expired bool) *x509.Certificate {
	end := time.Now().Add(24 * time.Hour)
	if expired {
		end = time.Now().Add(-time.Hour)
	}
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: end.Add(-72 * time.Hour), NotAfter: end, KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func (c *certs) sign(t testing.TB, template *x509.Certificate) (certPEM, keyPEM []byte) {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, c.ca, key.Public(), c.caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func (c *certs) config(clientCert tls.ClientAuthType) *tls.Config {
	clients := x509.NewCertPool()
	clients.AddCert(c.ca)
	return &tls.Config{
		Certificates: []tls.Certificate{c.server}, MinVersion: tls.VersionTLS12, ClientAuth: clientCert, ClientCAs: clients,
	}
}
