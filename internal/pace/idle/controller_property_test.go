package idle

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// whim is a sequence of steps that no network would show.
type whim struct {
	random *rand.Rand
	now    time.Duration
	conns  []Sample
	lastID uint64
	others int64
}

func newWhim(seed uint64) *whim { return &whim{random: rand.New(rand.NewPCG(seed, 9)), others: -1} }

// next moves on by nothing, milliseconds or hours, lets connections come and go, and moves their counters.
func (w *whim) next() (time.Duration, []Sample, Surroundings) {
	r := w.random
	switch r.IntN(50) {
	case 0:
		w.now += time.Duration(r.Int64N(int64(3 * time.Hour)))
	case 1:
	case 2:
		w.now -= min(w.now, time.Duration(r.Int64N(int64(time.Second))))
	default:
		w.now += time.Duration(r.Int64N(int64(40 * time.Millisecond)))
	}
	if r.IntN(20) == 0 && len(w.conns) < 80 {
		w.lastID++
		w.conns = append(w.conns, Sample{ID: w.lastID, Weight: r.IntN(10) - 1})
	}
	if r.IntN(60) == 0 && len(w.conns) > 0 {
		w.conns = slices.Delete(w.conns, 0, 1+r.IntN(len(w.conns)))
	}
	for i := range w.conns {
		s := &w.conns[i]
		s.RTT = 0
		if r.IntN(3) > 0 {
			s.RTT = time.Duration(r.ExpFloat64() * float64(30*time.Millisecond))
		}
		s.Received += r.Int64N(1 << (1 + r.IntN(24)))
		s.Disorder += int64(r.IntN(40) / 39)
		s.Held = r.IntN(9) == 0
		if r.IntN(30) == 0 {
			s.MSS = []int{0, 536, 1448, 8948, 65483}[r.IntN(5)]
			s.Weight = r.IntN(200) - 1
		}
	}
	if r.IntN(200) == 0 {
		w.others = r.Int64N(2) - 1
	}
	if w.others >= 0 {
		w.others += r.Int64N(100_000)
	}
	return w.now, w.conns, Surroundings{Others: w.others}
}

func TestAnySequenceGivesSaneWindows(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		w, c := newWhim(seed), NewController(seed)
		for step := range 3000 {
			now, conns, around := w.next()
			windows, again := c.Step(now, conns, around)
			if len(windows) != len(conns) {
				t.Fatalf("seed %d, step %d: %d windows for %d connections", seed, step, len(windows), len(conns))
			}
			if again < time.Millisecond || again > emptyTick {
				t.Fatalf("seed %d, step %d: again in %s", seed, step, again)
			}
			var sum int64
			for i, window := range windows {
				if window < 0 || window > 0 && conns[i].MSS > 0 && window < int64(conns[i].MSS) {
					t.Fatalf("seed %d, step %d: a window of %d bytes, packets of %d", seed, step, window, conns[i].MSS)
				}
				sum += window
			}
			status := c.Status()
			if status.Window < 0 || status.Rate < 0 || status.Capacity < 0 || status.Base < 0 || status.Delay < 0 {
				t.Fatalf("seed %d, step %d: %+v", seed, step, status)
			}
			if len(conns) > 0 && (sum == 0 || sum > maxWindow) {
				t.Fatalf("seed %d, step %d: windows of %d bytes together", seed, step, sum)
			}
		}
	}
}

func TestSameInputSameOutput(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		w, v := newWhim(seed), newWhim(seed)
		c, d := NewController(seed), NewController(seed)
		for step := range 2000 {
			now, conns, around := w.next()
			first, again := c.Step(now, conns, around)
			now, conns, around = v.next()
			second, later := d.Step(now, conns, around)
			if !slices.Equal(first, second) || again != later || c.Status() != d.Status() {
				t.Fatalf("seed %d, step %d: %v and %v", seed, step, first, second)
			}
		}
	}
}

// The seed moves the drains and nothing else, so that two machines do not drain in step.
func TestSeedMovesDrains(t *testing.T) {
	t.Parallel()
	a, b := NewController(1), NewController(2)
	if a.drain.at == b.drain.at {
		t.Errorf("both drain at %s", a.drain.at)
	}
	for _, c := range []*Controller{a, b} {
		if c.drain.at < drainPeriod*3/4 || c.drain.at > drainPeriod*5/4 {
			t.Errorf("the first drain is at %s", c.drain.at)
		}
	}
}
