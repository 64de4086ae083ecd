package digest

import (
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
	"slices"
	"strconv"
	"strings"
)

// newHash returns the hash of the algorithm. -sess changes what is hashed, not how.
func (s *Server) newHash() hash.Hash {
	switch strings.TrimSuffix(s.o.Algorithm, "-sess") {
	case "SHA-256":
		return sha256.New()
	case "SHA-512-256":
		return sha512.New512_256()
	default:
		return md5.New()
	}
}

// h is H of RFC 7616 section 3.1, of parts with colons between them.
func (s *Server) h(parts ...string) string {
	w := s.newHash()
	_, _ = io.WriteString(w, strings.Join(parts, ":"))
	return hex.EncodeToString(w.Sum(nil))
}

var (
	param = regexp.MustCompile(`^([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))(?:, |$)`)
	pair  = regexp.MustCompile(`\\(.)`)
	// bare are the parameters that are not quoted (RFC 7616 section 3.4).
	bare = []string{"algorithm", "qop", "nc", "userhash", "username*"}
)

// parse reads credentials, and checks what is quoted and what is not.
func (s *Server) parse(value string) map[string]string {
	rest, ok := strings.CutPrefix(value, "Digest ")
	if !ok {
		s.t.Errorf("digest: not Digest credentials: %q", value)
	}
	params := map[string]string{}
	for rest != "" {
		m := param.FindStringSubmatch(rest)
		if m == nil {
			s.t.Errorf("digest: cannot read %q of %q", rest, value)
			return params
		}
		if slices.Contains(bare, m[1]) != (m[3] != "") {
			s.t.Errorf("digest: wrong quoting: %s", m[0])
		}
		if _, twice := params[m[1]]; twice {
			s.t.Errorf("digest: %s twice in %q", m[1], value)
		}
		params[m[1]] = pair.ReplaceAllString(m[2], "$1") + m[3]
		rest = rest[len(m[0]):]
	}
	return params
}

// check demands what must come back as it was sent.
func (s *Server) check(c map[string]string, target string) {
	for name, want := range map[string]string{"realm": realm, "opaque": opaque, "uri": target, "algorithm": s.o.Algorithm} {
		if c[name] != want {
			s.t.Errorf("digest: %s=%q, want %q", name, c[name], want)
		}
	}
	if s.o.Userhash != (c["userhash"] == "true") {
		s.t.Errorf("digest: userhash=%q", c["userhash"])
	}
}

// names reports whether the credentials are of the user, whose name has one of three forms (RFC 7616 sections 3.4 and
// 3.4.4).
func (s *Server) names(c map[string]string) bool {
	extended := c["username*"]
	switch {
	case s.o.Userhash:
		return c["username"] == s.h(s.o.User, realm)
	case extended == "":
		return c["username"] == s.o.User
	}
	raw, ok := strings.CutPrefix(extended, "UTF-8''")
	name, err := url.PathUnescape(raw)
	if !ok || err != nil || c["username"] != "" {
		s.t.Errorf("digest: username*=%q username=%q", extended, c["username"])
	}
	return name == s.o.User
}

// use notes that n has served, and demands that it has not served with this nc.
func (s *Server) use(n *nonce, c map[string]string) {
	if s.o.QOP == "" {
		for _, name := range []string{"nc", "qop"} {
			if c[name] != "" {
				s.t.Errorf("digest: %s was sent without qop in the challenge", name)
			}
		}
		n.seen[uint64(len(n.seen))] = true
		return
	}
	nc, err := strconv.ParseUint(c["nc"], 16, 32)
	if err != nil || len(c["nc"]) != 8 || nc == 0 || n.seen[nc] {
		s.t.Errorf("digest: nc=%q of %s: not 8 hex digits, or used before", c["nc"], c["nonce"])
	}
	n.seen[nc] = true
	if c["cnonce"] == "" || !slices.Contains(strings.Split(s.o.QOP, ","), c["qop"]) {
		s.t.Errorf("digest: cnonce=%q qop=%q", c["cnonce"], c["qop"])
	}
}

// ha1 is H(A1); with -sess the first credentials of a nonce settle it (RFC 7616 section 3.4.2).
func (s *Server) ha1(n *nonce, c map[string]string) string {
	ha1 := s.h(s.o.User, realm, s.o.Password)
	if !strings.HasSuffix(s.o.Algorithm, "-sess") {
		return ha1
	}
	if n.ha1 == "" {
		n.ha1 = s.h(ha1, c["nonce"], c["cnonce"])
	}
	return n.ha1
}

// proof is what credentials and the answer to them are proven with.
type proof struct {
	params map[string]string
	qop    string
	ha1    string
	signed string // the body of the answer, where Admit had to be told
}

// response is what the parameter of that name must be (RFC 7616 section 3.4.1), or rspauth when there is no method
// (section 3.5).
func (s *Server) response(p proof, method, body string) string {
	a2 := method + ":" + p.params["uri"]
	if p.qop == "auth-int" {
		a2 += ":" + s.h(body)
	}
	if s.o.QOP == "" {
		return s.h(p.ha1, p.params["nonce"], s.h(a2))
	}
	return s.h(p.ha1, p.params["nonce"], p.params["nc"], p.params["cnonce"], p.qop, s.h(a2))
}

// prove writes Authentication-Info (RFC 7616 section 3.5).
func (s *Server) prove(h http.Header, p proof, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var parts []string
	if p.qop != "" {
		rspauth, cnonce := s.response(p, "", body), p.params["cnonce"]
		switch s.o.Lie {
		case "rspauth":
			rspauth = s.h("lie")
		case "cnonce":
			cnonce = "x" + cnonce
		}
		parts = append(parts, fmt.Sprintf(`rspauth="%s", cnonce="%s", nc=%s, qop=%s`, rspauth, cnonce, p.params["nc"], p.qop))
	}
	if s.o.NextNonce {
		session := ""
		if strings.HasSuffix(s.o.Algorithm, "-sess") {
			session = p.ha1
		}
		parts = append(parts, `nextnonce="`+s.newNonce(session)+`"`)
	}
	if len(parts) > 0 {
		h.Set(s.fields().info, strings.Join(parts, ", "))
	}
}
