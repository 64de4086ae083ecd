package httpauth_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// strictDigest is the server side of RFC 7616, written from its text and from nothing in this package. It
// refuses what the RFC forbids, and says so to the test.
type strictDigest struct {
	t              testing.TB
	user, password string
	algorithm      string // as in the challenge; "" leaves it out
	qop            string // as in the challenge; "" is RFC 2069
	userhash       bool
	charset        bool
	domain         string
	uses           int      // how often a nonce may be used before it is stale; 0 is without end
	forgets        bool     // a nonce too old is unknown, and not called stale
	nextnonce      bool     // each answer brings the next nonce
	signed         string   // the body that rspauth covers with auth-int
	lie            string   // what of Authentication-Info is false
	extra          []string // other challenges, sent first
	proxy          bool

	mu       sync.Mutex // guards what follows
	nonces   map[string]*strictNonce
	made     int
	attempts int // requests with credentials
	refusals int // of them with the wrong password
	stale    int
	naked    int // requests without credentials
}

type strictNonce struct {
	seen map[uint64]bool // values of nc
	ha1  string          // of a -sess session, once it is known
}

func (s *strictDigest) hash() func() hash.Hash {
	switch strings.TrimSuffix(s.algorithm, "-sess") {
	case "SHA-256":
		return sha256.New
	case "SHA-512-256":
		return sha512.New512_256
	default:
		return md5.New
	}
}

func (s *strictDigest) h(parts ...string) string {
	w := s.hash()()
	io.WriteString(w, strings.Join(parts, ":"))
	return hex.EncodeToString(w.Sum(nil))
}

func (s *strictDigest) names() (challenge, credentials, info string, status int) {
	if s.proxy {
		return "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info", http.StatusProxyAuthRequired
	}
	return "WWW-Authenticate", "Authorization", "Authentication-Info", http.StatusUnauthorized
}

const strictRealm, strictOpaque = `a "realm" \ of its own`, "op/aque=="

func (s *strictDigest) newNonce(ha1 string) string {
	s.made++
	nonce := fmt.Sprintf("nonce/%d==", s.made)
	if s.nonces == nil {
		s.nonces = map[string]*strictNonce{}
	}
	s.nonces[nonce] = &strictNonce{seen: map[uint64]bool{}, ha1: ha1}
	return nonce
}

func (s *strictDigest) challenge(w http.ResponseWriter, stale bool) {
	name, _, _, status := s.names()
	for _, c := range s.extra {
		w.Header().Add(name, c)
	}
	c := `Digest realm="a \"realm\" \\ of its own", opaque="` + strictOpaque + `", nonce="` + s.newNonce("") + `"`
	if s.algorithm != "" {
		c += ", algorithm=" + s.algorithm
	}
	if s.qop != "" {
		c += `, qop="` + s.qop + `"`
	}
	if s.userhash {
		c += ", userhash=true"
	}
	if s.charset {
		c += `, charset="UTF-8"`
	}
	if s.domain != "" {
		c += `, domain="` + s.domain + `"`
	}
	if stale {
		c += ", stale=TRUE"
	}
	w.Header().Add(name, c)
	w.WriteHeader(status)
	io.WriteString(w, strings.Repeat("refused. ", 100))
}

var strictParam = regexp.MustCompile(`^([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))(?:, |$)`)

// params reads the credentials and checks what is quoted and what is not (RFC 7616 section 3.4).
func (s *strictDigest) params(value string) map[string]string {
	rest, ok := strings.CutPrefix(value, "Digest ")
	if !ok {
		s.t.Errorf("not Digest credentials: %q", value)
	}
	params := map[string]string{}
	for rest != "" {
		m := strictParam.FindStringSubmatch(rest)
		if m == nil {
			s.t.Errorf("cannot read %q of %q", rest, value)
			return params
		}
		bare := map[string]bool{"algorithm": true, "qop": true, "nc": true, "userhash": true, "username*": true}[m[1]]
		if bare != (m[3] != "") {
			s.t.Errorf("wrong quoting: %s", m[0])
		}
		if _, twice := params[m[1]]; twice {
			s.t.Errorf("%s twice in %q", m[1], value)
		}
		params[m[1]] = regexp.MustCompile(`\\(.)`).ReplaceAllString(m[2], "$1") + m[3]
		rest = rest[len(m[0]):]
	}
	return params
}

