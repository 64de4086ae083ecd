package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/job"
)

func TestFolderIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, dir)
	commit(t, s, whole(newJob(1, 1)))
	for name, want := range map[string]fs.FileMode{
		"..": fs.ModeDir | 0o700, ".": fs.ModeDir | 0o700, "ebb.db": 0o600, "ebb.db-wal": 0o600, "ebb.db-shm": 0o600, "ebb.lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	closeStore(t, s)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 { // the database, whole, and the lock
		t.Errorf("after Close there are %v, %v", left, err)
	}
}

func TestFolderNames(t *testing.T) {
	t.Parallel()
	names := []string{"a b", "50% of #1 & more", "日本語 🚀", "~", "file:x"}
	if runtime.GOOS != "windows" {
		names = append(names, `who? "me"`, `back\slash`, "?mode=memory")
	}
	for _, name := range names {
		dir := filepath.Join(t.TempDir(), name)
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		commit(t, s, whole(newJob(1, 1)))
		closeStore(t, s)
		if info, err := os.Stat(filepath.Join(dir, "ebb.db")); err != nil || info.Size() == 0 {
			t.Errorf("%q: the database is not in the folder: %v", name, err)
		}
	}
}

func TestOneStoreAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if !errors.Is(err, store.ErrLocked) {
		t.Fatalf("second Open = %v, want ErrLocked", err)
	}
	for _, want := range []string{dir, strconv.Itoa(os.Getpid())} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
	commit(t, s, whole(newJob(1, 1))) // the first is not disturbed
	closeStore(t, s)
	closeStore(t, open(t, dir))
}

func TestOpenIsCancelled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closeStore(t, open(t, dir))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlite.Open(ctx, dir, sqlite.Options{}); err == nil {
		t.Error("Open with a cancelled context returned a store")
	}
	closeStore(t, open(t, dir)) // nothing is left locked
}

// A database left by a crash, with a log beside it, of a version to come.
func TestNewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	live, dir := t.TempDir(), t.TempDir()
	s := open(t, live)
	commit(t, s, whole(newJob(1, 1)))
	runSQL(t, filepath.Join(live, "ebb.db"), "PRAGMA user_version = 99")
	names := []string{"ebb.db", "ebb.db-wal"}
	before := map[string][]byte{}
	for _, name := range names {
		before[name] = read(t, filepath.Join(live, name))
		if err := os.WriteFile(filepath.Join(dir, name), before[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	if len(before["ebb.db-wal"]) == 0 {
		t.Fatal("no log was left")
	}

	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "99") {
		t.Fatalf("Open = %v, want ErrNewer", err)
	}
	for _, name := range names {
		if !bytes.Equal(read(t, filepath.Join(dir, name)), before[name]) {
			t.Errorf("%s was changed", name)
		}
	}
}

// testdata/v1.sql is a database as schema 1 was written, v2.sql the same content as schema 2 was. Every later version reads them.
func TestOldSchemas(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			runSQL(t, filepath.Join(dir, "ebb.db"), string(read(t, filepath.Join("testdata", version+".sql"))))
			s := open(t, dir)
			checkOldContent(t, s)
			answer, err := s.Answer(t.Context(), "3b241101-e2bb-4255-8caf-4136c566a962", 2)
			if has := err == nil && answer.Status == 503; has != (version == "v2") {
				t.Errorf("Answer = %+v, %v", answer, err)
			}
			used := store.Usage{Owner: "uid:1000", Since: "2026-07-01", Bytes: 7}
			if none, err := s.Usage(t.Context()); err != nil || len(none) > 0 {
				t.Errorf("Usage = %v, %v, of a schema that has none", none, err)
			}
			commit(t, s, store.Batch{Usage: []store.Usage{used}})
			closeStore(t, s)
			s = open(t, dir) // now of the newest schema
			defer closeStore(t, s)
			if got, err := s.Usage(t.Context()); err != nil || len(got) != 1 || got[0] != used {
				t.Errorf("Usage = %v, %v", got, err)
			}
		})
	}
}

