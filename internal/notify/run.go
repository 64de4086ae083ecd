package notify

import (
	"container/heap"
	"context"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

const (
	pageSize     = 256
	recheck      = time.Minute      // finds what no Wake told of: a commit that failed and was kept, a read that failed
	drainTimeout = 10 * time.Second // for what is under way when Run has to end
)

// entry is a notice that waits.
type entry struct {
	store.Notice
	ran, posted bool // the command or the webhook has it; forgotten by a restart
}

// lane is the notices of one job. It is in exactly one place: sleeping, its owner's ready list,
// or a delivery.
type lane struct {
	job     job.ID
	owner   *owner
	waiting []*entry // in the order of their IDs, never empty
}

func (l *lane) at() time.Time { return l.waiting[0].Next }

type owner struct {
	ready []*lane // may start, first come first served
	busy  int     // deliveries under way
}

// run is the state of Run. Only its goroutine touches it.
type run struct {
	*Notifier
	lanes    map[job.ID]*lane
	owners   map[string]*owner // never shrinks: as many as the machine has users
	sleeping sleepers
	busy     int // deliveries under way
	after    uint64
	results  chan result
}

type result struct {
	lane *lane
	done bool // else the entry's Next says when to try again
}

// Run delivers until ctx ends. Then it starts nothing more, gives what is under way 10 s to
// finish, ends what is left and returns nil; what was cut off is delivered again by the next
// Run. Everything it started has stopped when it returns, so the store may be closed. It is to
// be called once.
func (n *Notifier) Run(ctx context.Context) error {
	defer n.client.CloseIdleConnections()
	work, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	r := &run{Notifier: n, lanes: map[job.ID]*lane{}, owners: map[string]*owner{}, results: make(chan result)}
	again := time.NewTicker(recheck)
	defer again.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	n.Wake()
	for {
		select {
		case <-n.wake:
			r.load(ctx)
		case <-again.C:
			r.load(ctx)
		case res := <-r.results:
			r.finish(res)
		case <-due.C:
		case <-ctx.Done():
			r.drain(abort)
			return nil
		}
		r.start(work)
		if len(r.sleeping) > 0 {
			due.Reset(time.Until(r.sleeping[0].at()))
		}
	}
}

// load takes over what is new in the outbox. All that waits is asked for only until the first
// answer; from then on new notices have higher IDs.
func (r *run) load(ctx context.Context) {
	for {
		page, err := r.page(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.cfg.Log.ErrorContext(ctx, "cannot read the outbox; trying again within a minute", "err", err)
			}
			return
		}
		all := r.after == 0
		for _, notice := range page {
			r.after = notice.ID
			if notice.Pending {
				r.add(notice)
			}
		}
		if all || len(page) < pageSize {
			return
		}
	}
}

func (r *run) page(ctx context.Context) ([]store.Notice, error) {
	if r.after == 0 {
		return r.cfg.Store.Pending(ctx)
	}
	return r.cfg.Store.Notices(ctx, r.after, pageSize)
}

func (r *run) add(notice store.Notice) {
	e := &entry{Notice: notice}
	if l := r.lanes[notice.Job.ID]; l != nil {
		l.waiting = append(l.waiting, e)
		return
	}
	o := r.owners[notice.Job.Owner]
	if o == nil {
		o = &owner{}
		r.owners[notice.Job.Owner] = o
	}
	l := &lane{job: notice.Job.ID, owner: o, waiting: []*entry{e}}
	r.lanes[l.job] = l
	heap.Push(&r.sleeping, l)
}

// start begins the deliveries that are due, as far as the bounds allow.
func (r *run) start(ctx context.Context) {
	now := time.Now()
	for len(r.sleeping) > 0 && !r.sleeping[0].at().After(now) {
		l := heap.Pop(&r.sleeping).(*lane)
		l.owner.ready = append(l.owner.ready, l)
	}
	for _, o := range r.owners { // Go's random order is fair to owners when the bound is reached
		for len(o.ready) > 0 && o.busy < maxInFlightPerOwner && r.busy < maxInFlight {
			l := o.ready[0]
			o.ready = o.ready[1:]
			o.busy++
			r.busy++
			e := l.waiting[0]
			go func() { r.results <- result{l, r.attempt(ctx, e)} }() // Run takes every result before it returns
		}
	}
}

func (r *run) finish(res result) {
	l := res.lane
	l.owner.busy--
	r.busy--
	if res.done {
		l.waiting = l.waiting[1:]
	}
	if len(l.waiting) == 0 {
		delete(r.lanes, l.job)
		return
	}
	heap.Push(&r.sleeping, l)
}

// drain waits for what is under way, and ends it when that takes too long.
func (r *run) drain(abort context.CancelFunc) {
	late := time.NewTimer(r.drainTimeout)
	defer late.Stop()
	for r.busy > 0 {
		select {
		case <-r.results:
			r.busy--
		case <-late.C:
			abort()
		}
	}
}

// sleepers is a heap of lanes by the time of their next delivery.
type sleepers []*lane

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, k int) bool { return s[i].at().Before(s[k].at()) }
func (s sleepers) Swap(i, k int)      { s[i], s[k] = s[k], s[i] }
func (s *sleepers) Push(x any)        { *s = append(*s, x.(*lane)) }

func (s *sleepers) Pop() any {
	last := len(*s) - 1
	l := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return l
}
