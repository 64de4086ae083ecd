package engine

import (
	"context"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// maxHeaders bounds a job's custom headers, as lines of HTTP, in bytes (BITS: 16,384 characters).
const maxHeaders = 16_384

// checkHeaders refuses, with code StringTooLong, more headers than BITS has room for.
func checkHeaders(headers []job.Header) error {
	n := 1
	for _, h := range headers {
		n += len(h.Name) + len(": ") + len(h.Value) + len("\r\n")
	}
	if n > maxHeaders {
		return job.Invalid(job.StringTooLong, "the custom headers have more than %d bytes", maxHeaders)
	}
	return nil
}

func namesOf(headers []job.Header) []string {
	var names []string
	for _, h := range headers {
		names = append(names, h.Name)
	}
	return names
}

// Headers returns a job's custom headers to its owner. Anybody else is refused with code AccessDenied, and so is
// everybody once they are write-only.
func (e *Engine) Headers(ctx context.Context, id job.ID, actor string) ([]job.Header, error) {
	snap, err := e.Job(ctx, id)
	headers := []job.Header{}
	switch {
	case err != nil:
		return nil, err
	case snap.Owner != actor:
		return nil, notOwner(id, "read its headers")
	case snap.HeadersWriteOnly:
		return nil, job.Invalid(job.AccessDenied, "the headers of job %s are write-only", id)
	case len(snap.HeaderNames) == 0:
		return headers, nil
	case snap.State.Final():
		return nil, job.Invalid(job.InvalidState, "the headers of job %s are deleted: it is %s", id, snap.State)
	}
	return headers, e.openJSON(ctx, id, secretHeaders, &headers)
}

// SetHeaders replaces a job's custom headers, as BITS does for the owner only; none deletes them. actor is who asks.
func (e *Engine) SetHeaders(ctx context.Context, id job.ID, actor string, headers []job.Header) (job.Snapshot, error) {
	if err := checkHeaders(headers); err != nil {
		return job.Snapshot{}, err
	}
	return e.setSecret(ctx, id, ownSecret{
		actor: actor, what: "set its headers", name: secretHeaders,
		value: secrets{headers: headers}, command: job.SetHeaders{Names: namesOf(headers)},
	})
}

// SetClientCert sets the certificate that a job shows to servers, with its private key, in PEM form; "" deletes it. Only
// the owner may. actor is who asks.
func (e *Engine) SetClientCert(ctx context.Context, id job.ID, actor, pem string) (job.Snapshot, error) {
	return e.setSecret(ctx, id, ownSecret{
		actor: actor, what: "set its client certificate", name: secretClientCert,
		value: secretsOf(job.Spec{ClientCert: pem}), command: job.SetClientCert{Set: pem != ""},
	})
}

// SetWebhookKey sets the key that signs the calls of a job's webhook, from the next one on. Only the owner may. actor is who
// asks; key is not empty.
func (e *Engine) SetWebhookKey(ctx context.Context, id job.ID, actor, key string) (job.Snapshot, error) {
	return e.setSecret(ctx, id, ownSecret{
		actor: actor, what: "set its webhook key", name: store.SecretWebhook,
		value: secretsOf(job.Spec{WebhookKey: key}), command: job.SetWebhookKey{},
	})
}

// ownSecret is a change of a secret that only the owner of the job may make.
type ownSecret struct {
	actor, what string
	name        string
	value       secrets // none: the secret is deleted
	command     job.Event
}

func (e *Engine) setSecret(ctx context.Context, id job.ID, change ownSecret) (job.Snapshot, error) {
	snap, err := e.Job(ctx, id)
	if err != nil {
		return snap, err
	}
	sealed, err := e.sealFor(snap.Job, change.value)
	if err != nil {
		return snap, err
	}
	if len(sealed) == 0 {
		sealed = []store.Secret{{Job: id, Name: change.name}}
	}
	return e.change(ctx, id, change.command, func(s *session, en *entry) error {
		if en.job.Owner != change.actor {
			return notOwner(id, change.what)
		}
		if err := s.next(en, change.command); err != nil {
			return err
		}
		en.secrets = &jobSecrets{}
		s.batch.secrets = append(s.batch.secrets, sealed...)
		return nil
	})
}
