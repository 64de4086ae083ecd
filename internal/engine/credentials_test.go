package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/internal/transport/httpx"
	"github.com/ebb-transfer/ebb/job"
)

const owner = "uid:1" // of the jobs that a bench creates

func basic(user, password string) job.Credential {
	return job.Credential{Target: "server", Scheme: "basic", User: user, Password: password}
}

// refused demands an error with that code.
func refused(t *testing.T, err error, want job.Code) {
	t.Helper()
	var known *job.Error
	if !errors.As(err, &known) || known.Code != want {
		t.Errorf("%v, want %v", err, want)
	}
}

// secretsOf are the names of the secrets that are stored of a job.
func (b *bench) secretsOf(id job.ID) (names []string) {
	b.t.Helper()
	all := []string{secretHeaders, secretClientCert, store.SecretWebhook}
	for _, target := range job.Targets() {
		for _, scheme := range job.Schemes() {
			all = append(all, credentialName(job.CredentialRef{Target: target, Scheme: scheme}))
		}
	}
	for _, name := range all {
		_, err := b.store.Secret(b.t.Context(), id, name)
		switch {
		case err == nil:
			names = append(names, name)
		case !errors.Is(err, store.ErrNotFound):
			b.t.Fatal(err)
		}
	}
	return names
}

// TestCredentialsAreCheckedBeforeAnythingIsStored, when a job is created and when they are set.
func TestCredentialsAreCheckedBeforeAnythingIsStored(t *testing.T) {
	b := newBench(t)
	spec := job.Spec{Settings: job.DefaultSettings()}
	j := b.create(spec)
	for _, tt := range []struct {
		c    job.Credential
		want job.Code
	}{
		{basic(strings.Repeat("u", job.MaxUserLen+1), "secret"), job.UsernameTooLarge},
		{basic("alice", strings.Repeat("p", job.MaxPasswordLen+1)), job.PasswordTooLarge},
		{job.Credential{Target: "moon", Scheme: "basic", User: "alice", Password: "secret"}, job.InvalidAuthTarget},
		{job.Credential{Target: "server", Scheme: "Basic", User: "alice", Password: "secret"}, job.InvalidAuthScheme},
		{basic("alice", ""), job.InvalidArg},
		{basic("", ""), job.InvalidArg},
		{job.Credential{Target: "server", Scheme: "digest", Implicit: true}, job.InvalidArg},
	} {
		spec.Credentials = []job.Credential{basic("alice", "secret"), tt.c}
		_, err := b.Create(t.Context(), Actor{ID: owner}, spec)
		refused(t, err, tt.want)
		_, err = b.SetCredential(t.Context(), j.ID, owner, tt.c)
		refused(t, err, tt.want)
	}
	live, err := b.List(t.Context(), 0, 10, func(job.Job) bool { return true })
	if err != nil || len(live) != 1 || live[0].Credentials != nil {
		t.Errorf("jobs %+v, %v", live, err)
	}
	if names := b.secretsOf(j.ID); names != nil {
		t.Errorf("stored: %v", names)
	}
	_, err = b.RemoveCredential(t.Context(), j.ID, job.CredentialRef{Target: "server", Scheme: "rot13"})
	refused(t, err, job.InvalidAuthScheme)
}

// TestOneOfEachPair: a second credential for the same target and scheme replaces the first.
func TestOneOfEachPair(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.BasicAuth("alice", "secret"))
	b := newBench(t)
	spec := b.download(srv.URL)
	proxy := job.Credential{Target: "proxy", Scheme: "basic", User: "bob", Password: "p"}
	spec.Credentials = []job.Credential{basic("alice", "wrong"), proxy, basic("alice", "secret")}
	j := b.create(spec)
	if diff := cmp.Diff([]job.CredentialRef{proxy.Ref(), basic("", "").Ref()}, j.Credentials); diff != "" {
		t.Errorf("pairs: %s", diff)
	}
	b.until(j.ID, job.Transferred)
	b.do(j.ID, job.Cancel{})

	spec.Credentials, spec.Resume = nil, false
	j = b.create(spec)
	for _, password := range []string{"wrong", "secret"} {
		if _, err := b.SetCredential(t.Context(), j.ID, owner, basic("alice", password)); err != nil {
			t.Fatal(err)
		}
	}
	b.do(j.ID, job.Resume{})
	if got := b.until(j.ID, job.Transferred); len(got.Credentials) != 1 {
		t.Errorf("pairs: %v", got.Credentials)
	}
}

// TestOnlyTheOwnerSetsCredentials: not even an administrator, who may do all else.
func TestOnlyTheOwnerSetsCredentials(t *testing.T) {
	b := newBench(t)
	j := b.create(job.Spec{Settings: job.DefaultSettings()})
	_, err := b.SetCredential(t.Context(), j.ID, "uid:0", basic("root", "secret"))
	refused(t, err, job.AccessDenied)
	if names := b.secretsOf(j.ID); names != nil {
		t.Errorf("stored: %v", names)
	}
}

