package httpx

import (
	"sync/atomic"
	"time"
)

// stallGuard calls expired when one wait, from begin to end, takes longer than limit. At full speed it costs a
// look at the clock for each read: its one timer is not touched by reads but looks, when it fires, how long
// the read of that moment has waited.
type stallGuard struct {
	limit   time.Duration
	expired func()
	epoch   time.Time
	since   atomic.Int64 // when the wait began, in ns after epoch; idle between waits; over at the end
	timer   *time.Timer
}

const (
	idle int64 = 0
	over int64 = -1
)

func newStallGuard(limit time.Duration, expired func()) *stallGuard {
	g := &stallGuard{limit: limit, expired: expired, epoch: time.Now().Add(-1)} // no wait begins at 0, which is idle
	g.timer = time.AfterFunc(time.Hour, g.look)                                 // look uses g.timer, so it must not run before this is done
	g.timer.Reset(limit)
	return g
}

func (g *stallGuard) begin() { g.since.CompareAndSwap(idle, int64(time.Since(g.epoch))) }

// end ends the wait. After stop it does nothing.
func (g *stallGuard) end() {
	if since := g.since.Load(); since != over {
		g.since.CompareAndSwap(since, idle)
	}
}

func (g *stallGuard) stop() {
	g.since.Store(over)
	g.timer.Stop()
}

func (g *stallGuard) look() {
	since := g.since.Load()
	waited := time.Since(g.epoch) - time.Duration(since)
	switch {
	case since == over:
	case since == idle:
		g.timer.Reset(g.limit)
	case waited >= g.limit:
		g.expired()
	default:
		g.timer.Reset(g.limit - waited)
	}
}
