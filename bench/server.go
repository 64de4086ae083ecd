//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// server is an nginx with the content that is downloaded.
type server struct {
	process *process
	root    string
	http    string // base URLs
	https   string
	cert    string // file with its certificate
	log     string // of the requests below /counted/
}

// nginxConf has the settings of an ordinary server of static files. Below /counted/ the same files come at
// 200 MB/s, and what is sent of them is logged.
var nginxConf = template.Must(template.New("").Parse(`
daemon off;
worker_processes 2;
pid {{.Dir}}/pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000;
	default_type application/octet-stream;
	client_body_temp_path {{.Dir}}/tmp;
	proxy_temp_path {{.Dir}}/tmp;
	fastcgi_temp_path {{.Dir}}/tmp;
	uwsgi_temp_path {{.Dir}}/tmp;
	scgi_temp_path {{.Dir}}/tmp;
	log_format sent '$body_bytes_sent $http_range';
	server {
		listen 127.0.0.1:{{.Plain}} backlog=4096;
		listen 127.0.0.1:{{.TLS}} ssl backlog=4096;
		ssl_certificate {{.Cert}};
		ssl_certificate_key {{.Key}};
		ssl_protocols TLSv1.3;
		root {{.Root}};
		location /counted/ {
			alias {{.Root}}/;
			limit_rate 200m;
			access_log {{.Log}} sent;
		}
	}
}
`))

// startServer starts nginx on free ports, with no content yet.
func startServer(ctx context.Context, dir string) (*server, error) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx" // not in everybody's PATH
	}
	dir = filepath.Join(dir, "nginx")
	s := &server{root: filepath.Join(dir, "www"), cert: filepath.Join(dir, "cert.pem"), log: filepath.Join(dir, "sent.log")}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return nil, err
	}
	key := filepath.Join(dir, "key.pem")
	if err := writeCert(s.cert, key); err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	var conf bytes.Buffer
	values := map[string]any{"Dir": dir, "Plain": ports[0], "TLS": ports[1], "Cert": s.cert, "Key": key, "Root": s.root, "Log": s.log}
	if err := nginxConf.Execute(&conf, values); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, conf.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if err := worldReadable(dir); err != nil {
		return nil, err
	}
	s.http, s.https = fmt.Sprintf("http://127.0.0.1:%d/", ports[0]), fmt.Sprintf("https://127.0.0.1:%d/", ports[1])
	if s.process, err = start([]string{nginx, "-e", "stderr", "-p", dir, "-c", file}, nil); err != nil {
		return nil, fmt.Errorf("%w (install nginx)", err)
	}
	err = s.process.await(ctx, func() error {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", ports[1]))
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *server) stop() { s.process.stop() }

// worldReadable lets nginx's workers in, which have another user when this one is root.
func worldReadable(dir string) error {
	for ; filepath.Base(dir) != "."; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
		if strings.HasPrefix(filepath.Base(dir), "ebb-bench-") {
			break
		}
	}
	return nil
}

// content makes n files of that size below the server's root, if they are not there yet, and returns their names.
func (s *server) content(ctx context.Context, folder string, n int, size int64) ([]string, error) {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s/%05d.bin", folder, i)
	}
	dir := filepath.Join(s.root, folder)
	if _, err := os.Stat(dir); err == nil {
		return names, nil
	}
	progress("  making %d files of %s", n, bytesText(size))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	random := mrand.NewChaCha8([32]byte{1})
	for _, name := range names {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := writeFile(filepath.Join(s.root, name), io.LimitReader(random, size)); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func writeFile(name string, from io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, from, make([]byte, 1<<20))
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all together, so that no port comes twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// writeCert makes a certificate for 127.0.0.1 that is its own authority.
func writeCert(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "ebb bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}
