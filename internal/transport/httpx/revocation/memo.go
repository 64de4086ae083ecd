package revocation

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"
)

// memo keeps answers until they are outdated, and lets each question be asked by one at a time. The zero value is empty.
type memo[T any] struct {
	mu     sync.Mutex // guards all below, but what is in a flight
	kept   map[[sha256.Size]byte]kept[T]
	asking map[[sha256.Size]byte]*flight[T]
	weight int
}

type kept[T any] struct {
	answer[T]
	until time.Time
}

// answer is what came of a question, and how much of a memo it takes.
type answer[T any] struct {
	value  T
	weight int
}

// flight is a question that is being asked. Its fields are read after done is closed.
type flight[T any] struct {
	done   chan struct{}
	answer answer[T]
	err    error
	gone   bool // who asked did not wait for the answer, so the error says nothing
}

// get returns what is kept for key, or else what ask returns, which is kept until the time it says, the zero time for not at all. Who comes while another one asks
// waits for that answer. At most limit, in the weight of answers, is kept.
func (m *memo[T]) get(ctx context.Context, key [sha256.Size]byte, now time.Time, limit int, ask func() (answer[T], time.Time, error)) (T, error) {
	for {
		m.mu.Lock()
		if k, ok := m.kept[key]; ok && now.Before(k.until) {
			m.mu.Unlock()
			return k.value, nil
		}
		f, busy := m.asking[key]
		if !busy {
			f = &flight[T]{done: make(chan struct{})}
			if m.kept == nil {
				m.kept, m.asking = map[[sha256.Size]byte]kept[T]{}, map[[sha256.Size]byte]*flight[T]{}
			}
			m.asking[key] = f
			m.mu.Unlock()
			var until time.Time
			f.answer, until, f.err = ask()
			f.gone = ctx.Err() != nil
			m.land(key, f, until, limit)
			return f.answer.value, f.err
		}
		m.mu.Unlock()
		select {
		case <-f.done:
			if f.err == nil || !f.gone {
				return f.answer.value, f.err
			}
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
	}
}

func (m *memo[T]) land(key [sha256.Size]byte, f *flight[T], until time.Time, limit int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.asking, key)
	close(f.done)
	if f.err != nil || until.IsZero() || f.answer.weight > limit {
		return
	}
	m.removeLocked(key)
	for m.weight+f.answer.weight > limit {
		m.removeLocked(m.oldestLocked())
	}
	m.kept[key] = kept[T]{f.answer, until}
	m.weight += f.answer.weight
}

func (m *memo[T]) removeLocked(key [sha256.Size]byte) {
	m.weight -= m.kept[key].weight
	delete(m.kept, key)
}

// oldestLocked is the key of what is outdated first.
func (m *memo[T]) oldestLocked() (oldest [sha256.Size]byte) {
	var first time.Time
	for key, k := range m.kept {
		if first.IsZero() || k.until.Before(first) {
			oldest, first = key, k.until
		}
	}
	return oldest
}
