//go:build unix

package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Where no rename refuses to replace a file, links do: most network file systems and FreeBSD.
func TestLinkNew(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	names := []string{filepath.Join(folder, "a"), filepath.Join(folder, "b")}
	final := filepath.Join(folder, "final")
	errs := make([]error, len(names))
	for _, name := range names {
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = linkNew(name, final) })
	}
	wg.Wait()
	winner := 0
	if errs[0] != nil {
		winner = 1
	}
	if errs[winner] != nil || !errors.Is(errs[1-winner], fs.ErrExist) {
		t.Fatalf("errors %v, want one ErrExist", errs)
	}
	if b, err := os.ReadFile(final); err != nil || string(b) != names[winner] {
		t.Errorf("final file %q, %v, want %q", b, err, names[winner])
	}
	if _, err := os.Lstat(names[winner]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first name is still there: %v", err)
	}
	if err := linkNew(names[winner], filepath.Join(folder, "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

func TestUmaskIsReadAndNotChanged(t *testing.T) {
	t.Parallel()
	set := setUmask()
	if got, again := umask(), setUmask(); got != set || again != set {
		t.Errorf("umask %o, then %o, then %o", set, got, again)
	}
}
