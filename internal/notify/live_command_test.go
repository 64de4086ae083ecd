package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// ran reports whether the command "record" has run, and forgets it.
func ran(t *testing.T, saw string) bool {
	t.Helper()
	synctest.Wait()
	err := os.Remove(saw)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

// recording is a job with a command that leaves a file behind.
func (f *fixture) recording(change func(*job.Job)) (j job.Job, saw string) {
	f.Helper()
	saw = filepath.Join(f.TempDir(), "saw")
	return f.newJob(func(j *job.Job) {
		ofFiles(1)(j)
		toCommand(f.T, "record", saw)(j)
		change(j)
	}), saw
}

// TestChecklist21CallbackSuppressesCommand: a callback that succeeds keeps the command from being run.
func TestChecklist21CallbackSuppressesCommand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		f.run()
		j, saw := f.recording(toPath("/"))
		l := f.listen(j.ID, 0, nil)
		f.happens(j, job.NoticeTransferred, 0)
		l.want(t, "transferred")
		if ran(t, saw) {
			t.Error("the command has run, too")
		}
		if calls := w.seen(); len(calls) != 1 {
			t.Errorf("%d webhooks, want 1", len(calls))
		}
		if n := len(f.pending()); n != 0 {
			t.Errorf("%d notices wait", n)
		}
		l.leave()
		synctest.Wait()
		f.happens(j, job.NoticeError, 0)
		if !ran(t, saw) {
			t.Error("without a callback the command has not run")
		}
	})
}

// The end of the job is not told to callbacks in BITS, so none stands for the command.
func TestCommandHearsOfTheEnd(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j, saw := f.recording(func(j *job.Job) { j.AutoComplete = true })
		l := f.listen(j.ID, 0, nil)
		f.happens(j, job.NoticeTransferred, 0)
		if ran(t, saw) {
			t.Error("the command has run for what the callback took")
		}
		j = f.becomes(j, inState(job.Acknowledged))
		f.happens(j, job.NoticeAcknowledged, 0)
		if l.want(t, "transferred", "acknowledged"); !ran(t, saw) {
			t.Error("the command has not run at the end")
		}
	})
}

func TestCommandReplacesCallbackThatFails(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j, saw := f.recording(func(*job.Job) {})
		l := f.listen(j.ID, 0, never)
		f.happens(j, job.NoticeTransferred, 0)
		if l.want(t, "transferred failed"); !ran(t, saw) {
			t.Fatal("the command has not run")
		}
		time.Sleep(24 * time.Hour)
		l.want(t, "transferred failed")
		f.happens(j, job.NoticeError, 0) // the next one is tried with the callback first, again
		if l.want(t, "transferred failed", "error failed"); !ran(t, saw) {
			t.Error("the command has not run for the next one")
		}
	})
}

func TestBothFailing(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(func(j *job.Job) {
			ofFiles(1)(j)
			toCommand(t, "fail", "")(j)
			j.RetryDelay = job.Duration(7 * time.Minute)
		})
		l := f.listen(j.ID, 0, never)
		f.happens(j, job.NoticeTransferred, 0)
		for n := range 3 {
			l.all()
			f.log.want(t, fmt.Sprintf("attempts=%d", n+1), "the live callback: busy; then the command", "exit status 3")
			time.Sleep(7*time.Minute - time.Nanosecond)
			if got := len(l.all()); got != n+1 {
				t.Fatalf("the callback was called %d times before the retry delay was over, want %d", got, n+1)
			}
			time.Sleep(time.Nanosecond)
		}
		times := []time.Duration{}
		for _, h := range l.all() {
			times = append(times, h.At)
		}
		if diff := cmp.Diff([]time.Duration{0, 7 * time.Minute, 14 * time.Minute, 21 * time.Minute}, times); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

// BITS: a program that fails is run again after the minimum retry delay, as long as there is the job.
func TestCommandThatFailsIsRunAgain(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(func(j *job.Job) { ofFiles(1)(j); toCommand(t, "fail", "")(j) })
		f.happens(j, job.NoticeTransferred, 0)
		synctest.Wait()
		tries := int((5 * 24 * time.Hour) / job.DefaultRetryDelay) // longer than anything else is tried
		time.Sleep(5 * 24 * time.Hour)
		synctest.Wait()
		if waiting := f.pending(); len(waiting) != 1 || waiting[0].Attempts != tries+1 {
			t.Fatalf("waiting %d, attempts %d; want 1 and %d", len(waiting), waiting[0].Attempts, tries+1)
		}
		f.becomes(j, inState(job.Acknowledged))
		time.Sleep(job.DefaultRetryDelay)
		synctest.Wait()
		if n := len(f.pending()); n != 0 {
			t.Errorf("%d notices wait after the job's end", n)
		}
	})
}

