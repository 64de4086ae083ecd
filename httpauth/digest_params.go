package httpauth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/url"
	"slices"
	"strings"
)

// digestHash is one hash of RFC 7616 section 6.1; of two that a server offers, the higher rank is taken.
type digestHash struct {
	name string
	rank int
	make func() hash.Hash
}

var digestHashes = []digestHash{
	{"MD5", 0, md5.New},
	{"SHA-256", 1, sha256.New},
	{"SHA-512-256", 2, sha512.New512_256},
}

// of is H(data) of RFC 7616 section 3.3, in lower-case hex.
func (h digestHash) of(data string) string {
	w := h.make()
	io.WriteString(w, data) //nolint:errcheck // a hash never fails
	return hex.EncodeToString(w.Sum(nil))
}

// ofBody hashes a fresh copy of the body as it streams by; nothing is kept in memory.
func (h digestHash) ofBody(body func() (io.ReadCloser, error)) (string, error) {
	if body == nil {
		return "", fmt.Errorf("%w: the server wants qop=auth-int, a hash of the body before the body; set Request.GetBody", ErrReplay)
	}
	r, err := body()
	if err != nil {
		return "", fmt.Errorf("opening the request body again: %w", err)
	}
	defer r.Close()
	w := h.make()
	if _, err := io.Copy(w, r); err != nil {
		return "", fmt.Errorf("hashing the request body: %w", err)
	}
	return hex.EncodeToString(w.Sum(nil)), nil
}

// digestParams are the parameters of a challenge (RFC 7616 section 3.3), checked.
type digestParams struct {
	realm, nonce, opaque string
	hasOpaque            bool
	algorithm            string // as the server spells it; "" if it names none
	hash                 digestHash
	sess                 bool
	qop                  string // auth, auth-int, or "" for RFC 2069
	userhash             bool
	extended             bool // a user name beyond ASCII goes into username*
}

// readDigest reads c, or says why no answer to it can be made.
func readDigest(c Challenge) (digestParams, error) {
	var p digestParams
	var ok bool
	if p.realm, ok = c.Get("realm"); !ok {
		return p, fmt.Errorf("%w: digest without a realm", ErrChallenge)
	}
	if p.nonce, ok = c.Get("nonce"); !ok {
		return p, fmt.Errorf("%w: digest without a nonce", ErrChallenge)
	}
	p.opaque, p.hasOpaque = c.Get("opaque")
	if err := p.readAlgorithm(c); err != nil {
		return p, err
	}
	if err := p.readQOP(c); err != nil {
		return p, err
	}
	userhash, _ := c.Get("userhash")
	p.userhash = strings.EqualFold(userhash, "true")
	// MD5-sess with a charset is how IIS speaks RFC 2831, which has no username*: it reads UTF-8 between the quotes.
	charset, _ := c.Get("charset")
	p.extended = strings.EqualFold(charset, "UTF-8") && !strings.EqualFold(p.algorithm, "MD5-sess")
	return p, nil
}

func (p *digestParams) readAlgorithm(c Challenge) error {
	p.algorithm, _ = c.Get("algorithm")
	name := p.algorithm
	if name == "" {
		name = "MD5"
	}
	if cut := len(name) - len("-sess"); cut > 0 && strings.EqualFold(name[cut:], "-sess") {
		name, p.sess = name[:cut], true
	}
	i := slices.IndexFunc(digestHashes, func(h digestHash) bool { return strings.EqualFold(h.name, name) })
	if i < 0 {
		return fmt.Errorf("%w: digest algorithm %q is unknown", ErrChallenge, p.algorithm)
	}
	p.hash = digestHashes[i]
	return nil
}

// readQOP prefers auth to auth-int, which costs a second reading of every body.
func (p *digestParams) readQOP(c Challenge) error {
	list, _ := c.Get("qop")
	for _, q := range strings.Split(list, ",") {
		switch q = strings.ToLower(strings.TrimSpace(q)); {
		case q == "auth", q == "auth-int" && p.qop == "":
			p.qop = q
		}
	}
	if p.qop == "" && strings.Trim(list, " \t,") != "" {
		return fmt.Errorf("%w: digest qop %q is unknown", ErrChallenge, list)
	}
	return nil
}

// username is the parameter that names user (RFC 7616 sections 3.4, 3.4.3 and 3.4.4).
func (p *digestParams) username(user string) string {
	switch {
	case p.userhash:
		return `username="` + p.hash.of(user+":"+p.realm) + `"`
	case p.extended && strings.ContainsFunc(user, func(r rune) bool { return r > 0x7e }):
		// RFC 5987 value-chars are the unreserved ones and a few more; escaping the few is allowed too.
		return "username*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(user), "+", "%20")
	default:
		return "username=" + quote(user)
	}
}
