package httpauth

import (
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
)

// scheme answers challenges with one set of credentials. It is safe for concurrent use.
type scheme interface {
	traits() traits
	// pick returns the challenge that the scheme answers best, all of them being for this scheme.
	pick(offered []Challenge) (Challenge, error)
	// covers returns the prefixes of the paths that the answer to c, made for path, is good for.
	covers(c Challenge, origin, path string) []string
	// session opens the conversation with one protection space or, for a scheme bound to its
	// connection, with one connection.
	session() session
}

// traits are what the frame must know of a scheme.
type traits struct {
	// cleartext: the secret itself is in the header field, for everyone on the way to read.
	cleartext bool
	// unasked: the credentials are sent before any challenge has come.
	unasked bool
	// connection: legs belong together on one connection, which is then authenticated for one identity;
	// it must be HTTP/1.1.
	connection bool
	// legs is how many challenges of one request may be answered.
	legs int
}

// session makes the answers to one protection space. Unless the scheme is bound to its connection,
// all requests to the space share it, so it is safe for concurrent use.
type session interface {
	// answer returns what to send with m: to challenge c or, if c is nil, ahead of one. It returns nil
	// when there is nothing to send ahead. An error means that no secret was sent, but for ErrRefused and errSent:
	// then a third party that vouches for us (a KDC, a login server) has refused it, or has not said.
	answer(ctx context.Context, m message, c *Challenge) (answer, error)
}

// answer is one value of (Proxy-)Authorization.
type answer interface {
	value() string
	// judge says what c means, the challenge that came back. The error tells more of why it is wrong.
	judge(c Challenge) (verdict, error)
	// confirm checks the proof in a response that let the request through, and takes from it what later
	// requests need. It may wrap the body to check it as it is read.
	confirm(resp *http.Response, f fields) error
}

// shaper is an answer that changes more of its request than one header field. The body is not there yet; one
// that sets out.Body to http.NoBody only opens a conversation, and the request itself is sent afterwards.
type shaper interface{ shape(out *http.Request) }

// verdict is what a challenge means that came in reply to an answer.
type verdict int

const (
	wrong    verdict = iota // the credentials are refused
	another                 // another leg, with the same credentials
	doubtful                // another leg, but they may have become wrong
	begun                   // another leg, and nothing secret was sent yet: other schemes may still take over
)

// message is what an answer may depend on: the request as its receiver sees it.
type message struct {
	method string
	uri    string   // the request target on the request line
	url    *url.URL // of the request; nil for CONNECT
	host   string   // of the receiver, as the caller has it, without the port
	path   string   // for the protection space; "" at a proxy
	// body returns the body from its start, once more each time; nil if it can be read only once.
	body  func() (io.ReadCloser, error)
	spent bool // it was sent, and cannot be sent again
	// certificate is the receiver's, if TLS leads to it: what the answer is bound to (RFC 5929).
	certificate *x509.Certificate
}

// fields are the names of the header fields of one Target.
type fields struct{ challenge, credentials, info string }

func fieldsOf(t Target) fields {
	if t == Proxy {
		return fields{"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info"}
	}
	return fields{"Www-Authenticate", "Authorization", "Authentication-Info"}
}

// newScheme returns the scheme that c is for. c is normalized.
func (t *Transport) newScheme(c Credentials, cfg *Config) (scheme, error) {
	switch c.Scheme {
	case Basic:
		return newBasic(c)
	case Digest:
		return newDigest(c), nil
	case Bearer:
		return newBearer(c)
	case Passport:
		return newPassport(c, cfg.PassportNexus, t)
	case NTLM:
		if !c.Implicit {
			return newNTLM(c), nil
		}
	case Negotiate:
		if !c.Implicit {
			return newNegotiate(c, cfg.Kerberos), nil
		}
	}
	return newImplicit(c, cfg.Kerberos), nil // no other scheme has that: see normalize
}

// fixed is the answer, and the session, of schemes that send the same value each time.
type fixed string

func (f fixed) answer(context.Context, message, *Challenge) (answer, error) { return f, nil }

func (f fixed) value() string                        { return string(f) }
func (f fixed) judge(Challenge) (verdict, error)     { return wrong, nil }
func (f fixed) confirm(*http.Response, fields) error { return nil }
