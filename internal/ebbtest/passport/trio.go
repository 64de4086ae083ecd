package passport

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// Trio is the three servers, and a second login server that the first may hand clients on to. All methods are
// safe for concurrent use.
type Trio struct {
	Partner, Login, Login2, Nexus *Server
	// FileURL is the file at the partner. Every other path there has the same file.
	FileURL string

	mu         sync.Mutex // guards all below
	options    Options
	faults     []string
	challenges map[string]challenged // by their text
	tickets    map[string]bool       // from-PP, not used yet
	cookies    map[string]bool       // of the partner, still good
	remembered map[string]bool       // cookies of the login servers, still good
	handedOn   string                // the message that was handed on and has not arrived yet
}

// challenged is the request that a challenge was for.
type challenged struct{ method, url string }

// Server is one of the servers.
type Server struct {
	// URL is what the client is given: without a path, but for the nexus.
	URL string

	trio *Trio
	http *httptest.Server

	mu       sync.Mutex // guards requests
	requests []Request
}

// Request is one request as the server saw it.
type Request struct {
	Text   string // request line and header
	Header http.Header
	URI    string
}

// New starts the servers. They stop with the test, which fails if there were faults.
func New(t testing.TB, o Options) *Trio {
	t.Helper()
	trio := Start(o)
	t.Cleanup(func() {
		trio.Close()
		for _, fault := range trio.Faults() {
			t.Errorf("passport: %s", fault)
		}
	})
	return trio
}

// Start starts the servers. The caller closes them, and looks at the faults.
func Start(o Options) *Trio {
	o.setDefaults()
	t := &Trio{
		options: o, challenges: map[string]challenged{},
		tickets: map[string]bool{}, cookies: map[string]bool{}, remembered: map[string]bool{},
	}
	t.Partner = t.serve(t.partner, !o.Cleartext)
	t.Login = t.serve(t.login, true)
	t.Login2 = t.serve(t.login2, true)
	t.Nexus = t.serve(t.nexus, true)
	t.Nexus.URL += "/rdr/pprdr.asp"
	t.FileURL = t.Partner.URL + "/files/file.bin?a=1,2&b=%2C"
	return t
}

func (t *Trio) serve(h http.HandlerFunc, secure bool) *Server {
	s := &Server{trio: t}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.record(r)
		if r.Method != http.MethodGet && s != t.Partner {
			t.fault("%s at %s", r.Method, s.URL)
		}
		h(w, r)
	}))
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	s.URL = s.http.URL
	return s
}

// Close stops the servers.
func (t *Trio) Close() {
	for _, s := range []*Server{t.Partner, t.Login, t.Login2, t.Nexus} {
		s.http.CloseClientConnections()
		s.http.Close()
	}
}

// Set changes the options from the next request on.
func (t *Trio) Set(change func(*Options)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.options)
}

// Options are the ones in force.
func (t *Trio) Options() Options {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.options
}

// TLS trusts the servers.
func (t *Trio) TLS() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(t.Login.http.Certificate())
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// Content is the file.
func (t *Trio) Content() *io.SectionReader { return ebbtest.Generate(1, t.Options().Size) }

// ExpireCookies makes the partner's cookies void.
func (t *Trio) ExpireCookies() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.cookies)
}

// Faults are what the clients did that they must not do.
func (t *Trio) Faults() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.faults)
}

func (t *Trio) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Sprintf(format, args...))
}

// Requests are those that have arrived so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) record(r *http.Request) {
	text, err := httputil.DumpRequest(r, false)
	if err != nil {
		s.trio.fault("%s %s cannot be printed: %v", r.Method, r.RequestURI, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Text: string(text), Header: r.Header.Clone(), URI: r.RequestURI})
}

// issue adds a fresh secret to one of the sets.
func (t *Trio) issue(set map[string]bool, format string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	value := fmt.Sprintf(format, rand.Text())
	set[value] = true
	return value
}

// holds reports whether r has a cookie of that name whose value is in the set.
func (t *Trio) holds(set map[string]bool, r *http.Request, name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(r.CookiesNamed(name), func(c *http.Cookie) bool { return set[c.Value] })
}

// take removes a member of a set, and reports whether it was one.
func (t *Trio) take(set map[string]bool, member string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := set[member]
	delete(set, member)
	return was
}

// credentials returns the list after "Passport1.4 " in Authorization.
func credentials(r *http.Request) (list string, ok bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Passport1.4 ")
}
