package job

import (
	"slices"
	"testing"
	"time"
)

// The tests of this file are the semantics of BITS that are easy to get wrong, as far as Next decides them, and what ebb does
// about each on purpose (ADR 13). Their numbers are those of the list in the specification.

// try is Next for an event that may be refused.
func try(j Job, ev Event, now time.Time) (Job, []Effect, Code) {
	next, effects, err := Next(j, ev, now, Policy{Jitter: 0.5})
	return next, effects, codeOf(err)
}

func openStates() []State { return []State{Suspended, Queued, TransientError, InError, Transferred} }

func notices(effects []Effect) []Notice {
	var out []Notice
	for _, e := range effects {
		if n, ok := e.(Notify); ok {
			out = append(out, n.Kind)
		}
	}
	return out
}

// TestChecklist01FilesAppearAtComplete: transferred is not complete, and 90 days of neglect delete what is here.
func TestChecklist01FilesAppearAtComplete(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, FileDone{1, size})
	j, effects, _ := try(j, FileDone{2, size}, t0)
	if j.State != Transferred || slices.Contains(effects, Effect(Publish{})) {
		t.Errorf("the last file: %v, %v", j.State, effects)
	}
	if early := step(t, j, t0.Add(90*24*time.Hour-1), Tick{}); early.Intent != NoIntent {
		t.Error("given up too early")
	}
	if _, effects, _ := try(j, Tick{}, t0.Add(90*24*time.Hour)); !slices.Contains(effects, Effect(Discard{})) {
		t.Errorf("after 90 days: %v", effects)
	}
	s := usual()
	s.AutoComplete = true
	if _, effects, _ := try(step(t, queued(t, s), t0, FileDone{1, size}), FileDone{2, size}, t0); !slices.Contains(effects, Effect(Publish{})) {
		t.Errorf("with auto_complete: %v", effects)
	}
}

// TestChecklist02CompleteKeepsAndCancelDestroys, both in every state that is not final.
func TestChecklist02CompleteKeepsAndCancelDestroys(t *testing.T) {
	t.Parallel()
	for _, s := range openStates() {
		j := in(t, s, NoIntent)
		if s != Transferred {
			j = step(t, j, t0, FileDone{1, size})
		}
		kept, effects, _ := try(j, Complete{}, t0)
		if !slices.Contains(effects, Effect(Publish{})) {
			t.Errorf("%v: Complete has effects %v", s, effects)
		}
		want := PartialComplete
		if s == Transferred {
			want = OK
		}
		if kept = step(t, kept, t0, Settled{}); kept.State != Acknowledged || kept.Result != want {
			t.Errorf("%v: completed as %v with %v", s, kept.State, kept.Result)
		}
		gone, effects, _ := try(j, Cancel{}, t0)
		if gone = step(t, gone, t0, Settled{}); gone.State != Cancelled || !slices.Contains(effects, Effect(Discard{})) {
			t.Errorf("%v: cancelled as %v with effects %v", s, gone.State, effects)
		}
	}
}

// TestChecklist03CompleteCanBeRepeated after a rename that failed.
func TestChecklist03CompleteCanBeRepeated(t *testing.T) {
	t.Parallel()
	t1 := t0.Add(time.Hour)
	j := step(t, step(t, in(t, Transferred, NoIntent), t0, Complete{}), t1, Unsettled{errNeedsAction})
	if j.State != Transferred || j.Intent != NoIntent || j.Error.Code != DiskFull || !j.Modified.Equal(t1) {
		t.Fatalf("%v %v: %v", j.State, j.Intent, j.Error)
	}
	if j = step(t, j, t0, Complete{}, Settled{}); j.State != Acknowledged || j.Result != OK {
		t.Errorf("then %v with %v", j.State, j.Result)
	}
}

