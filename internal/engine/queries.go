package engine

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strings"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

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

// Files returns at most limit files of a job, beginning with from. Those that are removed are left out.
func (e *Engine) Files(ctx context.Context, id job.ID, from job.FileID, limit int) ([]job.FileSnapshot, error) {
	type view struct {
		job  job.Job
		live map[job.FileID]job.FileSnapshot
	}
	v, err := ask(ctx, e, func(s *session) (view, error) {
		en, ok := s.jobs[id]
		if !ok {
			return view{}, store.ErrNotFound
		}
		v := view{job: en.job, live: map[job.FileID]job.FileSnapshot{}}
		for fid := range en.runs {
			f, _ := en.job.Files.Get(fid)
			v.live[fid] = en.fileSnapshot(f)
		}
		return v, nil
	})
	if errors.Is(err, store.ErrNotFound) {
		v.job, err = e.cfg.Store.Job(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	out := make([]job.FileSnapshot, 0, min(limit, v.job.Files.Len()))
	for f := range v.job.Files.From(from) {
		if len(out) == limit {
			break
		}
		if f.Removed {
			continue
		}
		snap, live := v.live[f.ID]
		if !live {
			snap = job.FileSnapshot{File: f, Transferred: f.Filled.Len()}
		}
		if !v.job.State.Final() {
			snap.Temporary = e.cfg.Sink.Temporary(target(v.job, f))
		}
		out = append(out, snap)
	}
	return out, nil
}

// File returns one file of a job; one that is not there, or is removed, is refused with code FileNotFound.
func (e *Engine) File(ctx context.Context, id job.ID, file job.FileID) (job.FileSnapshot, error) {
	files, err := e.Files(ctx, id, file, 1)
	switch {
	case err != nil:
		return job.FileSnapshot{}, err
	case len(files) == 0 || files[0].ID != file:
		return job.FileSnapshot{}, job.Invalid(job.FileNotFound, "job %s has no file %d", id, file)
	}
	return files[0], nil
}

// Answer returns what the server last said about a file. One that no server was asked for yet is refused with code Pending.
func (e *Engine) Answer(ctx context.Context, id job.ID, file job.FileID) (job.Answer, error) {
	if _, err := e.File(ctx, id, file); err != nil {
		return job.Answer{}, err
	}
	answer, err := e.cfg.Store.Answer(ctx, id, file)
	if errors.Is(err, store.ErrNotFound) {
		return answer, job.Invalid(job.Pending, "no server has answered for file %d of job %s yet", file, id)
	}
	return answer, err
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
