package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// hearer is a live callback.
type hearer struct {
	mu     sync.Mutex // guards all below
	heard  []heard
	answer func(n int) error // to the nth call, from 1; nil: success
	hold   chan struct{}     // what a call waits for before it answers; nil: nothing
	ended  chan error        // of Register
	leave  func()
}

type heard struct {
	At     time.Duration // since the callback came
	ID     uint64        // what to come back with
	Kind   job.Notice
	File   job.FileID
	Worked bool
}

// listen registers a callback and waits until it is there.
func (f *fixture) listen(id job.ID, after uint64, answer func(n int) error) *hearer {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	l := &hearer{answer: answer, ended: make(chan error, 1), leave: cancel}
	began := time.Now()
	go func() {
		l.ended <- f.Register(ctx, id, after, func(ctx context.Context, n store.Notice) error { return l.tell(ctx, n, time.Since(began)) })
	}()
	f.Cleanup(cancel)
	synctest.Wait()
	return l
}

func (l *hearer) tell(ctx context.Context, n store.Notice, at time.Duration) error {
	l.mu.Lock()
	h := heard{At: at, ID: n.ID, Kind: n.Kind, Worked: true}
	if n.File != nil {
		h.File = n.File.ID
	}
	var err error
	if l.answer != nil {
		err = l.answer(len(l.heard) + 1)
	}
	h.Worked = err == nil
	l.heard = append(l.heard, h)
	hold := l.hold
	l.mu.Unlock()
	if hold == nil {
		return err
	}
	select {
	case <-hold:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// all is what it heard up to the moment when nothing more happens without time passing.
func (l *hearer) all() []heard {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]heard(nil), l.heard...)
}

func (l *hearer) kinds() (out []string) {
	for _, h := range l.all() {
		s := h.Kind.String()
		if h.File > 0 {
			s += fmt.Sprint(" ", h.File)
		}
		if !h.Worked {
			s += " failed"
		}
		out = append(out, s)
	}
	return out
}

func (l *hearer) want(t *testing.T, kinds ...string) {
	t.Helper()
	if diff := cmp.Diff(kinds, l.kinds()); diff != "" {
		t.Errorf("the callback heard (-want +got):\n%s", diff)
	}
}

var errBusy = errors.New("busy")

func never(int) error { return errBusy }

// happens adds a notice, which waits when the job's settings want it.
func (f *fixture) happens(j job.Job, kind job.Notice, file job.FileID) uint64 {
	f.Helper()
	n := store.Notice{At: time.Now(), Kind: kind, Job: job.Snapshot{Job: j}, Pending: Wants(j, kind)}
	if got, ok := j.Files.Get(file); ok {
		n.File = &got
	}
	id := f.commit(store.Batch{Notices: []store.Notice{n}})[0]
	f.Wake()
	return id
}

// becomes stores the job with a change.
func (f *fixture) becomes(j job.Job, change func(*job.Job)) job.Job {
	f.Helper()
	change(&j)
	var files []job.FileID
	for file := range j.Files.All() {
		files = append(files, file.ID)
	}
	f.commit(store.Batch{Jobs: []store.Change{{Job: j, Files: files}}})
	return j
}

const allFlags = job.NotifyTransferred | job.NotifyError | job.NotifyFileTransferred

// ofFiles is a job of n files that asks for all lossless notices.
func ofFiles(n int) func(*job.Job) {
	return func(j *job.Job) {
		j.NotifyFlags = allFlags
		var files job.Files
		for i := range n {
			files = files.Append(job.File{URL: "https://example.com/a", Local: fmt.Sprint("/data/", i)})
		}
		*j = j.WithFiles(files)
	}
}

func done(n int) func(*job.Job) {
	return func(j *job.Job) {
		var files job.Files
		for f := range j.Files.All() {
			if int(f.ID) <= n {
				f.Done, f.Size, f.Filled = true, 1, job.Prefix(1)
			}
			files = files.Append(f)
		}
		*j = j.WithFiles(files)
	}
}

func inState(s job.State) func(*job.Job) {
	return func(j *job.Job) {
		j.State = s
		if s == job.Transferred || s == job.Acknowledged {
			j.Finished = time.Now()
		}
	}
}

// virtual runs a test in virtual time, with a notifier that runs.
func virtual(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.run()
		test(t, f)
	})
}

func TestCallbackHearsInOrder(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(ofFiles(2))
		l := f.listen(j.ID, 0, nil)
		l.hold = make(chan struct{})
		first := f.happens(j, job.NoticeFileTransferred, 1)
		f.happens(j, job.NoticeFileTransferred, 2)
		last := f.happens(j, job.NoticeTransferred, 0)
		l.want(t, "file_transferred 1") // the next one waits
		close(l.hold)
		l.want(t, "file_transferred 1", "file_transferred 2", "transferred")
		if got := l.all(); got[0].ID != first || got[2].ID != last {
			t.Errorf("IDs %v, want those of the outbox", got)
		}
		if n := len(f.pending()); n != 0 {
			t.Errorf("%d notices wait for a callback", n)
		}
	})
}