// serve checks r, whose target on the wire was uri. It returns whether r may pass; if not, it has answered.
func (s *strictDigest) serve(w http.ResponseWriter, r *http.Request) bool {
	_, credentials, info, _ := s.names()
	s.mu.Lock()
	defer s.mu.Unlock()
	value := r.Header.Get(credentials)
	if value == "" {
		s.naked++
		s.challenge(w, false)
		return false
	}
	s.attempts++
	p := s.params(value)
	nonce := s.nonces[p["nonce"]]
	if nonce == nil || (s.uses > 0 && len(nonce.seen) >= s.uses) {
		s.stale++
		s.challenge(w, !s.forgets)
		return false
	}
	for name, want := range map[string]string{"realm": strictRealm, "opaque": strictOpaque, "uri": r.RequestURI, "algorithm": s.algorithm} {
		if p[name] != want {
			s.t.Errorf("%s=%q, want %q", name, p[name], want)
		}
	}
	s.checkUser(p)
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	a2 := ""
	middle := []string{}
	if s.qop == "" {
		for _, name := range []string{"nc", "qop"} {
			if p[name] != "" {
				s.t.Errorf("%s was sent without qop in the challenge", name)
			}
		}
		nonce.seen[uint64(len(nonce.seen))] = true
	} else {
		nc, err := strconv.ParseUint(p["nc"], 16, 32)
		if err != nil || len(p["nc"]) != 8 || nc == 0 || nonce.seen[nc] {
			s.t.Errorf("nc=%q of %s: not 8 hex digits, or used before", p["nc"], p["nonce"])
		}
		nonce.seen[nc] = true
		if p["cnonce"] == "" || !strings.Contains(s.qop, p["qop"]) {
			s.t.Errorf("cnonce=%q qop=%q", p["cnonce"], p["qop"])
		}
		middle = []string{p["nc"], p["cnonce"], p["qop"]}
		if p["qop"] == "auth-int" {
			a2 = ":" + s.h(string(body))
		}
	}
	ha1 := s.h(s.user, strictRealm, s.password)
	if strings.HasSuffix(s.algorithm, "-sess") {
		if nonce.ha1 == "" {
			nonce.ha1 = s.h(ha1, p["nonce"], p["cnonce"])
		}
		ha1 = nonce.ha1
	}
	response := func(a2 string) string {
		return s.h(strings.Join(append(append([]string{ha1, p["nonce"]}, middle...), s.h(a2)), ":"))
	}
	if p["response"] != response(r.Method+":"+p["uri"]+a2) {
		s.refusals++
		s.challenge(w, false)
		return false
	}
	s.inform(w.Header(), info, p, response, nonce)
	return true
}

// strictContent is what strictDigest protects.
const strictContent = "the content behind it"

func (s *strictDigest) inform(h http.Header, info string, p map[string]string, response func(string) string, n *strictNonce) {
	value := ""
	if p["qop"] != "" {
		a2 := ":" + p["uri"]
		if p["qop"] == "auth-int" {
			a2 += ":" + s.h(s.signed)
		}
		value = fmt.Sprintf(`rspauth="%s", cnonce="%s", nc=%s, qop=%s`, response(a2), p["cnonce"], p["nc"], p["qop"])
		switch s.lie {
		case "rspauth":
			value = fmt.Sprintf(`rspauth="%s", qop=%s`, s.h("lie"), p["qop"])
		case "cnonce":
			value = strings.Replace(value, `cnonce="`, `cnonce="x`, 1)
		}
	}
	if s.nextnonce {
		value = strings.TrimPrefix(value+`, nextnonce="`+s.newNonce(n.ha1)+`"`, ", ")
	}
	if value != "" {
		h.Set(info, value)
	}
}

func (s *strictDigest) checkUser(p map[string]string) {
	switch {
	case s.userhash:
		if p["username"] != s.h(s.user, strictRealm) || p["userhash"] != "true" {
			s.t.Errorf("username=%q userhash=%q", p["username"], p["userhash"])
		}
	case p["username*"] != "":
		raw, ok := strings.CutPrefix(p["username*"], "UTF-8''")
		name, err := url.PathUnescape(raw)
		if !ok || err != nil || name != s.user || p["username"] != "" {
			s.t.Errorf("username*=%q username=%q", p["username*"], p["username"])
		}
	default:
		if p["username"] != s.user {
			s.t.Errorf("username=%q", p["username"])
		}
	}
}

// ServeHTTP lets s protect strictContent.
func (s *strictDigest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.serve(w, r) {
		io.WriteString(w, strictContent)
	}
}

func (s *strictDigest) counts() (attempts, refusals, naked int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts, s.refusals, s.naked
}
