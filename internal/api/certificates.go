package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/job"
)

// CertificateCheck is what a validator is asked, or why it is asked nothing more.
type CertificateCheck struct {
	Event string   `json:"event" enum:"check,replaced,final"`
	Check uint64   `json:"check,omitempty" doc:"the number that the answer goes to; soon, for the server is kept waiting"`
	Host  string   `json:"host,omitempty" doc:"HOST:PORT of the server"`
	Chain [][]byte `json:"chain,omitempty" doc:"its certificates in DER, from its own to the authority's"`
}

// The events of validators, after which there are no more but for the first.
const (
	eventCheck = "check"
	eventFinal = "final"
)

// CertificateVerdict is the answer.
type CertificateVerdict struct {
	OK    bool     `json:"ok" doc:"true is remembered for the server and the certificate, false is not"`
	Code  job.Code `json:"code,omitempty" doc:"why not, as the job's error tells it; by default 0x80072F8F"`
	Error string   `json:"error,omitempty" doc:"why not, in one sentence for people"`
}

type verdictInput struct {
	JobInput
	Check uint64 `path:"check"`
	JSONInput
}

// certificates are the operations for programs that judge the certificates of a job's servers.
func (s *server) certificates(a huma.API) {
	const path = "/v1/jobs/{id}/certificates"
	c := &certificates{server: s, asked: newAsked()}
	validate := op("validate-certificates", http.MethodGet, path, "Judge the certificates of the job's servers, in the place of any other who does; for its owner only")
	huma.Register(a, streamOf[CertificateCheck](a, validate,
		"server-sent events. The stream ends with the event replaced or final"), c.validate)
	answer := op("answer-certificate", http.MethodPost, path+"/{check}", "Say whether a server's certificate will do; for the job's owner only")
	huma.Register(a, withBody[CertificateVerdict](a, answer, maxBody), c.answer)
}

type certificates struct {
	*server
	asked *asked
}

func (c *certificates) validate(ctx context.Context, in *JobInput) (*huma.StreamResponse, error) {
	id, err := c.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	questions := make(chan CertificateCheck)
	on, err := c.engine.ValidateCertificates(ctx, id, actor(ctx).ID, c.asking(id, questions))
	if err != nil {
		return nil, problem(err)
	}
	return streaming(func(ctx context.Context, to *stream) error {
		for {
			var q CertificateCheck
			select {
			case q = <-questions:
			case <-ctx.Done():
				return ctx.Err()
			case <-on.Done():
				if q.Event = c.farewell(ctx, on, id); q.Event == "" {
					return context.Cause(on)
				}
			}
			if err := to.add(q.Event, 0, q); err != nil {
				return err
			}
			if err := to.flush(); err != nil || q.Event != eventCheck {
				return err
			}
		}
	}), nil
}

// asking is the check whose questions go out by the stream that reads the channel.
func (c *certificates) asking(id job.ID, questions chan<- CertificateCheck) engine.CheckCertificate {
	return func(ctx context.Context, host string, chain [][]byte) error {
		number, answer := c.asked.ask(id)
		defer c.asked.forget(number)
		select {
		case questions <- CertificateCheck{Event: eventCheck, Check: number, Host: host, Chain: chain}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// farewell is why nothing more is asked. "" is no reason that the caller may be told, or that would keep him from coming back.
func (c *certificates) farewell(ctx, on context.Context, id job.ID) string {
	if errors.Is(context.Cause(on), engine.ErrReplaced) {
		return eventReplaced
	}
	if snap, err := c.engine.Job(ctx, id); err == nil && snap.State.Final() {
		return eventFinal
	}
	return ""
}

func (c *certificates) answer(ctx context.Context, in *verdictInput) (*struct{}, error) {
	var verdict CertificateVerdict
	if err := in.into(&verdict); err != nil {
		return nil, err
	}
	found, err := c.get(ctx, &in.JobInput)
	if err != nil {
		return nil, err
	}
	switch snap := found.Body; {
	case snap.Owner != actor(ctx).ID:
		return nil, problem(job.Invalid(job.AccessDenied, "only the owner of job %s may judge the certificates of its servers; take its ownership first", snap.ID))
	case verdict.Code != job.OK && (verdict.OK || !verdict.Code.Failed()):
		return nil, problem(job.Invalid(job.InvalidArg, "code %v does not say why a certificate is rejected", verdict.Code))
	case !c.asked.answer(in.Check, snap.ID, verdict.failed()):
		return nil, problem(job.Invalid(job.NotFound, "check %d waits for no answer", in.Check))
	}
	return nil, nil
}

// failed is the verdict as an error; nil for yes.
func (v CertificateVerdict) failed() error {
	if v.OK {
		return nil
	}
	return &job.Error{Code: cmp.Or(v.Code, job.SecureFailure), Text: cmp.Or(v.Error, "it did not say why")}
}
