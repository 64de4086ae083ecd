package idle

import (
	"math"
	"time"
)

const (
	// rampGrowth is the growth per round trip while nobody is there. The queue is seen a round late, so that it overshoots by a
	// third of a BDP, which is less than the buffers of home lines hold. Below 1.25, a server with BBR would take the window
	// for the end of the line and leave its own startup.
	rampGrowth = 1.3
	// gentleGrowth is how a ramp begins that starts from a window known to be right: it doubles its growth every round.
	gentleGrowth = 1.05
	// Where a round trip takes longer than farBase, the window doubles up to twice farPart of what the path is known to hold: nothing is
	// overshot by that, and each round counts.
	farBase   = 50 * time.Millisecond
	farPart   = 0.25
	farGrowth = 2
	// nearKnown is the part of what the path is known to hold from which a ramp is gentle again, and its inverse until where.
	nearKnown = 0.75
	// rampStop is the part of the target at which a ramp has met a queue, if all of a round has seen it: a young window travels
	// as one burst, which makes a queue of its own.
	rampStop = 0.3
	// rampNow ends it at once, whatever the start of the round was like.
	rampNow = 1.0
	// rampUsed is how much of the window must be under way for more of it to be of use. The rate is seen a round late.
	rampUsed = 0.5
	// burstPackets is the window from which the parts of it no longer come as one burst.
	burstPackets = 2 * startPackets
	// peakRoom is added to what the path delivered when a ramp ends, in packets.
	peakRoom = 2
)

// ramp is the state of fast growth.
type ramp struct {
	growth float64
	gentle bool    // from a window known to be right
	known  float64 // the capacity known before
	peak   float64 // the best rate it has seen
}

func (c *Controller) stepRamp() {
	c.ramp.peak = max(c.ramp.peak, c.rate)
	if !c.ramp.gentle {
		c.yield.enough = c.now
	}
	if c.hostBusy() {
		c.giveWay(HostSignal)
		return
	}
	elapsed := c.now - c.decided
	if !c.due() {
		return
	}
	lost := c.tookLoss()
	stop := time.Duration(rampStop * float64(c.target()))
	low, _ := c.delays.low(c.now, c.round)
	now, _ := c.delays.low(c.now, max(c.base/4, 2*shortestRound))
	stands := low >= stop
	switch {
	case stands || now >= time.Duration(rampNow*float64(c.target())) || lost && c.delays.high(c.now, 2*c.round) >= stop:
		c.endRamp(stands || c.signal == DeficitSignal)
	case c.used() >= rampUsed*c.window:
		switch fill := c.window / (c.ramp.known*c.base.Seconds() + 1); {
		case fill < farPart && c.base > farBase:
			c.ramp.growth = farGrowth
		case fill > nearKnown && fill < 1/nearKnown:
			c.ramp.growth = gentleGrowth
		}
		c.window *= math.Pow(c.ramp.growth, min(elapsed.Seconds()/c.round.Seconds(), 2))
		c.ramp.growth = min(rampGrowth, 1+2*(c.ramp.growth-1))
	}
}

// used is what of the window was under way. In the beginning all of it comes as one burst, which is in the rate of one round and not of
// the next; a ramp that paused for that would have a server with BBR leave its startup.
func (c *Controller) used() float64 {
	if c.ramp.known == 0 && c.window < burstPackets*float64(c.packet()) {
		return c.ramp.peak * c.round.Seconds()
	}
	return c.flight()
}

// endRamp goes back to what the path has delivered. Where that is nothing, or well below what the path carries with a queue that is
// not only of the ramp's own bursts, the line is somebody else's.
func (c *Controller) endRamp(foreign bool) {
	fits := c.ramp.peak*c.base.Seconds() + float64(peakRoom*c.packet())
	if foreign && !c.ramp.gentle && c.ramp.peak < deficitPart*c.capacity && c.flight() > rampUsed*c.window {
		c.giveWay(DeficitSignal)
		return
	}
	c.window = min(c.window, max(fits, float64(c.least())))
	if c.delay > c.target() && c.window <= float64(c.least()) {
		c.giveWay(DelaySignal)
		return
	}
	c.beginHold(DelaySignal)
	c.hold.ramped, c.hold.rates[0] = c.now, c.ramp.peak
}

// least is the smallest window that holding makes sense with.
func (c *Controller) least() int { return 2 * c.packet() }
