package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

// HeaderList are a job's custom headers.
type HeaderList struct {
	Headers []job.Header `json:"headers"`
}

// ClientCertificate is what a job shows to servers that ask for a certificate.
type ClientCertificate struct {
	PEM string `json:"client_pem" doc:"a certificate and its unencrypted private key"`
}

// WebhookKey is what signs the calls of a job's webhook.
type WebhookKey struct {
	Key string `json:"webhook_key" doc:"the secret that the receiver knows as well"`
}

type headersOutput struct {
	Body HeaderList
}

// headers are the custom headers, the client certificate and the webhook key: secrets that only the owner of a job may set.
func (s *server) headers(a huma.API) {
	const headers, certificate, webhookKey = "/v1/jobs/{id}/headers", "/v1/jobs/{id}/client-certificate", "/v1/jobs/{id}/webhook-key"
	set := op("set-headers", http.MethodPut, headers, "Replace the custom headers; for the job's owner only")
	cert := op("set-client-certificate", http.MethodPut, certificate, "Set the client certificate; for the job's owner only")
	key := op("set-webhook-key", http.MethodPut, webhookKey, "Set the key that signs the calls of the webhook; for the job's owner only")
	huma.Register(a, withBody[WebhookKey](a, key, maxBody), s.setWebhookKey)
	huma.Register(a, op("get-headers", http.MethodGet, headers, "The custom headers, unless they are write-only; for the job's owner only"), s.getHeaders)
	huma.Register(a, withBody[HeaderList](a, set, maxBody), s.setHeaders)
	huma.Register(a, withBody[ClientCertificate](a, cert, maxBody), s.setClientCert)
	huma.Register(a, op("remove-client-certificate", http.MethodDelete, certificate, "Forget the client certificate; for the job's owner only"), s.removeClientCert)
}

func (s *server) getHeaders(ctx context.Context, in *JobInput) (*headersOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	headers, err := s.engine.Headers(ctx, id, actor(ctx).ID)
	if err != nil {
		return nil, problem(err)
	}
	return &headersOutput{HeaderList{headers}}, nil
}

func (s *server) setHeaders(ctx context.Context, in *configureInput) (*jobOutput, error) {
	defer in.wipe()
	var list HeaderList
	if err := in.into(&list); err != nil {
		return nil, err
	}
	return s.own(ctx, in.ID, func(id job.ID) (job.Snapshot, error) {
		return s.engine.SetHeaders(ctx, id, actor(ctx).ID, list.Headers)
	})
}

func (s *server) setClientCert(ctx context.Context, in *configureInput) (*jobOutput, error) {
	defer in.wipe()
	var cert ClientCertificate
	if err := in.into(&cert); err != nil {
		return nil, err
	}
	if cert.PEM == "" {
		return nil, problem(job.Invalid(job.InvalidArg, "the client certificate is empty; DELETE removes one"))
	}
	return s.own(ctx, in.ID, func(id job.ID) (job.Snapshot, error) {
		return s.engine.SetClientCert(ctx, id, actor(ctx).ID, cert.PEM)
	})
}

func (s *server) removeClientCert(ctx context.Context, in *JobInput) (*jobOutput, error) {
	return s.own(ctx, in.ID, func(id job.ID) (job.Snapshot, error) {
		return s.engine.SetClientCert(ctx, id, actor(ctx).ID, "")
	})
}

func (s *server) setWebhookKey(ctx context.Context, in *configureInput) (*jobOutput, error) {
	defer in.wipe()
	var key WebhookKey
	if err := in.into(&key); err != nil {
		return nil, err
	}
	if key.Key == "" {
		return nil, problem(job.Invalid(job.InvalidArg, "the webhook key is empty"))
	}
	return s.own(ctx, in.ID, func(id job.ID) (job.Snapshot, error) {
		return s.engine.SetWebhookKey(ctx, id, actor(ctx).ID, key.Key)
	})
}

// own carries out a change that is for the owner of the job.
func (s *server) own(ctx context.Context, prefix string, change func(job.ID) (job.Snapshot, error)) (*jobOutput, error) {
	id, err := s.find(ctx, prefix)
	if err != nil {
		return nil, err
	}
	snap, err := change(id)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}
