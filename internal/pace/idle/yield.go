package idle

import (
	"cmp"
	"math"
	"time"
)

const (
	// quietPart is the part of the target above which a sample shows somebody else's queue.
	quietPart = 0.3
	// The quiet that ends a yield doubles each time that the ramp after it was cut short. bbr leaves the line without a queue
	// for seven of its eight round trips, so that it lasts several of them at least.
	shortestQuiet = 300 * time.Millisecond
	longestQuiet  = 4 * time.Second
	quietRounds   = 12
	// loudSpell is how long a queue must stand to have more than the shortest quiet begin anew: one that goes sooner may be a stall's
	// (spike.go), and there may be one of those in every second.
	loudSpell = 50 * time.Millisecond
	// cutShort is how soon after a ramp's beginning another yield means that it was wrong, unless it had found a free line.
	cutShort = 3 * time.Second

	// steadyBand: when the delay has stayed within it for steadyFactor times the quiet, below the target, then what is there is
	// another background transfer that keeps its own small queue, and can be joined slowly. The queue of a foreground
	// transfer goes up and down, even where the network keeps it short.
	steadyBand   = 2500 * time.Microsecond
	steadyFactor = 4
	steadyLeast  = 2 * time.Second

	// rampPart of what the path is known to hold is where a ramp begins that follows a yield.
	rampPart = 0.05

	// trickle is the part of the capacity that a yield may use, of a packet per round trip at least.
	trickle = 0.02

	// A rate below deficitPart of the capacity for deficitTime, with a window that is filled, is somebody else's doing: one who
	// has a queue of his own (FQ), or another background transfer. Only who makes way sees which: behind a queue of our own,
	// there is none when we are quiet, and the next ramp is cut short again; another background transfer keeps its small
	// queue. That one is joined, and for sharedTime only a fall below lostPart of the best rate since then counts.
	deficitPart = 0.65
	deficitTime = 500 * time.Millisecond
	lostPart    = 0.4
	growingPart = 1.5 // of the usual rate: a server that finds its rate again is not starved
	sharedTime  = 30 * time.Second
	// restQuiet is the quiet after a deficit: another background transfer needs time to fill the line.
	restQuiet = time.Second
	// standing is the mean delay that shows the small queue of another background transfer.
	standing = 1250 * time.Microsecond
)

// yield is the state that leaves the line to others.
type yield struct {
	quiet  time.Duration // that must pass without a queue
	loud   time.Duration // latest sample above the quiet part of the target
	spell  time.Duration // first of those in a row that ends with the latest sample; 0 when that is quiet
	stood  time.Duration // latest moment at which such a row had lasted for loudSpell
	sum    time.Duration // of the samples since loud
	count  int           // of them
	steady level         // the delay while it stays in steadyBand
	route  level         // the delay while it stays in routeBand
	before float64       // the window that the yield began with
	ramped time.Duration // when the latest yield was left
	best   float64       // rate, since then

	shared time.Duration // until when another background transfer is taken to be on the line
	enough time.Duration // since when the rate is no deficit
}

// giveWay yields, because of signal.
func (c *Controller) giveWay(signal Signal) {
	switch {
	case c.yield.best > nearFull*c.capacity || c.now-c.yield.ramped > 3*cutShort:
		c.yield.quiet = shortestQuiet
	case c.now-c.yield.ramped < cutShort:
		c.yield.quiet = min(2*c.yield.quiet, longestQuiet)
	}
	if signal == DeficitSignal {
		c.yield.quiet = max(c.yield.quiet, restQuiet)
	}
	c.yield.disturb(c.now)
	c.spike.open = c.spike.open && signal == DelaySignal
	c.enter(Yielding, signal)
	c.yield.before = c.window
	c.window = c.trickleWindow()
}

// trickleWindow is a packet, or a small part of the capacity on fast lines with many connections.
func (c *Controller) trickleWindow() float64 {
	return max(float64(c.packet()), min(trickle*c.capacity*c.round.Seconds(), float64(len(c.conns)*c.packet())))
}

// see takes note of a sample of the path's queue, of which there is one in each round at least.
func (y *yield) see(now, delay, round time.Duration) {
	y.sum += delay
	y.count++
	if delay > time.Duration(quietPart*float64(delayTarget)) {
		y.loud, y.sum, y.count = now, 0, 0
		y.spell = cmp.Or(y.spell, now)
		if now-y.spell >= loudSpell {
			y.stood = now
		}
	} else {
		y.spell = 0
	}
	y.route.see(now, delay, routeBand, loudSpell+stallRounds*round)
	y.steady.see(now, delay, steadyBand, 0)
	if delay > delayTarget {
		y.steady = level{since: now, low: delay, high: delay}
	}
}

// disturb restarts all quiet times.
func (y *yield) disturb(now time.Duration) {
	y.loud, y.stood, y.sum, y.count = now, now, 0, 0
	y.steady = level{since: now, low: math.MaxInt64}
}

func (c *Controller) stepYield() {
	c.window = c.trickleWindow()
	if c.hostBusy() {
		c.yield.disturb(c.now)
	}
	c.followRoute()
	if c.undoSpike() || !c.fresh {
		return
	}
	shortest := max(shortestQuiet, quietRounds*c.base)
	quiet := max(c.yield.quiet, shortest)
	calm := max(steadyFactor*c.yield.quiet, steadyLeast, quietRounds*c.base)
	if c.signal == DeficitSignal {
		calm = quiet
	}
	// A server with BBR paces even single packets, a quarter slower in one of its eight rounds, which looks like a queue: when
	// half of the delays have shown none for long, that is no queue either.
	median, known := c.delays.median()
	switch stands := c.yield.sum > time.Duration(c.yield.count)*standing; {
	case c.now-c.yield.loud > shortest && c.now-c.yield.stood > quiet && !stands,
		c.now-c.since > calm && known && median < timestampGrain:
		c.yield.ramped, c.yield.best = c.now, 0
		c.enter(Ramping, c.signal)
		c.window = max(c.window, startPackets/2*float64(c.packet()), rampPart*c.capacity*c.base.Seconds())
		c.ramp = ramp{growth: rampGrowth, known: c.capacity}
	case c.now-c.yield.steady.since > calm:
		c.join()
	}
}

// join goes beside another background transfer: where the yield was only to see who is there, with the window from before.
func (c *Controller) join() {
	c.yield.ramped = c.now
	c.yield.shared, c.yield.best, c.yield.enough = c.now+sharedTime, 0, c.now
	c.window = max(c.window, 2*float64(c.least()))
	if c.signal == DeficitSignal {
		c.window = max(c.window, c.yield.before)
	}
	c.beginHold(DelaySignal)
}

// starved tells whether too little arrives for what the path is known to carry, for long enough.
func (c *Controller) starved() bool {
	expected := deficitPart * c.capacity
	if c.now < c.yield.shared {
		expected = lostPart * c.yield.best
	}
	queue := c.delays.high(c.now, deficitTime/2)
	if c.rate >= expected || c.rate > growingPart*c.hold.usual || c.hold.slow > 2 || queue < 2*timestampGrain || c.anyHeld() {
		c.yield.enough = c.now
	}
	return c.now-c.yield.enough > max(deficitTime, 10*c.base)
}

func (c *Controller) anyHeld() bool {
	for _, conn := range c.conns {
		if conn.seen.Held {
			return true
		}
	}
	return false
}
