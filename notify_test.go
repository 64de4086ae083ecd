package ebb_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestNotify(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(64<<10))
	j := s.fetch(srv, 5, nil)
	d := newDiary(t)
	d.do = complete(t)
	wait := s.notify(j, d)
	must(t, j.Resume(t.Context()))
	var files []string
	for range 5 {
		files = append(files, d.next())
	}
	slices.Sort(files)
	if diff := cmp.Diff([]string{"file 1", "file 2", "file 3", "file 4", "file 5"}, files); diff != "" {
		t.Errorf("files, before the job (-want +got):\n%s", diff)
	}
	d.want("transferred")
	must(t, wait())
	d.nothing()
	for id, r := range d.ranges {
		if r.String() != "0-65535" {
			t.Errorf("file %d: ranges %v", id, r)
		}
	}
	if len(d.ranges) != 5 || len(d.changes) == 0 {
		t.Errorf("ranges of %d files and %d modifications", len(d.ranges), len(d.changes))
	}
}

// Notify ends by itself when the job does.
func TestNotifyEndsWithTheJob(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.create("")
	d := newDiary(t)
	wait := s.notify(j, d)
	must(t, j.Cancel(t.Context()))
	must(t, wait())
	must(t, j.Notify(t.Context(), d)) // of a job that has ended long ago
	must(t, j.Forget(t.Context()))
	if err := j.Notify(t.Context(), d); !errors.Is(err, ebb.ErrNotFound) {
		t.Errorf("Notify of a job that is forgotten: %v", err)
	}
	d.nothing()
}

func TestNotifyAfterTheEvent(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(100)), 2, nil)
	must(t, j.Resume(t.Context()))
	must(t, j.Wait(t.Context()))
	d := newDiary(t)
	s.notify(j, d)
	d.want("file 1", "file 2", "transferred")
	if b, err := os.ReadFile(d.names[1]); err != nil || len(b) != 100 {
		t.Errorf("under the temporary name %q of a file that is told are %d bytes, %v", d.names[1], len(b), err)
	}
	failed := s.fetch(ebbtest.NewServer(t, ebbtest.EveryStatus(404)), 1, nil)
	must(t, failed.Resume(t.Context()))
	_ = failed.Wait(t.Context())
	f := newDiary(t)
	s.notify(failed, f)
	f.want("error BG_E_HTTP_ERROR_404")
}

func TestNotifyRepeatsUntilSuccess(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(100)), 2, nil)
	d := newDiary(t)
	calls := map[string]int{}
	d.answer = func(what string) error {
		if calls[what]++; calls[what] <= 2 && what != "file 2" {
			return errors.New("not now")
		}
		return nil
	}
	s.notify(j, d)
	must(t, j.Resume(t.Context()))
	got := []string{d.next(), d.next(), d.next()}
	slices.Sort(got[:2]) // the files may arrive in any order
	if diff := cmp.Diff([]string{"file 1", "file 2", "transferred"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"file 1": 3, "file 2": 1, "transferred": 3}, calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestNotifyLastSetterWins(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(100)), 1, nil)
	first, second := newDiary(t), newDiary(t)
	wait := s.notify(j, first)
	s.notify(j, second)
	if err := wait(); !errors.Is(err, ebb.ErrReplaced) {
		t.Errorf("the first one ends with %v", err)
	}
	must(t, j.Resume(t.Context()))
	second.want("file 1", "transferred")
	first.nothing()
}

func TestNotifyDisabled(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(100)), 2, func(spec *job.Spec) { spec.NotifyFlags |= job.NotifyDisable })
	d := newDiary(t)
	wait := s.notify(j, d)
	must(t, j.Resume(t.Context()))
	must(t, j.Wait(t.Context()))
	must(t, j.Set(t.Context(), map[string]any{"notify_flags": allNotices | job.NotifyDisable}))
	must(t, j.Complete(t.Context()))
	must(t, wait())
	if d.nothing(); len(d.changes)+len(d.ranges) > 0 {
		t.Errorf("%d modifications and ranges of %d files are told", len(d.changes), len(d.ranges))
	}
}

