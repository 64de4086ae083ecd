package idle

import "math"

// What a decision does to the queue is seen a round trip and a half later. Where round trips are long beside what the queue may be, the
// steps of a few decisions are more than that: the queue would go up and down for good, and another machine's background transfer could
// not tell ours from somebody who wants the line. So the steps become smaller while the queue swings. Who shares a line sees the
// same queue, and takes steps of about the same size: their shares stay fair.
const (
	swingRounds = 8    // over which the mean goes
	swingMost   = 0.18 // of the target: a mean above it has the steps become smaller
	swingClip   = 0.5  // the most that one round counts: a stall is no swing
	swingDown   = 0.9  // of the steps, per round
	swingUp     = 1.02
	swingLeast  = 0.2 // of the steps
)

// swing is how far the queue goes up and down from round to round.
type swing struct {
	last float64 // the delay of the latest round, as part of the target
	mean float64 // of the differences
	held float64 // part of each step that is not taken
}

// gain is the part of each step that is taken.
func (s *swing) gain() float64 { return 1 - s.held }

// see takes in the delay of a round, as part of the target. What a ramp has overshot is no swing.
func (s *swing) see(x float64, overshot bool) {
	step := min(math.Abs(x-s.last), swingClip)
	s.last = x
	if overshot {
		return
	}
	s.mean += (step - s.mean) / swingRounds
	gain := swingUp * s.gain()
	if s.mean > swingMost {
		gain = swingDown * s.gain()
	}
	s.held = 1 - min(max(gain, swingLeast), 1)
}
