package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// maxUndated is how old an answer may be that does not say until when it is valid (RFC 6960 section 4.2.2.1: newer
// information is always available).
const maxUndated = 24 * time.Hour

// ask asks the OCSP responder at place.
func (c *Checker) ask(ctx context.Context, place *url.URL, cert, issuer *x509.Certificate, fetch Fetch) (verdict, error) {
	now := c.now()
	return c.answers.get(ctx, keyOf(cert, issuer), now, maxAnswers, func() (answer[verdict], time.Time, error) {
		question, err := ocsp.CreateRequest(cert, issuer, nil)
		if err != nil {
			return answer[verdict]{}, time.Time{}, err
		}
		ctx, cancel := limited(ctx)
		defer cancel()
		raw, err := fetch(ctx, Request{URL: place.String(), ContentType: "application/ocsp-request", Body: question, Limit: maxAnswer})
		if err != nil {
			return answer[verdict]{}, time.Time{}, err
		}
		v, until, err := parseAnswer(raw, cert, issuer, now)
		return answer[verdict]{v, 1}, until, err
	})
}

// parseAnswer reads an OCSP answer about cert and says until when it is valid. It must be signed by the issuer or by whom the
// issuer has charged with that (RFC 6960 section 4.2.2.2).
func parseAnswer(raw []byte, cert, issuer *x509.Certificate, now time.Time) (v verdict, until time.Time, err error) {
	r, err := ocsp.ParseResponseForCert(raw, cert, issuer)
	if err != nil {
		return verdict{}, time.Time{}, err
	}
	if s := r.Certificate; s != nil && !s.Equal(issuer) {
		if !slices.Contains(s.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || now.Before(s.NotBefore) || now.After(s.NotAfter) {
			return verdict{}, time.Time{}, errors.New("the signer of the answer may not sign it")
		}
	}
	until = r.NextUpdate
	switch {
	case r.ThisUpdate.After(now.Add(clockSkew)):
		return verdict{}, time.Time{}, fmt.Errorf("the answer is of %s, which is in the future", r.ThisUpdate)
	case until.IsZero() && now.Sub(r.ThisUpdate) > maxUndated, !until.IsZero() && now.After(until):
		return verdict{}, time.Time{}, fmt.Errorf("the answer of %s is outdated", r.ThisUpdate)
	}
	switch r.Status {
	case ocsp.Good:
		return verdict{}, until, nil
	case ocsp.Revoked:
		return verdict{revoked: true}, until, nil
	}
	return verdict{}, time.Time{}, errors.New("the responder does not know the certificate")
}
