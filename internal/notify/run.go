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
	store.Notice        // with ID 0 it is not of the outbox: it tells a live callback how the job is
	cursor       uint64 // what a callback that has dealt with it goes on after; 0 when that cannot be said yet
	handed       bool   // the callback, or the command in its place, has it
	posted       bool   // the webhook has it; both are forgotten by a restart
}

func newEntry(n store.Notice) *entry { return &entry{Notice: n, cursor: n.ID} }

// lane is the notices of one job. It is in exactly one place: sleeping, its owner's ready list,
// or a delivery.
type lane struct {
	job     job.ID
	owner   *owner
	waiting []*entry // in the order of their IDs, never empty outside of a method
	busy    bool     // waiting[0] is being delivered
}

func (l *lane) at() time.Time { return l.waiting[0].Next }

type owner struct {
	name  string
	ready []*lane // may start, first come first served
}

// run is the state of Run. Only its goroutine touches it.
type run struct {
	*Notifier
	lanes    map[job.ID]*lane
	owners   map[string]*owner // never shrinks: as many as the machine has users
	sleeping sleepers
	busy     int    // deliveries under way
	loaded   bool   // what waited when Run began is here
	after    uint64 // the last notice that was looked at
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
	n.stopping = ctx.Done()
	r := &run{Notifier: n, lanes: map[job.ID]*lane{}, owners: map[string]*owner{}, results: make(chan result)}
	again := time.NewTicker(recheck)
	defer again.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	n.Wake()
	for {
		select {
		case <-n.wake:
			r.look(ctx)
		case <-again.C:
			r.look(ctx)
		case in := <-n.joins:
			r.welcome(ctx, in)
		case <-n.slots.freed:
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

func (r *run) look(ctx context.Context) {
	if err := r.load(ctx); err != nil && ctx.Err() == nil {
		r.cfg.Log.ErrorContext(ctx, "cannot read the outbox; trying again within a minute", "err", err)
	}
}

// load takes over what is new in the outbox: what waits, and what a live callback hears. All that waits is asked for
// once; from then on new notices have higher IDs.
func (r *run) load(ctx context.Context) error {
	if !r.loaded {
		return r.begin(ctx)
	}
	for {
		page, err := r.cfg.Store.Notices(ctx, r.after, pageSize)
		if err != nil {
			return err
		}
		for _, notice := range page {
			r.after = notice.ID
			if notice.Pending || r.live.of(notice.Job.ID) != nil {
				r.add(newEntry(notice))
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

func (r *run) begin(ctx context.Context) error {
	head, err := r.head(ctx) // first: what comes meanwhile is seen once, among what waits or after it
	if err != nil {
		return err
	}
	waiting, err := r.cfg.Store.Pending(ctx)
	if err != nil {
		return err
	}
	r.loaded, r.after = true, head
	for _, notice := range waiting {
		r.after = max(r.after, notice.ID)
		longest := time.Now().Add(max(maxRetryAfter, time.Duration(notice.Job.RetryDelay)))
		if notice.Next.After(longest) { // nobody waits for so long: the clock has been put back
			notice.Next = longest
		}
		r.add(newEntry(notice))
	}
	return nil
}

func (r *run) add(e *entry) {
	l := r.laneOf(e.Job)
	if l.waiting = append(l.waiting, e); len(l.waiting) == 1 {
		heap.Push(&r.sleeping, l)
	}
}

// laneOf is the lane of a job; a new one is empty, and in no place.
func (r *run) laneOf(j job.Snapshot) *lane {
	if l := r.lanes[j.ID]; l != nil {
		return l
	}
	o := r.owners[j.Owner]
	if o == nil {
		o = &owner{name: j.Owner}
		r.owners[j.Owner] = o
	}
	l := &lane{job: j.ID, owner: o}
	r.lanes[l.job] = l
	return l
}

// start begins the deliveries that are due, as far as the bounds allow.
func (r *run) start(ctx context.Context) {
	now := time.Now()
	for len(r.sleeping) > 0 && !r.sleeping[0].at().After(now) {
		l := heap.Pop(&r.sleeping).(*lane)
		l.owner.ready = append(l.owner.ready, l)
	}
	for _, o := range r.owners { // Go's random order is fair to owners when the bound is reached
		for len(o.ready) > 0 && r.slots.take(o.name) {
			l := o.ready[0]
			o.ready = o.ready[1:]
			l.busy = true
			r.busy++
			e := l.waiting[0]
			go func() { r.results <- result{l, r.attempt(ctx, e)} }() // Run takes every result before it returns
		}
	}
}

func (r *run) finish(res result) {
	l := res.lane
	r.slots.release(l.owner.name)
	l.busy = false
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
		case res := <-r.results:
			r.slots.release(res.lane.owner.name)
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
