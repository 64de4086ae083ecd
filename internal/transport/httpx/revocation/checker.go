// Package revocation finds out whether certificates have been revoked: by OCSP (RFC 6960), the answer that came with the
// handshake first, and by the lists of their issuers (CRLs, RFC 5280 section 5).
package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"
)

const (
	// maxPlaces is how many responders, and how many distribution points, of one certificate are asked.
	maxPlaces = 3
	// fetchTimeout bounds each question.
	fetchTimeout = 10 * time.Second
	// clockSkew is how far in the future an answer may have been made.
	clockSkew = 5 * time.Minute

	maxAnswer      = 64 << 10 // bytes of an OCSP answer
	maxList        = 16 << 20 // bytes of a CRL
	maxAnswers     = 4096     // kept in memory
	maxListEntries = 2 << 20  // of all CRLs kept in memory, 20 bytes each
)

// The reasons found by errors.Is in the errors of Check.
var (
	// ErrRevoked means that the issuer has revoked a certificate.
	ErrRevoked = errors.New("it has been revoked")
	// ErrUnknown means that nobody could tell: no responder or list can be reached, or none of what they say is valid.
	ErrUnknown = errors.New("nobody tells whether it has been revoked")
)

// Request is one question to a responder or a distribution point.
type Request struct {
	URL         string
	ContentType string // of Body
	Body        []byte // sent by POST; nil for GET
	Limit       int64  // the longest answer in bytes; more is an error
}

// Fetch sends a Request, without credentials, and returns the body of a 200.
type Fetch func(context.Context, Request) ([]byte, error)

// Checker checks certificates, and keeps what it learns for as long as its source says it is valid (NextUpdate). It is
// safe for concurrent use.
type Checker struct {
	now     func() time.Time
	answers memo[verdict]
	lists   memo[*list]
}

// New returns a Checker that knows nothing yet.
func New() *Checker { return &Checker{now: time.Now} }

// Check checks each certificate of chain but the last, which is trusted for its own sake. Each one is followed by its issuer. staple is
// the OCSP answer that the server of chain[0] has sent; nil for none. ctx bounds the questions, each of
// which takes at most 10 s. The error wraps ErrRevoked or ErrUnknown.
func (c *Checker) Check(ctx context.Context, chain []*x509.Certificate, staple []byte, fetch Fetch) error {
	for i, cert := range chain[:max(len(chain)-1, 0)] {
		v, err := c.verdict(ctx, cert, chain[i+1], staple, fetch)
		if err != nil {
			return fmt.Errorf("the certificate of %s: %w", cert.Subject, err)
		}
		if v.revoked {
			return fmt.Errorf("the certificate of %s: %w", cert.Subject, ErrRevoked)
		}
	}
	return nil
}

// verdict is what an issuer says of a certificate.
type verdict struct{ revoked bool }

// verdict asks one after the other until one gives a valid answer.
func (c *Checker) verdict(ctx context.Context, cert, issuer *x509.Certificate, staple []byte, fetch Fetch) (verdict, error) {
	if len(staple) > 0 {
		if v, _, err := parseAnswer(staple, cert, issuer, c.now()); err == nil {
			return v, nil
		} // a server that staples nonsense is no reason to believe less than its issuer
	}
	why := errors.New("it names neither an OCSP responder nor a CRL that can be asked by http")
	for _, place := range places(cert.OCSPServer) {
		v, err := c.ask(ctx, place, cert, issuer, fetch)
		if err == nil {
			return v, nil
		}
		why = fmt.Errorf("OCSP responder %s: %w", place.Host, err)
	}
	for _, place := range places(cert.CRLDistributionPoints) {
		v, err := c.look(ctx, place, cert, issuer, fetch)
		if err == nil {
			return v, nil
		}
		why = fmt.Errorf("CRL of %s: %w", place.Host, err)
	}
	return verdict{}, fmt.Errorf("%w: %w", ErrUnknown, why)
}

// places are those of urls that can be asked.
func places(urls []string) []*url.URL {
	var out []*url.URL
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && len(out) < maxPlaces {
			out = append(out, u)
		}
	}
	return out
}

// keyOf names cert: serial numbers are unique only below one issuer.
func keyOf(cert, issuer *x509.Certificate) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte(nil), issuer.Raw...), cert.SerialNumber.Bytes()...))
}

func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("no answer within %v", fetchTimeout))
}