// TestChecklist04OneBadFileStopsTheJob, and unlike BITS it can be left out.
func TestChecklist04OneBadFileStopsTheJob(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, FileDone{1, size}, Fault{&Error{Code: HTTPStatus(404), Class: Fatal, File: 2}})
	if j.State != InError {
		t.Fatalf("the job is %v", j.State)
	}
	for _, without := range []Event{RemoveFile{2}, SkipFile{2, true}} {
		if got := step(t, j, t0, without, Resume{}); got.State != Transferred {
			t.Errorf("%T: %v", without, got.State)
		}
	}
	if got := step(t, j, t0, SkipFile{2, true}, Resume{}, Complete{}, Settled{}); got.Result != PartialComplete {
		t.Errorf("completed without the skipped one: %v", got.Result)
	}
	if got := step(t, j, t0, RemoveFile{2}, Resume{}, Complete{}, Settled{}); got.Result != OK {
		t.Errorf("completed without the removed one: %v", got.Result)
	}
}

// TestChecklist05ErrorIsRecoverable: only two states are final.
func TestChecklist05ErrorIsRecoverable(t *testing.T) {
	t.Parallel()
	for _, s := range States() {
		j := in(t, s, NoIntent)
		if s == Transferred {
			j = step(t, j, t0, AddFiles{[]FileSpec{{URL: "https://example.com/c", Local: "/d/c"}}})
		}
		got, _, code := try(j, Resume{}, t0)
		if final := s == Acknowledged || s == Cancelled; final != (code == InvalidState) || (!final && got.State != Queued) {
			t.Errorf("%v: resumed to %v, %v", s, got.State, code)
		}
	}
}

// TestChecklist06TransientErrorsTellNobody.
func TestChecklist06TransientErrorsTellNobody(t *testing.T) {
	t.Parallel()
	for _, ev := range []Event{Fault{errTransient}, Blocked{errOffline}} {
		if j, effects, _ := try(queued(t, usual()), ev, t0); j.State != TransientError || notices(effects) != nil {
			t.Errorf("%T: %v, %v", ev, j.State, effects)
		}
	}
	if _, effects, _ := try(queued(t, usual()), Fault{errFatal}, t0); !slices.Equal(notices(effects), []Notice{NoticeError}) {
		t.Errorf("a fatal error: %v", effects)
	}
}

// TestChecklist07TheNetworkRequeuesAll: whatever failed; what blocks a job is neither timed nor counted.
func TestChecklist07TheNetworkRequeuesAll(t *testing.T) {
	t.Parallel()
	for _, e := range []*Error{errOffline, errCost, {Code: BlockedByPolicy, Class: Transient}, {Code: DestinationLocked, Class: Transient}} {
		j := step(t, queued(t, usual()), t0, Blocked{e})
		if !j.Blocked() || j.ErrorCount != 0 || len(j.Failures) != 0 || j.CurrentError().Code != e.Code {
			t.Errorf("%v: blocked %v, %d errors, %v", e.Code, j.Blocked(), j.ErrorCount, j.CurrentError())
		}
		if want := t0.Add(DefaultInactivityTimeout); !j.Wake().Equal(want) {
			t.Errorf("%v: wakes at %v", e.Code, j.Wake())
		}
		for _, ev := range []Event{NetworkUp{}, Unblocked{}, Resume{}} {
			if got := step(t, j, t0, ev); got.State != Queued {
				t.Errorf("%v: %T leads to %v", e.Code, ev, got.State)
			}
		}
	}
	waiting := step(t, queued(t, usual()), t0, fault(func(e *Error) { e.RetryAfter = time.Hour }))
	if got := step(t, waiting, t0, NetworkUp{}); got.State != Queued || got.Attempts != 0 {
		t.Errorf("a job that waits for its retry time: %v after %d attempts", got.State, got.Attempts)
	}
	if got := step(t, waiting, t0, Unblocked{}); got.State != TransientError {
		t.Errorf("it was not blocked, and is %v", got.State)
	}
}

