package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

// openIdle opens a store whose writer is idle, so that the test may play its part.
func openIdle(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func insert(seq int) *task {
	return &task{rows: 1, done: make(chan error, 1), do: func(ctx context.Context, st *statements) error {
		_, err := st.putJob.one.ExecContext(ctx, seq, string(rune('a'+seq)), 0, 0, []byte("{}"))
		return err
	}}
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM jobs").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFailingTaskTakesNoOtherWithIt(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	wrong := errors.New("wrong")
	bad := insert(2)
	storeIt := bad.do
	bad.do = func(ctx context.Context, st *statements) error { return errors.Join(storeIt(ctx, st), wrong) }
	group := []*task{insert(1), bad, insert(3)}
	s.write.serve(t.Context(), group)
	for i, want := range []error{nil, wrong, nil} {
		if got := <-group[i].done; !errors.Is(got, want) || (got != nil) != (want != nil) {
			t.Errorf("task %d: %v, want %v", i, got, want)
		}
	}
	if n := count(t, s.readDB); n != 2 {
		t.Errorf("%d jobs are stored, want 2", n)
	}
}

func TestFailingCommitIsReportedToAll(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	orphan := &task{rows: 1, done: make(chan error, 1), do: func(ctx context.Context, st *statements) error {
		// A constraint that is looked at only by COMMIT.
		if _, err := s.write.conn.ExecContext(ctx, "PRAGMA defer_foreign_keys = 1"); err != nil {
			return err
		}
		return st.putFile.exec(ctx, []any{99, 1, []byte("{}"), nil})
	}}
	group := []*task{insert(1), orphan, insert(3)}
	s.write.serve(t.Context(), group)
	for i, task := range group {
		if err := <-task.done; !errors.Is(err, errUnknown) {
			t.Errorf("task %d: %v, want errUnknown", i, err)
		}
	}
	after := insert(4)
	s.write.serve(t.Context(), []*task{after})
	if err := <-after.done; err != nil {
		t.Errorf("the next commit: %v", err)
	}
	if n := count(t, s.readDB); n != 1 {
		t.Errorf("%d jobs are stored, want 1", n)
	}
}

func TestGatherTakesWhoWaits(t *testing.T) {
	t.Parallel()
	w := &writer{tasks: make(chan *task, 10)}
	for range 9 {
		w.tasks <- &task{rows: maxGroup / 4}
	}
	if n := len(w.gather(&task{rows: maxGroup})); n != 1 {
		t.Errorf("%d tasks join one that fills a transaction", n-1)
	}
	if n := len(w.gather(&task{rows: 1})); n != 5 {
		t.Errorf("a group has %d tasks, want 5", n)
	}
	close(w.tasks)
	if n := len(w.gather(&task{rows: 1})); n != 5 {
		t.Errorf("a group has %d tasks, want 5", n)
	}
	if n := len(w.gather(&task{rows: 1})); n != 2 {
		t.Errorf("the last group has %d tasks, want 2", n)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	limit := &task{done: make(chan error, 1), do: func(ctx context.Context, _ *statements) error {
		_, err := s.write.conn.ExecContext(ctx, "PRAGMA max_page_count = 1") // of what there is now
		return err
	}}
	s.write.serve(t.Context(), []*task{limit})
	if err := <-limit.done; err != nil {
		t.Fatal(err)
	}
	big := insert(1)
	big.do = func(ctx context.Context, st *statements) error {
		_, err := st.putJob.one.ExecContext(ctx, 1, "a", 0, 0, make([]byte, 1<<20))
		return err
	}
	group := []*task{big, insert(2)}
	s.write.serve(t.Context(), group)
	var e *job.Error
	if err := s.explain(<-group[0].done); !errors.As(err, &e) || e.Code != job.DiskFull || e.Class != job.NeedsAction {
		t.Errorf("error = %v, want one of a full disk", err)
	}
	if err := <-group[1].done; err != nil {
		t.Errorf("what still fits: %v", err)
	}
}

// Every connection has its own settings, and a DSN that the driver does not understand would
// lose them without a word.
func TestPragmas(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "fullfsync": "1",
		"checkpoint_fullfsync": "1", "foreign_keys": "1", "temp_store": "2", "journal_size_limit": "33554432",
	} {
		var got string
		if err := s.write.conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
			t.Errorf("writer's %s = %s, %v, want %s", name, got, err, want)
		}
		if err := s.readDB.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
			t.Errorf("reader's %s = %s, %v, want %s", name, got, err, want)
		}
	}
	if _, err := s.readDB.ExecContext(t.Context(), "DELETE FROM jobs"); resultCode(err) == 0 {
		t.Errorf("a reader could write: %v", err)
	}
}

func TestQueriesUseTheirIndexes(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	for query, want := range map[string]string{
		"SELECT data FROM jobs INDEXED BY jobs_final WHERE final AND seq < 9 ORDER BY seq DESC LIMIT 9": "jobs_final",
		"SELECT id FROM outbox INDEXED BY outbox_pending WHERE pending ORDER BY id":                     "outbox_pending",
		"SELECT 1 FROM outbox WHERE job = 1 AND pending":                                                "outbox_job",
	} {
		var plan []string
		err := s.query(t.Context(), func(rows *sql.Rows) error {
			var id, parent, unused int
			var detail string
			err := rows.Scan(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		}, "EXPLAIN QUERY PLAN "+query)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan) != 1 || !strings.Contains(plan[0], want) {
			t.Errorf("%s: plan %q, want one step with %s", query, plan, want)
		}
	}
}
