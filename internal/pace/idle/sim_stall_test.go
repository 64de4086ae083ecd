package idle

import (
	"math/rand/v2"
	"time"
)

// stalling is what stands still for a moment once or twice a second, as radio channels, virtual machines and busy routers do.
type stalling string

const (
	stallsWire stalling = "wire" // the way behind the bottleneck, and the one back: all that waited is delivered at once
	stallsLine stalling = "line" // the bottleneck itself: what waited leaves at the line's rate
	stallsHost stalling = "host" // the background's machine, and its controller with it
)

// A stall begins stallPause after the one before, lasts for stallMean, both exponential means, and at most for stallMost.
const (
	stallPause = 650 * time.Millisecond
	stallMean  = 12 * time.Millisecond
	stallMost  = 40 * time.Millisecond
)

// stalls is when something stands still. It is asked in the order of time; nil never stands still.
type stalls struct {
	rng      *rand.Rand
	from, to time.Duration // of the latest one, or the next
}

// stallsOf is the stalls of what, nil where the line has none such.
func (s lineSpec) stallsOf(what stalling, seed uint64) *stalls {
	if s.stalls != what {
		return nil
	}
	return &stalls{rng: rand.New(rand.NewPCG(seed, 13))}
}

// end is when the stall of now ends, and now where there is none.
func (s *stalls) end(now time.Duration) time.Duration {
	if s == nil {
		return now
	}
	for s.to <= now {
		s.from = s.to + time.Duration(s.rng.ExpFloat64()*float64(stallPause))
		s.to = s.from + min(time.Duration(s.rng.ExpFloat64()*float64(stallMean)), stallMost)
	}
	if now < s.from {
		return now
	}
	return s.to
}
