package job

import (
	"testing"
	"time"
)

func TestNoProgressClock(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	fail := func(j Job, at time.Duration) Job { return next(t, j, Fault{errTransient}, t0.Add(at), 0) }
	tick := func(j Job, at time.Duration) Job { return next(t, j, Tick{}, t0.Add(at), 0) }
	aByte := Progress{File: 1, Filled: Prefix(1), Size: size}

	t.Run("starts at the first error and runs out to the nanosecond", func(t *testing.T) {
		t.Parallel()
		j := fail(tick(fail(queued(t, usual()), day), day), 14*day)
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
		j := tick(fail(queued(t, usual()), 0), day)
		if got := j.Wake(); !got.Equal(t0.Add(14 * day)) {
			t.Errorf("wakes at %v", got)
		}
		if got := tick(j, 14*day).State; got != InError {
			t.Errorf("then: %v", got)
		}
	})
	t.Run("any byte stops it", func(t *testing.T) {
		t.Parallel()
		j := next(t, tick(fail(queued(t, usual()), 0), 13*day), aByte, t0.Add(13*day), 0)
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
		j := next(t, tick(fail(queued(t, usual()), 0), day), same, t0.Add(day), 0)
		if j.FailingSince.IsZero() || j.Error == nil {
			t.Error("it stopped")
		}
	})
	t.Run("stands still while the job is suspended", func(t *testing.T) {
		t.Parallel()
		j := next(t, fail(queued(t, usual()), 0), Suspend{}, t0, 0)
		if got := tick(j, 20*day).State; got != Suspended {
			t.Errorf("a suspended job is %v", got)
		}
		j = next(t, j, Resume{}, t0.Add(20*day), 0)
		if got := tick(j, 30*day).State; got != Queued {
			t.Errorf("a resumed job is %v", got)
		}
	})
}

func TestMaxDownloadTime(t *testing.T) {
	t.Parallel()
	s := usual()
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
	withDeadline := usual()
	withDeadline.Deadline = deadline
	for _, tc := range []struct {
		name     string
		settings Settings
		events   []Event // at t0 plus a minute
		wake     time.Time
	}{
		{"inactive since it was created", usual(), nil, t0.Add(DefaultInactivityTimeout)},
		{"a byte counts", usual(), []Event{Progress{File: 1, Filled: Prefix(1)}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
		{"a changed property counts", usual(), []Event{SetHeaders{}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
		{"time spent in vain does not", usual(), []Event{Ran{time.Minute}}, t0.Add(DefaultInactivityTimeout)},
		{"transferred files wait as long", usual(), []Event{FileDone{1, 1}, FileDone{2, 1}}, t0.Add(DefaultInactivityTimeout + time.Minute)},
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
	j := step(t, queued(t, usual()), t1, FileDone{1, size}, FileDone{2, size})
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

// TestACancelThatFailsIsNotRepeated: else a deadline and a full disk would keep each other busy.
func TestACancelThatFailsIsNotRepeated(t *testing.T) {
	t.Parallel()
	s := usual()
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

// TestLateBytesKeepTheReasonOfACancel: the last word of a worker comes after the deadline that ended it.
func TestLateBytesKeepTheReasonOfACancel(t *testing.T) {
	t.Parallel()
	s := usual()
	s.Deadline = t0.Add(time.Hour)
	j := step(t, newJob(t, Download, s), t0, twoFiles(), Resume{})
	j = step(t, j, s.Deadline, Tick{}, Progress{File: 1, Filled: Prefix(1), Size: size}, Settled{})
	if j.State != Cancelled || j.Error == nil || j.Error.Code != Timeout {
		t.Errorf("the job is %v because of %v, want cancelled because of its deadline", j.State, j.Error)
	}
}
