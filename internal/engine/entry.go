package engine

import (
	"container/heap"
	"time"

	"github.com/ebb-transfer/ebb/internal/pace"
	"github.com/ebb-transfer/ebb/internal/pace/idle"
	"github.com/ebb-transfer/ebb/job"
)

// entry is a live job: its record and what runs for it. It belongs to the control
// goroutine.
type entry struct {
	job     job.Job
	kind    kind // that it is counted as
	rev     uint64
	runs    map[job.FileID]*run // until their last word; nil when empty
	effect  job.Effect          // Publish or Discard that waits for the last words
	settles bool                // a settler is at work
	pace    *pace.Node          // made with the first run
	flow    *idle.Flow          // made with the first run
	secrets *jobSecrets         // shared by the runs; replaced when a secret changes

	connected int // runs that hold a connection

	host, hostURL string // see hostOf

	planned bool       // the plan lets it run
	cursor  job.FileID // files before it are done or running
	since   time.Time  // start of its current slice
	lastRan time.Time  // end of its last slice
	active  time.Time  // until then Active has been reported

	wakeAt   time.Time // of its place in the wake queue
	wakePos  int       // −1: not in the queue
	seenLive int64     // bytes at the last pulse
	moved    bool      // it moved at the last pulse
}

// set is a set of entries.
type set map[*entry]struct{}

func (s set) put(en *entry, in bool) {
	if in {
		s[en] = struct{}{}
	} else {
		delete(s, en)
	}
}

// enter takes a job into the session.
func (s *session) enter(j job.Job) *entry {
	en := &entry{job: j, rev: s.rev.Add(1), wakePos: -1, cursor: 1, secrets: &jobSecrets{}}
	s.jobs[j.ID] = en
	s.kinds.count(en.kind, +1)
	s.order = append(s.order, en)
	s.lastSeq = max(s.lastSeq, j.Seq)
	s.line(en)
	s.plan.dirty = s.plan.dirty || j.Runnable()
	return en
}

// line keeps the sets of those that the schedule decides about, and the number of those of each kind.
func (s *session) line(en *entry) {
	s.ready.put(en, en.job.Runnable())
	s.blocked.put(en, en.job.Blocked())
	s.kinds.count(en.kind, -1)
	en.kind = kind{en.job.State, en.job.Priority}
	s.kinds.count(en.kind, +1)
}

// leave drops a job that is final. Watchers may still see it among the recent ones.
func (s *session) leave(en *entry) {
	delete(s.jobs, en.job.ID)
	s.kinds.count(en.kind, -1)
	s.validators.forget(en.job.ID)
	s.wakes.set(en, time.Time{})
	en.pace, en.flow, en.secrets = nil, nil, nil
	s.recent = append(s.recent, en)
	if len(s.recent) > 2*recentLen {
		s.recent = append([]*entry(nil), s.recent[recentLen:]...)
	}
	if len(s.order) > 64 && len(s.order) > 2*len(s.jobs) {
		kept := s.order[:0]
		for _, o := range s.order {
			if s.jobs[o.job.ID] == o {
				kept = append(kept, o)
			}
		}
		clear(s.order[len(kept):])
		s.order = kept
	}
}

// recentLen is how many final jobs a watcher that comes back can still be told of.
const recentLen = 256

// wakeQueue is when each job needs its next Tick, with one timer for all.
type wakeQueue struct {
	heap  wakeHeap
	alarm *time.Timer
}

// set changes when en is woken; the zero time for never.
func (q *wakeQueue) set(en *entry, at time.Time) {
	en.wakeAt = at
	switch {
	case at.IsZero() && en.wakePos >= 0:
		heap.Remove(&q.heap, en.wakePos)
	case at.IsZero():
	case en.wakePos >= 0:
		heap.Fix(&q.heap, en.wakePos)
	default:
		heap.Push(&q.heap, en)
	}
}

// pop takes out an entry whose time has come, nil when there is none.
func (q *wakeQueue) pop(now time.Time) *entry {
	if len(q.heap) == 0 || q.heap[0].wakeAt.After(now) {
		return nil
	}
	return heap.Pop(&q.heap).(*entry)
}

// timer fires when the first entry is due.
func (q *wakeQueue) timer() <-chan time.Time {
	if len(q.heap) == 0 {
		return nil
	}
	return resetTimer(&q.alarm, q.heap[0].wakeAt)
}

// resetTimer makes the one timer behind t fire at the time wanted.
func resetTimer(t **time.Timer, at time.Time) <-chan time.Time {
	if *t == nil {
		*t = time.NewTimer(time.Until(at))
	} else {
		(*t).Reset(time.Until(at))
	}
	return (*t).C
}

type wakeHeap []*entry

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(a, b int) bool { return h[a].wakeAt.Before(h[b].wakeAt) }
func (h wakeHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].wakePos, h[b].wakePos = a, b
}

func (h *wakeHeap) Push(x any) {
	en := x.(*entry)
	en.wakePos = len(*h)
	*h = append(*h, en)
}

func (h *wakeHeap) Pop() any {
	old := *h
	en := old[len(old)-1]
	old[len(old)-1] = nil
	*h, en.wakePos = old[:len(old)-1], -1
	return en
}
