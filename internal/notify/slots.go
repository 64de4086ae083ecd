package notify

import "sync"

// slots bound what is told at a time, in all and for each owner, whoever tells it.
type slots struct {
	mu    sync.Mutex // guards all and of
	all   int
	of    map[string]int
	freed chan struct{} // holds at most one: there is a place again
}

func (s *slots) take(owner string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == maxInFlight || s.of[owner] == maxInFlightPerOwner {
		return false
	}
	s.all++
	s.of[owner]++
	return true
}

func (s *slots) release(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[owner]--; s.of[owner] == 0 {
		delete(s.of, owner)
	}
	select {
	case s.freed <- struct{}{}:
	default: // it will look anyway
	}
}
