package memstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Load implements [store.Store].
func (s *Store) Load(ctx context.Context, yield func(job.Job) error) (uint64, error) {
	live, last, err := s.live(ctx)
	if err != nil {
		return 0, err
	}
	for _, j := range live { // without the lock: yield may call the store
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := yield(j); err != nil {
			return 0, err
		}
	}
	return last, nil
}

func (s *Store) live(ctx context.Context) (jobs []job.Job, lastSeq uint64, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, 0, err
	}
	for _, rec := range s.kept.sorted(false) {
		j, err := rec.decode(true)
		if err != nil {
			return nil, 0, err
		}
		jobs = append(jobs, j)
	}
	return jobs, s.kept.lastSeq, nil
}

// Job implements [store.Store].
func (s *Store) Job(ctx context.Context, id job.ID) (job.Job, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return job.Job{}, err
	}
	rec, ok := s.kept.jobs[id]
	if !ok {
		return job.Job{}, fmt.Errorf("job %s: %w", id, store.ErrNotFound)
	}
	return rec.decode(true)
}

// History implements [store.Store].
func (s *Store) History(ctx context.Context, before uint64, limit int) ([]job.Job, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	var out []job.Job
	for _, rec := range slices.Backward(s.kept.sorted(true)) {
		if before != 0 && rec.seq >= before {
			continue
		}
		if len(out) >= limit {
			break
		}
		j, err := rec.decode(false)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// Answer implements [store.Store].
func (s *Store) Answer(ctx context.Context, id job.ID, file job.FileID) (job.Answer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var answer job.Answer
	if err := s.usable(ctx); err != nil {
		return answer, err
	}
	if rec := s.kept.jobs[id]; rec != nil && rec.answers[file] != nil {
		return answer, json.Unmarshal(rec.answers[file], &answer)
	}
	return answer, fmt.Errorf("answer for file %d of job %s: %w", file, id, store.ErrNotFound)
}

// Secret implements [store.Store].
func (s *Store) Secret(ctx context.Context, id job.ID, name string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	sealed, ok := s.kept.secrets[secretKey{id, name}]
	if !ok {
		return nil, fmt.Errorf("secret %s of job %s: %w", name, id, store.ErrNotFound)
	}
	return slices.Clone(sealed), nil
}

// Notices implements [store.Store].
func (s *Store) Notices(ctx context.Context, after uint64, limit int) ([]store.Notice, error) {
	return s.notices(ctx, limit, func(n notice) bool { return n.id > after })
}

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context) ([]store.Notice, error) {
	return s.notices(ctx, -1, func(n notice) bool { return n.pending })
}

// notices are the first limit entries that are wanted; a negative limit is none.
func (s *Store) notices(ctx context.Context, limit int, wanted func(notice) bool) ([]store.Notice, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	var out []store.Notice
	for _, n := range s.kept.outbox {
		if limit >= 0 && len(out) >= limit {
			break
		}
		if !wanted(n) {
			continue
		}
		decoded := store.Notice{}
		if err := json.Unmarshal(n.data, &decoded); err != nil {
			return nil, err
		}
		decoded.ID, decoded.Pending, decoded.Attempts, decoded.Next = n.id, n.pending, n.attempts, n.next
		out = append(out, decoded)
	}
	return out, nil
}

// Usage implements [store.Store].
func (s *Store) Usage(ctx context.Context) ([]store.Usage, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(s.kept.usage), func(a, b store.Usage) int { return cmp.Compare(a.Owner, b.Owner) }), nil
}

// decode returns the job as it was stored.
func (rec *record) decode(withFiles bool) (job.Job, error) {
	var j job.Job
	if err := json.Unmarshal(rec.data, &j); err != nil {
		return job.Job{}, err
	}
	if !withFiles {
		return j, nil
	}
	files := make([]job.File, len(rec.files))
	for i, id := range slices.Sorted(maps.Keys(rec.files)) {
		if err := json.Unmarshal(rec.files[id], &files[i]); err != nil {
			return job.Job{}, err
		}
	}
	return j.WithFiles(job.Files{}.AppendAll(files)), nil
}

// sorted is the records that are final, or those that are not, in the order of Seq.
func (r *records) sorted(final bool) []*record {
	var out []*record
	for _, rec := range r.jobs {
		if rec.final == final {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b *record) int { return cmp.Compare(a.seq, b.seq) })
	return out
}
