package rig

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// The pool that a test trusts verifies the server's certificate under each of its names,
// and no other name.
func TestRootsVerify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := writeCertificates(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, "server.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("server.pem holds no PEM block")
	}
	server, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"localhost": true, "web.ebb.test": true, "127.0.0.1": true, "[::1]": true, "example.com": false} {
		_, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		if got := err == nil; got != want {
			t.Errorf("certificate for %s is valid = %v, want %v: %v", name, got, want, err)
		}
	}
}
