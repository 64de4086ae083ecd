package engine

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-transfer/ebb/job"
)

// Actor is who asks.
type Actor struct {
	ID    string // becomes the owner of the jobs that he creates
	Admin bool   // the limits on what users may have are not for him
}

// Create makes a job, with its files and secrets, in one commit: all of it or nothing. What can be
// known to be wrong before the first byte is refused with an [*job.Error].
func (e *Engine) Create(ctx context.Context, actor Actor, spec job.Spec) (job.Snapshot, error) {
	if spec.Type != job.Download {
		return job.Snapshot{}, job.Invalid(job.NotImplemented, "uploads are not supported yet")
	}
	if err := e.forbidCleartext(spec.Network); err != nil {
		return job.Snapshot{}, err
	}
	e.Limits().defaults(&spec.Settings)
	var err error
	if spec.Credentials, err = checkCredentials(spec.Credentials); err != nil {
		return job.Snapshot{}, err
	}
	if err := checkHeaders(spec.Headers); err != nil {
		return job.Snapshot{}, err
	}
	id, sec := job.ID(uuid.NewString()), secretsOf(spec)
	spec.Settings.Network.ClientCert = sec.clientCert != nil
	j, err := job.New(id, actor.ID, spec.Type, spec.Settings, time.Now())
	if err != nil {
		return job.Snapshot{}, err
	}
	if err := e.checkFiles(j, spec.Files, sec); err != nil {
		return job.Snapshot{}, err
	}
	events := eventsOf(spec)
	if _, err := fold(j, events, j.Created); err != nil {
		return job.Snapshot{}, err
	}
	sealed, err := e.seal(id, sec)
	if err != nil {
		return job.Snapshot{}, err
	}
	return ask(ctx, e, func(s *session) (job.Snapshot, error) {
		if err := s.allowed(actor, j, spec.Files, false); err != nil {
			return job.Snapshot{}, err
		}
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
		out = append(out, job.SetHeaders{Names: namesOf(spec.Headers)})
	}
	if spec.Resume {
		out = append(out, job.Resume{})
	}
	return out
}

// fold is j after all events, to see whether they would be refused.
func fold(j job.Job, events []job.Event, now time.Time) (job.Job, error) {
	for _, ev := range events {
		var err error
		if j, _, err = job.Next(j, ev, now, job.Policy{}); err != nil {
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
	withFiles, err := fold(j, []job.Event{job.AddFiles{Files: files}}, j.Modified)
	if err != nil {
		return err
	}
	for f := range withFiles.Files.From(job.FileID(j.Files.Len() + 1)) {
		if err := e.cfg.Sink.Check(target(j, f)); err != nil {
			return err
		}
	}
	return e.checkSource(files[0].URL, j.Network, sec)
}

// anywhere stands for the URL of a job that has no file yet.
const anywhere = "https://ebb.invalid/"

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
	return e.change(ctx, id, command, func(s *session, en *entry) error {
		before := en.job.Files
		if err := s.next(en, command); err != nil {
			return err
		}
		if en.job.Method != "" { // Resume begins anew
			s.touch(en, differing(before, en.job.Files, func(a, b job.File) bool { return a.Boot != b.Boot || a.Filled.Len() != b.Filled.Len() })...)
		}
		return nil
	})
}

// Configure changes a job's settings. edit gets a copy of them and must be quick.
func (e *Engine) Configure(ctx context.Context, id job.ID, edit func(*job.Settings) error) (job.Snapshot, error) {
	return e.change(ctx, id, job.Set{Settings: job.DefaultSettings()}, func(s *session, en *entry) error {
		settings := en.job.Settings
		if err := edit(&settings); err != nil {
			return err
		}
		settings.Network.ClientCert = en.job.Network.ClientCert // follows the secret alone
		if !en.job.Network.AllowCleartext {
			if err := e.forbidCleartext(settings.Network); err != nil {
				return err
			}
		}
		if err := s.next(en, job.Set{Settings: settings}); err != nil {
			return err
		}
		s.applySettings(en)
		return nil
	})
}

// applySettings brings what already runs in line with changed settings.
func (s *session) applySettings(en *entry) {
	if en.flow != nil {
		en.flow.SetWeight(weights[en.job.Priority])
	}
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
func (e *Engine) AddFiles(ctx context.Context, id job.ID, actor Actor, files []job.FileSpec) (job.Snapshot, error) {
	snap, err := e.Job(ctx, id)
	if err != nil {
		return snap, err
	}
	if err := e.checkFiles(snap.Job, files, secrets{}); err != nil {
		return snap, err
	}
	command := job.AddFiles{Files: files}
	return e.change(ctx, id, command, func(s *session, en *entry) error {
		if err := s.allowed(actor, en.job, files, true); err != nil {
			return err
		}
		return s.next(en, command, fileIDs(en.job.Files.Len()+1, len(files))...)
	})
}

// change runs f, which carries out a command, on a live job.
func (e *Engine) change(ctx context.Context, id job.ID, command job.Event, f func(*session, *entry) error) (job.Snapshot, error) {
	return ask(ctx, e, func(s *session) (job.Snapshot, error) {
		en, ok := s.jobs[id]
		if !ok {
			return s.final(ctx, id, command)
		}
		if err := f(s, en); err != nil {
			return job.Snapshot{}, err
		}
		return s.snapshot(en), nil
	})
}

// final is the refusal of a command for a job that is not live: final, or not there at all.
func (s *session) final(ctx context.Context, id job.ID, command job.Event) (job.Snapshot, error) {
	for _, en := range s.recent {
		if en.job.ID == id {
			_, _, err := job.Next(en.job, command, time.Now(), job.Policy{})
			return job.Snapshot{}, err
		}
	}
	j, err := s.cfg.Store.Job(ctx, id)
	if err != nil {
		return job.Snapshot{}, err
	}
	_, _, err = job.Next(j, command, time.Now(), job.Policy{})
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
