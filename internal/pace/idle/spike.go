package idle

import "time"

// A radio channel, a busy router or a virtual machine stands still for some milliseconds once or twice a second, and then all goes
// on that has waited. The burst is a queue at the bottleneck until, a round trip later, the gap comes along that the stall left in
// the stream. So a queue that goes as fast as it came is no reason to give up anything for long: what was given up is taken back,
// as TCP takes back what a spurious timeout cost (the Eifel response, RFC 4015).
const (
	// spikeRounds is how long a queue may take to go from when it was met: the gap is a round trip behind the burst. Where round
	// trips are long, one more would do for the pause between the bursts of somebody's slow start.
	spikeRounds = 1
	// spikeApart is how soon after one that was undone another spike tells of somebody who sends in bursts, as the loading of a
	// page does: long beside its round trips, short beside the time between two stalls. The same does a queue that does not go.
	// Nothing is undone then for spikeCaution, and for as long as he goes on.
	spikeApart   = 250 * time.Millisecond
	spikeCaution = time.Second
)

// spike is the latest queue that may be a stall's, and what was before it.
type spike struct {
	open    bool          // it may still turn out to be one
	until   time.Duration // when it is too late for that
	window  float64
	hold    hold
	quiet   time.Duration // of the yield
	undone  time.Duration // when one was undone
	careful time.Duration // until when none is
}

// meetSpike remembers what is going to be given up because of a queue. Right after a ramp, the queue is our own.
func (c *Controller) meetSpike() {
	s := &c.spike
	switch {
	case s.open || c.now < c.hold.ramped+overshootRounds*c.base:
	case c.now < max(s.undone+spikeApart, s.careful):
		s.careful = c.now + spikeCaution
	default:
		s.open, s.until = true, c.now+spikeRounds*max(c.round, 2*shortestRound)+c.glance()
		s.window, s.hold, s.quiet = c.window, c.hold, c.yield.quiet
	}
}

// undoSpike takes back what was given up if the queue has gone in time, and tells whether it did.
func (c *Controller) undoSpike() bool {
	s := &c.spike
	if s.open && c.now > s.until {
		s.open, s.careful = false, c.now+spikeCaution
	}
	if !s.open || !c.fresh || c.delays.high(c.now, c.glance()) > time.Duration(quietPart*float64(delayTarget)) {
		return false
	}
	s.open, s.undone = false, c.now
	c.enter(Holding, DelaySignal)
	c.window, c.hold, c.yield.quiet = s.window, s.hold, s.quiet
	return true
}
