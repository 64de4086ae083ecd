package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// The names of a job's secrets in the store.
const (
	secretCredential = "credentials/" // + target + "/" + scheme
	secretHeaders    = "headers"
	secretClientCert = "client_cert"
)

func credentialName(pair job.CredentialRef) string {
	return secretCredential + pair.Target + "/" + pair.Scheme
}

// secrets are what a job must know and nobody may read back.
type secrets struct {
	credentials []job.Credential
	headers     []job.Header
	clientCert  []byte
	webhookKey  []byte
}

func secretsOf(spec job.Spec) secrets {
	sec := secrets{credentials: spec.Credentials, headers: spec.Headers}
	if spec.ClientCert != "" {
		sec.clientCert = []byte(spec.ClientCert)
	}
	if spec.WebhookKey != "" {
		sec.webhookKey = []byte(spec.WebhookKey)
	}
	return sec
}

// seal encrypts what is there, ready for the store.
func (e *Engine) seal(id job.ID, sec secrets) ([]store.Secret, error) {
	plain := map[string][]byte{}
	for _, c := range sec.credentials {
		b, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		plain[credentialName(c.Ref())] = b
	}
	if len(sec.headers) > 0 {
		b, err := json.Marshal(sec.headers)
		if err != nil {
			return nil, err
		}
		plain[secretHeaders] = b
	}
	if sec.clientCert != nil {
		plain[secretClientCert] = sec.clientCert
	}
	if sec.webhookKey != nil {
		plain[store.SecretWebhook] = sec.webhookKey
	}
	var out []store.Secret
	for name, b := range plain {
		sealed, err := e.cfg.Sealer.Seal(id, name, b)
		clear(b)
		if err != nil {
			return nil, err
		}
		out = append(out, store.Secret{Job: id, Name: name, Sealed: sealed})
	}
	return out, nil
}

// Secret returns one of a job's secrets in the clear, nil when it has none of that name.
func (e *Engine) Secret(ctx context.Context, id job.ID, name string) ([]byte, error) {
	sealed, err := e.cfg.Store.Secret(ctx, id, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return e.cfg.Sealer.Open(id, name, sealed)
}

// jobSecrets are the secrets of one job as its workers need them, read once for all of
// them.
type jobSecrets struct {
	mu     sync.Mutex // guards all below
	loaded bool
	known  secrets
}

// source is the run's file with everything that is needed to reach it.
func (js *jobSecrets) source(ctx context.Context, r *run) (transport.Source, error) {
	src := transport.Source{
		URL: r.file.URL, Method: r.job.Method, Network: r.session.Limits().reach(r.job.Network), Owner: r.job.Owner, Try: fmt.Sprintf("%s/%d", r.job.ID, r.job.ErrorCount),
		Conn: r.flow.Use,
	}
	js.mu.Lock()
	defer js.mu.Unlock()
	if !js.loaded {
		known, err := r.session.open(ctx, r.job)
		if err != nil {
			return src, &job.Error{
				Context: job.ContextQueueManager, Code: job.InvalidCredentials, Class: job.NeedsAction, Err: err,
				Text: "the job's credentials cannot be read (" + err.Error() + "); set them again and resume the job",
			}
		}
		js.known, js.loaded = known, true
	}
	if r.job.Network.CheckCertificates {
		src.CheckCertificate, src.CheckedBy = r.session.validators.checkOf(ctx, r.job)
	}
	src.Credentials, src.Headers, src.ClientCert = js.known.credentials, js.known.headers, js.known.clientCert
	return src, nil
}

// open reads the secrets that a transfer of j needs.
func (e *Engine) open(ctx context.Context, j job.Job) (secrets, error) {
	var sec secrets
	for _, pair := range j.Credentials {
		var c job.Credential
		if err := e.openJSON(ctx, j.ID, credentialName(pair), &c); err != nil {
			return sec, err
		}
		sec.credentials = append(sec.credentials, c)
	}
	if len(j.HeaderNames) > 0 {
		if err := e.openJSON(ctx, j.ID, secretHeaders, &sec.headers); err != nil {
			return sec, err
		}
	}
	var err error
	if j.Network.ClientCert {
		sec.clientCert, err = e.Secret(ctx, j.ID, secretClientCert)
	}
	return sec, err
}

func (e *Engine) openJSON(ctx context.Context, id job.ID, name string, to any) error {
	b, err := e.Secret(ctx, id, name)
	switch {
	case err != nil:
		return err
	case b == nil:
		return store.ErrNotFound
	}
	defer clear(b)
	return json.Unmarshal(b, to)
}
