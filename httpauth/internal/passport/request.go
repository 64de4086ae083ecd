package passport

import (
	"net/url"
	"strings"
)

// Request is the request that the partner has challenged.
type Request struct {
	Method string
	URL    *url.URL
	// Challenge is the partner's list. The login server gets it back byte for byte.
	Challenge string
}

// org is what the login server is told of the request. A comma cannot be part of a list's token.
func (r Request) org() string {
	u := *r.URL
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return "OrgVerb=" + r.Method + ",OrgUrl=" + strings.ReplaceAll(u.String(), ",", "%2C")
}

// Token returns the Token Request: it asks for a ticket with the login server's cookies only.
func (r Request) Token() string {
	return scheme + " tname=," + r.org() + "," + r.Challenge
}

// SignIn returns the Sign-in Request, with the custom tokens of the login server's challenge.
func (r Request) SignIn(user, password string, custom []string) string {
	tokens := append([]string{
		"sign-in=" + escape(user), "pwd=" + escape(password), "elapsed-time=0", r.org(),
	}, custom...)
	return scheme + " " + strings.Join(append(tokens, r.Challenge), ",")
}

// FromPP returns the credentials of the First Authenticated Request.
func FromPP(ticket string) string { return scheme + " from-PP=" + ticket }

// escape returns s with each byte that is not unreserved (RFC 3986 section 2.3) as %XX.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
