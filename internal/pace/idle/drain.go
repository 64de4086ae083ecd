package idle

import "time"

const (
	// drainPeriod is how often the queue is let run empty, ± drainSpread, so that our base stays true and that a controller on
	// another machine can see the path without our queue.
	drainPeriod = 10 * time.Second
	drainSpread = 0.25
	// drainRounds bounds a drain, and drainDepth what it leaves of the window.
	drainRounds = 3
	drainDepth  = 0.5
	// drainMost is the most that it leaves, however small the queue.
	drainMost = 0.9
	// emptyDelay is a delay that needs no drain.
	emptyDelay = timestampGrain / 2
	// drainPause is between two drains at least.
	drainPause = 2 * time.Second
)

// drain is the state that lets the queue run empty for a moment.
type drain struct {
	at     time.Duration // of the next one
	last   time.Duration
	empty  time.Duration // when the path was last seen without a queue
	before float64       // the window to come back to
	rounds int
}

func (d *drain) plan(c *Controller) {
	spread := 1 + drainSpread*(2*c.random.Float64()-1)
	d.at = c.now + time.Duration(spread*float64(drainPeriod))
}

// hasten has the next drain in a few rounds: a newcomer has not seen how empty the path was before.
func (d *drain) hasten(c *Controller) {
	if c.now-d.last > drainPause {
		d.empty = min(d.empty, c.now-drainPeriod)
		d.at = min(d.at, c.now+time.Duration((0.5+c.random.Float64())*newcomerRounds*float64(c.round)))
	}
}

func (c *Controller) beginDrain() {
	c.drain.plan(c)
	if c.now-c.drain.empty < drainPeriod/2 {
		return
	}
	c.drain.last = c.now
	c.drain.before, c.drain.rounds = c.window, 0
	c.enter(Draining, c.signal)
	c.deepen()
}

// deepen takes twice the queue out of the window.
func (c *Controller) deepen() {
	part := 1 - 2*(c.delay+timestampGrain).Seconds()/c.round.Seconds()
	c.window *= min(max(part, drainDepth), drainMost)
}

func (c *Controller) stepDrain() {
	switch {
	case c.hostBusy():
		c.giveWay(HostSignal)
	case !c.due():
	case c.delay > c.target():
		c.endDrain()
	case c.delay < timestampGrain || c.drain.rounds >= drainRounds:
		c.endDrain()
	default:
		c.drain.rounds++
		c.deepen()
	}
}

func (c *Controller) endDrain() {
	reference := c.hold.reference
	c.window = c.drain.before
	c.beginHold(c.signal)
	c.hold.reference = reference
}
