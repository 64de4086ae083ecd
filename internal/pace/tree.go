package pace

import (
	"math"
	"slices"
	"sync"
	"time"
)

// A tree is what its nodes share: one lock, and one timer while somebody waits.
// Only limited paths come here; the whole work of a grant of up to 16 KiB takes
// less time than copying its bytes.
type tree struct {
	start time.Time // zero of the clock of all buckets and meters
	root  *Node

	mu      sync.Mutex  // guards what follows, and buckets and queues of all nodes
	waiting int         // asks in the queues
	timer   *time.Timer // runs wake; nil before the first wait, stopped while nobody waits
}

// A waiter is one call of Wait that was not granted at once.
type waiter struct {
	node    *Node
	want    int64
	granted int           // guarded by tree.mu until ready is closed
	ready   chan struct{} // closed with the grant
}

func (t *tree) now() time.Duration { return time.Since(t.start) }

// ask queues for want bytes at n. They are often granted before it returns.
func (t *tree) ask(n *Node, want int) *waiter {
	w := &waiter{node: n, want: int64(want), ready: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enqueue(w)
	t.dispatch()
	return w
}

// forget takes w out of the queue; a grant that came too late goes back.
func (t *tree) forget(w *waiter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.granted > 0 {
		w.node.settle(w.granted, 0)
	} else {
		t.dequeue(w, false)
	}
	t.dispatch()
}

// settle ends a grant at n and at every node above it.
func (t *tree) settle(n *Node, granted, read int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.settle(granted, read)
	if read < granted {
		t.dispatch()
	}
}

// settle gives back what was not read of a grant. A node that had no rate when
// the grant was made was not paid, and has nothing to give.
func (n *Node) settle(granted, read int) {
	for p := n; p != nil; p = p.parent {
		if p.rate.Load() > 0 {
			paid := min(int64(granted), p.lent)
			p.lent -= paid
			p.bucket.put(max(paid-int64(read), 0))
		}
	}
}

// wake is what the timer runs.
func (t *tree) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dispatch()
}

// dispatch makes every grant that can be made now, and sets the timer to the
// time of the next one. The caller holds t.mu.
func (t *tree) dispatch() {
	now := t.now()
	for t.waiting > 0 {
		w, wait := t.root.next(now)
		if w == nil {
			t.wakeIn(wait)
			return
		}
		t.grant(w)
	}
	if t.timer != nil {
		t.timer.Stop()
	}
}

func (t *tree) wakeIn(wait time.Duration) {
	if t.timer == nil {
		t.timer = time.AfterFunc(wait, t.wake)
		return
	}
	t.timer.Reset(wait)
}

// next returns whose turn it is at n or below, or, if nobody can be served yet,
// how long that takes at least. Who must wait for a node below n loses no turn
// to it, and holds up nobody; who must wait for n itself stays the first there,
// so that a large grant is never starved by small ones.
func (n *Node) next(now time.Duration) (*waiter, time.Duration) {
	soonest := time.Duration(math.MaxInt64)
	for _, c := range n.turns {
		var w *waiter
		var wait time.Duration
		if c == n {
			w = n.waiters[0]
		} else if w, wait = c.next(now); w == nil {
			soonest = min(soonest, wait)
			continue
		}
		if wait = n.until(w.size(), now); wait > 0 {
			return nil, min(soonest, wait)
		}
		return w, 0
	}
	return nil, soonest
}

// until returns how long it takes until n itself can grant size bytes.
func (n *Node) until(size int64, now time.Duration) time.Duration {
	rate := n.rate.Load()
	if rate == 0 {
		return 0
	}
	n.bucket.fill(rate, now)
	return n.bucket.until(rate, size)
}

// size returns how many bytes w would be granted now.
func (w *waiter) size() int64 {
	size := w.want
	for p := w.node; p != nil; p = p.parent {
		if rate := p.rate.Load(); rate > 0 {
			size = min(size, quantum(rate))
		}
	}
	return size
}

// grant serves w, which next has just returned.
func (t *tree) grant(w *waiter) {
	size := w.size()
	for p := w.node; p != nil; p = p.parent {
		if p.rate.Load() > 0 {
			p.bucket.take(size)
			p.lent += size
		}
	}
	t.dequeue(w, true)
	w.granted = int(size)
	close(w.ready)
}

func (t *tree) enqueue(w *waiter) {
	t.waiting++
	w.node.waiters = append(w.node.waiters, w)
	for p, c := w.node, w.node; p != nil && !slices.Contains(p.turns, c); p, c = p.parent, p {
		p.turns = append(p.turns, c)
	}
}

// dequeue takes w out of the queues. Those at the same nodes who still wait
// stand at the end of the line when w was served, and keep their place when not.
func (t *tree) dequeue(w *waiter, served bool) {
	t.waiting--
	n := w.node
	i := slices.Index(n.waiters, w)
	n.waiters = slices.Delete(n.waiters, i, i+1)
	more := len(n.waiters) > 0
	for p, c := n, n; p != nil; p, c = p.parent, p {
		if more && !served {
			return
		}
		i := slices.Index(p.turns, c)
		p.turns = slices.Delete(p.turns, i, i+1)
		if more {
			p.turns = append(p.turns, c)
		}
		more = len(p.turns) > 0
	}
}
