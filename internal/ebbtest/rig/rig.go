// Package rig starts real servers for a test: nginx, Apache httpd, lighttpd, squid,
// microsocks and MIT's KDC, as their packages install them, on loopback ports of
// their own.
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
// What there is to ask for, over http and https unless it says otherwise:
//
//	/pub/, /slow/              nothing             Nginx, Apache, ApacheGSSAPI; Lighttpd without /slow/
//	/basic/                    Basic               Nginx, Apache, ApacheGSSAPI
//	/digest/, /digest-stale/   Digest, MD5         Apache, ApacheGSSAPI
//	/digest-md5/               Digest, MD5         Lighttpd
//	/digest-sha256/            Digest, SHA-256     Lighttpd
//	/digest-userhash/          Digest, userhash    Lighttpd
//	/negotiate/                Kerberos            ApacheGSSAPI
//	/ntlm/, /negotiate-ntlm/   NTLM, Negotiate     ApacheGSSAPI
//	/multi/                    all but Digest      ApacheGSSAPI
//	all paths of another one   NTLM                SambaNTLM
//	all paths of another one   Negotiate           SquidNegotiate
//	/epa-allow/, /epa-require/ Negotiate, NTLM     EPA
//	a proxy, plain or by TLS   nothing, Basic,     Squid; SquidAll with NTLM, Negotiate and all at once
//	                           Digest
//	a SOCKS5 proxy             user and password   Socks
//
// The accounts: [Users] for Basic, Digest and Kerberos, [NTLMUsers] for NTLM; Samba
// and the SOCKS proxy know Alice alone. Kerberos needs a realm ([KDC]), and servers
// that are called by a name ([Named]). Tests that use the rig carry the build tag
// integration.
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
	http, https, http2 int

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

// HTTP2 returns the https address of path where the server offers HTTP/2 as well, if
// it can. With Apache HTTPS is HTTP/1.1 alone; with the others the two are the same.
func (s *Server) HTTP2(path string) string {
	return fmt.Sprintf("https://127.0.0.1:%d%s", s.http2, path)
}

// Named returns address with the name localhost in place of 127.0.0.1: Kerberos
// tickets are for names.
func Named(address string) string {
	return strings.Replace(address, "127.0.0.1", "localhost", 1)
}

// webConfig is what the configuration templates of the web servers may use.
type webConfig struct {
	Dir, Files         string
	HTTP, HTTPS, HTTP2 int
	SlowKiB            int    // a second
	Keytab             string // of the realm
}

// A site is a web server to start.
type site struct {
	program string
	args    []string // the configuration is server.conf in the working directory
	conf    string   // its template, for webConfig
	files   Files
	http2   bool   // on a port of its own
	realm   *Realm // nil: the server has nothing to do with GSSAPI
}

// web prepares what all web servers have in common and starts one.
func web(t testing.TB, w site) *Server {
	t.Helper()
	bin := need(t, w.program)
	dir := stateDir(t)
	reachable(t, string(w.files))
	ports := freePorts(t, 3)
	s := &Server{http: ports[0], https: ports[1], http2: ports[2], CAFile: filepath.Join(dir, "ca.pem"), Roots: writeCertificates(t, dir)}
	writePasswords(t, dir)
	if !w.http2 {
		s.http2, ports = s.https, ports[:2]
	}
	config := webConfig{Dir: dir, Files: strings.TrimRight(string(w.files), "/"), HTTP: s.http, HTTPS: s.https, HTTP2: s.http2, SlowKiB: SlowRate / 1024}
	var env []string
	if w.realm != nil {
		config.Keytab = w.realm.Keytab
		env = acceptor(w.realm, dir)
	}
	writeConfig(t, dir, w.conf, config)
	own(t, dir)
	s.process = launch(t, filepath.Base(w.program), dir, append([]string{bin}, w.args...), ports, env...)
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
	lack(t, name)
	return ""
}

// needFile ends the test where a file of a package is not there.
func needFile(t testing.TB, name string) {
	t.Helper()
	if _, err := os.Stat(name); err != nil {
		lack(t, name)
	}
}

// lack ends the test: it is skipped, and fails where nothing may be missing.
func lack(t testing.TB, what string) {
	t.Helper()
	message := what + " is not installed: run `make install-test-deps` as root"
	if os.Getenv("EBB_CI") == "1" || os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
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
