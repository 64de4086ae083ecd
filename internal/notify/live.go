package notify

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

const (
	callbackTimeout = 10 * time.Minute // as long as a command may take
	// callbackGrace is how long a callback that went away in the middle of a notice may take to come back, before the command
	// takes its place.
	callbackGrace = 2 * time.Second
)

// Tell tells a live callback of a notice and returns nil once it has dealt with it. The notice's ID is what to give to
// [Notifier.Register] to go on after it, 0 when that cannot be said yet. It must return soon after ctx ends.
type Tell = func(ctx context.Context, notice store.Notice) error

// callback is the live callback of a job.
type callback struct {
	job   job.ID
	after uint64 // it says that it has dealt with all notices up to this one
	tell  Tell
	here  context.Context // ends when it goes away, or another one takes its place
	leave context.CancelCauseFunc
}

var (
	errReplaced = errors.New("another callback has taken its place")
	errEnding   = errors.New("the service ends")
)

// live is the callbacks that are here. A job has one at most.
type live struct {
	mu   sync.Mutex // guards all below
	all  map[job.ID]*callback
	came chan struct{} // closed when the next callback comes
}

func (l *live) of(id job.ID) *callback {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[id]
}

// add lets cb take the place of the job's callback, unless it has gone already.
func (l *live) add(cb *callback) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if cb.here.Err() != nil {
		return
	}
	if old := l.all[cb.job]; old != nil {
		old.leave(errReplaced)
	}
	l.all[cb.job] = cb
	close(l.came)
	l.came = make(chan struct{})
}

func (l *live) remove(cb *callback) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[cb.job] == cb {
		delete(l.all, cb.job)
	}
}

