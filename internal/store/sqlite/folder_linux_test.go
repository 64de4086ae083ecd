package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/job"
)

// mount gives the test a small file system of its own.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting needs more rights than this test has: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func wantCode(t *testing.T, err error, want job.Code, dir string) {
	t.Helper()
	var e *job.Error
	if !errors.As(err, &e) || e.Code != want || e.Class != job.NeedsAction {
		t.Fatalf("error = %#v (%v), want code %v", err, err, want)
	}
	if !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q is not one line that names %s", err, dir)
	}
}

func TestDiskThatFillsUp(t *testing.T) {
	t.Parallel()
	dir := mount(t, "size=2m")
	s := open(t, dir)
	seq := uint64(1)
	var err error
	for ; err == nil; seq++ {
		_, err = s.Commit(t.Context(), whole(newJob(seq, 50)))
	}
	wantCode(t, err, job.DiskFull, dir)
	// What was acknowledged is there, and once there is room the store goes on.
	n := 0
	if _, err := s.Load(t.Context(), func(job.Job) error { n++; return nil }); err != nil || n != int(seq)-2 {
		t.Errorf("Load = %d jobs, %v, want %d", n, err, seq-2)
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	commit(t, s, whole(newJob(seq, 50)))
	closeStore(t, s)
}

func TestFullDiskAtOpen(t *testing.T) {
	t.Parallel()
	dir := mount(t, "size=64k")
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), filepath.Join(dir, "state"), sqlite.Options{})
	wantCode(t, err, job.DiskFull, dir)
}

func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := mount(t, "size=2m")
	closeStore(t, open(t, filepath.Join(dir, "old")))
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{filepath.Join(dir, "old"), filepath.Join(dir, "new")} {
		_, err := sqlite.Open(t.Context(), state, sqlite.Options{})
		wantCode(t, err, job.WriteProtect, state)
	}
}

func TestFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	wantCode(t, err, job.AccessDenied, dir)
}
