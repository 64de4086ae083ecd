//go:build integration

package httpx

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// servedFolder is a folder with one file that the servers of the rig can read.
func servedFolder(t *testing.T) rig.Files {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file.bin"), bytes.Repeat([]byte("0123456789abcdef"), 1<<12), 0o644); err != nil { //nolint:gosec // the server is another user
		t.Fatal(err)
	}
	return rig.Files(dir)
}

func readAll(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRealCertificates: nginx, whose certificate is of an authority that nobody knows and tells nothing of revocation.
func TestRealCertificates(t *testing.T) {
	t.Parallel()
	nginx := rig.Nginx(t, servedFolder(t))
	ca := readAll(t, nginx.CAFile)
	block, _ := pem.Decode([]byte(ca))
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	other := pinOf(newIssuer(t, "other", nil).cert)
	for _, tt := range []struct {
		name    string
		network job.Network
		code    job.Code // OK for a file
	}{
		{"unknown authority", job.Network{}, job.SecureFailure},
		{"forgiven", job.Network{SecurityFlags: job.IgnoreUnknownCA}, job.OK},
		{"something else forgiven", job.Network{SecurityFlags: job.IgnoreHostName | job.IgnoreDate | job.IgnoreUsage}, job.SecureFailure},
		{"pinned", job.Network{CACert: ca, Pins: []string{other, pinOf(root)}}, job.OK},
		{"another pinned", job.Network{CACert: ca, Pins: []string{other}}, job.SecureFailure},
		{"revocation", job.Network{CACert: ca, SecurityFlags: job.CheckRevocation}, job.RevocationFailed},
	} {
		for _, url := range []string{nginx.HTTPS("/pub/file.bin"), nginx.HTTP2("/pub/file.bin")} {
			err := fetchWith(t, newDownloader(t), transport.Source{URL: url, Network: tt.network})
			if tt.code == job.OK {
				if err != nil {
					t.Errorf("%s: %v", tt.name, err)
				}
				continue
			}
			if e := asJobError(t, err); e.Code != tt.code {
				t.Errorf("%s: %+v", tt.name, e)
			}
		}
	}
}

// TestRealProxies: squid, second in a list, for http and https; and past it.
func TestRealProxies(t *testing.T) {
	t.Parallel()
	nginx, squid := rig.Nginx(t, servedFolder(t)), rig.Squid(t)
	ca := readAll(t, nginx.CAFile) + readAll(t, squid.CAFile)
	dead := "http://" + ebbtest.Refusing(t)
	alice := rig.Users[0]
	for _, url := range []string{nginx.URL("/pub/file.bin"), nginx.HTTPS("/pub/file.bin")} {
		for _, proxy := range []string{squid.Open, squid.Basic, squid.Digest, squid.TLS.Open, squid.TLS.Basic} {
			src := transport.Source{
				URL: url, Network: job.Network{CACert: ca, Proxy: dead + " " + proxy, AllowCleartext: true},
				Credentials: []job.Credential{{Target: "proxy", Scheme: "any", User: alice.Name, Password: alice.Password}},
			}
			if err := fetchWith(t, newDownloader(t), src); err != nil {
				t.Errorf("%s by %s: %v", url, proxy, err)
			}
		}
		src := transport.Source{URL: url, Network: job.Network{CACert: ca, Proxy: dead, ProxyBypass: "127.0.0.0/8"}}
		if err := fetchWith(t, newDownloader(t), src); err != nil {
			t.Errorf("%s past its proxy: %v", url, err)
		}
	}
}

// opensslCA is an authority whose OCSP answers and lists OpenSSL makes.
type opensslCA struct {
	*issuer
	t   *testing.T
	dir string
}

func newOpensslCA(t *testing.T, revoked *big.Int) *opensslCA {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on this machine")
	}
	ca := &opensslCA{newIssuer(t, "authority", nil), t, t.TempDir()}
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Hour).UTC().Format("060102150405Z")
	ca.write("ca.pem", ca.pem())
	ca.write("ca.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	ca.write("index.txt", fmt.Sprintf("V\t%s\t\t02\tunknown\t/CN=server\nR\t%s\t%s\t%02X\tunknown\t/CN=server\n",
		end, end, time.Now().UTC().Format("060102150405Z"), revoked))
	ca.write("crlnumber", "01\n")
	ca.write("ca.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ncrlnumber=crlnumber\ncertificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\ndefault_crl_days=1\n")
	return ca
}

func (ca *opensslCA) write(name, content string) {
	ca.t.Helper()
	if err := os.WriteFile(filepath.Join(ca.dir, name), []byte(content), 0o600); err != nil {
		ca.t.Fatal(err)
	}
}

func (ca *opensslCA) openssl(args ...string) error {
	cmd := exec.CommandContext(ca.t.Context(), "openssl", args...)
	cmd.Dir = ca.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("openssl %v: %w: %s", args, err, out)
	}
	return nil
}

// ServeHTTP hands a question to OpenSSL, or makes a list.
func (ca *opensslCA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := errors.New("no such place")
	switch r.Method + r.URL.Path {
	case "POST/ocsp":
		question, _ := io.ReadAll(r.Body)
		ca.write("question", string(question))
		err = ca.openssl("ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key",
			"-ndays", "1", "-reqin", "question", "-respout", "answer")
	case "GET/crl":
		if err = ca.openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "list.pem"); err == nil {
			err = ca.openssl("crl", "-in", "list.pem", "-outform", "DER", "-out", "answer")
		}
	}
	if err != nil {
		ca.t.Error(err)
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	http.ServeFile(w, r, filepath.Join(ca.dir, "answer"))
}

// TestRealRevocation: questions that OpenSSL understands, and answers and lists that it makes.
func TestRealRevocation(t *testing.T) {
	t.Parallel()
	const good, bad = 2, 3
	ca := newOpensslCA(t, big.NewInt(bad))
	registry := httptest.NewServer(ca)
	t.Cleanup(registry.Close)
	for _, tt := range []struct {
		serial int64
		place  string
		code   job.Code
	}{{good, "/ocsp", job.OK}, {bad, "/ocsp", job.CertRevoked}, {4, "/ocsp", job.RevocationFailed}, {good, "/crl", job.OK}, {bad, "/crl", job.CertRevoked}} {
		url := serveTLS(t, ca.server(func(c *x509.Certificate) {
			c.SerialNumber = big.NewInt(tt.serial)
			if tt.place == "/ocsp" {
				c.OCSPServer = []string{registry.URL + tt.place}
			} else {
				c.CRLDistributionPoints = []string{registry.URL + tt.place}
			}
		}))
		err := fetchWith(t, newDownloader(t), transport.Source{URL: url, Network: job.Network{CACert: ca.pem(), SecurityFlags: job.CheckRevocation}})
		if tt.code == job.OK {
			if err != nil {
				t.Errorf("%d by %s: %v", tt.serial, tt.place, err)
			}
		} else if e := asJobError(t, err); e.Code != tt.code {
			t.Errorf("%d by %s: %+v", tt.serial, tt.place, e)
		}
	}
}
