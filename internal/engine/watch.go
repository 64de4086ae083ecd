package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/ebb-transfer/ebb/job"
)

// watchers are told of every visible change. They never hold the engine up: a watcher
// that is slow gets the latest snapshot of each job, not every one.
type watchers struct {
	mu  sync.Mutex // guards all, and latest and closed of each
	all map[*Watcher]bool
}

// Watcher follows jobs. Its methods are for one goroutine.
type Watcher struct {
	of     *watchers
	accept func(job.Snapshot) bool
	latest map[job.ID]job.Snapshot
	closed bool
	ready  chan struct{} // has a token when latest is not empty
}

// tell passes a snapshot on.
func (ws *watchers) tell(snap job.Snapshot) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		w.add(snap)
	}
}

func (w *Watcher) add(snap job.Snapshot) {
	if !w.accept(snap) {
		return
	}
	w.latest[snap.ID] = snap
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// any reports whether somebody watches.
func (ws *watchers) any() bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.all) > 0
}

// Watch follows the jobs that accept lets through. It begins with those whose snapshots are
// newer than since: 0 for all live ones. accept is called with locks held and must be quick.
// Close the watcher when done.
func (e *Engine) Watch(ctx context.Context, since uint64, accept func(job.Snapshot) bool) (*Watcher, error) {
	w := &Watcher{of: &e.watch, accept: accept, latest: map[job.ID]job.Snapshot{}, ready: make(chan struct{}, 1)}
	_, err := ask(ctx, e, func(s *session) (struct{}, error) {
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
		if w.closed {
			return struct{}{}, nil // whoever asked has gone
		}
		if since > 0 {
			s.replay(w, s.recent, since)
		}
		s.replay(w, s.order, since)
		if s.watch.all == nil {
			s.watch.all = map[*Watcher]bool{}
		}
		s.watch.all[w] = true
		s.pulse.on = s.plan.running > 0
		return struct{}{}, nil
	})
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (s *session) replay(w *Watcher, entries []*entry, since uint64) {
	for _, en := range entries {
		if en.rev > since && (since > 0 || s.jobs[en.job.ID] == en) { // s.order still holds some that left
			w.add(s.snapshot(en))
		}
	}
}

// Next waits for changes and returns them in the order they happened.
func (w *Watcher) Next(ctx context.Context) ([]job.Snapshot, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.ready:
	}
	w.of.mu.Lock()
	out := make([]job.Snapshot, 0, len(w.latest))
	for _, snap := range w.latest {
		out = append(out, snap)
	}
	clear(w.latest)
	w.of.mu.Unlock()
	slices.SortFunc(out, func(a, b job.Snapshot) int { return int(int64(a.Rev) - int64(b.Rev)) })
	return out, nil
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.closed = true
	delete(w.of.all, w)
}

// signal wakes everybody who waits for the next notice.
type signal struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

func (s *signal) raise() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

// Noticed is closed after the next commit that adds notices to the outbox.
func (e *Engine) Noticed() <-chan struct{} { return e.events.wait() }
