package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestARemovedFileIsNoMore: its number stays taken, its name is free, and late words about it change nothing.
func TestARemovedFileIsNoMore(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, RemoveFile{2})
	if want := (Totals{Files: 1, Unknown: 1}); j.Totals != want {
		t.Errorf("totals %+v, want %+v", j.Totals, want)
	}
	if f, _ := j.Files.Get(2); f.Filled != nil || !f.Removed {
		t.Errorf("what was stored of it is deleted, but it says %+v", f)
	}
	before := dump(t, j)
	late := step(t, j, t0, Progress{File: 2, Filled: Prefix(size), Size: size}, FileDone{2, size}, Changed{2})
	if got := dump(t, late); got != before {
		t.Errorf("late words:\n%s\nwant\n%s", got, before)
	}
	j = step(t, j, t0, AddFiles{[]FileSpec{{URL: "https://example.com/b", Local: "/d/b"}}})
	if f, ok := j.Files.Get(3); !ok || f.Local != "/d/b" || j.Totals.Files != 2 {
		t.Errorf("added again as %+v, %+v", f, j.Totals)
	}
	for _, ev := range []Event{SkipFile{2, true}, RetryFile{2}, RemoveFile{2}, SetRemoteName{2, "https://example.com/x"}, SetValidation{2, true}} {
		if _, _, code := try(j, ev, t0); code != FileNotFound {
			t.Errorf("%T: %v", ev, code)
		}
	}
}

// TestASkippedFileComesBackAsItWas, with the bytes that arrived meanwhile.
func TestASkippedFileComesBackAsItWas(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, SkipFile{2, true})
	if want := (Totals{Files: 2, Skipped: 1, Unknown: 1}); j.Totals != want {
		t.Errorf("totals %+v, want %+v", j.Totals, want)
	}
	j = step(t, j, t0, FileDone{2, size}) // it was about to be done
	if f, _ := j.Files.Get(2); f.Done || f.Filled.Len() != size {
		t.Errorf("done while skipped: %+v", f)
	}
	j = step(t, j, t0, SkipFile{2, false})
	if want := (Totals{Files: 2, Bytes: size, Filled: size, Unknown: 1}); j.Totals != want || j.State != Queued {
		t.Errorf("taken in again: %v, %+v", j.State, j.Totals)
	}
	if j = step(t, j, t0, FileDone{2, size}, FileDone{1, size}); j.State != Transferred {
		t.Errorf("all done: %v", j.State)
	}
	if _, _, code := try(j, SkipFile{2, true}, t0); code != UnsupportedConfiguration {
		t.Errorf("a finished file is skipped: %v", code)
	}
}

// TestNothingLeftIsNoError: a job that rests has left behind what failed in what it does without.
func TestNothingLeftIsNoError(t *testing.T) {
	t.Parallel()
	j := step(t, in(t, TransientError, NoIntent), t0, SkipFile{1, true}, SkipFile{2, true})
	if j.State != Suspended || j.Error != nil || !j.FailingSince.IsZero() {
		t.Errorf("%v since %v: %v", j.State, j.FailingSince, j.Error)
	}
}

// TestProgressTellsTheVersion, and one that tells none leaves it.
func TestProgressTellsTheVersion(t *testing.T) {
	t.Parallel()
	v := Validator{ETag: `"1"`, LastModified: "Sun, 01 Mar 2026 10:00:00 GMT"}
	j := step(t, queued(t, usual()), t0, Progress{File: 1, Filled: Prefix(1), Size: size, Validator: v, Modified: t0, Boot: "boot"},
		Progress{File: 1, Filled: Prefix(2), Size: UnknownSize, Boot: "later"})
	f, _ := j.Files.Get(1)
	if f.Validator != v || !f.Modified.Equal(t0) || f.Boot != "later" || f.Size != size || f.Filled.Len() != 2 {
		t.Errorf("%+v", f)
	}
}

// TestAFinishedFileStopsTheNoProgressClock as any byte does, and an error that stops the job does too.
func TestAFinishedFileStopsTheNoProgressClock(t *testing.T) {
	t.Parallel()
	failing := step(t, step(t, queued(t, usual()), t0, Fault{errTransient}), t0.Add(time.Minute), Tick{})
	if failing.State != Queued || failing.FailingSince.IsZero() || failing.Error == nil {
		t.Fatalf("%v since %v: %v", failing.State, failing.FailingSince, failing.Error)
	}
	if j := step(t, failing, t0, FileDone{1, size}); !j.FailingSince.IsZero() || j.Error != nil {
		t.Errorf("a file: since %v, %v", j.FailingSince, j.Error)
	}
	if j := step(t, failing, t0, Fault{errFatal}); !j.FailingSince.IsZero() || j.Gained != 0 {
		t.Errorf("an error: since %v", j.FailingSince)
	}
}

