package idle

import "time"

const (
	// rampGrowth is the growth per round trip while nobody is there: with a queue seen one round late it overshoots by half
	// of a BDP at most, which is less than the buffers of home lines hold.
	rampGrowth = 1.25
	// gentleGrowth is how a ramp begins that starts from a window known to be right: it doubles its growth every round.
	gentleGrowth = 1.05
	// rampStop is the part of the target at which a ramp has met a queue.
	rampStop = 0.3
	// rampUsed is how much of the window must be under way for more of it to be of use. The rate is seen a round late.
	rampUsed = 0.5
	// peakRoom is added to what the path delivered when a ramp ends, in packets.
	peakRoom = 2
)

// ramp is the state of fast growth.
type ramp struct {
	growth float64
	peak   float64 // the best rate it has seen
}

func (c *Controller) stepRamp() {
	c.ramp.peak = max(c.ramp.peak, c.rate)
	if c.hostBusy() {
		c.giveWay(HostSignal)
		return
	}
	if !c.due() {
		return
	}
	lost := c.tookLoss()
	switch stop := time.Duration(rampStop*float64(c.target())) + c.delays.margin(); {
	case c.delay >= stop || lost && c.delays.high(c.now, 2*c.round) >= stop:
		c.endRamp()
	case c.flight() >= rampUsed*c.window:
		c.window *= c.ramp.growth
		c.ramp.growth = min(rampGrowth, 1+2*(c.ramp.growth-1))
	}
}

// endRamp goes back to what the path has delivered. Where that is nothing, the line is somebody else's.
func (c *Controller) endRamp() {
	fits := c.ramp.peak*c.base.Seconds() + float64(peakRoom*c.packet())
	if c.signal == DeficitSignal && c.ramp.peak < deficitPart*c.capacity {
		c.giveWay(DeficitSignal)
		return
	}
	c.window = min(c.window, max(fits, float64(c.least())))
	if c.delay > c.target() && c.window <= float64(c.least()) {
		c.giveWay(DelaySignal)
		return
	}
	c.beginHold(DelaySignal)
}

// least is the smallest window that holding makes sense with.
func (c *Controller) least() int { return 2 * c.packet() }
