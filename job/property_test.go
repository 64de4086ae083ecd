package job

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestLifeKeepsTheRules leads jobs through random lives and checks every step.
func TestLifeKeepsTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := t0
		typ := rapid.SampledFrom([]Type{Download, Download, Download, Upload}).Draw(t, "type")
		j, err := New("job", "uid:1", typ, drawSettings(t, typ), now)
		if err != nil {
			t.Fatal(err)
		}
		lives, dumps := []Job{j}, []string{dump(t, j)}
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			now = drawTime(t, j, now)
			ev := drawEvent(t, j)
			p := Policy{Jitter: rapid.Float64Range(0, 0.999).Draw(t, "jitter")}
			next, effects, err := Next(j, ev, now, p)
			again, sameEffects, sameErr := Next(j, ev, now, p)
			if dump(t, next) != dump(t, again) || !cmp.Equal(effects, sameEffects) || (err == nil) != (sameErr == nil) {
				t.Fatalf("%T gives two different answers:\n%s\n%s", ev, dump(t, next), dump(t, again))
			}
			s := transitionSeen{before: j, ev: ev, now: now, after: next, effects: effects}
			if err != nil {
				s.checkRefusal(t, err)
			} else {
				s.checkJob(t)
				s.checkFiles(t)
				s.checkEffects(t)
				s.checkWake(t)
			}
			j = next
			lives, dumps = append(lives, j), append(dumps, dump(t, j))
		}
		for i, old := range lives {
			if got := dump(t, old); got != dumps[i] {
				t.Fatalf("a later event changed an earlier job:\nwas %s\nis  %s", dumps[i], got)
			}
		}
	})
}

