package job

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// next applies an event that must be allowed, with the given jitter.
func next(t *testing.T, j Job, ev Event, now time.Time, jitter float64) Job {
	t.Helper()
	j, _, err := Next(j, ev, now, Policy{Jitter: jitter})
	if err != nil {
		t.Fatalf("%T: %v", ev, err)
	}
	return j
}

func fault(change func(*Error)) Fault {
	e := *errTransient
	change(&e)
	return Fault{&e}
}

// failed is a queued job without any byte that then had n transient errors, each the moment
// it was tried again.
func failed(t *testing.T, s Settings, n int, jitter float64) (Job, time.Time) {
	t.Helper()
	j, now := step(t, newJob(t, Download, s), t0, twoFiles(), Resume{}), t0
	for i := range n {
		if i > 0 {
			now = j.RetryAt
			j = next(t, j, Tick{}, now, 0)
		}
		j = next(t, j, Fault{errTransient}, now, jitter)
	}
	return j, now
}

func TestBackOffGrowsWithFullJitter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		retryDelay time.Duration
		windows    []int // seconds
	}{
		{DefaultRetryDelay, []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600}},
		{time.Second, []int{1, 2, 4, 5, 5}}, // the floor is 5 s
		{7 * time.Second, []int{1, 2, 4, 7, 7}},
	} {
		s := DefaultSettings()
		s.RetryDelay = Duration(tc.retryDelay)
		for i, seconds := range tc.windows {
			for _, jitter := range []float64{0, 0.25, 0.5, 0.999} {
				j, now := failed(t, s, i+1, jitter)
				want := time.Duration(jitter * float64(seconds) * float64(time.Second))
				if got := j.RetryAt.Sub(now); got != want || j.State != TransientError {
					t.Errorf("delay %v, error %d, jitter %v: retried after %v in state %v, want %v", tc.retryDelay, i+1, jitter, got, j.State, want)
				}
			}
		}
	}
	for _, attempts := range []int{31, 32, 33, 34, 35, 36, 40, 63, 64, 65, math.MaxInt} { // where a shift would overflow
		if got := retryDelay(attempts, time.Hour, 0.5); got != 30*time.Minute {
			t.Errorf("error %d: retried after %v, want 30m", attempts, got)
		}
	}
}

func TestRetryAfterWinsWhenLonger(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ asked, want time.Duration }{
		{0, 500 * time.Millisecond},
		{100 * time.Millisecond, 500 * time.Millisecond},
		{time.Minute, time.Minute},
		{time.Hour, time.Hour}, // longer than the retry delay
	} {
		j := step(t, newJob(t, Download, DefaultSettings()), t0, twoFiles(), Resume{})
		j = next(t, j, fault(func(e *Error) { e.RetryAfter = tc.asked }), t0, 0.5)
		if got := j.RetryAt.Sub(t0); got != tc.want {
			t.Errorf("Retry-After %v: retried after %v, want %v", tc.asked, got, tc.want)
		}
	}
}

func TestHeadwayResetsTheBackOff(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		facts []Event
		wait  time.Duration // with jitter 0.5
	}{
		{"nothing", nil, 4 * time.Second},
		{"not enough", []Event{Progress{File: 1, Filled: Prefix(headway - 1), Size: size}}, 4 * time.Second},
		{"enough", []Event{Progress{File: 1, Filled: Prefix(headway), Size: size}}, 0},
		{"enough, in two files", []Event{
			Progress{File: 1, Filled: Prefix(headway / 2), Size: size}, Progress{File: 2, Filled: Prefix(headway / 2), Size: size},
		}, 0},
		{"a small file is done", []Event{FileDone{1, 1}}, 0},
		{"an empty file is done", []Event{FileDone{1, 0}}, 0},
		{"the same bytes again", []Event{
			Progress{File: 1, Filled: Prefix(headway), Size: size}, Changed{1}, Progress{File: 1, Filled: Prefix(1), Size: size},
		}, 4 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, _ := failed(t, DefaultSettings(), 3, 0.5)
			j = step(t, j, j.RetryAt, append([]Event{Tick{}}, tc.facts...)...)
			now := j.Modified
			j = next(t, j, Fault{errTransient}, now, 0.5)
			if got := j.RetryAt.Sub(now); got != tc.wait {
				t.Errorf("retried after %v, want %v", got, tc.wait)
			}
			if got := next(t, j, Tick{}, j.RetryAt, 0).State; got != Queued {
				t.Errorf("then it is %v", got)
			}
		})
	}
}

