package engine

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// Create makes a job, with its files and secrets, in one commit: all of it or nothing. What can be
// known to be wrong before the first byte is refused with an [*job.Error].
func (e *Engine) Create(ctx context.Context, owner string, spec job.Spec) (job.Snapshot, error) {
	if spec.Type != job.Download {
		return job.Snapshot{}, job.Invalid(job.NotImplemented, "uploads are not supported yet")
	}
	id, sec := job.ID(uuid.NewString()), secretsOf(spec)
	spec.Settings.Network.ClientCert = sec.clientCert != nil
	j, err := job.New(id, owner, spec.Type, spec.Settings, time.Now())
	if err != nil {
		return job.Snapshot{}, err
	}
	if err := e.checkFiles(j, spec.Files, sec); err != nil {
		return job.Snapshot{}, err
	}
	events := eventsOf(spec)
	if _, err := fold(j, events); err != nil {
		return job.Snapshot{}, err
	}
	sealed, err := e.seal(id, sec)
	if err != nil {
		return job.Snapshot{}, err
	}
	return ask(ctx, e, func(s *session) (job.Snapshot, error) {
		j.Seq = s.lastSeq + 1
		en := s.enter(j)
		s.touch(en, fileIDs(1, len(spec.Files))...)
		for _, ev := range events {
			if err := s.next(en, ev); err != nil {
				return job.Snapshot{}, err // cannot be: fold has seen it pass
			}
		}
		s.wakes.set(en, en.job.Wake())
		s.batch.secrets = append(s.batch.secrets, sealed...)
		return s.snapshot(en), nil
	})
}

// eventsOf are what makes a new job the one that is wanted.
func eventsOf(spec job.Spec) []job.Event {
	var out []job.Event
	if len(spec.Files) > 0 {
		out = append(out, job.AddFiles{Files: spec.Files})
	}
	if len(spec.Credentials) > 0 {
		var pairs []job.CredentialRef
		for _, c := range spec.Credentials {
			pairs = append(pairs, c.Ref())
		}
		out = append(out, job.SetCredentials{Pairs: pairs})
	}
	if len(spec.Headers) > 0 {
		var names []string
		for _, h := range spec.Headers {
			names = append(names, h.Name)
		}
		out = append(out, job.SetHeaders{Names: names})
	}
	if spec.Resume {
		out = append(out, job.Resume{})
	}
	return out
}

// fold is j after all events, to see whether they would be refused.
func fold(j job.Job, events []job.Event) (job.Job, error) {
	for _, ev := range events {
		var err error
		if j, _, err = job.Next(j, ev, j.Created, job.Policy{}); err != nil {
			return j, err
		}
	}
	return j, nil
}

// checkFiles refuses what cannot work: a folder that is not there, a name that is taken, a scheme that
// is not supported.
func (e *Engine) checkFiles(j job.Job, files []job.FileSpec, sec secrets) error {
	if len(files) == 0 {
		return e.checkSource(anywhere, j.Network, sec)
	}
	withFiles, err := fold(j, []job.Event{job.AddFiles{Files: files}})
	if err != nil {
		return err
	}
	for f := range withFiles.Files.From(job.FileID(j.Totals.Files + 1)) {
		if err := e.cfg.Sink.Check(target(j, f)); err != nil {
			return err
		}
	}
	return e.checkSource(files[0].URL, j.Network, sec)
}

// anywhere stands for the URL of a job that has no file yet.
const anywhere = "https://ebb.invalid/"

// checkSource refuses what the transport knows can never work.
func (e *Engine) checkSource(url string, network job.Network, sec secrets) error {
	if e.cfg.Check == nil {
		return nil
	}
	return e.cfg.Check(transport.Source{
		URL: url, Network: network, Headers: sec.headers, Credentials: sec.credentials, ClientCert: sec.clientCert,
	})
}

func fileIDs(from, n int) []job.FileID {
	out := make([]job.FileID, n)
	for i := range out {
		out[i] = job.FileID(from + i)
	}
	return out
}

// Do folds a command into a job: Resume, Suspend, Cancel or Complete. It returns once the
// command is durable; Cancel and Complete are carried out after that. A job that does not exist or is
// final and forgotten is [store.ErrNotFound].
func (e *Engine) Do(ctx context.Context, id job.ID, command job.Event) (job.Snapshot, error) {
	return e.change(ctx, id, func(s *session, en *entry) error { return s.next(en, command) })
}

// Configure changes a job's settings. edit gets a copy of them and must be quick.
func (e *Engine) Configure(ctx context.Context, id job.ID, edit func(*job.Settings) error) (job.Snapshot, error) {
	return e.change(ctx, id, func(s *session, en *entry) error {
		settings := en.job.Settings
		if err := edit(&settings); err != nil {
			return err
		}
		settings.Network.ClientCert = en.job.Network.ClientCert // follows the secret alone
		if err := s.next(en, job.Set{Settings: settings}); err != nil {
			return err
		}
		s.applySettings(en)
		return nil
	})
}

