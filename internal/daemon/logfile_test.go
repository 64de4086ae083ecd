package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogFileIsBounded: also while the daemon runs, and over its restarts.
func TestLogFileIsBounded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	content := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, records := range [][]string{{"one\n", "two\n"}, {"three\n", "four\n", "five\n"}} {
		l, err := openLog(dir, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if n, err := l.Write([]byte(r)); n != len(r) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := content("ebb.log.1") + "|" + content("ebb.log"); got != "three\n|four\nfive\n" {
		t.Errorf("the log is %q", strings.ReplaceAll(got, "\n", " "))
	}
}
