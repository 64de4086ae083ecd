package engine

import (
	"context"
	"slices"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// checkCredentials refuses credentials that could never be used. Of several for one (target, scheme) it
// keeps the last.
func checkCredentials(given []job.Credential) ([]job.Credential, error) {
	var out []job.Credential
	for _, c := range given {
		if err := c.Check(); err != nil {
			return nil, err
		}
		out = append(slices.DeleteFunc(out, func(o job.Credential) bool { return o.Ref() == c.Ref() }), c)
	}
	return out, nil
}

// SetCredential sets or replaces the credentials of one (target, scheme), as BITS does for the owner only: they go
// where the owner says, and implicit ones are the owner's. actor is who asks.
func (e *Engine) SetCredential(ctx context.Context, id job.ID, actor string, c job.Credential) (job.Snapshot, error) {
	if err := c.Check(); err != nil {
		return job.Snapshot{}, err
	}
	snap, err := e.Job(ctx, id)
	if err != nil {
		return snap, err
	}
	sealed, err := e.sealFor(snap.Job, secrets{credentials: []job.Credential{c}})
	if err != nil {
		return job.Snapshot{}, err
	}
	return e.change(ctx, id, job.SetCredentials{}, func(s *session, en *entry) error {
		if en.job.Owner != actor {
			return notOwner(id, "set its credentials")
		}
		return s.changeCredentials(en, c.Ref(), sealed[0])
	})
}

func notOwner(id job.ID, what string) error {
	return job.Invalid(job.AccessDenied, "only the owner of job %s may %s; take its ownership first", id, what)
}

// sealFor is seal for a secret of a job that is there, which is refused when the transport knows that it cannot work.
func (e *Engine) sealFor(j job.Job, sec secrets) ([]store.Secret, error) {
	url := anywhere
	if f, ok := j.Files.Get(1); ok {
		url = f.URL
	}
	if err := e.checkSource(url, j.Network, sec); err != nil {
		return nil, err
	}
	return e.seal(j.ID, sec)
}

// RemoveCredential forgets the credentials of one (target, scheme). It is no error when there are
// none.
func (e *Engine) RemoveCredential(ctx context.Context, id job.ID, pair job.CredentialRef) (job.Snapshot, error) {
	if err := pair.Check(); err != nil {
		return job.Snapshot{}, err
	}
	return e.change(ctx, id, job.SetCredentials{}, func(s *session, en *entry) error {
		return s.changeCredentials(en, pair, store.Secret{Job: id, Name: credentialName(pair)})
	})
}

// changeCredentials stores what is now set for a pair, or deletes it.
func (s *session) changeCredentials(en *entry, pair job.CredentialRef, secret store.Secret) error {
	pairs := slices.DeleteFunc(slices.Clone(en.job.Credentials), func(p job.CredentialRef) bool { return p == pair })
	if secret.Sealed != nil {
		pairs = append(pairs, pair)
	}
	if err := s.next(en, job.SetCredentials{Pairs: pairs}); err != nil {
		return err
	}
	en.secrets = &jobSecrets{}
	s.batch.secrets = append(s.batch.secrets, secret)
	return nil
}

// TakeOwnership makes actor the owner of a job. The secrets of the former one are deleted in the same commit; see
// [job.TakeOwnership] for what else goes with them. Whether actor may is the caller's business.
func (e *Engine) TakeOwnership(ctx context.Context, id job.ID, actor string) (job.Snapshot, error) {
	command := job.TakeOwnership{Owner: actor}
	return e.change(ctx, id, command, func(s *session, en *entry) error {
		before := en.job
		if err := s.next(en, command); err != nil {
			return err
		}
		if before.Owner != actor {
			en.secrets = &jobSecrets{}
			s.validators.forget(id)
			s.batch.secrets = append(s.batch.secrets, wipe(before)...)
		}
		return nil
	})
}

// wipe deletes every secret that a job may have.
func wipe(j job.Job) []store.Secret {
	names := []string{secretHeaders, secretClientCert, store.SecretWebhook}
	for _, pair := range j.Credentials {
		names = append(names, credentialName(pair))
	}
	out := make([]store.Secret, len(names))
	for i, name := range names {
		out[i] = store.Secret{Job: j.ID, Name: name}
	}
	return out
}

// forbidCleartext refuses the leave to send passwords in the clear where the administrator has the last word.
func (e *Engine) forbidCleartext(n job.Network) error {
	if n.AllowCleartext && e.Limits().ForbidCleartext {
		return job.Invalid(job.BlockedByPolicy, "the administrator forbids sending passwords over plain http; use https, or leave out --allow-cleartext")
	}
	return nil
}

// checkSource refuses what the transport knows can never work.
func (e *Engine) checkSource(url string, network job.Network, sec secrets) error {
	if e.cfg.Check == nil {
		return nil
	}
	return e.cfg.Check(transport.Source{
		URL: url, Network: network, Headers: sec.headers, Credentials: sec.credentials, ClientCert: sec.clientCert,
	})
}
