package cli

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// clientPair is a certificate of an authority, with its key.
type clientPair struct {
	key      crypto.Signer
	cert, ca *x509.Certificate
}

func newClientPair(t *testing.T, key crypto.Signer) clientPair {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(tmpl, by *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
		tmpl.NotBefore, tmpl.NotAfter = time.Now(), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, tmpl, by, public, caKey)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true}
	ca := sign(root, root, caKey.Public())
	return clientPair{key, sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "client"}}, ca, key.Public()), ca}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestReadClientCert(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p, r := newClientPair(t, ec), newClientPair(t, rsaKey)
	encode := func(e *pkcs12.Encoder, pair clientPair, password string) string {
		raw, err := e.Encode(pair.key, pair.cert, []*x509.Certificate{pair.ca}, password)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM := pemOf("CERTIFICATE", p.cert.Raw), pemOf("PRIVATE KEY", pkcs8)
	const encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n"
	const oldEncrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n"
	tests := []struct {
		name, cert, key, password string
		want                      string // of the error; "" for a pair
	}{
		{"PEM in one file", keyPEM + certPEM, "", "", ""},
		{"PEM in two files", "Bag Attributes\n" + certPEM, keyPEM, "", ""},
		{"PEM with the key of SEC 1", certPEM, pemOf("EC PRIVATE KEY", sec1), "", ""},
		{"DER", string(p.cert.Raw), string(pkcs8), "", ""},
		{"DER and PEM", string(p.cert.Raw), keyPEM, "", ""},
		{"DER with the key of SEC 1", string(p.cert.Raw), string(sec1), "", ""},
		{"DER with the key of PKCS #1", string(r.cert.Raw), string(x509.MarshalPKCS1PrivateKey(rsaKey)), "", ""},
		{"PKCS #12", encode(pkcs12.Modern, p, "s3cret"), "", "s3cret\n", ""},
		{"PKCS #12 of RSA", encode(pkcs12.Modern, r, "s3cret"), "", "s3cret", ""},
		{"PKCS #12 with triple DES", encode(pkcs12.LegacyDES, p, "s3cret"), "", "s3cret\r\n", ""},
		{"PKCS #12 with RC2", encode(pkcs12.LegacyRC2, p, "s3cret"), "", "s3cret", ""},
		{"PKCS #12 without a password", encode(pkcs12.Passwordless, p, ""), "", "", ""},
		{"PKCS #12 with a wrong password", encode(pkcs12.Modern, p, "s3cret"), "", "other", "another one"},
		{"PKCS #12 with RC2 and a wrong password", encode(pkcs12.LegacyRC2, p, "s3cret"), "", "other", "another one"},
		{"PKCS #12 and no password", encode(pkcs12.Modern, p, "s3cret"), "", "", "--cert-password-file"},
		{"PKCS #12 and a key", encode(pkcs12.Modern, p, "s3cret"), keyPEM, "s3cret", "already"},
		{"no key", certPEM, "", "", "--key"},
		{"DER and no key", string(p.cert.Raw), "", "", "--key"},
		{"only a key", keyPEM, "", "", "no certificate"},
		{"another key", certPEM, pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "", "not"},
		{"encrypted key", certPEM, encrypted, "", "openssl pkey"},
		{"encrypted key as of old", oldEncrypted + certPEM, "", "", "openssl pkey"},
		{"nonsense", "hello", "", "", "PEM, DER or PKCS#12"},
		{"nonsense for a key", certPEM, "hello", "", "no private key"},
		{"empty", "", "", "", "PEM, DER or PKCS#12"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := func(name, content string) string {
				name = filepath.Join(dir, name)
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				return name
			}
			cert, key, password := file("a.bin", tt.cert), "", ""
			if tt.key != "" {
				key = file("b.bin", tt.key)
			}
			if tt.password != "" {
				password = file("c.txt", tt.password)
			}
			got, err := readClientCert(cert, key, password)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cret") || exitCode(err) != exitUsage {
					t.Errorf("error %v, want one with %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			pair, err := tls.X509KeyPair([]byte(got), []byte(got))
			if err != nil {
				t.Fatal(err)
			}
			if wantChain := strings.HasPrefix(tt.name, "PKCS"); wantChain != (len(pair.Certificate) == 2) {
				t.Errorf("%d certificates", len(pair.Certificate))
			}
		})
	}
	if _, err := readClientCert(filepath.Join(t.TempDir(), "none"), "", ""); err == nil || exitCode(err) != exitUsage {
		t.Errorf("no file: %v", err)
	}
}