// dump writes everything that a store would keep of a job.
func dump(t rapid.TB, j Job) string {
	t.Helper()
	b, err := json.Marshal(struct {
		Job
		AllFiles []File
	}{j, slices.Collect(j.Files.All())})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type transitionSeen struct {
	before  Job
	ev      Event
	now     time.Time
	after   Job
	effects []Effect
}

func (s transitionSeen) checkRefusal(t *rapid.T, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Class != Fatal || e.Text == "" {
		t.Errorf("%T is refused with %#v", s.ev, err)
	}
	if errors.Is(err, ErrState) != (e.Code == InvalidState) {
		t.Errorf("%T: code %v does not say whether it is the state", s.ev, e.Code)
	}
	if dump(t, s.before) != dump(t, s.after) || s.effects != nil {
		t.Errorf("%T was refused and still did something", s.ev)
	}
}

func (s transitionSeen) checkJob(t *rapid.T) {
	before, j := s.before, s.after
	if before.State.Final() && dump(t, before) != dump(t, j) {
		t.Errorf("%T changed a job that is %v", s.ev, before.State)
	}
	if !slices.Contains(States(), j.State) || (j.State.Final() && j.Intent != NoIntent) {
		t.Errorf("%T made a job that is %v and %v", s.ev, j.State, j.Intent)
	}
	if !j.RetryAt.IsZero() && j.State != TransientError {
		t.Errorf("%T: a job that is %v has RetryAt %v", s.ev, j.State, j.RetryAt)
	}
	if _, blocks := s.ev.(Blocked); j.Blocked() && !before.Blocked() && !blocks {
		t.Errorf("%T: nothing blocks the job, and it is never tried again", s.ev)
	}
	if j.Blocked() && !j.FailingSince.IsZero() {
		t.Errorf("%T: the no-progress clock of a blocked job runs", s.ev)
	}
	if (j.State == InError || j.State == TransientError) && j.Error == nil {
		t.Errorf("%T: no error says why the job is %v", s.ev, j.State)
	}
	if j.State == InError && j.Error.Class == Transient {
		t.Errorf("%T: the job is stopped by an error that says it passes", s.ev)
	}
	if j.ErrorCount < before.ErrorCount {
		t.Errorf("%T lowered the error count", s.ev)
	}
	if j.Modified.Before(before.Modified) || j.Created != before.Created {
		t.Errorf("%T turned the times back", s.ev)
	}
	if j.Owner != before.Owner && len(j.Credentials)+len(j.HeaderNames)+len(j.NotifyCommand) > 0 {
		t.Errorf("%T: the new owner has what the former one set: %s", s.ev, dump(t, j))
	}
	if j.NeedsCredentials && (len(j.Credentials) > 0 || j.State == Transferred) {
		t.Errorf("%T: a job that is %v with %v asks for credentials", s.ev, j.State, j.Credentials)
	}
	if j.State != before.State && j.Modified != s.now {
		t.Errorf("%T changed the state without a trace in Modified", s.ev)
	}
	if len(j.Failures) > MaxFailures || (j.Error != nil && len(j.Error.Text) > maxErrorText) {
		t.Errorf("%T: the job keeps %d failures and %d bytes of an error", s.ev, len(j.Failures), len(j.Error.Text))
	}
	s.checkSettings(t)
	s.checkRests(t)
}

// checkSettings sees that what is too late to be changed is not changed.
func (s transitionSeen) checkSettings(t *rapid.T) {
	before, j := s.before, s.after
	if before.Resumed && (j.Method != before.Method || j.Dynamic != before.Dynamic || j.MaxSize != before.MaxSize || !j.Resumed) {
		t.Errorf("%T changed what the first Resume fixes", s.ev)
	}
	if before.HeadersWriteOnly && !j.HeadersWriteOnly {
		t.Errorf("%T made the headers readable again", s.ev)
	}
	if j.Method != "" && j.Priority != Foreground {
		t.Errorf("%T: a job with method %s has priority %v", s.ev, j.Method, j.Priority)
	}
	for f := range j.Files.All() {
		if n := len(f.Ranges); n > 0 && !f.Removed && (j.Method != "" || j.Dynamic || j.OnDemand) {
			t.Errorf("%T: file %d has %d ranges in a job that allows none", s.ev, f.ID, n)
		}
	}
}

// checkRests sees that a job that runs, or will, has something to run for, and one that is transferred no more than it may have.
func (s transitionSeen) checkRests(t *rapid.T) {
	before, j := s.before, s.after
	if j.Intent == NoIntent && (j.State == Queued || j.State == TransientError) {
		if !slices.ContainsFunc(slices.Collect(j.Files.All()), j.Fetchable) {
			t.Errorf("%T: a job that is %v has nothing to fetch", s.ev, j.State)
		}
	}
	if j.State == Transferred && before.State != Transferred && j.MaxSize > 0 && j.Totals.Filled > j.MaxSize {
		t.Errorf("%T: transferred with %d of at most %d bytes", s.ev, j.Totals.Filled, j.MaxSize)
	}
}

func (s transitionSeen) checkFiles(t *rapid.T) {
	if want := s.before.WithFiles(s.after.Files).Totals; s.after.Totals != want {
		t.Errorf("%T: totals are %+v, the files add up to %+v", s.ev, s.after.Totals, want)
	}
	if n := s.after.Files.Len(); n < s.before.Files.Len() {
		t.Errorf("%T lost a file", s.ev)
	}
	for old := range s.before.Files.All() {
		f, _ := s.after.Files.Get(old.ID)
		if f.Filled.Len() != f.Filled.Union(old.Filled).Len() && !s.voids(f.ID) {
			t.Errorf("%T shrank file %d from %v to %v", s.ev, f.ID, old.Filled, f.Filled)
		}
		if old.URL != f.URL && !s.renames(f) {
			t.Errorf("%T gave file %d the URL %s", s.ev, f.ID, f.URL)
		}
		if old.Done {
			same := old
			same.URL, same.Validated = f.URL, f.Validated
			if !cmp.Equal(same, f) && !s.voids(f.ID) {
				t.Errorf("%T changed file %d, which was done", s.ev, f.ID)
			}
		}
		if old.Removed && !cmp.Equal(old, f) {
			t.Errorf("%T changed file %d, which was removed", s.ev, f.ID)
		}
		if f.Done && (f.Filled.Len() != f.Wanted() || f.Skipped || f.Removed) {
			t.Errorf("%T: file %+v cannot be done", s.ev, f)
		}
		if f.ID != old.ID || (f.Local != old.Local && old.Filled.Len() > 0) {
			t.Errorf("%T renamed file %+v to %+v", s.ev, old, f)
		}
	}
	names := map[string]bool{}
	for f := range s.after.Files.All() {
		if names[f.Local] {
			t.Errorf("%T: two files are called %s", s.ev, f.Local)
		}
		names[f.Local] = !f.Removed
	}
}

// voids reports whether the event takes back what was fetched of the file.
func (s transitionSeen) voids(id FileID) bool {
	switch ev := s.ev.(type) {
	case Changed:
		return ev.File == id
	case RetryFile:
		return ev.File == id
	case RemoveFile:
		return ev.File == id
	case SetValidation:
		return ev.File == id && !ev.Valid
	case Resume:
		return s.before.Method != ""
	}
	return false
}

// renames reports whether the event gives the file its URL.
func (s transitionSeen) renames(f File) bool {
	switch ev := s.ev.(type) {
	case SetRemoteName:
		return ev.File == f.ID && ev.URL == f.URL
	case ReplaceRemotePrefix:
		return strings.HasPrefix(f.URL, ev.New)
	case Progress:
		return ev.File == f.ID && ev.Redirected == f.URL
	}
	return false
}

// forFile reports whether the event is a command about single files.
func (s transitionSeen) forFile() bool {
	switch s.ev.(type) {
	case SetRemoteName, ReplaceRemotePrefix, SkipFile, RetryFile, RemoveFile, RequestRanges, UpdatePosition:
		return true
	}
	return false
}

// checkEffects sees that no effect comes without its stored cause, and no cause without its
// effect.
func (s transitionSeen) checkEffects(t *rapid.T) {
	before, j := s.before, s.after
	had := func(want Effect) bool { return slices.Contains(s.effects, want) }
	for _, e := range s.effects {
		ok := true
		switch e := e.(type) {
		case StopTransfer:
			ok = !j.Runnable() || j.Owner != before.Owner || s.forFile()
		case Publish:
			ok = j.Intent == Completing
		case Discard:
			ok = j.Intent == Cancelling
		case DiscardFile:
			f, _ := j.Files.Get(e.File)
			ok = f.Removed
		case WakeAt:
			ok = e.At.Equal(j.Wake())
		case Notify:
			f, _ := j.Files.Get(e.File)
			ok = map[Notice]bool{
				NoticeTransferred:     j.State == Transferred && before.State != Transferred,
				NoticeError:           j.Error != nil && (j.State == InError || j.State == Transferred),
				NoticeFileTransferred: f.Done && j.NotifyFlags&NotifyDisable == 0,
				NoticeAcknowledged:    j.State == Acknowledged && before.State != Acknowledged,
				NoticeCancelled:       j.State == Cancelled && before.State != Cancelled,
			}[e.Kind]
		}
		if !ok {
			t.Errorf("%T: effect %#v has no cause in %v %v", s.ev, e, j.State, j.Intent)
		}
	}
	stops := 0
	for _, e := range s.effects {
		if e == (StopTransfer{}) {
			stops++
		}
	}
	if stops > 1 {
		t.Errorf("%T: effects %v", s.ev, s.effects)
	}
	for effect, due := range map[Effect]bool{
		Publish{}:                        j.Intent == Completing && before.Intent != Completing,
		Discard{}:                        j.Intent == Cancelling && before.Intent != Cancelling,
		StopTransfer{}:                   before.Runnable() && (!j.Runnable() && !j.allDone() || j.Owner != before.Owner),
		Notify{Kind: NoticeError}:        j.State == InError && before.State != InError,
		Notify{Kind: NoticeTransferred}:  j.State == Transferred && before.State != Transferred,
		Notify{Kind: NoticeAcknowledged}: j.State == Acknowledged && before.State != Acknowledged,
		Notify{Kind: NoticeCancelled}:    j.State == Cancelled && before.State != Cancelled,
		WakeAt{j.Wake()}:                 !j.Wake().Equal(before.Wake()),
	} {
		if due && !had(effect) {
			t.Errorf("%T: %v %v became %v %v without %#v", s.ev, before.State, before.Intent, j.State, j.Intent, effect)
		}
	}
}

func (j Job) allDone() bool {
	return j.Totals.FilesDone > 0 && j.Totals.FilesDone+j.Totals.Skipped == j.Totals.Files
}

// checkWake ticks when the job wants to be woken, and sees that it then has peace: else the
// engine would turn in circles.
func (s transitionSeen) checkWake(t *rapid.T) {
	wake := s.after.Wake()
	if wake.IsZero() {
		return
	}
	if wake.Before(s.now) {
		wake = s.now
	}
	j, _, err := Next(s.after, Tick{}, wake, Policy{})
	if err != nil {
		t.Fatalf("a tick was refused: %v", err)
	}
	if j.Intent == Cancelling { // and it could not even be cancelled
		if j, _, err = Next(j, Unsettled{errNeedsAction}, wake, Policy{}); err != nil {
			t.Fatal(err)
		}
	}
	if next := j.Wake(); !next.IsZero() && !next.After(wake) {
		t.Errorf("%T: %v job woken at %v wants to be woken at %v", s.ev, s.after.State, wake, next)
	}
}