// TestTakenJob: a job that runs with its owner's password is taken over. What it fetches is asked for without the
// password from then on, and with the new owner's once that is set.
func TestTakenJob(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(8<<20), ebbtest.ETag(`"v1"`), ebbtest.BasicAuth("alice", "secret"), ebbtest.StallBody(4<<20))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.Credentials = []job.Credential{basic("alice", "secret"), {Target: "proxy", Scheme: "digest", User: "alice", Password: "p"}}
	spec.Headers, spec.WebhookKey = []job.Header{{Name: "X-Token", Value: "t"}}, "key"
	spec.NotifyURL = "https://hooks.invalid/"
	j := b.create(spec)
	b.until(j.ID, job.Transferring)
	if n := len(b.secretsOf(j.ID)); n != 4 {
		t.Fatalf("%d secrets are stored", n)
	}
	before := len(srv.Requests())

	if _, err := b.TakeOwnership(t.Context(), j.ID, owner); err != nil || len(b.secretsOf(j.ID)) != 4 {
		t.Fatalf("the owner takes his own job: %v, secrets %v", err, b.secretsOf(j.ID))
	}
	taken, err := b.TakeOwnership(t.Context(), j.ID, "uid:0")
	if err != nil || taken.Owner != "uid:0" || !taken.NeedsCredentials || taken.Credentials != nil {
		t.Fatalf("%v, %+v", err, taken.Job)
	}
	if names := b.secretsOf(j.ID); names != nil {
		t.Errorf("still stored: %v", names)
	}
	got := b.until(j.ID, job.InError)
	if got.Error.Code != job.HTTPStatus(401) || !strings.Contains(got.Waits, "needs credentials: ownership changed") {
		t.Errorf("error %+v, why: %s", got.Error, got.Waits)
	}
	requests := srv.Requests()[before:]
	if len(requests) != 1 {
		t.Errorf("%d requests after the change of owner, want 1", len(requests))
	}
	for _, r := range requests {
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Token") != "" {
			t.Errorf("the former owner's secrets are sent: %v", r.Header)
		}
	}

	_, err = b.SetCredential(t.Context(), j.ID, owner, basic("alice", "secret"))
	refused(t, err, job.AccessDenied)
	set, err := b.SetCredential(t.Context(), j.ID, "uid:0", basic("alice", "secret"))
	if err != nil || set.NeedsCredentials || strings.Contains(set.Waits, "ownership") {
		t.Fatalf("%v, %+v", err, set)
	}
	srv.Set(ebbtest.StallBody(-1))
	b.do(j.ID, job.Resume{})
	b.until(j.ID, job.Transferred)
}

// gate remembers what it was asked for and lets nobody in.
type gate struct {
	wholeOnly
	mu   sync.Mutex // guards seen
	seen []transport.Source
}

func (g *gate) Open(_ context.Context, src transport.Source, _ int64, _ job.Validator) (io.ReadCloser, transport.Meta, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, src)
	return nil, transport.Meta{}, &job.Error{Context: job.ContextRemoteFile, Code: job.HTTPStatus(401), Class: job.NeedsAction, Text: "no"}
}

// TestForbidCleartext: new jobs may not allow themselves passwords in the clear, those from before no longer do.
func TestForbidCleartext(t *testing.T) {
	door := &gate{}
	allowed := newBench(t, func(c *Config) { c.Transports = map[string]transport.Downloader{"http": door} })
	spec := allowed.download("http://files.example/")
	spec.Network.AllowCleartext, spec.Resume = true, false
	j := allowed.create(spec)
	allowed.stop()

	b := newBenchOn(t, allowed.dir, allowed.store.Reopen(), func(c *Config) {
		c.Limits.ForbidCleartext, c.Transports = true, map[string]transport.Downloader{"http": door}
	})
	_, err := b.Create(t.Context(), Actor{ID: owner}, spec)
	refused(t, err, job.BlockedByPolicy)
	spec.Network.AllowCleartext = false
	other := b.create(spec)
	allow := func(s *job.Settings) error { s.Network.AllowCleartext = true; return nil }
	_, err = b.Configure(t.Context(), other.ID, allow)
	refused(t, err, job.BlockedByPolicy)

	if _, err := b.Configure(t.Context(), j.ID, func(s *job.Settings) error { s.Name = "renamed"; return nil }); err != nil {
		t.Errorf("a job from before cannot be changed at all: %v", err)
	}
	b.do(j.ID, job.Resume{})
	if got := b.until(j.ID, job.InError); !strings.Contains(got.Waits, "administrator forbids") {
		t.Errorf("why: %s", got.Waits)
	}
	door.mu.Lock()
	defer door.mu.Unlock()
	if len(door.seen) != 1 || door.seen[0].Network.AllowCleartext || door.seen[0].Owner != owner {
		t.Errorf("the transport was asked %+v", door.seen)
	}
}

// TestSecretsAreNotKeptWhileAJobWaits, which may be for days.
func TestSecretsAreNotKeptWhileAJobWaits(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.BasicAuth("alice", "secret"))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.Credentials = []job.Credential{basic("alice", "wrong")}
	j := b.create(spec)
	b.until(j.ID, job.InError)
	kept, err := ask(t.Context(), b.Engine, func(s *session) (bool, error) {
		js := s.jobs[j.ID].secrets
		js.mu.Lock()
		defer js.mu.Unlock()
		return js.loaded || js.known.credentials != nil, nil
	})
	if kept || err != nil {
		t.Errorf("the password of a job in error is in memory (%v)", err)
	}
}

// TestEmptyPassword is a password like any other, once it is said to be empty.
func TestEmptyPassword(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Bytes(bytes.Repeat([]byte("x"), 100)), ebbtest.BasicAuth("guest", ""))
	b := newBench(t, func(c *Config) { c.Check = httpx.Check })
	spec := b.download(srv.URL)
	spec.Credentials = []job.Credential{{Target: "server", Scheme: "basic", User: "guest", EmptyPassword: true}}
	b.until(b.create(spec).ID, job.Transferred)
}
