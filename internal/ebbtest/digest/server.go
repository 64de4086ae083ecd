// Package digest is the server side of Digest authentication (RFC 7616), for tests only. It is written from the text
// of the RFC, and from nothing that answers it:
//
//	s := digest.New(t, digest.Options{User: "alice", Password: "s3cret", QOP: "auth", Algorithm: "SHA-512-256-sess"})
//	srv := httptest.NewServer(s.Protect(files))
//
// It is strict: what a client sends that the RFC forbids fails the test. A wrong user or password does not: it is
// refused, and counted.
package digest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Options say what the server asks for, and how it behaves. Without QOP it is a server of RFC 2069.
type Options struct {
	User, Password string

	Algorithm string // as in the challenge: "MD5", "SHA-256-sess", ...; "" leaves it out, which means MD5
	QOP       string // as in the challenge: "auth", "auth-int" or "auth-int,auth"; "" leaves it out
	Userhash  bool   // the user is named by a hash
	Charset   bool   // it says that names are UTF-8
	Domain    string // as in the challenge; "" leaves it out
	Proxy     bool   // it is a proxy: 407 in place of 401

	Uses      int    // how often a nonce may be used before it is stale; 0 is without end
	Forgets   bool   // a nonce that was used so often is unknown, and not called stale
	NextNonce bool   // each answer brings the next nonce
	Signed    string // the body that follows Admit, which rspauth covers with auth-int; Protect looks for itself
	Lie       string // what of Authentication-Info is false: "", "rspauth" or "cnonce"
}

// Counts are what a server has seen.
type Counts struct {
	Attempts int // requests with credentials
	Refusals int // of them with a wrong user or password
	Stale    int // of them with a nonce that was used too often
	Naked    int // requests without credentials
}

// Server asks for a user and a password. It is safe for concurrent use.
type Server struct {
	t testing.TB

	mu     sync.Mutex // guards all below
	o      Options
	nonces map[string]*nonce
	counts Counts
}

// nonce is one that the server has made.
type nonce struct {
	seen map[uint64]bool // values of nc
	ha1  string          // of a -sess session, once it is known
}

// New returns a server that reports to t what clients do wrong.
func New(t testing.TB, o Options) *Server {
	return &Server{t: t, o: o, nonces: map[string]*nonce{}}
}

// Counts are what the server has seen so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// SetPassword changes the password, as an administrator may at any time.
func (s *Server) SetPassword(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Password = password
}

// Protect returns a handler that lets requests with the right password on to next. With auth-int it holds an answer
// of next in memory, for its proof goes before it.
func (s *Server) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := s.admit(w, r)
		if !ok {
			return
		}
		if p.qop != "auth-int" {
			s.prove(w.Header(), p, "")
			next.ServeHTTP(w, r)
			return
		}
		held := httptest.NewRecorder()
		next.ServeHTTP(held, r)
		maps.Copy(w.Header(), held.Header())
		s.prove(w.Header(), p, held.Body.String())
		w.WriteHeader(held.Code)
		_, _ = w.Write(held.Body.Bytes())
	})
}

// Admit reports whether r may pass; if not, it has answered. It is for proxies, whose answer comes from elsewhere.
func (s *Server) Admit(w http.ResponseWriter, r *http.Request) bool {
	p, ok := s.admit(w, r)
	if ok {
		s.prove(w.Header(), p, p.signed)
	}
	return ok
}

// admit returns the proof of what it lets pass, and has answered what it does not.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (proof, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value := r.Header.Get(s.fields().credentials)
	if value == "" {
		s.counts.Naked++
		s.challenge(w, false)
		return proof{}, false
	}
	s.counts.Attempts++
	c := s.parse(value)
	n := s.nonces[c["nonce"]]
	if n == nil || (s.o.Uses > 0 && len(n.seen) >= s.o.Uses) {
		s.counts.Stale++
		s.challenge(w, !s.o.Forgets)
		return proof{}, false
	}
	s.check(c, r.RequestURI)
	s.use(n, c)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("digest: the request's body: %v", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p := proof{params: c, qop: c["qop"], ha1: s.ha1(n, c), signed: s.o.Signed}
	if !s.names(c) || c["response"] != s.response(p, r.Method, string(body)) {
		s.counts.Refusals++
		s.challenge(w, false)
		return proof{}, false
	}
	return p, true
}

// fields are the names of the header fields, and the status that goes with them.
type fields struct {
	challenge, credentials, info string
	status                       int
}

func (s *Server) fields() fields {
	if s.o.Proxy {
		return fields{"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info", http.StatusProxyAuthRequired}
	}
	return fields{"WWW-Authenticate", "Authorization", "Authentication-Info", http.StatusUnauthorized}
}

const realm, opaque = `a "realm" \ of its own`, "op/aque=="

func (s *Server) challenge(w http.ResponseWriter, stale bool) {
	c := `Digest realm="a \"realm\" \\ of its own", opaque="` + opaque + `", nonce="` + s.newNonce("") + `"`
	if s.o.Algorithm != "" {
		c += ", algorithm=" + s.o.Algorithm
	}
	if s.o.QOP != "" {
		c += `, qop="` + s.o.QOP + `"`
	}
	if s.o.Userhash {
		c += ", userhash=true"
	}
	if s.o.Charset {
		c += `, charset="UTF-8"`
	}
	if s.o.Domain != "" {
		c += `, domain="` + s.o.Domain + `"`
	}
	if stale {
		c += ", stale=TRUE"
	}
	f := s.fields()
	w.Header().Add(f.challenge, c)
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, strings.Repeat("refused. ", 100))
}

func (s *Server) newNonce(ha1 string) string {
	value := fmt.Sprintf("nonce/%d==", len(s.nonces)+1)
	s.nonces[value] = &nonce{seen: map[uint64]bool{}, ha1: ha1}
	return value
}