// TestChecklist08NoProgressClock: 0 disables retries, and so does a delay that is longer. TestNoProgressClock has the clock.
func TestChecklist08NoProgressClock(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		delay, timeout time.Duration
		want           State
	}{
		{time.Minute, time.Hour, TransientError},
		{time.Minute, 0, InError},
		{time.Hour + 1, time.Hour, InError},
	} {
		s := usual()
		s.RetryDelay, s.NoProgressTimeout = Duration(tc.delay), Duration(tc.timeout)
		if got := step(t, queued(t, s), t0, Fault{errTransient}); got.State != tc.want {
			t.Errorf("%v and %v: %v", tc.delay, tc.timeout, got.State)
		}
		if got := step(t, queued(t, s), t0, Blocked{errOffline}); got.State != TransientError {
			t.Errorf("%v and %v: to be blocked is no error, but the job is %v", tc.delay, tc.timeout, got.State)
		}
	}
}

// TestChecklist09MaxDownloadTime counts what workers were active, and neither waiting nor being blocked; Resume starts it anew.
func TestChecklist09MaxDownloadTime(t *testing.T) {
	t.Parallel()
	s := usual()
	s.MaxDownloadTime = Duration(time.Hour)
	j := step(t, queued(t, s), t0, Ran{59 * time.Minute}, Blocked{errOffline})
	j = step(t, j, t0.Add(24*time.Hour), Unblocked{}, Tick{})
	if j.State != Queued || j.Active != 59*time.Minute {
		t.Fatalf("after a day of waiting: %v, active for %v", j.State, j.Active)
	}
	late := step(t, j, t0.Add(24*time.Hour), Ran{time.Minute})
	if late.State != InError || late.Error.Code != MaxDownloadTimeout || len(late.Failures) != 1 {
		t.Errorf("at its time: %v, %v", late.State, late.Error)
	}
	if again := step(t, late, t0.Add(24*time.Hour), Resume{}); again.State != Queued || again.Active != 0 {
		t.Errorf("resumed: %v, active for %v", again.State, again.Active)
	}
}

// TestChecklist10RefusedCredentials are never tried again by themselves, and the error says which scheme was refused.
func TestChecklist10RefusedCredentials(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 407} {
		refused := &Error{Code: HTTPStatus(status), Class: HTTPStatus(status).Class(), Refused: "ntlm", Schemes: []string{"ntlm", "basic"}}
		j := step(t, queued(t, usual()), t0, Fault{refused})
		if j.State != InError || j.Error.Class != NeedsAction || j.Error.Refused != "ntlm" || len(j.Error.Schemes) != 2 {
			t.Errorf("%d: %v, %+v", status, j.State, j.Error)
		}
		if j = step(t, j, t0, SetCredentials{[]CredentialRef{{"server", "basic"}}}, Resume{}); j.State != Queued {
			t.Errorf("%d: with other credentials %v", status, j.State)
		}
	}
}

// TestChecklist11RangesAndJobsOnDemand: ranges are written one after another, and a job on demand ends suspended, not
// transferred.
func TestChecklist11RangesAndJobsOnDemand(t *testing.T) {
	t.Parallel()
	f := File{Size: 30, Ranges: []Span{{100, 10}, {0, 20}}}
	if p := f.Pieces(); len(p) != 2 || p[0].Remote.Start != 100 || p[1].Local != 10 {
		t.Errorf("pieces %v", p)
	}
	s := usual()
	s.OnDemand = true
	j := step(t, newJob(t, Download, s), t0, twoFiles(), RequestRanges{2, Ranges{{100, 200}}}, Resume{})
	if j.State != Queued {
		t.Fatalf("with something asked for: %v", j.State)
	}
	j, effects, _ := try(j, Progress{File: 2, Filled: Ranges{{100, 200}}, Size: size}, t0)
	if j.State != Suspended || !slices.Equal(effects, []Effect{StopTransfer{}}) {
		t.Errorf("with all of it here: %v, %v", j.State, effects)
	}
	if j = step(t, j, t0, RequestRanges{2, Ranges{{0, size}}}, Resume{}); j.State != Queued {
		t.Errorf("with more asked for: %v", j.State)
	}
	if j = step(t, j, t0, FileDone{2, size}); j.State != Suspended {
		t.Errorf("with one file whole: %v", j.State)
	}
	if j = step(t, j, t0, RequestRanges{1, Prefix(size)}, Resume{}, FileDone{1, size}); j.State != Transferred {
		t.Errorf("with both files whole: %v", j.State)
	}
}

