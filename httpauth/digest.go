package httpauth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// digestScheme is RFC 7616, with RFC 2069 where a server offers no qop.
type digestScheme struct {
	user, password string
	cnonce         func() string
}

func newDigest(c Credentials) *digestScheme {
	return &digestScheme{user: c.User, password: c.Password, cnonce: rand.Text}
}

func (d *digestScheme) traits() traits { return traits{legs: 2} }

// pick takes the strongest algorithm that both know; among equals the server's first.
func (d *digestScheme) pick(offered []Challenge) (Challenge, error) {
	best, rank := -1, -1
	var first error
	for i, c := range offered {
		p, err := readDigest(c)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if p.hash.rank > rank {
			best, rank = i, p.hash.rank
		}
	}
	if best < 0 {
		return Challenge{}, first
	}
	return offered[best], nil
}

func (d *digestScheme) session() session { return &digestSession{scheme: d} }

// digestSession is one protection space. It keeps the nonce that requests are answered with ahead of a challenge.
type digestSession struct {
	scheme *digestScheme
	mu     sync.Mutex // guards nonce
	nonce  *nonce     // nil until a request was let through
}

// nonce is one nonce of a server with all that the answers made from it share.
type nonce struct {
	digestParams
	ha1    string
	cnonce string        // fixed for -sess, else ""
	count  atomic.Uint32 // answers made from this nonce: nc of the last one
}

// covers: the domain parameter lists path prefixes; without it the whole origin is one space (RFC 7616 section 3.3).
func (d *digestScheme) covers(c Challenge, origin, _ string) []string {
	domain, ok := c.Get("domain")
	if !ok || strings.TrimSpace(domain) == "" {
		return []string{"/"}
	}
	var prefixes []string
	for _, ref := range strings.Fields(domain) {
		u, err := url.Parse(ref)
		if err != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
			continue
		}
		if u.Host != "" {
			if other, err := Origin(u); err != nil || other != origin {
				continue // credentials never follow a server to another origin
			}
		}
		prefixes = append(prefixes, u.EscapedPath())
	}
	return prefixes
}

// newNonce returns the nonce of p. For -sess it starts a session: HA1 stays with this nonce and cnonce until
// the next challenge (RFC 7616 section 3.4.2).
func (d *digestScheme) newNonce(p digestParams) *nonce {
	n := &nonce{digestParams: p}
	n.ha1 = p.hash.of(d.user + ":" + p.realm + ":" + d.password)
	if p.sess {
		n.cnonce = d.cnonce()
		n.ha1 = p.hash.of(n.ha1 + ":" + p.nonce + ":" + n.cnonce)
	}
	return n
}

// successor returns n with the nonce that the server wants next, counted from 1 again.
func (n *nonce) successor(next string) *nonce {
	s := &nonce{digestParams: n.digestParams, ha1: n.ha1, cnonce: n.cnonce}
	s.nonce = next
	return s
}

func (s *digestSession) current() *nonce {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nonce
}

func (s *digestSession) use(n *nonce) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce = n
}

// answer implements session. The nonce of a challenge is shared only once a request was let through by it,
// so that a server whose nonces serve once does not see one used by two requests.
func (s *digestSession) answer(_ context.Context, m message, c *Challenge) (answer, error) {
	n := s.current()
	if c != nil {
		p, err := readDigest(*c)
		if err != nil {
			return nil, err
		}
		n = s.scheme.newNonce(p)
	}
	if n == nil {
		return nil, nil
	}
	a := &digestAnswer{session: s, nonce: n, challenged: c != nil, method: m.method, uri: m.uri}
	if n.qop != "" {
		a.nc = fmt.Sprintf("%08x", n.count.Add(1))
	}
	if a.cnonce = n.cnonce; a.cnonce == "" && n.qop != "" {
		a.cnonce = s.scheme.cnonce()
	}
	if n.qop == "auth-int" {
		sum, err := n.hash.ofBody(m.body)
		if err != nil {
			return nil, err
		}
		a.bodySum = ":" + sum
	}
	return a, nil
}

// digestAnswer is one answer; its fields are what rspauth must be made of.
type digestAnswer struct {
	session    *digestSession
	nonce      *nonce
	challenged bool // by this request; not sent ahead
	method     string
	uri        string
	nc, cnonce string
	bodySum    string // for auth-int ":" and the hash of the body
}

