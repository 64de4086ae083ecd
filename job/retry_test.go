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
		s := usual()
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
		j := step(t, newJob(t, Download, usual()), t0, twoFiles(), Resume{})
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
			j, _ := failed(t, usual(), 3, 0.5)
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
	j, now := step(t, newJob(t, Download, usual()), t0, twoFiles(), Resume{}), t0
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
		s := usual()
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
		j := next(t, queued(t, usual()), fault(func(e *Error) { e.Code = tc.code }), t0, 0)
		j = step(t, j, t0, Resume{}, FileDone{1, size}, FileDone{2, size})
		if j.ErrorCount != tc.want {
			t.Errorf("%v: counted %d, want %d", tc.code, j.ErrorCount, tc.want)
		}
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
		if j := step(t, queued(t, usual()), t0, append(tc.events, Settled{tc.settled})...); j.Result != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, j.Result, tc.want)
		}
	}
}

// TestSlowProgressBoundsTheBackOff: a slow line that breaks often gets a few hundred KiB each time
// and must not end up waiting for minutes.
func TestSlowProgressBoundsTheBackOff(t *testing.T) {
	t.Parallel()
	j, _ := failed(t, usual(), 9, 0.5)
	j = step(t, j, j.RetryAt, Tick{}, Progress{File: 1, Filled: Prefix(1), Size: size})
	now := j.Modified
	j = next(t, j, Fault{errTransient}, now, 0.5)
	if got := j.RetryAt.Sub(now); got != 4*time.Second {
		t.Errorf("retried after %v, want 4s", got)
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
	asked := step(t, queued(t, usual()), t0, Fault{&Error{Code: HTTPStatus(429), Class: Transient, RetryAfter: time.Hour, Text: "busy"}})
	if booted := step(t, asked, t0.Add(-24*time.Hour), Boot{}); booted.RetryAt.Sub(t0.Add(-24*time.Hour)) != time.Hour {
		t.Errorf("asked to wait an hour, it waits until %v", booted.RetryAt)
	}
}
