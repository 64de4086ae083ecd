package ebbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is an HTTP server with one file, at any path. It stops when its test ends. All methods are safe
// for concurrent use.
type Server struct {
	// URL of the file: http://127.0.0.1:PORT/file.bin, behind the hops of Redirects.
	URL string
	// Base is the URL without a path.
	Base string

	t     testing.TB
	addr  string
	certs *certs
	quit  chan struct{} // closed at the end; releases handlers that stall

	mu       sync.Mutex // guards all below
	script   script
	requests []*Request
	server   *http.Server // nil while the server is down
	served   chan struct{}
	answers  sync.WaitGroup // those under way; none is added while the server is down
	cut      bool           // CutAfter has been carried out
}

// Request is one request as the server saw it.
type Request struct {
	Method string
	Path   string // with the query
	Proto  string
	Host   string
	Range  string // the Range field, "" for none
	Header http.Header
	Conn   string // the client's address: equal for requests on one connection
	Status int    // of the answer, 0 when there was none
	Sent   int64  // bytes of the body
}

// NewServer starts a server.
func NewServer(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{t: t, script: *newScript(), quit: make(chan struct{})}
	s.script.addr = "127.0.0.1:0"
	s.Set(options...)
	s.addr = s.script.addr
	scheme := "http://"
	if s.script.tls.on {
		scheme = "https://"
		s.certs = newCerts(t, s.script.tls.expired)
	}
	s.Up()
	s.Base = scheme + s.addr
	s.URL = s.Base + "/" + strings.Repeat("hop/", s.script.redirects) + "file.bin"
	t.Cleanup(func() {
		close(s.quit)
		s.Down()
	})
	return s
}

// Set changes the server from the next request on.
func (s *Server) Set(options ...Option) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script.header = s.script.header.Clone()
	for _, o := range options {
		o(&s.script)
	}
}

// Up starts a server that is down, at the same address.
func (s *Server) Up() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return
	}
	ln, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatalf("test server: %v", err)
	}
	s.addr = ln.Addr().String()
	server := &http.Server{
		Handler: s, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute, Protocols: new(http.Protocols),
	}
	server.Protocols.SetHTTP1(!s.script.tls.http2)
	server.Protocols.SetHTTP2(s.script.tls.http2)
	if s.certs != nil {
		server.TLSConfig = s.certs.config(s.script.tls.clientCert)
	}
	s.server, s.served = server, make(chan struct{})
	go func(served chan struct{}) { // ends with Down
		defer close(served)
		if s.certs != nil {
			_ = server.ServeTLS(ln, "", "")
		} else {
			_ = server.Serve(ln)
		}
	}(s.served)
}

// Down closes the listener and every connection, and waits until no answer is under way: clients are refused until Up.
func (s *Server) Down() {
	s.mu.Lock()
	server, served := s.server, s.served
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
		<-served
		s.answers.Wait()
	}
}

// Content is the file as it is served now.
func (s *Server) Content() *io.SectionReader {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.NewSectionReader(s.script.content, 0, s.script.content.Size())
}

// SHA256 of the file as it is served now, in hex.
func (s *Server) SHA256() string {
	h := sha256.New()
	if _, err := io.Copy(h, s.Content()); err != nil {
		s.t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// CACert is the PEM certificate that clients of a TLS server must trust.
func (s *Server) CACert() string { return string(s.certs.caPEM) }

// ClientCert is the PEM certificate and key that ClientCert demands.
func (s *Server) ClientCert() []byte { return s.certs.clientPEM }

// Requests are those that have arrived so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Request, len(s.requests))
	for i, r := range s.requests {
		all[i] = *r
	}
	return all
}

// Sent is the number of body bytes sent so far.
func (s *Server) Sent() int64 {
	var n int64
	for _, r := range s.Requests() {
		n += r.Sent
	}
	return n
}

// begin records r and returns the script for it. The caller says when it has answered, by s.answers.Done.
func (s *Server) begin(r *http.Request) (script, *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		panic(http.ErrAbortHandler)
	}
	s.answers.Add(1)
	if s.script.changes != nil && len(s.requests) >= s.script.changeAfter {
		changes := s.script.changes
		s.script.changes = nil
		for _, o := range changes {
			o(&s.script)
		}
	}
	rec := &Request{
		Method: r.Method, Path: r.RequestURI, Proto: r.Proto, Host: r.Host,
		Range: r.Header.Get("Range"), Header: r.Header.Clone(), Conn: r.RemoteAddr,
	}
	s.requests = append(s.requests, rec)
	sc := s.script
	if len(s.script.statuses) > 0 {
		sc.status = s.script.statuses[0]
		s.script.statuses = slices.Clone(s.script.statuses[1:])
	}
	return sc, rec
}

// note changes a record.
func (s *Server) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// cutOnce reports whether it is called for the first time.
func (s *Server) cutOnce() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.cut
	s.cut = true
	return first
}

// wait blocks until the client hangs up or the test ends.
func (s *Server) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.quit:
	}
}