// applySettings brings what already runs in line with changed settings.
func (s *session) applySettings(en *entry) {
	if en.pace == nil {
		return
	}
	if len(en.runs) == 0 {
		en.pace = nil // the next run hangs it under its class
		return
	}
	en.pace.SetRate(en.job.Limit)
}

// AddFiles appends files to a job, all or none.
func (e *Engine) AddFiles(ctx context.Context, id job.ID, files []job.FileSpec) (job.Snapshot, error) {
	snap, err := e.Job(ctx, id)
	if err != nil {
		return snap, err
	}
	if err := e.checkFiles(snap.Job, files, secrets{}); err != nil {
		return snap, err
	}
	return e.change(ctx, id, func(s *session, en *entry) error {
		before := en.job.Totals.Files
		return s.next(en, job.AddFiles{Files: files}, fileIDs(before+1, len(files))...)
	})
}

// SetCredential sets or replaces the credentials of one (target, scheme).
func (e *Engine) SetCredential(ctx context.Context, id job.ID, c job.Credential) (job.Snapshot, error) {
	snap, err := e.Job(ctx, id)
	if err != nil {
		return snap, err
	}
	if e.cfg.Check != nil {
		src := transport.Source{URL: "https://localhost/", Network: snap.Network, Credentials: []job.Credential{c}}
		if f, ok := snap.Files.Get(1); ok {
			src.URL = f.URL // else they are checked before there is anything to send them to
		}
		if err := e.cfg.Check(src); err != nil {
			return job.Snapshot{}, err
		}
	}
	sealed, err := e.seal(id, secrets{credentials: []job.Credential{c}})
	if err != nil {
		return job.Snapshot{}, err
	}
	return e.changeCredentials(ctx, id, c.Ref(), sealed)
}

// RemoveCredential forgets the credentials of one (target, scheme). It is no error when there are
// none.
func (e *Engine) RemoveCredential(ctx context.Context, id job.ID, pair job.CredentialRef) (job.Snapshot, error) {
	gone := store.Secret{Job: id, Name: secretCredential + pair.Target + "/" + pair.Scheme}
	return e.changeCredentials(ctx, id, pair, []store.Secret{gone})
}

func (e *Engine) changeCredentials(ctx context.Context, id job.ID, pair job.CredentialRef, secrets []store.Secret) (job.Snapshot, error) {
	return e.change(ctx, id, func(s *session, en *entry) error {
		pairs := slices.DeleteFunc(slices.Clone(en.job.Credentials), func(p job.CredentialRef) bool { return p == pair })
		if secrets[0].Sealed != nil {
			pairs = append(pairs, pair)
		}
		if err := s.next(en, job.SetCredentials{Pairs: pairs}); err != nil {
			return err
		}
		en.secrets = &jobSecrets{}
		s.batch.secrets = append(s.batch.secrets, secrets...)
		return nil
	})
}

// change runs f on a live job.
func (e *Engine) change(ctx context.Context, id job.ID, f func(*session, *entry) error) (job.Snapshot, error) {
	return ask(ctx, e, func(s *session) (job.Snapshot, error) {
		en, ok := s.jobs[id]
		if !ok {
			return s.final(ctx, id)
		}
		if err := f(s, en); err != nil {
			return job.Snapshot{}, err
		}
		return s.snapshot(en), nil
	})
}

// final is the refusal for a job that is not live: final, or not there at all.
func (s *session) final(ctx context.Context, id job.ID) (job.Snapshot, error) {
	for _, en := range s.recent {
		if en.job.ID == id {
			_, _, err := job.Next(en.job, job.Resume{}, time.Now(), job.Policy{})
			return job.Snapshot{}, err
		}
	}
	j, err := s.cfg.Store.Job(ctx, id)
	if err != nil {
		return job.Snapshot{}, err
	}
	_, _, err = job.Next(j, job.Resume{}, time.Now(), job.Policy{})
	return job.Snapshot{}, err
}

// Forget deletes a final job and all that belongs to it from the history. A job that is not
// final is refused with [job.ErrState].
func (e *Engine) Forget(ctx context.Context, id job.ID) error {
	if _, err := e.Job(ctx, id); err != nil {
		return err
	}
	_, err := ask(ctx, e, func(s *session) (struct{}, error) {
		if en, live := s.jobs[id]; live {
			return struct{}{}, job.Invalid(job.InvalidState, "job %s is %s; cancel it first", id, en.job.State)
		}
		s.recent = slices.DeleteFunc(s.recent, func(en *entry) bool { return en.job.ID == id })
		s.batch.forget = append(s.batch.forget, id)
		return struct{}{}, nil
	})
	return err
}

// Job returns a job, live or final; [store.ErrNotFound] when there is none.
func (e *Engine) Job(ctx context.Context, id job.ID) (job.Snapshot, error) {
	snap, err := ask(ctx, e, func(s *session) (job.Snapshot, error) {
		if en, ok := s.jobs[id]; ok {
			return s.snapshot(en), nil
		}
		return job.Snapshot{}, store.ErrNotFound
	})
	if !errors.Is(err, store.ErrNotFound) {
		return snap, err
	}
	j, err := e.cfg.Store.Job(ctx, id)
	return finalSnapshot(j), err
}

