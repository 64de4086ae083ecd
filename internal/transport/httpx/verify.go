package httpx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/internal/transport/httpx/revocation"
	"github.com/ebb-transfer/ebb/job"
)

// verifier decides about the certificates of the servers of one client. It is safe for concurrent use.
type verifier struct {
	roots      *x509.CertPool // nil: the system's
	revocation *revocation.Checker
	fetch      revocation.Fetch
}

// verify is httpauth.Config.VerifyServer. What the source demands and forgives is for the servers of its files;
// those that only take part in a log-in are checked as everywhere.
func (v *verifier) verify(ctx context.Context, addr string, state tls.ConnectionState) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	h, n := hopOf(ctx), job.Network{}
	if h != nil {
		n = h.source.Network
	}
	t := &trust{roots: v.roots, flags: n.SecurityFlags, now: time.Now()}
	found, err := t.check(state.PeerCertificates, host)
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	if n.SecurityFlags.Has(job.CheckRevocation) {
		if err := v.checkRevocation(ctx, addr, found, state.OCSPResponse); err != nil {
			return err
		}
	}
	if err := checkPins(addr, found.chains, n.Pins); err != nil {
		return err
	}
	if h != nil && h.source.CheckCertificate != nil {
		return consult(ctx, h.source.CheckCertificate, addr, found.chains[0])
	}
	return nil
}

// checkRevocation passes if one chain does.
func (v *verifier) checkRevocation(ctx context.Context, addr string, found trail, staple []byte) error {
	var err error
	for _, chain := range found.chains {
		if err = v.revocation.Check(ctx, chain, staple, v.fetch); err != nil {
			continue
		}
		last := chain[len(chain)-1]
		if found.anchored || bytes.Equal(last.RawIssuer, last.RawSubject) {
			return nil
		}
		err = fmt.Errorf("the certificate of %s: %w: its issuer is not known", last.Subject, revocation.ErrUnknown)
	}
	e := &job.Error{Context: job.ContextRemoteFile, Code: job.RevocationFailed, Class: job.Fatal, Text: addr + ": " + oneLine(err), Err: err}
	if errors.Is(err, revocation.ErrRevoked) {
		e.Code = job.CertRevoked
	}
	return e
}

// checkPins refuses chains without a key that the job has pinned.
func checkPins(addr string, chains [][]*x509.Certificate, pins []string) error {
	if len(pins) == 0 {
		return nil
	}
	for _, chain := range chains {
		for _, c := range chain {
			if slices.Contains(pins, pinOf(c)) {
				return nil
			}
		}
	}
	return &job.Error{
		Context: job.ContextRemoteFile, Code: job.SecureFailure, Class: job.NeedsAction,
		Text: fmt.Sprintf("%s: the server's key %s is none of the pinned ones, and neither is one of its issuers'; pin it if you expected a new one",
			addr, pinOf(chains[0][0])),
	}
}

// pinOf is the pin of c's key (RFC 7469 section 2.4).
func pinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// consult asks the job's own check.
func consult(ctx context.Context, check func(context.Context, string, [][]byte) error, addr string, chain []*x509.Certificate) error {
	raw := make([][]byte, len(chain))
	for i, c := range chain {
		raw[i] = c.Raw
	}
	if err := check(ctx, addr, raw); err != nil {
		return rejected(addr, err)
	}
	return nil
}

// rejected is the error for what the job's own check said about a certificate, or for its absence.
func rejected(addr string, err error) *job.Error {
	e := &job.Error{
		Context: job.ContextCertificate, Code: job.SecureFailure, Class: job.Transient, Err: err,
		Text: addr + ": the job's own check rejected the server's certificate: " + oneLine(err),
	}
	own := (*job.Error)(nil)
	if !errors.As(err, &own) {
		return e
	}
	if e.Code = own.Code; e.Code == job.CertificateHookNeeded {
		e.Text = addr + ": " + oneLine(err)
	}
	return e
}