// response is RFC 7616 section 3.4.1, with the method and body hash of A2 given.
func (a *digestAnswer) response(method, bodySum string) string {
	n := a.nonce
	ha2 := n.hash.of(method + ":" + a.uri + bodySum)
	if n.qop == "" {
		return n.hash.of(n.ha1 + ":" + n.nonce + ":" + ha2)
	}
	return n.hash.of(strings.Join([]string{n.ha1, n.nonce, a.nc, a.cnonce, n.qop, ha2}, ":"))
}

// value returns the credentials in the quoting that RFC 7616 section 3.4 prescribes.
func (a *digestAnswer) value() string {
	n := a.nonce
	var b strings.Builder
	b.WriteString("Digest " + n.username(a.session.scheme.user))
	b.WriteString(", realm=" + quote(n.realm) + ", nonce=" + quote(n.nonce) + ", uri=" + quote(a.uri))
	b.WriteString(`, response="` + a.response(a.method, a.bodySum) + `"`)
	if n.algorithm != "" {
		b.WriteString(", algorithm=" + n.algorithm)
	}
	if n.qop != "" {
		b.WriteString(", qop=" + n.qop + ", nc=" + a.nc)
	}
	if a.cnonce != "" {
		b.WriteString(", cnonce=" + quote(a.cnonce))
	}
	if n.hasOpaque {
		b.WriteString(", opaque=" + quote(n.opaque))
	}
	if n.userhash {
		b.WriteString(", userhash=true")
	}
	return b.String()
}

// judge: stale=true asks for the same password with another nonce (RFC 7616 section 3.3). A challenge with another nonce
// to an answer sent ahead may mean the same: some servers forget their nonces and do not call them stale.
func (a *digestAnswer) judge(c Challenge) (verdict, error) {
	if stale, _ := c.Get("stale"); strings.EqualFold(stale, "true") {
		return another, nil
	}
	if next, _ := c.Get("nonce"); !a.challenged && next != a.nonce.nonce {
		return doubtful, nil
	}
	return wrong, nil
}

// confirm checks Authentication-Info (RFC 7616 section 3.5) and keeps the nonce for the next request.
func (a *digestAnswer) confirm(resp *http.Response, f fields) error {
	if a.challenged {
		a.session.use(a.nonce)
	}
	info := readInfo(resp.Header, f.info)
	if next, ok := info.Get("nextnonce"); ok && next != "" {
		a.session.use(a.nonce.successor(next))
	}
	if a.nonce.qop != "auth-int" {
		return a.prove(info, "")
	}
	sum := a.nonce.hash.make()
	check := func() error {
		if len(info.Params) == 0 { // RFC 7615 section 3 allows it after the body
			info = readInfo(resp.Trailer, f.info)
		}
		return a.prove(info, ":"+hex.EncodeToString(sum.Sum(nil)))
	}
	if resp.Body == http.NoBody {
		return check()
	}
	resp.Body = &provenBody{resp.Body, sum, check}
	return nil
}

// prove checks the server's own response, if it sent one.
func (a *digestAnswer) prove(info Challenge, bodySum string) error {
	got, ok := info.Get("rspauth")
	if !ok || got == "" {
		return nil
	}
	for name, sent := range map[string]string{"cnonce": a.cnonce, "nc": a.nc} {
		if v, ok := info.Get(name); ok && !strings.EqualFold(v, sent) {
			return fmt.Errorf("%w: its %s is not the one of the request", ErrServerProof, name)
		}
	}
	if !strings.EqualFold(got, a.response("", bodySum)) {
		return fmt.Errorf("%w: rspauth is wrong", ErrServerProof)
	}
	return nil
}

// readInfo reads Authentication-Info: a list of parameters without a scheme. What cannot be read proves nothing.
func readInfo(h http.Header, name string) Challenge {
	p := challengeParser{rest: "info " + strings.Join(h.Values(name), ", ")}
	if p.field() != nil || len(p.found) == 0 {
		return Challenge{}
	}
	return p.found[0]
}

// provenBody hashes a body while it is read and checks it at its end (qop=auth-int).
type provenBody struct {
	io.ReadCloser
	sum   hash.Hash
	check func() error
}

// Read returns ErrServerProof in place of io.EOF when the body is not what the server signed.
func (b *provenBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Write(p[:n])
	if err == io.EOF {
		if wrong := b.check(); wrong != nil {
			return n, wrong
		}
	}
	return n, err
}