// TestAServerThatServesOnlyWholeFiles dies after 5 MiB each time; the bytes it sends again and
// again must not look like headway.
func TestAServerThatServesOnlyWholeFiles(t *testing.T) {
	t.Parallel()
	j, now := step(t, newJob(t, Download, DefaultSettings()), t0, twoFiles(), Resume{}), t0
	var waits []time.Duration
	for range 5 {
		j = step(t, j, now, Changed{1}, Progress{File: 1, Filled: Prefix(5 << 20), Size: UnknownSize}, Fault{errTransient})
		waits = append(waits, j.RetryAt.Sub(now))
		now = j.RetryAt
		j = step(t, j, now, Tick{})
	}
	const s = time.Second
	if got, want := fmt.Sprint(waits), fmt.Sprint([]time.Duration{0, s / 2, s, 2 * s, 4 * s}); got != want {
		t.Errorf("waits %v, want %v", got, want)
	}
}

func TestWhatNeverRetries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		retryDelay time.Duration
		noProgress time.Duration
		fault      Fault
		want       State
		class      Class
	}{
		{"transient", time.Minute, time.Hour, Fault{errTransient}, TransientError, Transient},
		{"fatal", time.Minute, time.Hour, Fault{errFatal}, InError, Fatal},
		{"needs action", time.Minute, time.Hour, Fault{errNeedsAction}, InError, NeedsAction},
		{"no-progress timeout 0", time.Minute, 0, Fault{errTransient}, InError, Fatal},
		{"retry delay above the no-progress timeout", time.Hour, time.Hour - 1, Fault{errTransient}, InError, Fatal},
		{"retry delay equal to the no-progress timeout", time.Hour, time.Hour, Fault{errTransient}, TransientError, Transient},
	} {
		s := DefaultSettings()
		s.RetryDelay, s.NoProgressTimeout = Duration(tc.retryDelay), Duration(tc.noProgress)
		j := next(t, queued(t, s), tc.fault, t0, 0.5)
		if j.State != tc.want || j.Error.Class != tc.class || j.Error.Code != tc.fault.Err.Code {
			t.Errorf("%s: %v with a %v error, want %v with a %v one", tc.name, j.State, j.Error.Class, tc.want, tc.class)
		}
	}
	if errTransient.Class != Transient {
		t.Error("the worker's own error was changed")
	}
}

func TestNoProgressClock(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	fail := func(j Job, at time.Duration) Job { return next(t, j, Fault{errTransient}, t0.Add(at), 0) }
	tick := func(j Job, at time.Duration) Job { return next(t, j, Tick{}, t0.Add(at), 0) }
	aByte := Progress{File: 1, Filled: Prefix(1), Size: size}

	t.Run("starts at the first error and runs out to the nanosecond", func(t *testing.T) {
		t.Parallel()
		j := fail(tick(fail(queued(t, DefaultSettings()), day), day), 14*day)
		if got := tick(j, 15*day-1).State; got != Queued {
			t.Errorf("just before: %v", got)
		}
		late := tick(j, 15*day)
		if late.State != InError || late.Error.Class != Fatal || late.Error.Code != ConnectFailure {
			t.Errorf("then: %v, %+v", late.State, late.Error)
		}
		if want := "no progress for 336h0m0s: connection refused"; late.Error.Text != want {
			t.Errorf("the error says %q, want %q", late.Error.Text, want)
		}
	})
	t.Run("runs while the job is queued again", func(t *testing.T) {
		t.Parallel()
		j := tick(fail(queued(t, DefaultSettings()), 0), day)
		if got := j.Wake(); !got.Equal(t0.Add(14 * day)) {
			t.Errorf("wakes at %v", got)
		}
		if got := tick(j, 14*day).State; got != InError {
			t.Errorf("then: %v", got)
		}
	})
	t.Run("any byte stops it", func(t *testing.T) {
		t.Parallel()
		j := next(t, tick(fail(queued(t, DefaultSettings()), 0), 13*day), aByte, t0.Add(13*day), 0)
		if j.Error != nil || !j.FailingSince.IsZero() {
			t.Errorf("after the byte: %+v since %v", j.Error, j.FailingSince)
		}
		j = tick(fail(j, 14*day), 28*day-1)
		if j.State != Queued {
			t.Errorf("13 days after the next error: %v", j.State)
		}
		if got := tick(j, 28*day).State; got != InError {
			t.Errorf("14 days after the next error: %v", got)
		}
	})
	t.Run("bytes that are there already do not stop it", func(t *testing.T) {
		t.Parallel()
		same := Progress{File: 2, Filled: Prefix(1), Size: size}
		j := next(t, tick(fail(queued(t, DefaultSettings()), 0), day), same, t0.Add(day), 0)
		if j.FailingSince.IsZero() || j.Error == nil {
			t.Error("it stopped")
		}
	})
	t.Run("stands still while the job is suspended", func(t *testing.T) {
		t.Parallel()
		j := next(t, fail(queued(t, DefaultSettings()), 0), Suspend{}, t0, 0)
		if got := tick(j, 20*day).State; got != Suspended {
			t.Errorf("a suspended job is %v", got)
		}
		j = next(t, j, Resume{}, t0.Add(20*day), 0)
		if got := tick(j, 30*day).State; got != Queued {
			t.Errorf("a resumed job is %v", got)
		}
	})
}

