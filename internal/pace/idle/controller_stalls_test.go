package idle

import (
	"slices"
	"testing"
	"time"
)

// The goals of idle bandwidth where something stands still now and then. A stall of the line takes 1.8 % of it from everybody.

var allStalls = []stalling{stallsWire, stallsLine, stallsHost}

func TestStallsCostLittle(t *testing.T) {
	t.Parallel()
	lan := mbit(20, 100, 0)
	lan.base = 500 * time.Microsecond
	for _, test := range []struct {
		line  lineSpec
		least float64
	}{
		{mbit(20, 100, 20), 0.97},
		{mbit(100, 100, 20), 0.97},
		{lan, 0.97},
		{mbit(20, 100, 100), 0.82}, // a stall's queue stays for a round trip, and so does what is done because of it
	} {
		for _, what := range allStalls {
			line := test.line
			line.stalls = what
			if racing && line.rate > 50e6 {
				continue
			}
			t.Run(lineName(line), func(t *testing.T) {
				t.Parallel()
				seeds := uint64(2)
				if racing {
					seeds = 1
				}
				for seed := range seeds {
					if got := alone(line, seed+1, "cubic", 22*time.Second); got < test.least {
						t.Errorf("seed %d: %.3f of the line, want at least %.3f", seed+1, got, test.least)
					}
				}
			})
		}
	}
}

func TestForegroundKeepsTheLineBesideStalls(t *testing.T) {
	t.Parallel()
	for _, line := range []lineSpec{mbit(20, 100, 20), mbit(100, 100, 20)} {
		for _, what := range allStalls {
			line.stalls = what
			if racing && line.rate > 50e6 {
				continue
			}
			t.Run(lineName(line), func(t *testing.T) {
				t.Parallel()
				got := meet(line, 1, "cubic", "cubic")
				if got.keeps < 0.97 {
					t.Errorf("the foreground keeps %.3f, want at least 0.97", got.keeps)
				}
				if got.yield == 0 || got.yield > ms(500) {
					t.Errorf("yields in %s, want at most 500ms", got.yield)
				}
				if got.reclaim == 0 || got.reclaim > ms(3000) {
					t.Errorf("reclaims in %s, want at most 3s", got.reclaim)
				}
			})
		}
	}
}

// TestStallsDoNotProlongAYield: after ramps that were wrong, a yield takes a quiet of four seconds, which a line with stalls never has.
func TestStallsDoNotProlongAYield(t *testing.T) {
	t.Parallel()
	for _, what := range allStalls {
		for seed := range uint64(4) {
			line := mbit(20, 100, 20)
			line.stalls = what
			n := newNetwork(line, seed+1)
			h := n.addHost(seed+1, 0)
			h.download("cubic", 0)
			f := n.addFlow("cubic", 2*time.Second)
			n.runUntil(10 * time.Second)
			f.sender.supply = f.sender.next
			h.control.yield.quiet = longestQuiet
			n.runUntil(n.now + longestQuiet + time.Second)
			before := h.received()
			n.runUntil(n.now + time.Second)
			if got := float64(h.received()-before) / line.payload(); got < 0.8 {
				t.Errorf("stalls of the %s, seed %d: %.3f of the line six seconds after the foreground, want 0.8", what, seed+1, got)
			}
		}
	}
}

// A queue that goes as fast as it came gives the window back, but not a second time soon after.
func TestSpikeIsUndone(t *testing.T) {
	t.Parallel()
	c := NewController(1)
	c.now, c.base, c.round, c.fresh = time.Minute, ms(20), ms(20), true
	c.conns = []*connection{{seen: Sample{MSS: 1000}}}
	c.capacity, c.rate, c.window = 4e6, 4e6, 100_000
	c.beginHold(DelaySignal)
	spike := func() {
		c.delay, c.round = ms(25), ms(45)
		c.delays.add(c.now, ms(25), false)
		c.adjust(c.round)
	}
	quiet := func(after time.Duration) float64 {
		c.now += after
		c.delays.add(c.now, ms(1), false)
		c.delay, c.round = ms(1), ms(21)
		c.undoSpike()
		return c.window
	}
	if spike(); c.window > 60_000 {
		t.Fatalf("a window of %.0f beside a queue of 25 ms, want 60000 at most", c.window)
	}
	c.giveWay(DelaySignal)
	if got := quiet(ms(60)); got != 100_000 || c.state != Holding {
		t.Errorf("%s with a window of %.0f when the queue has gone, want that from before", c.state, got)
	}
	c.now += ms(100)
	if spike(); quiet(ms(60)) > 60_000 {
		t.Error("a second spike was undone as well")
	}
	c.now += 2 * spikeCaution
	c.window = 100_000
	if spike(); quiet(ms(200)) > 60_000 {
		t.Error("a queue that went slowly was undone")
	}
}

func TestPageLoadsBesideTheBackground(t *testing.T) {
	t.Parallel()
	median := func(line lineSpec, background bool) time.Duration {
		n := newNetwork(line, 1)
		h := n.addHost(1, 0)
		if background {
			h.download("cubic", 0)
		}
		var took []time.Duration
		for i := range 7 {
			n.runUntil(time.Duration(4+3*i) * time.Second)
			p := n.load()
			n.runUntil(n.now + ms(2900))
			took = append(took, p.took)
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	for _, test := range []struct {
		line lineSpec
		most float64
	}{
		{mbit(100, 100, 20), 1.3},
		{mbit(20, 100, 20), 1.2},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		idle, beside := median(test.line, false), median(test.line, true)
		if idle == 0 || beside == 0 || beside.Seconds() > test.most*idle.Seconds() {
			t.Errorf("%s: a page takes %s beside the background and %s without, want %.1f times at most", lineName(test.line), beside, idle, test.most)
		}
	}
}
