// Package rig starts real servers for a test: nginx, Apache httpd, lighttpd and
// squid, as their packages install them, on loopback ports of their own.
//
//	s := rig.Apache(t, rig.Files(dir))
//	get(s.URL("/digest/file.bin"), rig.Alice)
//	s.Restart() // the connections break; the address stays
//
// A server belongs to one test, which alone may call its methods. It keeps its
// state under t.TempDir, ends with the test, and shows its logs when the test
// failed. Started by root, it runs as nobody. When the server is not installed
// the test is skipped, or fails where EBB_CI=1 or CI=true is set.
//
// Endpoints: [Nginx], [Apache], [Lighttpd], [Squid]. Tests that use the rig carry
// the build tag integration.
package rig

import (
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// Files is the folder that a server hands out under each of its endpoints. A file
// in it must be readable for everyone.
type Files string

// SlowRate is how many bytes a second /slow/ gives to one connection.
const SlowRate = 1 << 20

// A Server is a running web server.
type Server struct {
	*process
	http, https int

	CAFile string         // the certificate authority that signed the server's certificate, as PEM
	Roots  *x509.CertPool // the same, for a tls.Config
}

// URL returns the http address of path, which starts with a slash.
func (s *Server) URL(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path)
}

// HTTPS returns the https address of path, which starts with a slash.
func (s *Server) HTTPS(path string) string {
	return fmt.Sprintf("https://127.0.0.1:%d%s", s.https, path)
}

// A Proxy is a running proxy. Its fields are the addresses that differ in what
// they ask for.
type Proxy struct {
	*process

	Open   string // asks for nothing
	Basic  string
	Digest string
}

// webConfig is what the configuration templates of the web servers may use.
type webConfig struct {
	Dir, Files  string
	HTTP, HTTPS int
	SlowKiB     int // a second
}

// web prepares what all web servers have in common and starts one, whose argv is
// made from the folder of its state.
func web(t testing.TB, name string, files Files, conf string, argv func(bin, dir string) []string) *Server {
	t.Helper()
	bin := need(t, name)
	dir := stateDir(t)
	reachable(t, string(files))
	ports := freePorts(t, 2)
	s := &Server{http: ports[0], https: ports[1], CAFile: filepath.Join(dir, "ca.pem"), Roots: writeCertificates(t, dir)}
	writePasswords(t, dir)
	writeConfig(t, dir, conf, webConfig{Dir: dir, Files: strings.TrimRight(string(files), "/"), HTTP: s.http, HTTPS: s.https, SlowKiB: SlowRate / 1024})
	own(t, dir)
	s.process = launch(t, name, dir, argv(bin, dir), ports)
	return s
}

// need returns the path of an installed program, or ends the test.
func need(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} { // sbin is not in everyone's PATH
		if bin, err := exec.LookPath(candidate); err == nil {
			return bin
		}
	}
	message := name + " is not installed: run `make install-test-deps` as root"
	if os.Getenv("EBB_CI") == "1" || os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

func writeConfig(t testing.TB, dir, text string, data any) {
	t.Helper()
	tmpl, err := template.New("config").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "server.conf"), b.String())
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
