package pace

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// meterTime is how long ago a byte counts 1/e of one taken now.
	meterTime = 3 * time.Second
	// meterStep is how long bytes are only counted before they become a rate.
	meterStep = 100 * time.Millisecond
)

// A meter measures bytes per second, as an exponentially decayed average since
// the first byte. Adding takes no lock, so that readers never wait for it.
type meter struct {
	pending atomic.Int64 // bytes since the last step
	last    atomic.Int64 // time.Duration of the last step; 0 before the first byte

	mu     sync.Mutex // guards rate and weight
	rate   float64    // bytes per second, as if nothing had flowed before the first byte
	weight float64    // how much of the average is real: tends to 1
}

// add counts size bytes.
func (m *meter) add(now time.Duration, size int) {
	if m.last.Load() == 0 {
		m.last.CompareAndSwap(0, max(int64(now), 1))
	}
	m.pending.Add(int64(size))
	if m.due(now) && m.mu.TryLock() {
		m.step(now)
		m.mu.Unlock()
	}
}

// read returns the rate in bytes per second.
func (m *meter) read(now time.Duration) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last.Load() > 0 {
		m.step(now)
	}
	if m.weight == 0 {
		return 0
	}
	return int64(math.Round(m.rate / m.weight))
}

func (m *meter) due(now time.Duration) bool {
	return now-time.Duration(m.last.Load()) >= meterStep
}

// step folds the pending bytes into the average, once per meterStep. The caller
// holds m.mu.
func (m *meter) step(now time.Duration) {
	if !m.due(now) {
		return
	}
	elapsed := now - time.Duration(m.last.Swap(int64(now)))
	recent := float64(m.pending.Swap(0)) / elapsed.Seconds()
	share := -math.Expm1(-float64(elapsed) / float64(meterTime))
	m.rate += share * (recent - m.rate)
	m.weight += share * (1 - m.weight)
}