// Modifications are told no more often than the interval says, however much moves.
func TestNotifyInterval(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const interval, rate, size = 300 * time.Millisecond, 1 << 20, 3 << 20
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(size), ebbtest.Rate(rate)), 1, func(spec *job.Spec) {
		spec.MinNotifyInterval, spec.NotifyFlags = job.Duration(interval), job.NotifyModification|job.NotifyTransferred
	})
	d := newDiary(t)
	d.do = complete(t)
	s.notify(j, d)
	must(t, j.Resume(t.Context()))
	for n := range 50 { // changes of properties as well
		must(t, j.Set(t.Context(), map[string]any{"description": fmt.Sprint(n)}))
		time.Sleep(20 * time.Millisecond)
	}
	d.want("transferred")
	must(t, j.Wait(t.Context()))
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.changes); n < 3 {
		t.Errorf("%d modifications are told in 3 s", n)
	}
	for i, at := range d.changes[1:] {
		if gap := at.Sub(d.changes[i]); gap < interval*9/10 { // the clocks are two
			t.Errorf("%s after the one before", gap)
		}
	}
}

// The way into error and transferred is no modification, as in BITS; what changes there is one.
func TestNotifyOfModificationsAtTheEnd(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, tt := range []struct {
		server *ebbtest.Server
		told   string
		state  job.State
	}{
		{ebbtest.NewServer(t, ebbtest.EveryStatus(404)), "error BG_E_HTTP_ERROR_404", job.InError},
		{ebbtest.NewServer(t, ebbtest.Size(100)), "transferred", job.Transferred},
	} {
		j := s.fetch(tt.server, 1, func(spec *job.Spec) {
			spec.NotifyFlags, spec.MinNotifyInterval = allNotices&^job.NotifyFileTransferred, job.Duration(time.Millisecond)
		})
		d := newDiary(t)
		s.notify(j, d)
		must(t, j.Resume(t.Context()))
		d.want(tt.told)
		time.Sleep(50 * time.Millisecond) // what could be told by mistake
		d.mu.Lock()
		before := len(d.states)
		if slices.Contains(d.states, tt.state) {
			t.Errorf("%s is told as a modification: %v", tt.state, d.states)
		}
		d.mu.Unlock()
		must(t, j.Set(t.Context(), map[string]any{"description": "x"}))
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			d.mu.Lock()
			told := slices.Contains(d.states[before:], tt.state)
			d.mu.Unlock()
			if told {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("a change of a job that is %s is not told", tt.state)
			}
		}
	}
}

// The service ends and begins again while files arrive and callbacks fail: nothing lossless is lost, and what this
// program has dealt with is not repeated.
func TestNotifyOverRestarts(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const files = 12
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(200<<10), ebbtest.Rate(400<<10)), files, nil)
	d := newDiary(t)
	d.do = complete(t)
	wait := s.notify(j, d)
	must(t, j.Resume(t.Context()))
	told := map[string]int{}
	for range 3 {
		told[d.next()]++
		s.down()
		s.up()
	}
	must(t, wait())
	for len(d.told) > 0 {
		told[<-d.told]++
	}
	for i := range files {
		if n := told[fmt.Sprint("file ", i+1)]; n != 1 {
			t.Errorf("file %d is told %d times", i+1, n)
		}
	}
	if n := told["transferred"]; n != 1 {
		t.Errorf("the end of the transfer is told %d times", n)
	}
	if n := len(told); n != files+1 {
		t.Errorf("%d things are told", n)
	}
}

// The service stays away: Notify gives up as Watch does.
func TestNotifyGivesUp(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.create("")
	wait := s.notify(j, newDiary(t))
	s.down()
	if err := wait(); !errors.Is(err, ebb.ErrUnavailable) {
		t.Errorf("Notify: %v", err)
	}
}

// A file that its owner finds wrong is fetched again, and told again.
func TestNotifyOfValidation(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(1000)), 1, nil)
	d := newDiary(t)
	refused := false
	d.do = func(j *ebb.Job, what string) error {
		switch {
		case what == "file 1" && !refused:
			refused = true
			return j.SetValidation(t.Context(), 1, false)
		case what == "error BG_E_VALIDATION_FAILED":
			return j.Resume(t.Context())
		}
		return nil
	}
	s.notify(j, d)
	must(t, j.Resume(t.Context()))
	d.want("file 1", "error BG_E_VALIDATION_FAILED")
	d.want("file 1", "transferred")
}
