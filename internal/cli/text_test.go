package cli

import (
	"slices"
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

func TestBytesText(t *testing.T) {
	t.Parallel()
	for in, want := range map[int64]string{
		-1: "?", 0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8192.0 PiB",
	} {
		if got := bytesText(in); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", in, got, want)
		}
	}
}

// What a server or another program has chosen cannot write on the terminal.
func TestOneLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "two\nlines\r\n": "two; lines", "\x1b[31mred\a": "\uFFFD[31mred\uFFFD", "tab\there": "tab\uFFFDhere", "żółć": "żółć",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSuggestion(t *testing.T) {
	t.Parallel()
	commands := []string{"get", "set", "list", "show", "suspend"}
	for in, want := range map[string]string{
		"lst": "; did you mean list?", "suspned": "; did you mean suspend?", "gte": "; did you mean get?", "frobnicate": "; see ebb --help", "": "; see ebb --help",
	} {
		if got := suggestion(in, commands, "ebb"); got != want {
			t.Errorf("suggestion(%q) = %q, want %q", in, got, want)
		}
	}
}

// A job that changed its owner says so wherever it is shown.
func TestNeedsCredentials(t *testing.T) {
	t.Parallel()
	taken := job.Snapshot{Job: job.Job{ID: "3f2a", State: job.Queued, NeedsCredentials: true}, Waits: "it needs credentials: ownership changed; it waits"}
	if !slices.Contains(jobRows(taken), row{"needs credentials", "ownership changed"}) {
		t.Errorf("ebb show: %q", jobRows(taken))
	}
	if got := whyText(taken); got != taken.Waits {
		t.Errorf("ebb why: %q", got)
	}
}

// Jobs get the name of their first file, whatever its length.
func TestNameFor(t *testing.T) {
	t.Parallel()
	long := make([]rune, 300)
	for i := range long {
		long[i] = 'é'
	}
	for _, files := range [][]job.FileSpec{{{Local: "/" + string(long)}}, {{Local: "/" + string(long)}, {Local: "/b"}}} {
		if name := nameFor(files); len([]rune(name)) > job.MaxNameLen {
			t.Errorf("nameFor gives %d characters", len([]rune(name)))
		}
	}
	if got := nameFor([]job.FileSpec{{Local: "/srv/a"}, {Local: "/srv/b"}, {Local: "/srv/c"}}); got != "a and 2 more" {
		t.Errorf("nameFor = %q", got)
	}
}