func TestErrorCount(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code Code
		want int
	}{
		{ConnectFailure, 1},
		{HTTPStatus(503), 1},
		{NetworkDisconnected, 0},
		{DestinationLocked, 0},
		{BlockedByPolicy, 0},
	} {
		j := next(t, queued(t, DefaultSettings()), fault(func(e *Error) { e.Code = tc.code }), t0, 0)
		j = step(t, j, t0, Resume{}, FileDone{1, size}, FileDone{2, size})
		if j.ErrorCount != tc.want {
			t.Errorf("%v: counted %d, want %d", tc.code, j.ErrorCount, tc.want)
		}
	}
}

func TestMaxDownloadTime(t *testing.T) {
	t.Parallel()
	s := DefaultSettings()
	s.MaxDownloadTime = Duration(time.Hour)
	j := step(t, queued(t, s), t0, Ran{time.Hour - 1})
	if j.State != Queued {
		t.Fatalf("just before: %v", j.State)
	}
	again := step(t, j, t0, Suspend{}, Resume{}, Ran{time.Hour - 1})
	if again.State != Queued {
		t.Errorf("Resume did not start it anew: %v", again.State)
	}
	failing := step(t, j, t0, Fault{errTransient}, Ran{1})
	if failing.State != InError {
		t.Errorf("time that is reported after the fault was forgotten: %v", failing.State)
	}
	j = step(t, j, t0, Ran{1})
	if j.State != InError || j.Error.Code != MaxDownloadTimeout || j.ErrorCount != 1 {
		t.Errorf("then: %v, %+v, %d errors", j.State, j.Error, j.ErrorCount)
	}
}

