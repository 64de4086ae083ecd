package ebb

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strconv"

	"github.com/ebb-transfer/ebb/job"
)

// ValidateCertificates gives check the last word on the certificates of the job's https servers, until ctx ends. It sets the
// property Network.CheckCertificates first, which is refused with code job.ReadOnlyWhenActive unless the job is suspended; a
// job that has it already, for example since [Client.Create], may be in any state. The Snapshot stays as it is.
//
// check is called from this goroutine, once the system and the job's security flags have let a certificate pass and before
// a request is sent. host is HOST:PORT, chain the certificates from the server's own to the authority's. The server is kept waiting:
// check has as long as the job's Network.ConnectTimeout, 30 s by default.
//
// nil is yes. It is remembered for the server and its certificate until ValidateCertificates is called again, for this job
// alone. An error is no: the job becomes TransientError, in context job.ContextCertificate and with the code of a
// [*job.Error], else job.SecureFailure, and asks again when it is tried again. A job that nobody answers fails in the same way
// with code job.CertificateHookNeeded.
//
// Who judges is not stored, though that somebody has to is: a program that starts again calls ValidateCertificates again,
// and over a restart of the service it goes on by itself. The last one that is called for a job wins; an earlier one ends with
// [ErrReplaced]. Only the owner of the job may call it; anybody else is refused with code job.AccessDenied.
//
// It returns nil once the job is final; the error of ctx when that ends first; an error that wraps [ErrUnavailable] when the
// service does not come back within about ten seconds, and [ErrNotFound] when the caller may not see the job any more.
//
// In BITS: IBackgroundCopyJobHttpOptions3::SetServerCertificateValidationInterface.
func (j *Job) ValidateCertificates(ctx context.Context, check func(host string, chain []*x509.Certificate) error) error {
	v := &validator{check: check, client: j.client, path: j.path("/certificates")}
	if err := j.demandCertificateChecks(ctx); err != nil {
		return err
	}
	notResumed := func(certificateCheck) uint64 { return 0 } // whatever is asked was never answered
	for q, err := range follow(ctx, j.client, v.path, 0, notResumed) {
		if err != nil {
			return err
		}
		switch q.Event {
		case "final":
			return nil
		case "replaced":
			return ErrReplaced
		case "check":
			if err := v.answer(ctx, q); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *Job) demandCertificateChecks(ctx context.Context) error {
	var now job.Snapshot
	err := j.client.request(ctx, http.MethodGet, j.path(""), nil, &now)
	if err != nil || now.Network.CheckCertificates {
		return err
	}
	demand := map[string]any{"network": map[string]any{"check_certificates": true}}
	return j.client.request(ctx, http.MethodPatch, j.path(""), demand, nil)
}

// validator is a check at work.
type validator struct {
	check  func(host string, chain []*x509.Certificate) error
	client *Client
	path   string
}

// certificateCheck is what the service asks.
type certificateCheck struct {
	Event string   `json:"event"`
	Check uint64   `json:"check"`
	Host  string   `json:"host"`
	Chain [][]byte `json:"chain"` // in DER
}

// verdict is what it is answered.
type verdict struct {
	OK    bool     `json:"ok"`
	Code  job.Code `json:"code,omitempty"`
	Error string   `json:"error,omitempty"`
}

// answer returns an error only if there is no point in going on.
func (v *validator) answer(ctx context.Context, q certificateCheck) error {
	err := v.client.request(ctx, http.MethodPost, v.path+"/"+strconv.FormatUint(q.Check, 10), v.judge(q), nil)
	if errors.Is(err, ErrNotFound) || comesBack(err) {
		return nil // the service waits for it no more, or will ask again
	}
	return err
}

func (v *validator) judge(q certificateCheck) verdict {
	chain := make([]*x509.Certificate, len(q.Chain))
	for i, der := range q.Chain {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return verdict{Error: "a certificate cannot be read: " + err.Error()}
		}
	}
	err := v.check(q.Host, chain)
	if err == nil {
		return verdict{OK: true}
	}
	no := verdict{Error: err.Error()}
	if known := (*job.Error)(nil); errors.As(err, &known) && known.Code.Failed() {
		no.Code = known.Code
	}
	return no
}