// another waits for a callback of the job that is not gone, for as long as the grace lasts. It reports false when Run ends.
func (n *Notifier) another(ctx context.Context, id job.ID) bool {
	late := time.NewTimer(n.callbackGrace)
	defer late.Stop()
	for {
		n.live.mu.Lock()
		cb, came := n.live.all[id], n.live.came
		n.live.mu.Unlock()
		if cb != nil && cb.here.Err() == nil {
			return true
		}
		select {
		case <-came:
		case <-late.C:
			return true
		case <-n.stopping:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// Register makes tell the live callback of a job, in the place of the one it has, until ctx ends. tell is called for one
// notice at a time, until it returns nil; in which order, and what the command has to do with it, the package says. It hears
// of what the job's flags ask for, and at last that the job is final, which is told of whatever the flags.
//
// With after 0 it is told first how the job is now: which files are done, and whether the job is transferred or in error.
// Otherwise it is told what happened after the notice with that ID: a callback that comes back after a restart misses
// nothing, and what it has dealt with is not repeated.
//
// It returns nil when another callback has taken its place; otherwise why it is over, [store.ErrNotFound] when there is no
// such job. It may be called while Run runs, or before.
func (n *Notifier) Register(ctx context.Context, id job.ID, after uint64, tell Tell) error {
	in, err := n.begin(ctx, id, after)
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancelCause(ctx)
	in.tell, in.here, in.leave = tell, ctx, leave
	defer n.live.remove(in.callback)
	defer leave(nil)
	select {
	case n.joins <- in:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, errReplaced) {
		return cause
	}
	return nil
}

// Registered reports whether a job has a live callback now.
func (n *Notifier) Registered(id job.ID) bool { return n.live.of(id) != nil }

// Slot asks for one of the places that the owner's notices have, for one that is not of the outbox. There is none while all
// are taken; release gives it back.
func (n *Notifier) Slot(owner string) (release func(), ok bool) {
	if !n.slots.take(owner) {
		return nil, false
	}
	return sync.OnceFunc(func() { n.slots.release(owner) }), true
}

// join is a callback that comes, with what it has to be told first and the last notice that was looked at for it.
type join struct {
	*callback
	past []*entry
	seen uint64
}

// beginTries bounds how often a job is looked at that changes all the time.
const beginTries = 8

// begin finds out what a new callback has to be told first, and up to which notice that goes. What happens while the job is
// looked at would be told twice, as part of how it is and as a notice; then it is looked at again.
func (n *Notifier) begin(ctx context.Context, id job.ID, after uint64) (in join, err error) {
	for range beginTries {
		if in.seen, err = n.head(ctx); err != nil {
			return in, fmt.Errorf("cannot read the outbox: %w", err)
		}
		if after > in.seen { // it knows another outbox than this one
			after = 0
		}
		in.callback = &callback{job: id, after: after}
		if in.past, err = n.past(ctx, id, after, in.seen); err != nil || after > 0 {
			return in, err
		}
		if during, err := n.since(ctx, id, in.seen, math.MaxUint64); err != nil || len(during) == 0 {
			return in, err
		}
	}
	return in, nil
}

// past is what a new callback has to be told first.
func (n *Notifier) past(ctx context.Context, id job.ID, after, head uint64) ([]*entry, error) {
	if after > 0 {
		return n.since(ctx, id, after, head)
	}
	j, err := n.cfg.Store.Job(ctx, id) // read after the head, so that nothing slips through between them
	if err != nil {
		return nil, err
	}
	return present(j), nil
}

// head is the ID of the newest notice. The store gives them in order, from any ID.
func (n *Notifier) head(ctx context.Context) (uint64, error) {
	var failed error
	newer := func(id int) bool {
		page, err := n.cfg.Store.Notices(ctx, uint64(id), 1)
		failed = errors.Join(failed, err)
		return len(page) > 0
	}
	high := 1
	for newer(high) {
		high *= 2
	}
	return uint64(sort.Search(high, func(id int) bool { return !newer(id) })), failed
}

// since is the notices of a job after one up to another.
func (n *Notifier) since(ctx context.Context, id job.ID, after, last uint64) (list []*entry, err error) {
	for after < last {
		page, err := n.cfg.Store.Notices(ctx, after, pageSize)
		if err != nil {
			return nil, fmt.Errorf("cannot read the outbox: %w", err)
		}
		for _, notice := range page {
			if notice.Job.ID == id && notice.ID <= last {
				list = append(list, newEntry(notice))
			}
		}
		if len(page) < pageSize {
			break
		}
		after = page[len(page)-1].ID
	}
	return list, nil
}

// present tells how a job is, as if it had just become so.
func present(j job.Job) (list []*entry) {
	say := func(kind job.Notice, at time.Time, file *job.File) {
		snap := job.Snapshot{Job: j, Transferred: j.Totals.Filled, Size: j.Totals.Total()}
		list = append(list, &entry{Notice: store.Notice{Kind: kind, At: at, Job: snap, File: file}})
	}
	for f := range j.Files.All() {
		if f.Done && !f.Removed {
			say(job.NoticeFileTransferred, j.Modified, &f)
		}
	}
	switch {
	case j.State == job.InError:
		say(job.NoticeError, j.Modified, nil)
	case j.State == job.Transferred, j.State == job.Acknowledged && !j.Finished.IsZero():
		say(job.NoticeTransferred, j.Finished, nil)
	}
	switch j.State {
	case job.Acknowledged:
		say(job.NoticeAcknowledged, j.Modified, nil)
	case job.Cancelled:
		say(job.NoticeCancelled, j.Modified, nil)
	default:
	}
	return list
}

// welcome puts what a new callback has to be told before what waits already.
func (r *run) welcome(ctx context.Context, in join) {
	if err := r.load(ctx); err != nil {
		in.leave(err)
		return
	}
	missed, err := r.since(ctx, in.job, in.seen, r.after)
	if err != nil {
		in.leave(err)
		return
	}
	r.live.add(in.callback)
	r.recall(append(in.past, missed...), max(in.seen, r.after))
}

func (r *run) recall(past []*entry, seen uint64) {
	if len(past) == 0 {
		return
	}
	l := r.laneOf(past[0].Job)
	fresh, started := len(l.waiting) == 0, 0
	if l.busy {
		started = 1
	}
	rest := l.waiting[started:]
	past = slices.DeleteFunc(past, func(e *entry) bool { return slices.ContainsFunc(rest, e.same) })
	rest = append(past, rest...)
	slices.SortStableFunc(rest, func(a, b *entry) int { return int(int64(a.ID) - int64(b.ID)) })
	for i, e := range rest { // who has heard how the job is goes on with what comes next
		e.Next = time.Time{} // whoever comes need not wait for the next try with somebody else
		if e.ID == 0 && i+1 == len(rest) {
			e.cursor = seen
		} else if e.ID == 0 && rest[i+1].ID > 0 {
			e.cursor = rest[i+1].ID - 1
		}
	}
	l.waiting = append(l.waiting[:started:started], rest...)
	if l.busy {
		return
	}
	if fresh {
		heap.Push(&r.sleeping, l)
	} else {
		heap.Init(&r.sleeping)
	}
}

// same reports whether both tell the same.
func (e *entry) same(o *entry) bool {
	if e.ID > 0 || e.Kind != o.Kind {
		return e.ID > 0 && e.ID == o.ID
	}
	return e.File == nil && o.File == nil || e.File != nil && o.File != nil && e.File.ID == o.File.ID
}

// hears reports whether a live callback of the job is told of such a notice. The end of the job is told whatever
// the flags, for then its callback has no more to wait for.
func hears(j job.Job, kind job.Notice) bool {
	if final(kind) {
		return true
	}
	return j.NotifyFlags&job.NotifyDisable == 0 && j.NotifyFlags&flagOf(kind) != 0
}

func final(kind job.Notice) bool {
	return kind == job.NoticeAcknowledged || kind == job.NoticeCancelled
}

// call tells the job's callback. It reports false when there is none that hears, or it has gone; an error is its own.
func (n *Notifier) call(ctx context.Context, j job.Job, e *entry) (told bool, err error) {
	for {
		cb := n.live.of(e.Job.ID)
		if cb == nil || !hears(j, e.Kind) {
			return false, nil
		}
		if e.cursor > 0 && e.cursor <= cb.after {
			return true, nil
		}
		notice := e.Notice
		notice.ID = e.cursor
		once, cancel := context.WithTimeout(ctx, n.callbackTimeout)
		stop := context.AfterFunc(cb.here, cancel)
		err := cb.tell(once, notice)
		late := errors.Is(once.Err(), context.DeadlineExceeded)
		stop()
		cancel()
		switch {
		case err == nil:
			return true, nil
		case late:
			return true, fmt.Errorf("the live callback has not answered for %s", n.callbackTimeout)
		case cb.here.Err() == nil:
			return true, fmt.Errorf("the live callback: %w", err)
		}
		n.live.remove(cb)
		if !n.another(ctx, e.Job.ID) {
			return false, errEnding
		}
	}
}