// TestRetryFile begins a file anew, and undoes that the job is transferred.
func TestRetryFile(t *testing.T) {
	t.Parallel()
	j := step(t, in(t, Transferred, NoIntent), t0.Add(time.Hour), RetryFile{1})
	if f, _ := j.Files.Get(1); f.Done || f.Filled != nil || j.State != Suspended || !j.Finished.IsZero() {
		t.Errorf("%v since %v: %+v", j.State, j.Finished, f)
	}
	if j = step(t, j, t0, Resume{}, FileDone{1, size}); j.State != Transferred {
		t.Errorf("fetched again: %v", j.State)
	}
	wanted := step(t, queued(t, usual()), t0, SkipFile{2, true}, RetryFile{2})
	if f, _ := wanted.Files.Get(2); f.Skipped || f.Filled != nil {
		t.Errorf("a skipped one is wanted again: %+v", f)
	}
	withRanges := step(t, newJob(t, Download, usual()), t0, add(func(f *FileSpec) { f.Ranges = []Span{{5, 10}} }),
		Progress{File: 1, Filled: Prefix(5), Size: 10}, RetryFile{1})
	if f, _ := withRanges.Files.Get(1); f.Size != 10 || f.Filled != nil {
		t.Errorf("a file with ranges keeps the size that they tell: %+v", f)
	}
}

func TestSetValidation(t *testing.T) {
	t.Parallel()
	j := step(t, in(t, Transferred, NoIntent), t0, SetValidation{1, true})
	if f, _ := j.Files.Get(1); !f.Validated || j.State != Transferred {
		t.Errorf("right: %v, %+v", j.State, f)
	}
	j = step(t, j, t0, SetValidation{1, false})
	f, _ := j.Files.Get(1)
	if j.State != InError || j.Error.Code != ValidationFailed || j.Error.File != 1 || j.ErrorCount != 1 || f.Done || f.Validated || f.Filled != nil {
		t.Errorf("wrong: %v, %+v, %+v", j.State, j.Error, f)
	}
	if j = step(t, j, t0, Resume{}, FileDone{1, size}); j.State != Transferred {
		t.Errorf("fetched again: %v", j.State)
	}
}

// TestReplaceRemotePrefix: the case counts, removed files do not, finished ones get the name and are not fetched again.
func TestReplaceRemotePrefix(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, AddFiles{[]FileSpec{
		{URL: "https://EXAMPLE.com/c", Local: "/d/c"}, {URL: "https://example.com/d", Local: "/d/d"},
	}}, FileDone{1, size}, RemoveFile{4})
	j, effects, _ := try(j, ReplaceRemotePrefix{"https://example.com/", "http://mirror.example.org/x/"}, t0)
	var got []string
	for f := range j.Files.All() {
		got = append(got, fmt.Sprint(f.URL, " ", f.Done))
	}
	want := []string{"http://mirror.example.org/x/a true", "http://mirror.example.org/x/b false", "https://EXAMPLE.com/c false", "https://example.com/d false"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if n := len(effects); n == 0 || effects[0] != Effect(StopTransfer{}) || slices.Contains(effects[1:], Effect(StopTransfer{})) {
		t.Errorf("effects %v", effects)
	}
	if f, _ := j.Files.Get(2); f.Filled.Len() == 0 {
		t.Error("what was stored is gone")
	}
}

func TestRequestedRanges(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, RequestRanges{2, Ranges{{300, 400}, {100, 200}}}, RequestRanges{2, Ranges{{150, 250}}})
	if f, _ := j.Files.Get(2); f.Requested.String() != "100-249,300-399" {
		t.Errorf("asked for %v", f.Requested)
	}
	for _, r := range []Ranges{{{-1, 5}}, {{5, 5}}, {{0, 5}, {7, 6}}, {{0, size + 1}}, {{size + 5, size + 6}, {0, 1}}} {
		if _, _, code := try(j, RequestRanges{2, r}, t0); code != InvalidRange {
			t.Errorf("%v: %v", r, code)
		}
	}
	if _, _, code := try(j, RequestRanges{1, Ranges{{0, 1 << 40}}}, t0); code != OK {
		t.Errorf("while the size is unknown: %v", code)
	}
	if f, _ := step(t, j, t0, UpdatePosition{2, 200}).Files.Get(2); f.Position != 200 {
		t.Errorf("position %d", f.Position)
	}
}

