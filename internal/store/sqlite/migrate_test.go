package sqlite

import (
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	path := s.path
	one := insert(1)
	s.write.serve(t.Context(), []*task{one})
	if err := <-one.done; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	old := len(steps)
	backupName := path + ".v" + string(rune('0'+old)) + ".backup"
	steps = append(steps,
		"ALTER TABLE jobs ADD COLUMN color TEXT; UPDATE jobs SET color = 'blue';",
		"CREATE TABLE colors (name TEXT)",
	)
	if err := os.WriteFile(backupName+".part", []byte("left by a crash"), 0o600); err != nil {
		t.Fatal(err)
	}

	broken := slices.Concat(steps, []string{"CREATE TABLE colors (name TEXT)"})
	if _, err := connectWith(t, path, broken); err == nil || !strings.Contains(err.Error(), "schema "+string(rune('0'+len(broken)))) {
		t.Errorf("a migration that fails: %v", err)
	}
	w, err := connectWith(t, path, steps[:old])
	if err != nil {
		t.Fatalf("after a migration that failed: %v", err)
	}
	if n := count(t, w.db); n != 1 {
		t.Errorf("%d jobs after a migration that failed, want 1", n)
	}

	if w, err = connectWith(t, path, steps); err != nil {
		t.Fatal(err)
	}
	var color string
	var version int
	err = errors.Join(
		w.conn.QueryRowContext(t.Context(), "SELECT color FROM jobs").Scan(&color),
		w.conn.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version),
	)
	if err != nil || color != "blue" || version != len(steps) {
		t.Errorf("color %q, version %d, %v", color, version, err)
	}
	checkBackup(t, backupName, old)
}

// connectWith connects as a program with those migrations would.
func connectWith(t *testing.T, path string, steps []string) (*writer, error) {
	t.Helper()
	w := &writer{db: openDB(dsn(path, "_txlock=immediate"))}
	t.Cleanup(func() {
		if err := w.disconnect(); err != nil {
			t.Error(err)
		}
	})
	return w, w.connect(t.Context(), path, steps, slog.New(slog.DiscardHandler))
}

func checkBackup(t *testing.T, name string, wantVersion int) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v", info.Mode())
	}
	db, err := sql.Open("sqlite", dsn(name, "mode=ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var version int
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil || version != wantVersion {
		t.Errorf("the backup has version %d, %v, want %d", version, err, wantVersion)
	}
	if n := count(t, db); n != 1 {
		t.Errorf("the backup has %d jobs, want 1", n)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "*.part")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

func TestNewDatabaseNeedsNoBackup(t *testing.T) {
	t.Parallel()
	s := openIdle(t)
	if found, _ := filepath.Glob(s.path + ".v*"); len(found) > 0 {
		t.Errorf("%v are of no use", found)
	}
}

func TestMigrationNames(t *testing.T) {
	t.Parallel()
	files := func(names ...string) fstest.MapFS {
		m := fstest.MapFS{}
		for _, n := range names {
			m["migrations/"+n] = &fstest.MapFile{Data: []byte(n)}
		}
		return m
	}
	steps, err := readMigrations(files("0002_b.sql", "0001_a.sql"))
	if err != nil || len(steps) != 2 || steps[0] != "0001_a.sql" {
		t.Errorf("steps = %q, %v", steps, err)
	}
	for _, wrong := range []fstest.MapFS{
		files("0001_a.sql", "0003_c.sql"), files("0001_a.sql", "0001_b.sql"), files("0.sql"),
	} {
		if _, err := readMigrations(wrong); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
}
