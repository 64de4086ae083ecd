package idle

import (
	"math"
	"time"
)

const (
	// growPackets is how many packets the window grows in growTime without a queue: the same step for every controller on the
	// line, whatever it knows of the capacity, as only equal steps with proportional decreases end in equal shares.
	growPackets = 1
	growTime    = 20 * time.Millisecond
	// shrink is the part of the window that goes per round at the target delay, in proportion to its square: one transfer alone
	// then settles at a fifth to a third of the target.
	shrink = 0.2
	// overshootGain turns the delay beyond the target into a decrease of at most half of the window.
	overshootGain = 0.7
	maxDecrease   = 0.5
	// deliveredPart of what the path delivers without a queue is left by decreases in the first overshootRounds after a ramp.
	deliveredPart   = 0.85
	overshootRounds = 4

	// A loss beside a queue halves the window. Without one it means nothing when the path delivers what it can: random loss is
	// the business of the server's own congestion control.
	lossQueue  = 0.6 // of the target
	lossDelay  = 0.25
	lossShort  = 0.7 // of the capacity
	lossFactor = 0.7

	// A window that is not filled is tightened to what is, with some room, so that a server that wakes does not send a burst.
	slowUse    = 0.6
	slowRoom   = 1.6
	slowRounds = 8
	growUse    = 0.75

	// A window that grows by emptyGrowth in emptyRounds or more without any queue is the sign that the line has become free. At
	// the path's known capacity there should be a queue by then: fullGrowth there.
	emptyRounds = 4
	emptyGrowth = 1.08
	fullGrowth  = 1.15
	nearFull    = 0.9 // of the capacity
	// referenceTime is how slowly the reference follows the window down; below a third of it somebody else has come.
	referenceTime = 5 * time.Second
	referencePart = 1.0 / 3
	// A rate that falls below newcomerPart of the usual one is the sign of a newcomer: let it see the path without a queue soon.
	newcomerPart   = 0.8
	newcomerRounds = 4
	usualTime      = time.Second
)

// hold is the state that keeps the queue near the target.
type hold struct {
	reference float64
	empty     int           // rounds without a queue
	emptyFrom float64       // the window when the first of them began
	rates     [2]float64    // of the latest rounds
	ramped    time.Duration // when a ramp ended in this hold; long ago when none did
	usual     float64       // rate, over usualTime
	slow      int           // rounds in which the window was not filled
	swing     swing         // of the queue, also in holds before
}

func (c *Controller) beginHold(signal Signal) {
	c.enter(Holding, signal)
	c.hold = hold{reference: c.window, emptyFrom: c.window, usual: c.rate, ramped: -time.Hour, swing: c.hold.swing}
}

func (c *Controller) stepHold() {
	if c.hostBusy() {
		c.giveWay(HostSignal)
		return
	}
	if c.starved() {
		c.giveWay(DeficitSignal)
		return
	}
	if c.now >= c.drain.at {
		c.beginDrain()
		return
	}
	if c.undoSpike() {
		return
	}
	elapsed := c.now - c.decided
	if !c.due() {
		return
	}
	c.adjust(elapsed)
	c.hold.rates = [2]float64{c.rate, c.hold.rates[0]}
	c.hold.reference = max(c.window, c.hold.reference*math.Exp(-elapsed.Seconds()/referenceTime.Seconds()))
	c.hold.usual += (c.rate - c.hold.usual) * min(1, elapsed.Seconds()/usualTime.Seconds())
	if c.rate < newcomerPart*c.hold.usual && c.hold.slow == 0 && !c.recovering() {
		c.drain.hasten(c)
	}
	switch {
	case c.window < referencePart*c.hold.reference:
		c.giveWay(c.signal)
	case c.window <= float64(c.least()) && c.delay > c.target():
		c.giveWay(DelaySignal)
	case c.lineIsFree():
		c.enter(Ramping, DelaySignal)
		c.ramp = ramp{growth: gentleGrowth, gentle: true, known: c.capacity}
	}
}

func (c *Controller) lineIsFree() bool {
	growth := emptyGrowth
	if c.rate > nearFull*c.capacity {
		growth = fullGrowth
	}
	return c.hold.empty >= emptyRounds && c.window > growth*c.hold.emptyFrom
}

// adjust is the control law, once per round.
func (c *Controller) adjust(elapsed time.Duration) {
	x := c.delay.Seconds() / c.target().Seconds()
	c.seeSwing(x)
	lost := c.tookLoss()
	high := c.delays.high(c.now, 2*c.round).Seconds() / c.target().Seconds()
	used := c.flight() / c.window
	c.hold.empty++
	if c.delay > timestampGrain || used < growUse {
		c.hold.empty, c.hold.emptyFrom = 0, c.window
	}
	c.hold.slow++
	if used >= slowUse {
		c.hold.slow = 0
	}
	switch {
	case lost && x > lossQueue:
		c.decrease(maxDecrease)
		c.signal = LossSignal
	case lost && !c.recovering() && high > lossDelay && max(c.rate, c.hold.rates[0], c.hold.rates[1]) < lossShort*c.capacity:
		c.window *= lossFactor
		c.signal = LossSignal
	case x > 1:
		c.meetSpike()
		c.decrease(min(maxDecrease, overshootGain*(x-1)+shrink))
		c.signal = DelaySignal
	case c.hold.slow >= slowRounds:
		c.window = max(slowRoom*c.flight(), 2*float64(c.least()))
		c.hold.reference = c.window
		c.signal = SenderSignal
	default:
		c.window -= c.hold.swing.gain() * shrink * x * x * c.window
		c.signal = SenderSignal
		if used > growUse {
			c.window += c.growth(elapsed) * (1 - x)
			c.signal = DelaySignal
		}
	}
}

// seeSwing takes note of the delay, as part of the target, where servers are far away.
func (c *Controller) seeSwing(x float64) {
	if c.base <= farBase {
		c.hold.swing = swing{}
		return
	}
	c.hold.swing.see(x)
}

// growth is how much a window may grow without a queue, in bytes. Where there is none for long, there is nothing to swing.
func (c *Controller) growth(elapsed time.Duration) float64 {
	step := float64(growPackets*c.packet()) * elapsed.Seconds() / growTime.Seconds()
	if c.hold.empty > emptyRounds {
		return step
	}
	return c.hold.swing.gain() * step
}

// recovering tells whether what a ramp has overshot and lost may still be coming again: its holes let the rate fall, and filled they
// let it jump, whoever else is there.
func (c *Controller) recovering() bool {
	return c.now < c.hold.ramped+lossRounds*c.base && c.now < c.lostAt+lossRounds*c.round
}

// decrease takes part of the window away. Right after a ramp it leaves what the path has delivered: the queue is then our own,
// and goes with the overshoot.
func (c *Controller) decrease(part float64) {
	least := 0.0
	if c.now < c.hold.ramped+overshootRounds*c.base {
		least = max(c.rate, c.hold.rates[0], c.hold.rates[1]) * deliveredPart * c.base.Seconds()
	}
	c.window = min(c.window, max(c.window*(1-part), least))
}
