package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Commit implements [store.Store]. Concurrent calls share a transaction. ctx can end the wait
// for the writer, not a transaction in progress. An error that SQLite reports before COMMIT,
// such as a notice of an unknown job, means that nothing of b is stored, and concerns b alone;
// a COMMIT that fails is reported to all who share it.
func (s *Store) Commit(ctx context.Context, b store.Batch) ([]uint64, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := encode(b)
	if err != nil {
		return nil, err
	}
	if r.count() == 0 {
		return nil, nil
	}
	var ids []uint64
	err = s.write.submit(ctx, r.count(), func(ctx context.Context, st *statements) (err error) {
		ids, err = r.put(ctx, st)
		return err
	})
	if err != nil {
		return nil, s.explain(err)
	}
	return ids, nil
}

// rows is a batch as SQL takes it. It is made by the caller's goroutine, which leaves the
// writer only what must be done one after another.
type rows struct {
	jobs, files []any // columns of all rows, one after another
	final       []uint64
	notices     [][]any
	secrets     []store.Secret
	forget      []job.ID
	usage       []store.Usage
}

func encode(b store.Batch) (*rows, error) {
	r := &rows{secrets: b.Secrets, forget: b.Forget, usage: b.Usage, jobs: make([]any, 0, len(b.Jobs)*jobColumns)}
	for _, c := range b.Jobs {
		if err := r.addJob(c); err != nil {
			return nil, err
		}
	}
	for _, n := range b.Notices {
		data, err := json.Marshal(n)
		if err != nil {
			return nil, fmt.Errorf("notice of job %s: %w", n.Job.ID, err)
		}
		r.notices = append(r.notices, []any{n.Job.Seq, n.Pending, n.Attempts, n.Next.UnixMicro(), data})
	}
	return r, nil
}

func (r *rows) addJob(c store.Change) error {
	j := &c.Job
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	r.jobs = append(r.jobs, j.Seq, string(j.ID), j.State.Final(), j.Modified.UnixMicro(), data)
	if j.State.Final() {
		r.final = append(r.final, j.Seq)
	}
	for _, id := range c.Files {
		f, ok := j.Files.Get(id)
		if !ok {
			return fmt.Errorf("job %s has no file %d to store", j.ID, id)
		}
		data, err := json.Marshal(&f)
		if err != nil {
			return fmt.Errorf("file %d of job %s: %w", id, j.ID, err)
		}
		var said any // NULL
		if answer, ok := c.Answers[id]; ok {
			if said, err = json.Marshal(&answer); err != nil {
				return fmt.Errorf("answer for file %d of job %s: %w", id, j.ID, err)
			}
		}
		r.files = append(r.files, j.Seq, int(id), data, said)
	}
	return nil
}

func (r *rows) count() int {
	return len(r.jobs)/jobColumns + len(r.files)/fileColumns + len(r.notices) + len(r.secrets) + len(r.forget) + len(r.usage)
}

// put stores the rows within a transaction and returns the IDs of the notices.
func (r *rows) put(ctx context.Context, st *statements) ([]uint64, error) {
	if err := st.putJob.exec(ctx, r.jobs); err != nil {
		return nil, err
	}
	if err := st.putFile.exec(ctx, r.files); err != nil {
		return nil, err
	}
	for _, secret := range r.secrets {
		if err := putSecret(ctx, st, secret); err != nil {
			return nil, err
		}
	}
	ids, err := r.putNotices(ctx, st)
	if err != nil {
		return nil, err
	}
	for _, seq := range r.final { // after the notices, which may need one still
		if _, err := st.deleteSecrets.ExecContext(ctx, seq); err != nil {
			return nil, err
		}
	}
	for _, id := range r.forget {
		if _, err := st.forget.ExecContext(ctx, string(id)); err != nil {
			return nil, err
		}
	}
	for _, u := range r.usage {
		if _, err := st.putUsage.ExecContext(ctx, u.Owner, u.Since, u.Bytes); err != nil {
			return nil, fmt.Errorf("usage of %s: %w", u.Owner, err)
		}
	}
	return ids, nil
}

func (r *rows) putNotices(ctx context.Context, st *statements) ([]uint64, error) {
	var ids []uint64
	for _, n := range r.notices {
		res, err := st.putNotice.ExecContext(ctx, n...)
		if err != nil {
			return nil, fmt.Errorf("notice of job number %d: %w", n[0], err)
		}
		id, err := res.LastInsertId()
		if err != nil {
			return nil, err
		}
		ids = append(ids, uint64(id))
	}
	return ids, nil
}

func putSecret(ctx context.Context, st *statements, s store.Secret) error {
	if s.Sealed == nil {
		_, err := st.deleteSecret.ExecContext(ctx, s.Name, string(s.Job))
		return err
	}
	var (
		key   int64
		final bool
	)
	err := st.jobKey.QueryRowContext(ctx, string(s.Job)).Scan(&key, &final)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("secret of job %s: %w", s.Job, store.ErrNotFound)
	case err != nil:
		return err
	case final: // is given no secrets any more
		return nil
	}
	_, err = st.putSecret.ExecContext(ctx, key, s.Name, s.Sealed)
	return err
}

// Delivered implements [store.Store]. It returns store.ErrNotFound for a notice that does not
// wait, or does not any more.
func (s *Store) Delivered(ctx context.Context, id uint64, done bool, next time.Time) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	err = s.write.submit(ctx, 1, func(ctx context.Context, st *statements) error {
		stmt, args := st.undelivered, []any{next.UnixMicro(), id}
		if done {
			stmt, args = st.delivered, []any{id}
		}
		res, err := stmt.ExecContext(ctx, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = fmt.Errorf("pending notice %d: %w", id, store.ErrNotFound)
		}
		if err == nil && done {
			_, err = st.deleteKey.ExecContext(ctx, id)
		}
		return err
	})
	return s.explain(err)
}

// pruneStep is how many jobs are deleted in one transaction, so that commits come in between.
const pruneStep = 500

// Prune implements [store.Store]. When it fails, some of the jobs may be deleted already.
func (s *Store) Prune(ctx context.Context, then time.Time, keep int) (deleted int, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	// The newest job that keep does not cover is looked up once: what is deleted meanwhile
	// must not move it.
	var cut int64
	err = s.readDB.QueryRowContext(ctx,
		"SELECT coalesce((SELECT seq FROM jobs INDEXED BY jobs_final WHERE final ORDER BY seq DESC LIMIT 1 OFFSET ?), 0)", keep,
	).Scan(&cut)
	if err != nil {
		return 0, s.explain(err)
	}
	for after := int64(-1); ; {
		var n int
		var last int64
		err := s.write.submit(ctx, pruneStep, func(ctx context.Context, st *statements) (err error) {
			n, last, err = pruneSome(ctx, st, after, cut, then.UnixMicro())
			return err
		})
		if err != nil {
			return deleted, s.explain(err)
		}
		deleted, after = deleted+n, last
		if n < pruneStep {
			return deleted, nil
		}
	}
}

// pruneSome deletes up to pruneStep jobs above after and returns how many and the last of them.
func pruneSome(ctx context.Context, st *statements, after, cut, then int64) (n int, last int64, err error) {
	gone, err := st.prune.QueryContext(ctx, after, cut, then, pruneStep)
	if err != nil {
		return 0, after, err
	}
	defer gone.Close()
	last = after
	for gone.Next() {
		var seq int64
		if err := gone.Scan(&seq); err != nil {
			return 0, after, err
		}
		n, last = n+1, max(last, seq)
	}
	return n, last, gone.Err()
}
