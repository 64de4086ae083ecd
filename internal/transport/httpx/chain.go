package httpx

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// trust is what makes a server's certificate good enough. Each flag forgives its own fault and nothing else, which is why
// faults that are forgiven are taken out before crypto/x509 looks for the others: it stops at the first one.
type trust struct {
	roots *x509.CertPool // nil: the system's
	flags job.SecurityFlags
	now   time.Time
}

// trail is how a certificate leads to an authority.
type trail struct {
	chains   [][]*x509.Certificate // each from the server's certificate on; they may be copies with other dates
	anchored bool                  // the last of each chain is trusted; else there is one chain, as far as the server's certificates lead
}

// check returns the trail of certs[0], the certificate of host, over the others.
func (t *trust) check(certs []*x509.Certificate, host string) (trail, error) {
	chains, err := t.trusted(certs)
	out := trail{chains: chains, anchored: true}
	if errors.As(err, new(x509.UnknownAuthorityError)) && t.flags.Has(job.IgnoreUnknownCA) {
		out.anchored = false
		out.chains, err = t.presented(certs)
	}
	if err == nil && !t.flags.Has(job.IgnoreHostName) {
		err = certs[0].VerifyHostname(host)
	}
	return out, err
}

func (t *trust) usages() []x509.ExtKeyUsage {
	if t.flags.Has(job.IgnoreUsage) {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

// trusted are the chains to an authority that is trusted.
func (t *trust) trusted(certs []*x509.Certificate) (chains [][]*x509.Certificate, err error) {
	if t.flags.Has(job.IgnoreDate) {
		return t.trustedOnce(timeless(certs), certs[0].NotBefore)
	}
	return t.trustedAt(certs, t.now)
}

// trustedOnce is trusted for certificates without dates. Those of the authorities cannot be taken away, so that it looks for
// a time at which they were valid: the end of one that has expired, or, where the system verifies and does not say which
// one has, when the server's certificate was made.
func (t *trust) trustedOnce(certs []*x509.Certificate, made time.Time) (chains [][]*x509.Certificate, err error) {
	times := []time.Time{t.now, made}
	for i := 0; i < len(times); i++ {
		if chains, err = t.trustedAt(certs, times[i]); err == nil {
			return chains, nil
		}
		var invalid x509.CertificateInvalidError
		if i == 0 && errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			times = append(times, invalid.Cert.NotAfter)
		}
	}
	return nil, err
}

func (t *trust) trustedAt(certs []*x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	return certs[0].Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: poolOf(certs[1:]), CurrentTime: at, KeyUsages: t.usages()})
}

// presented is a chain from certs[0] as far as the others are its issuers, checked for everything but who issued the last one.
func (t *trust) presented(certs []*x509.Certificate) ([][]*x509.Certificate, error) {
	all := timeless(certs)
	linked, err := all[0].Verify(x509.VerifyOptions{
		Roots: poolOf(all[1:]), Intermediates: poolOf(all[1:]), CurrentTime: t.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil { // none of them is its issuer
		linked = [][]*x509.Certificate{all[:1]}
	}
	longest := 0
	for _, chain := range linked {
		longest = max(longest, len(chain))
	}
	var first error
	for _, chain := range linked {
		if len(chain) < longest { // perhaps the good beginning of a bad one
			continue
		}
		chains, err := t.alone(chain, certs)
		if err == nil {
			return chains, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// alone checks one chain of copies of some of certs as if its last one were trusted.
func (t *trust) alone(chain, certs []*x509.Certificate) ([][]*x509.Certificate, error) {
	if !t.flags.Has(job.IgnoreDate) {
		if err := t.checkDates(chain, certs); err != nil {
			return nil, err
		}
	}
	return chain[0].Verify(x509.VerifyOptions{
		Roots: poolOf(chain[len(chain)-1:]), Intermediates: poolOf(chain), CurrentTime: t.now, KeyUsages: t.usages(),
	})
}

// checkDates checks the certificates of chain, which are copies of some in certs.
func (t *trust) checkDates(chain, certs []*x509.Certificate) error {
	for _, c := range certs {
		if !slices.ContainsFunc(chain, c.Equal) {
			continue
		}
		if t.now.Before(c.NotBefore) || t.now.After(c.NotAfter) {
			return x509.CertificateInvalidError{Cert: c, Reason: x509.Expired, Detail: fmt.Sprintf(
				"current time %s is not between %s and %s", t.now.Format(time.RFC3339), c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))}
		}
	}
	return nil
}

// timeless are copies of certs that are always valid.
func timeless(certs []*x509.Certificate) []*x509.Certificate {
	out := make([]*x509.Certificate, len(certs))
	for i, c := range certs {
		always := *c
		always.NotBefore, always.NotAfter = time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		out[i] = &always
	}
	return out
}

func poolOf(certs []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool
}
