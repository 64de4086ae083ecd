package job

import (
	"fmt"
	"slices"
	"time"
)

// headway is how many bytes between two errors make the next try immediate and reset the
// back-off. Less could be a server that dies after each byte, which must not be hammered.
const headway = 1 << 20

// slowAttempts bounds the back-off of a job that gains less than headway between two errors, to
// 8 s: a slow line that breaks often must not end up waiting for minutes.
const slowAttempts = 4

// known returns the file a fact is about.
func (t *transition) known(id FileID) (File, error) {
	if t.State.Final() {
		return File{}, t.refuse("report progress on")
	}
	f, ok := t.Files.Get(id)
	if !ok {
		return File{}, Invalid(NotFound, "job %s has no file %d", t.ID, id)
	}
	return f, nil
}

func (ev Progress) apply(t *transition) error {
	f, err := t.known(ev.File)
	if err != nil || f.Done || f.Removed {
		return err
	}
	before := f.Filled.Len()
	if before == 0 && f.NameFromServer && ev.Name != "" {
		if named := f.Named(ev.Name); !t.Files.hasLocal(named.Local) { // two of one name would collide
			f = named
		}
	}
	f.Filled = f.Filled.Union(ev.Filled)
	f.Boot = ev.Boot
	if ev.Size >= 0 {
		f.Size = ev.Size
	}
	if ev.Validator != (Validator{}) {
		f.Validator, f.Modified = ev.Validator, ev.Modified
	}
	if ev.Redirected != "" && checkURL(ev.Redirected) == nil {
		f.URL = ev.Redirected
	}
	t.setFile(f)
	t.gain(f.Filled.Len() - before)
	t.Modified = t.now
	if !t.tooMuch(f.ID) {
		t.rest()
	}
	return nil
}

// tooMuch stops a job that is larger than its owner allows.
func (t *transition) tooMuch(id FileID) bool {
	if t.MaxSize == 0 || max(t.Totals.Bytes, t.Totals.Filled) <= t.MaxSize || !t.active() {
		return false
	}
	t.blame(&Error{
		Context: ContextQueueManager, Code: MaxDownloadSizeReached, Class: NeedsAction, File: id,
		Text: fmt.Sprintf("the files of the job have more than the %d bytes that it may download; remove or skip some, and resume it", t.MaxSize),
	})
	t.fail()
	return true
}

// gain counts n new bytes: they stop the no-progress clock, and a queued job that moves
// bytes has left its last error behind.
func (t *transition) gain(n int64) {
	if n <= 0 {
		return
	}
	t.Gained += n
	t.FailingSince = time.Time{}
	if t.Runnable() {
		t.Error = nil
	}
}

func (ev FileDone) apply(t *transition) error {
	f, err := t.known(ev.File)
	if err != nil || f.Done || f.Removed {
		return err
	}
	was := f.Filled.Len()
	f.Size = ev.Size
	f.Filled = f.Whole()
	f.Done = !f.Skipped // of a skipped one the bytes count, if it is taken in again
	t.setFile(f)
	t.gain(f.Filled.Len() - was)
	t.Gained = max(t.Gained, headway) // a finished file is headway, however small
	t.Modified = t.now
	if f.Done && t.NotifyFlags&(NotifyFileTransferred|NotifyDisable) == NotifyFileTransferred {
		t.emit(Notify{NoticeFileTransferred, f.ID})
	}
	if !t.tooMuch(f.ID) {
		t.rest()
	}
	return nil
}

// transferred is the arrival of the last file.
func (t *transition) transferred() {
	t.enter(Transferred)
	t.Error, t.FailingSince, t.Finished = nil, time.Time{}, t.now
	t.NeedsCredentials = false
	t.emit(Notify{Kind: NoticeTransferred})
	if t.AutoComplete && t.Type == Download {
		t.complete()
	}
}

func (ev Changed) apply(t *transition) error {
	f, err := t.known(ev.File)
	if err != nil || f.Done || f.Removed {
		return err
	}
	t.Gained -= f.Filled.Len() // fetching the same bytes again and again is no headway
	t.setFile(f.void())
	t.Modified = t.now
	return nil
}

// Fault is the retry policy: what passes is tried again after retryDelay, at once when
// the last try made headway, until there was no progress for too long.
func (ev Fault) apply(t *transition) error {
	if !t.Runnable() {
		return t.refuse("fail")
	}
	if ev.Err.Class != Transient || t.RetryDelay > t.NoProgressTimeout || t.Method != "" {
		t.blame(ev.Err.final())
		t.fail()
		return nil
	}
	t.blame(ev.Err)
	if t.FailingSince.IsZero() {
		t.FailingSince = t.now
	}
	switch t.Attempts++; {
	case t.Gained >= headway:
		t.Attempts = 0
	case t.Gained > 0:
		t.Attempts = min(t.Attempts, slowAttempts)
	}
	t.Gained = 0
	t.enter(TransientError)
	t.RetryAt = t.now.Add(max(retryDelay(t.Attempts, time.Duration(t.RetryDelay), t.policy.Jitter), ev.Err.RetryAfter))
	t.stop()
	return nil
}