// TestMaxSize: a job stops as soon as it is known to be too large, and stays stopped until files are left out.
func TestMaxSize(t *testing.T) {
	t.Parallel()
	s := usual()
	s.MaxSize = size + 100
	j := step(t, newJob(t, Download, s), t0, twoFiles(), Resume{}, Progress{File: 1, Size: size}, Progress{File: 2, Size: 100})
	if j.State != Queued {
		t.Fatalf("just as large: %v", j.State)
	}
	j = step(t, j, t0, Progress{File: 2, Size: 101})
	if j.State != InError || j.Error.Code != MaxDownloadSizeReached || j.Error.File != 2 || j.Error.Class != NeedsAction {
		t.Fatalf("larger: %v, %+v", j.State, j.Error)
	}
	if again := step(t, j, t0, Resume{}); again.State != InError || again.ErrorCount != 2 {
		t.Errorf("resumed: %v after %d errors", again.State, again.ErrorCount)
	}
	if less := step(t, j, t0, SkipFile{2, true}, Resume{}); less.State != Queued {
		t.Errorf("without the second file: %v", less.State)
	}
	// Of a file without a known size it is told by its bytes; when they are all here already, too.
	unknown := step(t, newJob(t, Download, s), t0, twoFiles(), Resume{}, FileDone{1, size}, FileDone{2, 101})
	if unknown.State != InError {
		t.Errorf("done before it was known to be too large: %v", unknown.State)
	}
	if again := step(t, unknown, t0, Resume{}); again.State != InError {
		t.Errorf("and resumed: %v", again.State)
	}
}

// TestCurrentError is what GetError gives in each state.
func TestCurrentError(t *testing.T) {
	t.Parallel()
	failed := step(t, queued(t, usual()), t0, Fault{errFatal})
	for name, tc := range map[string]struct {
		job  Job
		want bool
	}{
		"new":                      {newJob(t, Download, usual()), false},
		"in error":                 {failed, true},
		"resumed":                  {step(t, failed, t0, Resume{}), true},
		"resumed, a byte is here":  {step(t, failed, t0, Resume{}, Progress{File: 1, Filled: Prefix(1), Size: size}), false},
		"suspended":                {step(t, failed, t0, Suspend{}), false},
		"waiting to be tried":      {step(t, queued(t, usual()), t0, Fault{errTransient}), true},
		"blocked":                  {step(t, queued(t, usual()), t0, Blocked{errCost}), true},
		"transferred":              {in(t, Transferred, NoIntent), false},
		"transferred, not renamed": {step(t, in(t, Transferred, Completing), t0, Unsettled{errNeedsAction}), false},
		"cancelled":                {step(t, failed, t0, Cancel{}, Settled{}), false},
	} {
		if got := tc.job.CurrentError(); (got != nil) != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestErrorsAreBounded: whatever a server says, a job stays small.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	j := queued(t, usual())
	for i := range 3 * MaxFailures {
		e := &Error{
			Code: Code(i), Class: Transient, Text: strings.Repeat("ż", 3000),
			Answer: &Answer{Status: 500, Body: strings.Repeat("x", 1<<20), Headers: slices.Repeat([]Header{{Name: "X", Value: strings.Repeat("y", 1023)}}, 100)},
		}
		j = step(t, j, t0, Fault{e}, Resume{})
		if len(e.Answer.Headers) != 100 || len(e.Text) != 6000 {
			t.Fatal("the worker's own error was changed")
		}
	}
	a := j.Error.Answer
	if len(j.Failures) != MaxFailures || j.Failures[0].Code != 2*MaxFailures || len(a.Headers) != 8 || len(a.Body) != 1024 {
		t.Errorf("%d failures from %v, %d headers and a body of %d", len(j.Failures), j.Failures[0].Code, len(a.Headers), len(a.Body))
	}
	for _, f := range j.Failures {
		if len(f.Text) != 1024 || !utf8.ValidString(f.Text) {
			t.Errorf("a text of %d bytes", len(f.Text))
		}
	}
	if cause := step(t, queued(t, usual()), t0, Fault{&Error{Code: DiskFull, Class: Fatal, Err: errFatal}}); cause.Error.Text != errFatal.Text {
		t.Errorf("the cause, which is not stored, is told as %q", cause.Error.Text)
	}
}

// TestBlockedAgain is told once, and anew when something else blocks.
func TestBlockedAgain(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, Blocked{errOffline})
	same, effects, _ := try(j, Blocked{errOffline}, t0.Add(time.Hour))
	if effects != nil || dump(t, same) != dump(t, j) {
		t.Errorf("by the same: %v, %s", effects, dump(t, same))
	}
	other := step(t, j, t0.Add(time.Hour), Blocked{errCost})
	if other.Error.Code != BlockedByCost || !other.Blocked() {
		t.Errorf("by another: %v", other.Error)
	}
	failing := step(t, queued(t, usual()), t0, Fault{errTransient}, Blocked{errOffline})
	if !failing.Blocked() || !failing.FailingSince.IsZero() {
		t.Errorf("while it waits to be tried again: %+v", failing.Error)
	}
}
