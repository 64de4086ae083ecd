//go:build integration

package httpauth_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// realFiles is a folder with one file that the servers can read.
func realFiles(t *testing.T) (rig.Files, []byte) {
	t.Helper()
	dir := t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := os.WriteFile(filepath.Join(dir, "file.bin"), content, 0o644); err != nil { //nolint:gosec // the server is another user
		t.Fatal(err)
	}
	return rig.Files(dir), content
}

func originOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := httpauth.Origin(u)
	if err != nil {
		t.Fatal(err)
	}
	return origin
}

// trusting returns a TLS configuration for the certificates of server.
func trusting(t *testing.T, server *rig.Server) *tls.Config {
	t.Helper()
	ca, err := os.ReadFile(server.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatalf("no certificate in %s", server.CAFile)
	}
	return &tls.Config{RootCAs: roots}
}

// TestRealServers: right, wrong and missing passwords of every user of the rig, over http and https.
func TestRealServers(t *testing.T) {
	files, content := realFiles(t)
	apache, lighttpd := rig.Apache(t, files), rig.Lighttpd(t, files)
	for _, tt := range []struct {
		server *rig.Server
		path   string
		scheme httpauth.Scheme
	}{
		{apache, "/basic/file.bin", httpauth.Basic},
		{apache, "/digest/file.bin", httpauth.Digest},
		{lighttpd, "/digest-md5/file.bin", httpauth.Digest},
		{lighttpd, "/digest-sha256/file.bin", httpauth.Digest},
		{lighttpd, "/digest-userhash/file.bin", httpauth.Digest},
	} {
		for _, address := range []string{tt.server.URL(tt.path), tt.server.HTTPS(tt.path)} {
			for _, user := range rig.Users {
				c := httpauth.Credentials{Scheme: tt.scheme, Origin: originOf(t, address), User: user.Name, Password: user.Password}
				cfg := httpauth.Config{Credentials: []httpauth.Credentials{c}, TLS: trusting(t, tt.server)}
				tr := mustNew(t, cfg)
				for range 2 {
					if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
						t.Errorf("%s as %s: %d, %d bytes, %v", address, user.Name, status, len(got), err)
					}
				}
				cfg.Credentials[0].Password += "x"
				if e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", address, nil)); !errors.Is(e, httpauth.ErrRefused) || e.Refused != tt.scheme {
					t.Errorf("%s as %s with a wrong password: %v", address, user.Name, e)
				}
				cfg.Credentials = nil
				if e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", address, nil)); !errors.Is(e, httpauth.ErrNoCredentials) {
					t.Errorf("%s without a password: %v", address, e)
				}
			}
		}
	}
}

// TestRealStaleNonce: Apache's nonces of 2 seconds.
func TestRealStaleNonce(t *testing.T) {
	files, content := realFiles(t)
	address := rig.Apache(t, files).URL("/digest-stale/file.bin")
	tr := mustNew(t, httpauth.Config{Credentials: []httpauth.Credentials{
		{Scheme: httpauth.Digest, Origin: originOf(t, address), User: rig.Alice.Name, Password: rig.Alice.Password},
	}})
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if status, got, err := get(t, tr, "GET", address, ""); status != 200 || got != string(content) || err != nil {
			t.Fatalf("%d, %d bytes, %v", status, len(got), err)
		}
	}
}

// TestRealProxies: squid, plain and by CONNECT, before a server that asks as well.
func TestRealProxies(t *testing.T) {
	files, content := realFiles(t)
	apache, squid := rig.Apache(t, files), rig.Squid(t)
	for scheme, address := range map[httpauth.Scheme]string{httpauth.Basic: squid.Basic, httpauth.Digest: squid.Digest} {
		proxy, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{apache.URL("/digest/file.bin"), apache.HTTPS("/digest/file.bin")} {
			for _, user := range rig.Users {
				cfg := httpauth.Config{
					Proxy: http.ProxyURL(proxy), TLS: trusting(t, apache),
					Credentials: []httpauth.Credentials{
						{Target: httpauth.Proxy, Scheme: scheme, Origin: originOf(t, address), User: user.Name, Password: user.Password},
						{Scheme: httpauth.Digest, Origin: originOf(t, target), User: user.Name, Password: user.Password},
					},
				}
				tr := mustNew(t, cfg)
				for range 2 {
					if status, got, err := get(t, tr, "GET", target, ""); status != 200 || got != string(content) || err != nil {
						t.Errorf("%s at %s as %s: %d, %d bytes, %v", scheme, target, user.Name, status, len(got), err)
					}
				}
				cfg.Credentials[0].Password += "x"
				e, _ := refusal(t, mustNew(t, cfg), newRequest(t, "GET", target, nil))
				if !errors.Is(e, httpauth.ErrRefused) || e.Target != httpauth.Proxy || e.Status != 407 {
					t.Errorf("%s at %s as %s with a wrong password: %v", scheme, target, user.Name, e)
				}
			}
		}
	}
}

func certificateOf(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no certificate in %s", file)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