func finalSnapshot(j job.Job) job.Snapshot {
	return job.Snapshot{Job: j, Transferred: j.Totals.Filled, Size: j.Totals.Total()}
}

// Files returns at most limit files of a job, beginning with from.
func (e *Engine) Files(ctx context.Context, id job.ID, from job.FileID, limit int) ([]job.FileSnapshot, error) {
	type view struct {
		files job.Files
		live  map[job.FileID]job.FileSnapshot
	}
	v, err := ask(ctx, e, func(s *session) (view, error) {
		en, ok := s.jobs[id]
		if !ok {
			return view{}, store.ErrNotFound
		}
		v := view{files: en.job.Files, live: map[job.FileID]job.FileSnapshot{}}
		for fid := range en.runs {
			f, _ := en.job.Files.Get(fid)
			v.live[fid] = en.fileSnapshot(f)
		}
		return v, nil
	})
	if errors.Is(err, store.ErrNotFound) {
		var j job.Job
		j, err = e.cfg.Store.Job(ctx, id)
		v.files = j.Files
	}
	if err != nil {
		return nil, err
	}
	out := make([]job.FileSnapshot, 0, min(limit, v.files.Len()))
	for f := range v.files.From(from) {
		if len(out) == limit {
			break
		}
		snap, live := v.live[f.ID]
		if !live {
			snap = job.FileSnapshot{File: f, Transferred: f.Filled.Len()}
		}
		out = append(out, snap)
	}
	return out, nil
}

// List returns at most limit live jobs that accept lets through, in the order of submission, with a
// Seq above after.
func (e *Engine) List(ctx context.Context, after uint64, limit int, accept func(job.Job) bool) ([]job.Snapshot, error) {
	return ask(ctx, e, func(s *session) ([]job.Snapshot, error) {
		var out []job.Snapshot
		from := sort.Search(len(s.order), func(i int) bool { return s.order[i].job.Seq > after })
		for _, en := range s.order[from:] {
			if len(out) == limit {
				break
			}
			if s.jobs[en.job.ID] == en && accept(en.job) {
				out = append(out, s.snapshot(en))
			}
		}
		return out, nil
	})
}

// History returns at most limit final jobs, newest first, with a Seq below before (0: from the
// newest).
func (e *Engine) History(ctx context.Context, before uint64, limit int) ([]job.Snapshot, error) {
	jobs, err := e.cfg.Store.History(ctx, before, limit)
	out := make([]job.Snapshot, len(jobs))
	for i, j := range jobs {
		out[i] = finalSnapshot(j)
	}
	return out, err
}

// Find returns the IDs of the live jobs, and of the newest final ones, that begin with
// prefix: none, one, or at most two when it is ambiguous. A whole ID costs no search.
func (e *Engine) Find(ctx context.Context, prefix string, accept func(job.Job) bool) ([]job.ID, error) {
	prefix = strings.ToLower(prefix)
	if len(prefix) == idLen {
		return e.findWhole(ctx, job.ID(prefix), accept)
	}
	matches := func(j job.Job) bool { return strings.HasPrefix(string(j.ID), prefix) && accept(j) }
	live, err := e.List(ctx, 0, 2, matches)
	if err != nil {
		return nil, err
	}
	var out []job.ID
	for _, snap := range live {
		out = append(out, snap.ID)
	}
	if len(out) == 2 {
		return out, nil
	}
	final, err := e.cfg.Store.History(ctx, 0, findLen)
	for _, j := range final {
		if len(out) < 2 && matches(j) && !slices.Contains(out, j.ID) {
			out = append(out, j.ID)
		}
	}
	return out, err
}

const (
	// findLen is how many final jobs a prefix is looked up in.
	findLen = 10_000
	// idLen is the length of a whole ID.
	idLen = len("01234567-89ab-cdef-0123-456789abcdef")
)

func (e *Engine) findWhole(ctx context.Context, id job.ID, accept func(job.Job) bool) ([]job.ID, error) {
	snap, err := e.Job(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !accept(snap.Job):
		return nil, nil
	}
	return []job.ID{id}, nil
}

// Notices returns at most limit notices of the outbox with an ID above after.
func (e *Engine) Notices(ctx context.Context, after uint64, limit int) ([]store.Notice, error) {
	return e.cfg.Store.Notices(ctx, after, limit)
}

// Busy reports whether anything runs, waits to run, or waits for a retry: whether a daemon that started by
// itself must stay.
func (e *Engine) Busy(ctx context.Context) (bool, error) {
	return ask(ctx, e, func(s *session) (bool, error) {
		if len(s.ready)+len(s.busy) > 0 {
			return true, nil
		}
		for _, en := range s.jobs {
			if en.job.State == job.TransientError || en.job.Intent != job.NoIntent {
				return true, nil
			}
		}
		return false, nil
	})
}
