package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

// PairInput names one pair of a job's credentials.
type PairInput struct {
	JobInput
	Target string `path:"target" enum:"server,proxy"`
	Scheme string `path:"scheme" enum:"basic,digest,ntlm,negotiate,passport,bearer,any"`
}

type setCredentialInput struct {
	PairInput
	JSONInput
}

// Secret is what is set for a pair.
type Secret struct {
	User          string `json:"user,omitempty"`
	Password      string `json:"password,omitempty" doc:"for bearer the token"`
	EmptyPassword bool   `json:"empty_password,omitempty" doc:"the password is empty, not forgotten"`
	Implicit      bool   `json:"implicit,omitempty" doc:"those of the job's owner, for ntlm, negotiate and any"`

	ServicePrincipal string `json:"service_principal,omitempty" doc:"HTTP/host or HTTP/host@REALM, for negotiate and any; by default made of the URL's host"`
}

// CredentialList are the pairs that are set.
type CredentialList struct {
	Credentials []job.CredentialRef `json:"credentials"`
}

type credentialsOutput struct {
	Body CredentialList
}

// credentials are write-only: the pairs can be listed, never the secrets.
func (s *server) credentials(a huma.API) {
	const path = "/v1/jobs/{id}/credentials"
	set := withBody[Secret](a, op("set-credentials", http.MethodPut, path+"/{target}/{scheme}", "Set or replace one pair; for the job's owner only"), maxBody)
	remove := op("remove-credentials", http.MethodDelete, path+"/{target}/{scheme}", "Forget one pair")
	set.SkipValidateParams, remove.SkipValidateParams = true, true // the engine's refusal has the code of BITS
	huma.Register(a, op("list-credentials", http.MethodGet, path, "Which pairs are set"), s.listCredentials)
	huma.Register(a, set, s.setCredential)
	huma.Register(a, remove, s.removeCredential)
}

func (s *server) listCredentials(ctx context.Context, in *JobInput) (*credentialsOutput, error) {
	found, err := s.get(ctx, in)
	if err != nil {
		return nil, err
	}
	return pairsOf(found.Body), nil
}

func pairsOf(snap job.Snapshot) *credentialsOutput {
	return &credentialsOutput{CredentialList{append([]job.CredentialRef{}, snap.Credentials...)}}
}

func (s *server) setCredential(ctx context.Context, in *setCredentialInput) (*credentialsOutput, error) {
	defer in.wipe()
	var secret Secret
	if err := in.into(&secret); err != nil {
		return nil, err
	}
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	snap, err := s.engine.SetCredential(ctx, id, actor(ctx).ID, job.Credential{
		Target: in.Target, Scheme: in.Scheme, User: secret.User, Password: secret.Password,
		EmptyPassword: secret.EmptyPassword, Implicit: secret.Implicit, ServicePrincipal: secret.ServicePrincipal,
	})
	if err != nil {
		return nil, problem(err)
	}
	return pairsOf(snap), nil
}

func (s *server) removeCredential(ctx context.Context, in *PairInput) (*credentialsOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	snap, err := s.engine.RemoveCredential(ctx, id, job.CredentialRef{Target: in.Target, Scheme: in.Scheme})
	if err != nil {
		return nil, problem(err)
	}
	return pairsOf(snap), nil
}
