package idle

import "time"

const (
	// quietPart is the part of the target above which a sample shows somebody else's queue.
	quietPart = 0.3
	// The quiet that ends a yield doubles each time that the ramp after it was cut short. bbr leaves the line without a queue
	// for seven of its eight round trips, so that it lasts several of them at least.
	shortestQuiet = 300 * time.Millisecond
	longestQuiet  = 4 * time.Second
	quietRounds   = 12
	// cutShort is how soon after a ramp's beginning another yield means that it was wrong.
	cutShort = 3 * time.Second

	// calmFactor: when no sample has been above the target for that many quiet times, what is there may be another background
	// transfer that keeps its own small queue: join it slowly.
	calmFactor = 4
	calmLeast  = 2 * time.Second

	// rampPart of what the path is known to hold is where a ramp begins that follows a yield.
	rampPart = 0.05

	// trickle is the part of the capacity that a yield may use, of a packet per round trip at least.
	trickle = 0.02

	// A rate below deficitPart of the capacity for deficitTime beside some delay is somebody else's doing.
	deficitPart  = 0.4
	deficitDelay = 0.15
	deficitTime  = 500 * time.Millisecond

	// Traffic of this machine beside ours above hostPart of the capacity over hostTime.
	hostPart = 0.05
	hostTime = 200 * time.Millisecond
)

// yield is the state that leaves the line to others.
type yield struct {
	quiet  time.Duration // that must pass without a queue
	loud   time.Duration // latest sample above the quiet part of the target
	over   time.Duration // latest sample above the target
	ramped time.Duration // when the latest yield was left

	enough time.Duration // since when the rate is no deficit
}

// giveWay yields, because of signal.
func (c *Controller) giveWay(signal Signal) {
	switch {
	case c.now-c.yield.ramped < cutShort:
		c.yield.quiet = min(2*c.yield.quiet, longestQuiet)
	case c.now-c.yield.ramped > 3*cutShort:
		c.yield.quiet = shortestQuiet
	}
	c.yield.loud, c.yield.over = c.now, c.now
	c.enter(Yielding, signal)
	c.window = c.trickleWindow()
}

// trickleWindow is a packet, or a small part of the capacity on fast lines with many connections.
func (c *Controller) trickleWindow() float64 {
	return max(float64(c.packet()), min(trickle*c.capacity*c.round.Seconds(), float64(len(c.conns)*c.packet())))
}

// see takes note of a sample of the path's queue.
func (y *yield) see(c *Controller, raw time.Duration) {
	if raw > time.Duration(quietPart*float64(delayTarget))+3*c.delays.margin() {
		y.loud = c.now
	}
	if raw > delayTarget+2*c.delays.margin() {
		y.over = c.now
	}
}

func (c *Controller) stepYield() {
	c.window = c.trickleWindow()
	if c.hostBusy() {
		c.yield.loud, c.yield.over = c.now, c.now
	}
	if !c.fresh {
		return
	}
	quiet := max(c.yield.quiet, quietRounds*c.base)
	switch {
	case c.now-c.yield.loud > quiet:
		c.yield.ramped = c.now
		c.enter(Ramping, c.signal)
		c.window = max(c.window, startPackets/2*float64(c.packet()), rampPart*c.capacity*c.base.Seconds())
		c.ramp = ramp{growth: rampGrowth}
	case c.now-c.yield.over > max(calmFactor*c.yield.quiet, calmLeast, quietRounds*c.base):
		c.yield.ramped = c.now
		c.window = max(c.window, 2*float64(c.least()))
		c.beginHold(c.signal)
	}
}

// starved tells whether too little arrives for what the path is known to carry, for long enough, beside a queue.
func (c *Controller) starved() bool {
	short := c.rate < deficitPart*c.capacity && c.flight() > slowUse*c.window && !c.anyHeld() &&
		c.delay > time.Duration(deficitDelay*float64(c.target()))+c.delays.margin()
	if !short {
		c.yield.enough = c.now
	}
	return c.now-c.yield.enough > max(deficitTime, 4*c.round)
}

func (c *Controller) anyHeld() bool {
	for _, conn := range c.conns {
		if conn.seen.Held {
			return true
		}
	}
	return false
}

// hostTraffic is what the machine receives beside the background.
type hostTraffic struct {
	total int64
	meter meter
	calm  time.Duration // when it was last below the threshold
}

func (c *Controller) watchHost(s Surroundings) {
	h := &c.host
	if s.Others < 0 || s.Others < h.total {
		h.meter.forget()
		h.calm = c.now
	}
	h.total = s.Others
	if s.Others < 0 {
		return
	}
	h.meter.add(c.now, s.Others, meterGrain)
	if c.capacity == 0 || h.meter.rate(hostTime) < hostPart*c.capacity {
		h.calm = c.now
	}
}

func (c *Controller) hostBusy() bool { return c.now-c.host.calm > 0 }