func checkOldContent(t *testing.T, s *sqlite.Store) {
	t.Helper()
	var jobs []job.Job
	last, err := s.Load(t.Context(), func(j job.Job) error {
		jobs = append(jobs, j)
		return nil
	})
	if err != nil || last != 7 || len(jobs) != 2 || jobs[0].Seq != 3 || jobs[1].Seq != 4 {
		t.Fatalf("Load = %+v, %d, %v", jobs, last, err)
	}
	j := jobs[0]
	second, _ := j.Files.Get(2)
	if j.Name != "two files" || j.State != job.TransientError || j.Error.Code.HTTP() != 503 || j.Files.Len() != 2 ||
		second.Filled.String() != "0-1048575" || j.RetryDelay != job.Duration(10*time.Minute) {
		t.Errorf("job = %+v, second file %+v", j, second)
	}
	if !j.HeadersWriteOnly || j.MinNotifyInterval != job.Duration(job.DefaultMinNotifyInterval) || !j.Resumed || jobs[1].Resumed {
		t.Errorf("what schema 1 does not have: %+v, %+v", j.Settings, jobs[1])
	}
	if final, err := s.History(t.Context(), 0, 10); err != nil || len(final) != 1 || final[0].State != job.Acknowledged {
		t.Errorf("History = %+v, %v", final, err)
	}
	if sealed, err := s.Secret(t.Context(), j.ID, "credentials/server/basic"); err != nil || string(sealed) != "sealed" {
		t.Errorf("Secret = %q, %v", sealed, err)
	}
	pending, err := s.Pending(t.Context())
	if err != nil || len(pending) != 1 || pending[0].ID != 12 || pending[0].Attempts != 2 || pending[0].Kind != job.NoticeAcknowledged {
		t.Errorf("Pending = %+v, %v", pending, err)
	}
	ids := commit(t, s, store.Batch{Notices: []store.Notice{{Kind: job.NoticeError, Job: job.Snapshot{Job: j}}}})
	if ids[0] != 13 {
		t.Errorf("the next notice has ID %d, want 13", ids[0])
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(database []byte) []byte
	}{
		{"no database at all", func([]byte) []byte { return []byte(strings.Repeat("This is a letter. ", 500)) }},
		{"header overwritten", func(b []byte) []byte { copy(b, make([]byte, 100)); return b }},
		{"pages overwritten", func(b []byte) []byte { copy(b[4096:], bytes.Repeat([]byte{0xa5}, len(b))); return b }},
		{"cut off", func(b []byte) []byte { return b[:8192] }},
		{"schema page overwritten", func(b []byte) []byte { copy(b[100:4096], bytes.Repeat([]byte{0xa5}, 4096)); return b }},
		{"a job that is no JSON", func(b []byte) []byte { return bytes.Replace(b, []byte(`{"id":`), []byte(`["id":`), 1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "ebb.db")
			s := open(t, dir)
			commit(t, s, whole(newJob(1, 500)))
			closeStore(t, s)
			if err := os.WriteFile(path, tt.damage(read(t, path)), 0o600); err != nil {
				t.Fatal(err)
			}
			before := read(t, path)

			err := openAndLoad(t, dir)
			var e *job.Error
			if !errors.As(err, &e) || e.Code != job.DatabaseCorrupt || e.Class != job.NeedsAction {
				t.Fatalf("error = %v, want one of a damaged database", err)
			}
			if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is not one line that names the file", err)
			}
			if !bytes.Equal(read(t, path), before) {
				t.Error("the damaged database was changed")
			}
			if err := os.Remove(filepath.Join(dir, "ebb.lock")); err != nil { // not held any more, on Windows, too
				t.Error(err)
			}
		})
	}
}

// Records that do not fit together are damage, too.
func TestMissingFile(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"1", "2"} {
		dir := t.TempDir()
		s := open(t, dir)
		commit(t, s, whole(newJob(1, 3), newJob(2, 3)))
		closeStore(t, s)
		runSQL(t, filepath.Join(dir, "ebb.db"), "DELETE FROM files WHERE job = 2 AND id = "+id)
		var e *job.Error
		if err := openAndLoad(t, dir); !errors.As(err, &e) || e.Code != job.DatabaseCorrupt {
			t.Errorf("without file %s: %v, want an error of a damaged database", id, err)
		}
	}
}

func openAndLoad(t *testing.T, dir string) error {
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		return err
	}
	_, err = s.Load(t.Context(), func(job.Job) error { return nil })
	closeStore(t, s)
	return err
}

func TestFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
		var e *job.Error
		if !errors.As(err, &e) || e.Class != job.NeedsAction || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open(%s) = %v", dir, err)
		}
	}
}

func closeStore(t testing.TB, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// runSQL runs a script as another program would.
func runSQL(t testing.TB, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}
