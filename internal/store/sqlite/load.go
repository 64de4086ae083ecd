package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/ebb-transfer/ebb/job"
)

// loadChunk is how many rows are decoded at a time; a job with more files than that is not
// divided.
const loadChunk = 512

// record is a job as it is stored.
type record struct {
	job   []byte
	files [][]byte
}

// decoded is a chunk of jobs in order, or why there are none.
type decoded struct {
	jobs []job.Job
	err  error
}

// Load implements [store.Store]. Decoding takes most of the time and runs beside the reading,
// on all processors; yield is called by the caller's goroutine, and may call the store.
func (s *Store) Load(ctx context.Context, yield func(job.Job) error) (uint64, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	var (
		lastSeq uint64
		readErr error
	)
	chunks := make(chan chan decoded, runtime.GOMAXPROCS(0)) // bounds what is in memory
	go func() {                                              // ends with the last row, or with ctx
		defer close(chunks)
		lastSeq, readErr = s.readAll(ctx, chunks)
	}()
	for chunk := range chunks { // until the reader has ended, whatever happens
		if err == nil {
			if err = (<-chunk).each(yield); err != nil {
				stop()
			}
		}
	}
	if err == nil {
		err = readErr
	}
	if err != nil {
		return 0, s.explain(err)
	}
	return lastSeq, nil
}

func (d decoded) each(yield func(job.Job) error) error {
	for _, j := range d.jobs {
		if err := yield(j); err != nil {
			return err
		}
	}
	return d.err
}

// readAll reads every job that is not final, in order, and sends them off to be decoded.
func (s *Store) readAll(ctx context.Context, chunks chan<- chan decoded) (lastSeq uint64, err error) {
	tx, err := s.readDB.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state for both queries
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobs'").Scan(&lastSeq)
	if err != nil {
		return 0, err
	}
	// A job with many files is read with the first of them alone.
	rows, err := tx.QueryContext(ctx, `
		SELECT CASE WHEN files.id > 1 THEN NULL ELSE jobs.data END, files.data
		FROM jobs LEFT JOIN files ON files.job = jobs.seq
		WHERE NOT final ORDER BY jobs.seq, files.id`)
	if err != nil {
		return 0, err
	}
	defer rows.Close()

	var records []record
	send := func() error {
		chunk := make(chan decoded, 1)
		select {
		case chunks <- chunk:
		case <-ctx.Done():
			return ctx.Err()
		}
		go func(records []record) { chunk <- decodeAll(records) }(records)
		records = nil
		return nil
	}
	for n := 0; rows.Next(); n++ {
		var data, file []byte
		if err := rows.Scan(&data, &file); err != nil {
			return 0, err
		}
		if data != nil && n >= loadChunk {
			if err := send(); err != nil {
				return 0, err
			}
			n = 0
		}
		if records, err = appendRow(records, data, file); err != nil {
			return 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	return lastSeq, send()
}

func appendRow(records []record, data, file []byte) ([]record, error) {
	if data != nil {
		records = append(records, record{job: data})
	}
	if file != nil {
		if len(records) == 0 {
			return nil, fmt.Errorf("%w: a job has no first file", errDamaged)
		}
		last := &records[len(records)-1]
		last.files = append(last.files, file)
	}
	return records, nil
}

func decodeAll(records []record) decoded {
	jobs := make([]job.Job, len(records))
	for i, r := range records {
		var err error
		if jobs[i], err = r.decode(); err != nil {
			return decoded{err: err}
		}
	}
	return decoded{jobs: jobs}
}

func (r record) decode() (job.Job, error) {
	j, err := decodeJob(r.job)
	if err != nil {
		return job.Job{}, err
	}
	files := make([]job.File, len(r.files))
	for i, data := range r.files {
		if err := json.Unmarshal(data, &files[i]); err != nil {
			return job.Job{}, fmt.Errorf("%w: file %d of job %s: %w", errDamaged, i+1, j.ID, err)
		}
		if files[i].ID != job.FileID(i+1) {
			return job.Job{}, fmt.Errorf("%w: file %d of job %s is missing", errDamaged, i+1, j.ID)
		}
	}
	return j.WithFiles(job.Files{}.AppendAll(files)), nil
}

func decodeJob(data []byte) (job.Job, error) {
	var j job.Job
	if err := json.Unmarshal(data, &j); err != nil {
		return job.Job{}, fmt.Errorf("%w: job %s: %w", errDamaged, j.ID, err)
	}
	return j, nil
}
