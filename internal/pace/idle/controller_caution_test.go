package idle

import (
	"testing"
	"time"
)

// Increases come in small parts, so that no server sends a burst.
func TestIncreaseTakesARoundTrip(t *testing.T) {
	t.Parallel()
	c := NewController(1)
	s := Sample{ID: 1, MSS: 1000, Weight: 1, RTT: ms(100), Received: 1000}
	c.Step(ms(1), []Sample{s}, Surroundings{Others: -1})
	before := c.conns[0].window
	c.window, c.conns[0].use = 10*before, 10*before
	for now := ms(11); now < ms(90); now += ms(10) {
		c.conns[0].use = 10 * before
		c.give(ms(10))
		if step := c.conns[0].window - before; step > 4*before {
			t.Fatalf("the window grew by %.0f at once", step)
		}
		before = c.conns[0].window
		c.now = now
	}
	if before < c.window*0.7 {
		t.Errorf("a window of %.0f of %.0f after most of a round trip", before, c.window)
	}
}

// A connection that begins while others fill the line has never seen the path without their queue.
func TestNewConnectionKnowsTheQueueOfOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state State
		want  time.Duration
	}{
		{Yielding, ms(30)},
		{Holding, ms(110)}, // a queue of our own goes with the next drain
	} {
		c := NewController(1)
		c.Step(ms(1), []Sample{{ID: 1, MSS: 1000, RTT: ms(20), Received: 1000}}, Surroundings{Others: -1})
		c.enter(test.state, DelaySignal)
		c.delay = ms(80)
		c.observe([]Sample{{ID: 2}})
		c.observe([]Sample{{ID: 2, MSS: 1000, RTT: ms(110), Received: 1000}})
		if got := c.conns[0].base.min(); got != test.want {
			t.Errorf("%s: base of %s, want %s", test.state, got, test.want)
		}
	}
}

// After a silence nothing is known of the line: whoever sends again begins small.
func TestSilenceForgetsTheWindow(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	c := h.download("cubic", 0)
	n.runUntil(5 * time.Second)
	c.flow.sender.supply = c.flow.sender.next
	n.runUntil(8 * time.Second)
	c.flow.sender.supply = endless
	c.flow.sender.pump()
	n.runUntil(8*time.Second + ms(35))
	if s := h.control.Status(); s.State != Ramping || s.Window > 20*simMSS {
		t.Errorf("%s with a window of %d packets after a silence of three seconds", s.State, s.Window/simMSS)
	}
}

// A server that gives less than the window holds gets a smaller one, and may not fill the queue when it wakes.
func TestWindowOfASlowServerIsTight(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	c := h.download("cubic", 0)
	n.runUntil(4 * time.Second)
	c.flow.sender.supply = c.flow.sender.next
	supplied := c.flow.sender.next
	n.every(ms(10), func() {
		supplied += 3
		c.flow.sender.supply = max(c.flow.sender.supply, supplied)
		c.flow.sender.pump()
	})
	n.runUntil(8 * time.Second)
	s := h.control.Status()
	if s.Signal != SenderSignal || s.Window > 25*simMSS {
		t.Errorf("a window of %d packets because of %q for a server that fills 6", s.Window/simMSS, s.Signal)
	}
}

// Each ramp that was cut short makes the next one wait longer.
func TestQuietDoubles(t *testing.T) {
	t.Parallel()
	c := NewController(1)
	c.capacity = 1e6
	c.now = time.Minute
	want := []time.Duration{ms(300), ms(600), ms(1200), ms(2400), ms(4000), ms(4000)}
	for _, quiet := range want {
		c.giveWay(DelaySignal)
		if c.yield.quiet != quiet {
			t.Errorf("quiet of %s, want %s", c.yield.quiet, quiet)
		}
		c.now += time.Second
		c.yield.ramped = c.now
	}
	c.yield.best = c.capacity
	if c.giveWay(DelaySignal); c.yield.quiet != shortestQuiet {
		t.Errorf("quiet of %s after the line was free, want %s", c.yield.quiet, shortestQuiet)
	}
}

func TestLossBesideAQueueHalves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		delay time.Duration
		lost  bool
		want  float64
	}{
		{"no loss", ms(7), false, 0.85},
		{"loss beside a queue", ms(7), true, 0.45},
		{"loss on an empty line", 0, true, 0.95},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := NewController(1)
			c.now, c.base, c.round, c.delay = time.Minute, ms(20), ms(27), test.delay
			c.conns = []*connection{{seen: Sample{MSS: 1000}}}
			c.beginHold(DelaySignal)
			c.window, c.rate, c.capacity, c.lost = 100_000, 4e6, 4e6, test.lost
			c.adjust(c.round)
			if got := c.window / 100_000; got < test.want || got > test.want+0.1 {
				t.Errorf("%.2f of the window is left, want %.2f", got, test.want)
			}
		})
	}
}

// What arrives in order after a loss is more than the line carries.
func TestLossDoesNotRaiseTheCapacity(t *testing.T) {
	t.Parallel()
	line := lineSpec{rate: 20e6, buffer: ms(100), base: ms(20), loss: 0.001}
	for seed := range uint64(3) {
		n := newNetwork(line, seed+1)
		h := n.addHost(1, 0)
		h.download("cubic", 0)
		n.runUntil(30 * time.Second)
		if got := float64(h.control.Status().Capacity) / line.payload(); got > 1.02 {
			t.Errorf("seed %d: a capacity of %.3f lines", seed+1, got)
		}
	}
}

// The newcomer sees the path without the other's queue within seconds, and the shares are equal long before the regular drains.
func TestNewcomerIsShownTheEmptyPath(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	a, b := n.addHost(1, 0), n.addHost(101, 2*time.Second)
	a.download("cubic", 0)
	b.download("cubic", 2*time.Second)
	n.runUntil(2*time.Second + ms(800))
	if got := b.control.Status().Base; got > ms(22) {
		t.Errorf("the newcomer takes the path for %s after 0.8 s, want 20ms", got)
	}
}