func TestCommandTakesOverFromCallbackThatDies(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j, saw := f.recording(func(*job.Job) {})
		l := f.listen(j.ID, 0, nil)
		l.hold = make(chan struct{})
		f.happens(j, job.NoticeTransferred, 0)
		l.want(t, "transferred")
		l.leave()
		time.Sleep(callbackGrace - time.Nanosecond)
		if ran(t, saw) {
			t.Error("the command has run although the callback may come back")
		}
		time.Sleep(time.Nanosecond)
		if !ran(t, saw) {
			t.Error("the command has not run")
		}
	})
}

// A callback that comes back may have dealt with a notice whose answer was lost.
func TestCallbackThatComesBackHasDealtWithIt(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j, saw := f.recording(func(*job.Job) {})
		l := f.listen(j.ID, 0, nil)
		l.hold = make(chan struct{})
		id := f.happens(j, job.NoticeTransferred, 0)
		l.want(t, "transferred")
		l.leave()
		synctest.Wait()
		back := f.listen(j.ID, id, nil)
		time.Sleep(time.Hour)
		if back.want(t); ran(t, saw) {
			t.Error("the command has run")
		}
		if n := len(f.pending()); n != 0 {
			t.Errorf("%d notices wait", n)
		}
	})
}

// It may have dealt with what it was told of how the job is, too.
func TestCallbackThatComesBackKnowsHowTheJobIs(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.becomes(f.newJob(ofFiles(1)), func(j *job.Job) { done(1)(j); inState(job.Transferred)(j) })
		newest := f.happens(j, job.NoticeTransferred, 0)
		l := f.listen(j.ID, 0, func(n int) error {
			if n == 2 { // its answer is lost
				return errBusy
			}
			return nil
		})
		l.want(t, "file_transferred 1", "transferred failed")
		l.leave()
		synctest.Wait()
		back := f.listen(j.ID, newest, nil)
		time.Sleep(time.Hour)
		back.want(t)
	})
}

func TestCallbackThatHangs(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j, saw := f.recording(func(*job.Job) {})
		l := f.listen(j.ID, 0, nil)
		l.hold = make(chan struct{})
		f.happens(j, job.NoticeTransferred, 0)
		synctest.Wait()
		time.Sleep(callbackTimeout)
		if !ran(t, saw) {
			t.Error("the command has not run")
		}
		if !f.Registered(j.ID) {
			t.Error("the callback is gone")
		}
	})
}

// The end of the service is not the end of its callbacks, which come back: the command must not run for that.
func TestRunEndsDuringACallback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		stop := f.run()
		j, saw := f.recording(func(*job.Job) {})
		l := f.listen(j.ID, 0, nil)
		l.hold = make(chan struct{})
		f.happens(j, job.NoticeTransferred, 0)
		l.want(t, "transferred")
		l.leave() // as a stream ends, a moment before Run does
		synctest.Wait()
		stop()
		waiting := f.pending()
		if ran(t, saw) || len(waiting) != 1 || waiting[0].Attempts != 0 {
			t.Errorf("the command has run, or the notice does not wait as before: %v", waiting)
		}
	})
}