func TestInactivityAndDeadline(t *testing.T) {
	t.Parallel()
	deadline := t0.Add(time.Hour)
	withDeadline := DefaultSettings()
	withDeadline.Deadline = deadline
	for _, tc := range []struct {
		name     string
		settings Settings
		events   []Event // at t0 plus a minute
		wake     time.Time
	}{
		{"inactive since it was created", DefaultSettings(), nil, t0.Add(DefaultInactivityTimeout)},
		{"a byte counts", DefaultSettings(), []Event{Progress{File: 1, Filled: Prefix(1)}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
		{"a changed property counts", DefaultSettings(), []Event{SetHeaders{}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
		{"time spent in vain does not", DefaultSettings(), []Event{Ran{time.Minute}}, t0.Add(DefaultInactivityTimeout)},
		{"transferred files wait as long", DefaultSettings(), []Event{FileDone{1, 1}, FileDone{2, 1}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
		{"deadline", withDeadline, nil, deadline},
		{"deadline of a failed job", withDeadline, []Event{Fault{errFatal}}, deadline},
		{"a met deadline", withDeadline, []Event{FileDone{1, 1}, FileDone{2, 1}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j := step(t, queued(t, tc.settings), t0.Add(time.Minute), tc.events...)
			if got := j.Wake(); !got.Equal(tc.wake) {
				t.Fatalf("wakes at %v, want %v", got, tc.wake)
			}
			if early := step(t, j, tc.wake.Add(-1), Tick{}); early.Intent != NoIntent {
				t.Error("cancelled too early")
			}
			late := step(t, j, tc.wake, Tick{})
			if late.Intent != Cancelling || late.Error == nil || late.Error.Code != Timeout {
				t.Errorf("at its time: intent %q, %+v", late.Intent, late.Error)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	t1, t2 := t0.Add(time.Hour), t0.Add(2*time.Hour)
	j := step(t, queued(t, DefaultSettings()), t1, FileDone{1, size}, FileDone{2, size})
	if !j.Created.Equal(t0) || !j.Modified.Equal(t1) || !j.Finished.Equal(t1) {
		t.Errorf("created %v, modified %v, finished %v", j.Created, j.Modified, j.Finished)
	}
	j = step(t, j, t2, AddFiles{[]FileSpec{{URL: "https://example.com/c", Local: "/d/c"}}}, Resume{})
	if !j.Modified.Equal(t2) || !j.Finished.IsZero() {
		t.Errorf("with another file to go: modified %v, finished %v", j.Modified, j.Finished)
	}
	if done := step(t, j, t2, FileDone{3, 0}, Complete{}, Settled{}); !done.Finished.Equal(t2) {
		t.Errorf("finished again at %v", done.Finished)
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	all := []Event{FileDone{1, size}, FileDone{2, size}, Complete{}}
	for _, tc := range []struct {
		name    string
		events  []Event
		settled Code
		want    Code
	}{
		{"whole", all, OK, OK},
		{"whole, with debris", all, UnableToDeleteFiles, UnableToDeleteFiles},
		{"in part", []Event{FileDone{1, size}, Complete{}}, OK, PartialComplete},
		{"cancelled", []Event{FileDone{1, size}, Cancel{}}, OK, OK},
		{"cancelled, with debris", []Event{Cancel{}}, UnableToDeleteFiles, UnableToDeleteFiles},
	} {
		if j := step(t, queued(t, DefaultSettings()), t0, append(tc.events, Settled{tc.settled})...); j.Result != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, j.Result, tc.want)
		}
	}
}

// TestACancelThatFailsIsNotRepeated: else a deadline and a full disk would keep each other busy.
func TestACancelThatFailsIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := DefaultSettings()
	s.Deadline = t0.Add(time.Hour)
	j := step(t, queued(t, s), s.Deadline, Tick{}, Unsettled{errNeedsAction})
	if want := s.Deadline.Add(DefaultInactivityTimeout); j.State != InError || !j.Wake().Equal(want) {
		t.Errorf("is %v and wakes at %v, want %v", j.State, j.Wake(), want)
	}
	j = step(t, queued(t, s), t0, Cancel{}, Unsettled{errNeedsAction})
	if !j.Wake().Equal(s.Deadline) {
		t.Errorf("a deadline that is still to come was dropped: wakes at %v", j.Wake())
	}
}

// TestSlowProgressBoundsTheBackOff: a slow line that breaks often gets a few hundred KiB each time
// and must not end up waiting for minutes.
func TestSlowProgressBoundsTheBackOff(t *testing.T) {
	t.Parallel()
	j, _ := failed(t, DefaultSettings(), 9, 0.5)
	j = step(t, j, j.RetryAt, Tick{}, Progress{File: 1, Filled: Prefix(1), Size: size})
	now := j.Modified
	j = next(t, j, Fault{errTransient}, now, 0.5)
	if got := j.RetryAt.Sub(now); got != 4*time.Second {
		t.Errorf("retried after %v, want 4s", got)
	}
}

// TestLateBytesKeepTheReasonOfACancel: the last word of a worker comes after the deadline that ended it.
func TestLateBytesKeepTheReasonOfACancel(t *testing.T) {
	t.Parallel()
	s := DefaultSettings()
	s.Deadline = t0.Add(time.Hour)
	j := step(t, newJob(t, Download, s), t0, twoFiles(), Resume{})
	j = step(t, j, s.Deadline, Tick{}, Progress{File: 1, Filled: Prefix(1), Size: size}, Settled{})
	if j.State != Cancelled || j.Error == nil || j.Error.Code != Timeout {
		t.Errorf("the job is %v because of %v, want cancelled because of its deadline", j.State, j.Error)
	}
}

// TestClockPutBack: a job that is loaded waits no longer than was meant, whatever the clock did meanwhile.
func TestClockPutBack(t *testing.T) {
	t.Parallel()
	j := in(t, TransientError, NoIntent)
	for _, back := range []time.Duration{0, time.Second, time.Hour, 100 * 24 * time.Hour} {
		now := t0.Add(-back)
		booted := step(t, j, now, Boot{})
		if booted.RetryAt.After(j.RetryAt) || booted.RetryAt.Sub(now) > time.Duration(j.RetryDelay) {
			t.Errorf("put back by %v, it waits until %v, first %v", back, booted.RetryAt, j.RetryAt)
		}
	}
	asked := step(t, queued(t, DefaultSettings()), t0, Fault{&Error{Code: HTTPStatus(429), Class: Transient, RetryAfter: time.Hour, Text: "busy"}})
	if booted := step(t, asked, t0.Add(-24*time.Hour), Boot{}); booted.RetryAt.Sub(t0.Add(-24*time.Hour)) != time.Hour {
		t.Errorf("asked to wait an hour, it waits until %v", booted.RetryAt)
	}
}