// TestChecklist12ProgressMayFall to 0, when the file has changed. TestTotalIsUnknownAsLongAsOneSizeIs has the totals.
func TestChecklist12ProgressMayFall(t *testing.T) {
	t.Parallel()
	if got := newJob(t, Download, usual()).Totals.Total(); got != 0 {
		t.Errorf("an empty job has %d bytes", got)
	}
	j := queued(t, usual())
	if j.Totals.Filled == 0 || j.Totals.Total() != UnknownSize {
		t.Fatalf("before: %+v", j.Totals)
	}
	if j = step(t, j, t0, Changed{2}); j.Totals.Filled != 0 || j.Totals.Unknown != 2 || j.State != Queued {
		t.Errorf("after: %v, %+v", j.State, j.Totals)
	}
}

// TestChecklist13ErrorCountAndRetryDelay: the one only grows, the other is raised silently.
func TestChecklist13ErrorCountAndRetryDelay(t *testing.T) {
	t.Parallel()
	s := usual()
	s.RetryDelay = Duration(time.Second)
	j := queued(t, s)
	if j.RetryDelay != Duration(5*time.Second) {
		t.Errorf("the retry delay is %v", j.RetryDelay)
	}
	j = step(t, j, t0, Fault{errTransient}, Resume{}, Fault{errFatal}, Suspend{}, Resume{}, FileDone{1, size}, FileDone{2, size})
	if j.ErrorCount != 2 || j.State != Transferred {
		t.Errorf("%v with %d errors", j.State, j.ErrorCount)
	}
}

// TestChecklist15Redirects replace a file's URL only when they are to be reported; the rest of the rule is the transport's.
func TestChecklist15Redirects(t *testing.T) {
	t.Parallel()
	url := func(j Job) string { f, _ := j.Files.Get(2); return f.URL }
	j := queued(t, usual())
	if got := url(step(t, j, t0, Progress{File: 2, Size: size})); got != "https://example.com/b" {
		t.Errorf("silently: %s", got)
	}
	if got := url(step(t, j, t0, Progress{File: 2, Size: size, Redirected: "https://cdn.example.com/b"})); got != "https://cdn.example.com/b" {
		t.Errorf("reported: %s", got)
	}
	if got := url(step(t, j, t0, Progress{File: 2, Size: size, Redirected: "file:///etc/passwd"})); got != "https://example.com/b" {
		t.Errorf("to what is no remote name: %s", got)
	}
	if _, effects, _ := try(j, Progress{File: 2, Size: size, Redirected: "https://cdn.example.com/b"}, t0); slices.Contains(effects, Effect(StopTransfer{})) {
		t.Error("a redirect that is followed stopped its own transfer")
	}
}

// TestChecklist16SetRemoteNameAndMethods: a new name is in the job at once. A method of its own locks a job to Foreground, makes
// every error final and begins anew with each Resume.
func TestChecklist16SetRemoteNameAndMethods(t *testing.T) {
	t.Parallel()
	j := step(t, in(t, Suspended, NoIntent), t0, SetRemoteName{2, "https://example.org/b"})
	if f, _ := j.Files.Get(2); f.URL != "https://example.org/b" || f.Filled.Len() == 0 || j.State != Suspended {
		t.Errorf("%+v", f)
	}
	s := usual()
	s.Method = "POST"
	j = step(t, queued(t, s), t0, Progress{File: 1, Boot: "boot", Size: size}, FileDone{1, size}, Fault{errTransient})
	if j.State != InError || j.Error.Class != Fatal || j.Priority != Foreground {
		t.Errorf("%v, %+v, %v", j.State, j.Error, j.Priority)
	}
	j = step(t, j, t0, Resume{})
	if f, _ := j.Files.Get(2); f.Filled != nil || f.Size != UnknownSize || j.Totals.Filled != size {
		t.Errorf("resumed with %+v, %+v", f, j.Totals)
	}
	if f, _ := j.Files.Get(1); !f.Done {
		t.Error("a finished file is fetched again")
	}
	// A file of which no byte is synced may have some on disk, which count within one boot.
	j = step(t, j, t0, Progress{File: 2, Boot: "boot", Size: size, Validator: Validator{ETag: `"1"`}}, Suspend{}, Resume{})
	if f, _ := j.Files.Get(2); f.Boot != "" || f.Validator != (Validator{}) {
		t.Errorf("resumed with %+v", f)
	}
}

