package ebb_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

const allNotices = job.NotifyTransferred | job.NotifyError | job.NotifyModification | job.NotifyFileTransferred | job.NotifyFileRanges

// diary is a callback that writes down what it is told.
type diary struct {
	t      testing.TB
	told   chan string                  // each call that succeeded, in order; modifications and ranges are counted instead
	answer func(what string) error      // nil: success
	do     func(*ebb.Job, string) error // what it does besides; nil: nothing

	mu      sync.Mutex // guards all below
	inside  bool
	changes []time.Time
	states  []job.State // at the changes
	ranges  map[job.FileID]job.Ranges
	names   map[job.FileID]string // the temporary ones
}

func newDiary(t testing.TB) *diary {
	return &diary{t: t, told: make(chan string, 1000), ranges: map[job.FileID]job.Ranges{}, names: map[job.FileID]string{}}
}

// enter checks that one method is called at a time.
func (d *diary) enter() (leave func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside {
		d.t.Error("two methods are called at a time")
	}
	d.inside = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.inside = false
	}
}

func (d *diary) write(j *ebb.Job, what string) error {
	defer d.enter()()
	if d.answer != nil {
		if err := d.answer(what); err != nil {
			return err
		}
	}
	if d.do != nil {
		if err := d.do(j, what); err != nil {
			return err
		}
	}
	d.told <- what
	return nil
}

func (d *diary) JobTransferred(_ context.Context, j *ebb.Job) error {
	return d.write(j, "transferred")
}

func (d *diary) JobError(_ context.Context, j *ebb.Job, failed *job.Error) error {
	return d.write(j, "error "+failed.Code.String())
}

func (d *diary) FileTransferred(_ context.Context, j *ebb.Job, f job.FileSnapshot) error {
	d.mu.Lock()
	d.names[f.ID] = f.Temporary
	d.mu.Unlock()
	return d.write(j, fmt.Sprint("file ", f.ID))
}

func (d *diary) JobModification(_ context.Context, j *ebb.Job) error {
	defer d.enter()()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes, d.states = append(d.changes, time.Now()), append(d.states, j.State)
	return errors.New("nobody looks at this")
}

func (d *diary) FileRangesTransferred(_ context.Context, _ *ebb.Job, f job.FileSnapshot, arrived job.Ranges) error {
	defer d.enter()()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range arrived {
		for _, before := range d.ranges[f.ID] {
			if r.Start < before.End && before.Start < r.End {
				d.t.Errorf("file %d: %v is told again", f.ID, r)
			}
		}
	}
	d.ranges[f.ID] = d.ranges[f.ID].Union(arrived)
	return nil
}

// next is the next event that was told.
func (d *diary) next() string {
	d.t.Helper()
	select {
	case s := <-d.told:
		return s
	case <-time.After(30 * time.Second):
		d.t.Fatal("nothing is told for 30 s")
		return ""
	}
}

func (d *diary) want(events ...string) {
	d.t.Helper()
	for _, want := range events {
		if got := d.next(); got != want {
			d.t.Fatalf("told %q, want %q", got, want)
		}
	}
}

// nothing checks that nothing was told beyond what was asked for.
func (d *diary) nothing() {
	d.t.Helper()
	if len(d.told) > 0 {
		d.t.Errorf("told %q, too", <-d.told)
	}
}

// notify makes n the callback of j and waits until it is. The function it returns waits for its end.
func (s *service) notify(j *ebb.Job, n ebb.Notify) (wait func() error) {
	s.t.Helper()
	ended := make(chan error, 1)
	mine := *j // a Job is for one goroutine
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(s.t.Context())
	running.Go(func() { ended <- mine.Notify(ctx, n) })
	s.t.Cleanup(func() { cancel(); running.Wait() })
	for {
		there, err := j.HasNotify(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if there {
			return func() error { return <-ended }
		}
		time.Sleep(time.Millisecond)
	}
}

// fetch makes a suspended job that downloads n files from srv.
func (s *service) fetch(srv *ebbtest.Server, n int, change func(*job.Spec)) *ebb.Job {
	s.t.Helper()
	spec := job.Spec{Settings: job.DefaultSettings()}
	spec.NotifyFlags, spec.Priority, spec.RetryDelay = allNotices, job.Foreground, job.Duration(job.MinRetryDelay)
	folder := rand.Text()
	for i := range n {
		spec.Files = append(spec.Files, job.FileSpec{URL: srv.URL + fmt.Sprint("/", i), Local: s.file(fmt.Sprintf("%s-%d", folder, i))})
	}
	if change != nil {
		change(&spec)
	}
	j, err := s.Create(s.t.Context(), spec)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// complete is what a callback does when all is here.
func complete(t testing.TB) func(*ebb.Job, string) error {
	return func(j *ebb.Job, what string) error {
		if what == "transferred" {
			return j.Complete(t.Context())
		}
		return nil
	}
}
