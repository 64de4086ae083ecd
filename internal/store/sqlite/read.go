package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Job implements [store.Store].
func (s *Store) Job(ctx context.Context, id job.ID) (job.Job, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return job.Job{}, err
	}
	defer leave()
	var records []record
	err = s.query(ctx, func(rows *sql.Rows) error {
		var data, file []byte
		if err := rows.Scan(&data, &file); err != nil {
			return err
		}
		records, err = appendRow(records, data, file)
		return err
	}, `SELECT CASE WHEN files.id > 1 THEN NULL ELSE jobs.data END, files.data
		FROM jobs LEFT JOIN files ON files.job = jobs.seq
		WHERE jobs.id = ? ORDER BY files.id`, string(id))
	if err != nil {
		return job.Job{}, s.explain(err)
	}
	if len(records) == 0 {
		return job.Job{}, fmt.Errorf("job %s: %w", id, store.ErrNotFound)
	}
	j, err := records[0].decode()
	return j, s.explain(err)
}

// History implements [store.Store].
func (s *Store) History(ctx context.Context, before uint64, limit int) ([]job.Job, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if before == 0 {
		before = math.MaxInt64
	}
	var jobs []job.Job
	err = s.query(ctx, func(rows *sql.Rows) error {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return err
		}
		j, err := decodeJob(data)
		jobs = append(jobs, j)
		return err
	}, "SELECT data FROM jobs INDEXED BY jobs_final WHERE final AND seq < ? ORDER BY seq DESC LIMIT ?", before, max(limit, 0))
	return jobs, s.explain(err)
}

// Answer implements [store.Store].
func (s *Store) Answer(ctx context.Context, id job.ID, file job.FileID) (job.Answer, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return job.Answer{}, err
	}
	defer leave()
	var data []byte
	err = s.readDB.QueryRowContext(ctx,
		"SELECT answer FROM files WHERE id = ? AND job = (SELECT seq FROM jobs WHERE id = ?)", int(file), string(id),
	).Scan(&data)
	var answer job.Answer
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && data == nil:
		err = fmt.Errorf("answer for file %d of job %s: %w", file, id, store.ErrNotFound)
	case err == nil:
		if err = json.Unmarshal(data, &answer); err != nil {
			err = fmt.Errorf("%w: answer for file %d of job %s: %w", errDamaged, file, id, err)
		}
	}
	return answer, s.explain(err)
}

// Secret implements [store.Store].
func (s *Store) Secret(ctx context.Context, id job.ID, name string) ([]byte, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var sealed []byte
	err = s.readDB.QueryRowContext(ctx,
		"SELECT sealed FROM secrets WHERE name = ? AND job = (SELECT seq FROM jobs WHERE id = ?)", name, string(id),
	).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("secret %s of job %s: %w", name, id, store.ErrNotFound)
	}
	return sealed, s.explain(err)
}

// Usage implements [store.Store].
func (s *Store) Usage(ctx context.Context) ([]store.Usage, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []store.Usage
	err = s.query(ctx, func(rows *sql.Rows) error {
		var u store.Usage
		err := rows.Scan(&u.Owner, &u.Since, &u.Bytes)
		out = append(out, u)
		return err
	}, "SELECT owner, since, bytes FROM usage ORDER BY owner")
	return out, s.explain(err)
}

const noticeColumns = "id, pending, attempts, next, data"

// Notices implements [store.Store].
func (s *Store) Notices(ctx context.Context, after uint64, limit int) ([]store.Notice, error) {
	return s.notices(ctx, "SELECT "+noticeColumns+" FROM outbox WHERE id > ? ORDER BY id LIMIT ?", after, max(limit, 0))
}

// Pending implements [store.Store].
func (s *Store) Pending(ctx context.Context) ([]store.Notice, error) {
	return s.notices(ctx, "SELECT "+noticeColumns+" FROM outbox INDEXED BY outbox_pending WHERE pending ORDER BY id")
}

func (s *Store) notices(ctx context.Context, query string, args ...any) ([]store.Notice, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var out []store.Notice
	err = s.query(ctx, func(rows *sql.Rows) error {
		n, err := scanNotice(rows)
		out = append(out, n)
		return err
	}, query, args...)
	return out, s.explain(err)
}

func scanNotice(rows *sql.Rows) (store.Notice, error) {
	var (
		n, columns store.Notice
		next       int64
		data       []byte
	)
	if err := rows.Scan(&columns.ID, &columns.Pending, &columns.Attempts, &next, &data); err != nil {
		return n, err
	}
	if err := json.Unmarshal(data, &n); err != nil {
		return n, fmt.Errorf("%w: notice %d: %w", errDamaged, columns.ID, err)
	}
	n.ID, n.Pending, n.Attempts, n.Next = columns.ID, columns.Pending, columns.Attempts, time.UnixMicro(next).UTC()
	return n, nil
}

// query calls scan for each row.
func (s *Store) query(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := s.readDB.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