// TestChecklist18TakeOwnershipWipes what the former owner trusted the job with. TestTakeOwnership has all of it.
func TestChecklist18TakeOwnershipWipes(t *testing.T) {
	t.Parallel()
	for _, s := range openStates() {
		j := in(t, s, NoIntent)
		trusted(&j)
		j = step(t, j, t0, TakeOwnership{"uid:0"})
		if len(j.Credentials)+len(j.HeaderNames)+len(j.NotifyCommand)+len(j.NotifyURL) > 0 || j.Network.ClientCert || j.State != s {
			t.Errorf("%v: %s", s, dump(t, j))
		}
	}
}

// TestChecklist19SettersSayWhyItIsTooLate. The table of transitions has them in every state.
func TestChecklist19SettersSayWhyItIsTooLate(t *testing.T) {
	t.Parallel()
	j := queued(t, usual())
	for want, change := range map[Code]func(*Settings){
		ReadOnlyAfterResume:    func(s *Settings) { s.Method = "POST" },
		ReadOnlyAfterAddFile:   func(s *Settings) { s.HighPerformance = true },
		ReadOnlyProperty:       func(s *Settings) { s.HeadersWriteOnly = false },
		DownloadOnlyProperty:   nil,
		MaxDownloadSizeInvalid: func(s *Settings) { s.MaxSize = -1 },
	} {
		from := j
		if change == nil {
			from, change = newJob(t, Upload, usual()), func(s *Settings) { s.OnDemand = true }
		}
		if _, _, code := try(from, set(change), t0); code != want {
			t.Errorf("%v, want %v", code, want)
		}
	}
	fresh := newJob(t, Download, usual())
	if got := step(t, fresh, t0, set(func(s *Settings) { s.Dynamic, s.MaxSize, s.HighPerformance = true, 1, true })); !got.Dynamic || got.MaxSize != 1 || !got.HighPerformance {
		t.Errorf("in time: %+v", got.Settings)
	}
}

// TestChecklist22AnotherVersionIsNeverMixedIn: the bytes of the former one are void, with what was known of it.
func TestChecklist22AnotherVersionIsNeverMixedIn(t *testing.T) {
	t.Parallel()
	j := step(t, queued(t, usual()), t0, Progress{File: 2, Size: size, Validator: Validator{ETag: `"1"`}, Modified: t0, Boot: "boot"}, Changed{2})
	f, _ := j.Files.Get(2)
	if f.Filled != nil || f.Validator != (Validator{}) || f.Boot != "" || !f.Modified.IsZero() || f.Size != UnknownSize {
		t.Errorf("%+v", f)
	}
}

// TestChecklist24RetryAfterIsHonored, and 429 passes.
func TestChecklist24RetryAfterIsHonored(t *testing.T) {
	t.Parallel()
	e := &Error{Code: HTTPStatus(429), Class: HTTPStatus(429).Class(), RetryAfter: 2 * time.Hour}
	if j := step(t, queued(t, usual()), t0, Fault{e}); j.State != TransientError || !j.RetryAt.Equal(t0.Add(2*time.Hour)) {
		t.Errorf("%v until %v", j.State, j.RetryAt)
	}
}