// Whoever comes while the command waits for its next try is told at once.
func TestCallbackComesDuringTheWait(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(func(j *job.Job) { ofFiles(1)(j); done(1)(j); inState(job.Transferred)(j); toCommand(t, "fail", "")(j) })
		f.happens(j, job.NoticeTransferred, 0)
		synctest.Wait()
		l := f.listen(j.ID, 0, nil)
		if l.want(t, "file_transferred 1", "transferred"); l.all()[1].At != 0 {
			t.Errorf("told after %s", l.all()[1].At)
		}
		if n := len(f.pending()); n != 0 {
			t.Errorf("%d notices wait for the command", n)
		}
	})
}

// A job whose file was found wrong is not transferred any more: nobody is told to complete it.
func TestTransferredIsOvertaken(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		whole := func(j *job.Job) { done(1)(j); inState(job.Transferred)(j) }
		j, saw := f.recording(whole)
		f.becomes(j, func(j *job.Job) { j.State, j.Finished = job.InError, time.Time{} })
		l := f.listen(j.ID, 0, nil)
		l.want(t, "file_transferred 1", "error")
		f.happens(j, job.NoticeTransferred, 0)
		if l.want(t, "file_transferred 1", "error"); ran(t, saw) {
			t.Error("the command has run")
		}
		if n := len(f.pending()); n != 0 {
			t.Errorf("%d notices wait", n)
		}
	})
}

// Callbacks take the places of their owner's commands and webhooks, and so does what others tell for them.
func TestCallbacksTakePlaces(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		var all []*hearer
		var jobs []job.Job
		for range maxInFlightPerOwner + 1 {
			j := f.newJob(ofFiles(1))
			l := f.listen(j.ID, 0, nil)
			l.hold = make(chan struct{})
			all, jobs = append(all, l), append(jobs, j)
		}
		release, ok := f.Slot(us(t))
		if !ok {
			t.Fatal("no place is free")
		}
		var b store.Batch
		for _, j := range jobs {
			b.Notices = append(b.Notices, store.Notice{At: time.Now(), Kind: job.NoticeTransferred, Job: job.Snapshot{Job: j}})
		}
		f.commit(b)
		f.Wake()
		told := func() (n int) {
			for _, l := range all {
				n += len(l.all())
			}
			return n
		}
		if n := told(); n != maxInFlightPerOwner-1 {
			t.Errorf("%d are told, want %d", n, maxInFlightPerOwner-1)
		}
		if _, ok := f.Slot(us(t)); ok {
			t.Error("there is a place too many")
		}
		if other, ok := f.Slot("uid:another"); !ok {
			t.Error("another owner has no place")
		} else {
			other()
		}
		release()
		release() // once is enough
		if n := told(); n != maxInFlightPerOwner {
			t.Errorf("%d are told, want %d", n, maxInFlightPerOwner)
		}
		for _, l := range all {
			close(l.hold)
		}
		if n := told(); n != maxInFlightPerOwner+1 {
			t.Errorf("%d are told in the end", n)
		}
	})
}

// A callback of another outbox, or of one that was deleted, begins anew.
func TestCallbackWithForeignCursor(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.becomes(f.newJob(ofFiles(1)), func(j *job.Job) { done(1)(j); inState(job.Transferred)(j) })
		f.happens(j, job.NoticeTransferred, 0)
		l := f.listen(j.ID, 1<<40, nil)
		l.want(t, "file_transferred 1", "transferred")
		f.happens(j, job.NoticeError, 0)
		l.want(t, "file_transferred 1", "transferred", "error")
	})
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		l := f.listen("3f2a41c7-0000-4000-8000-ffffffffffff", 0, nil)
		if err := receive(t, l.ended); err == nil {
			t.Error("a job that does not exist has a callback")
		}
		k := f.listen(f.newJob(ofFiles(1)).ID, 0, nil)
		k.leave()
		if err := receive(t, k.ended); err == nil {
			t.Error("it ends by itself without an error")
		}
	})
}