// blame makes e the job's error, and remembers it among the last ones.
func (t *transition) blame(e *Error) {
	t.Error = e.bounded()
	recent := t.Failures[max(0, len(t.Failures)+1-MaxFailures):]
	t.Failures = append(slices.Clone(recent), Failure{At: t.now, File: e.File, Code: e.Code, Text: t.Error.Text})
	if countsAsError(e.Code) {
		t.ErrorCount++
	}
}

// countsAsError leaves out what BITS does not count: the job did nothing wrong.
func countsAsError(c Code) bool {
	return c != NetworkDisconnected && c != DestinationLocked && c != BlockedByPolicy
}

// fail stops the job until its owner acts.
func (t *transition) fail() {
	t.enter(InError)
	t.Gained, t.FailingSince = 0, time.Time{}
	t.stop()
	t.emit(Notify{Kind: NoticeError})
}

// retryDelay is the wait before the next try after attempts transient errors without
// headway: full jitter over 1 s, 2 s, 4 s … up to limit.
func retryDelay(attempts int, limit time.Duration, jitter float64) time.Duration {
	if attempts <= 0 {
		return 0
	}
	window := limit
	if attempts <= 32 {
		window = min(limit, time.Second<<(attempts-1))
	}
	return time.Duration(jitter * float64(window))
}

func (ev Ran) apply(t *transition) error {
	if t.State.Final() {
		return t.refuse("run")
	}
	t.Active += ev.For
	if t.active() && t.Active >= time.Duration(t.MaxDownloadTime) {
		t.blame(&Error{
			Context: ContextQueueManager, Code: MaxDownloadTimeout, Class: Fatal,
			Text: "the job was active for longer than its maximum download time of " + t.MaxDownloadTime.String() + "; resume it to go on",
		})
		t.fail()
	}
	return nil
}

func (ev Settled) apply(t *transition) error {
	switch t.Intent {
	case Completing:
		t.enter(Acknowledged)
		t.Result = ev.Result
		if t.Totals.FilesDone < t.Totals.Files {
			t.Result = PartialComplete
		}
		t.emit(Notify{Kind: NoticeAcknowledged})
	case Cancelling:
		t.enter(Cancelled)
		t.Result = ev.Result
		t.emit(Notify{Kind: NoticeCancelled})
	case NoIntent:
		return t.refuse("settle")
	}
	t.Intent = NoIntent
	return nil
}

func (ev Unsettled) apply(t *transition) error {
	if t.Intent == NoIntent {
		return t.refuse("settle")
	}
	if t.Intent == Cancelling && t.passed(t.deadline()) {
		t.Deadline = time.Time{} // it had its effect; trying again at once would never end
	}
	t.Intent = NoIntent
	t.blame(ev.Err)
	if t.State == Transferred {
		t.Modified = t.now
		t.emit(Notify{Kind: NoticeError})
		return nil
	}
	t.fail()
	return nil
}

func (Tick) apply(t *transition) error {
	switch {
	case t.State.Final() || t.Intent != NoIntent:
	case t.passed(t.deadline()):
		t.Error = &Error{
			Context: ContextQueueManager, Code: Timeout, Class: Fatal,
			Text: "not transferred by the deadline of " + t.Deadline.Format(time.RFC3339),
		}
		t.cancel()
	case t.passed(t.Modified.Add(time.Duration(t.InactivityTimeout))):
		t.Error = &Error{
			Context: ContextQueueManager, Code: Timeout, Class: Fatal,
			Text: "cancelled because nothing moved or changed for " + t.InactivityTimeout.String(),
		}
		t.cancel()
	case t.passed(t.giveUpAt()):
		t.Error = t.Error.final()
		t.Error.Text = "no progress for " + t.NoProgressTimeout.String() + ": " + t.Error.Error()
		t.fail()
	case t.State == TransientError && t.passed(t.RetryAt):
		t.queue()
	}
	return nil
}

func (ev Blocked) apply(t *transition) error {
	if !t.active() {
		return t.refuse("block")
	}
	e := ev.Err.bounded()
	if t.Job.Blocked() && t.Error.Code == e.Code && t.Error.Text == e.Text {
		return nil
	}
	t.Error, t.FailingSince = e, time.Time{}
	t.enter(TransientError)
	t.stop()
	return nil
}

func (Unblocked) apply(t *transition) error {
	if t.Intent == NoIntent && t.Job.Blocked() {
		t.queue()
	}
	return nil
}

func (NetworkUp) apply(t *transition) error {
	if t.Intent == NoIntent && t.State == TransientError {
		t.Attempts = 0
		t.queue()
	}
	return nil
}

func (t *transition) passed(at time.Time) bool { return !at.IsZero() && !t.now.Before(at) }

func (Boot) apply(t *transition) error {
	switch t.Intent {
	case Completing:
		t.emit(Publish{})
	case Cancelling:
		t.emit(Discard{})
	case NoIntent:
		t.waitInTime()
	}
	return nil
}

// waitInTime bounds the wait of a job that was just loaded by what was meant: the clock may have been put back meanwhile, and then
// the job, and the host that it leaves alone, would wait for as long as that.
func (t *transition) waitInTime() {
	if t.State != TransientError || t.RetryAt.IsZero() {
		return
	}
	if longest := t.now.Add(max(time.Duration(t.RetryDelay), t.Error.RetryAfter)); t.RetryAt.After(longest) {
		t.RetryAt = longest
	}
}