func TestCallbackIsToldAgainUntilItSucceeds(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(ofFiles(1))
		l := f.listen(j.ID, 0, func(n int) error {
			if n <= 3 {
				return errBusy
			}
			return nil
		})
		f.happens(j, job.NoticeFileTransferred, 1)
		f.happens(j, job.NoticeTransferred, 0)
		time.Sleep(7 * time.Second) // 1 + 2 + 4 at most
		const failed = "file_transferred 1 failed"
		l.want(t, failed, failed, failed, "file_transferred 1", "transferred")
		f.log.want(t, "the live callback: busy")
	})
}

// A callback without a command is told again as long as there is the job, not for three days.
func TestCallbackIsNotGivenUp(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(ofFiles(1))
		l := f.listen(j.ID, 0, never)
		f.happens(j, job.NoticeError, 0)
		time.Sleep(2 * MaxAge)
		if n := len(l.all()); n < 2*MinAttempts {
			t.Fatalf("told %d times", n)
		}
		f.becomes(j, inState(job.Cancelled))
		time.Sleep(2 * job.DefaultRetryDelay)
		before := len(l.all())
		time.Sleep(time.Hour)
		if n := len(l.all()); n > before {
			t.Errorf("told %d times more after the job's end", n-before)
		}
	})
}

func TestLastCallbackWins(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, f *fixture) {
		j := f.newJob(ofFiles(1))
		first := f.listen(j.ID, 0, nil)
		first.hold = make(chan struct{})
		f.happens(j, job.NoticeTransferred, 0)
		first.want(t, "transferred")
		second := f.listen(j.ID, 0, nil)
		if err := receive(t, first.ended); err != nil {
			t.Errorf("the first one ends with %v, want nil", err)
		}
		second.want(t, "transferred") // what the first one was told, it did not finish
		f.happens(j, job.NoticeError, 0)
		second.want(t, "transferred", "error")
		first.want(t, "transferred")
		first.leave() // late
		if !f.Registered(j.ID) {
			t.Error("the first one's end has ended the second one")
		}
		second.leave()
		synctest.Wait()
		if f.Registered(j.ID) {
			t.Error("it is still registered")
		}
	})
}

func TestCallbackIsToldHowTheJobIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*job.Job)
		want   []string
	}{
		{"queued", func(*job.Job) {}, nil},
		{"two files here", done(2), []string{"file_transferred 1", "file_transferred 2"}},
		{"error", func(j *job.Job) { done(1)(j); inState(job.InError)(j) }, []string{"file_transferred 1", "error"}},
		{
			"transferred", func(j *job.Job) { done(3)(j); inState(job.Transferred)(j) },
			[]string{"file_transferred 1", "file_transferred 2", "file_transferred 3", "transferred"},
		},
		{"disabled", func(j *job.Job) { done(3)(j); inState(job.Transferred)(j); j.NotifyFlags |= job.NotifyDisable }, nil},
		{"other flags", func(j *job.Job) { done(3)(j); inState(job.Transferred)(j); j.NotifyFlags = job.NotifyError }, nil},
		{"no files wanted", func(j *job.Job) { done(3)(j); inState(job.Transferred)(j); j.NotifyFlags = job.DefaultNotifyFlags }, []string{"transferred"}},
		{"completed", func(j *job.Job) {
			done(3)(j)
			inState(job.Acknowledged)(j)
			j.NotifyFlags = job.DefaultNotifyFlags
		}, []string{"transferred", "acknowledged"}},
		{"completed in part", func(j *job.Job) { done(1)(j); j.State = job.Acknowledged }, []string{"file_transferred 1", "acknowledged"}},
		{"cancelled and disabled", func(j *job.Job) { inState(job.Cancelled)(j); j.NotifyFlags |= job.NotifyDisable }, []string{"cancelled"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, f *fixture) {
				other := f.newJob(ofFiles(1))
				newest := f.happens(other, job.NoticeTransferred, 0)
				j := f.becomes(f.newJob(ofFiles(3)), tt.change)
				l := f.listen(j.ID, 0, nil)
				l.want(t, tt.want...)
				for i, h := range l.all() {
					want := uint64(0)
					if i == len(tt.want)-1 {
						want = newest // who has heard all goes on with what is new
					}
					if h.ID != want {
						t.Errorf("%d. has ID %d, want %d", i+1, h.ID, want)
					}
				}
			})
		})
	}
}

// What happens while the callback is away is told when it comes back, and nothing twice.
func TestCallbackComesBack(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				stop := f.run()
				j := f.newJob(ofFiles(3))
				l := f.listen(j.ID, 0, nil)
				f.happens(j, job.NoticeFileTransferred, 1)
				l.want(t, "file_transferred 1")
				last := l.all()[0].ID
				l.leave()
				synctest.Wait()
				f.happens(j, job.NoticeFileTransferred, 2)
				f.happens(f.newJob(ofFiles(1)), job.NoticeTransferred, 0)
				if restart {
					stop()
					st := f.store.Reopen()
					g := newFixture(t, func(c *Config) { c.Store = st })
					g.store, g.seq = st, f.seq
					g.run()
					f = g
				}
				f.happens(j, job.NoticeFileTransferred, 3)
				f.becomes(j, done(3))
				back := f.listen(j.ID, last, nil)
				f.happens(j, job.NoticeTransferred, 0)
				back.want(t, "file_transferred 2", "file_transferred 3", "transferred")
			})
		})
	}
}
