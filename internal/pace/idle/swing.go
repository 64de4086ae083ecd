package idle

import "math"

// What a decision does to the queue is seen a round trip and a half later. Where round trips are long beside what the queue may be, as with
// far servers, the steps of a few decisions are more than that: the queue would go up and down for good, and another machine's background
// transfer could not tell ours from somebody who wants the line. So the steps become smaller while the queue swings. Who shares a line
// sees the same queue, and takes steps of about the same size: their shares stay fair.
const (
	swingRounds = 8    // over which the means go
	swingMost   = 0.12 // of the target: a deviation above it has the steps become smaller
	swingClip   = 0.3  // the most that one round counts: a stall is no swing
	swingDown   = 0.9  // of the steps, per round
	swingUp     = 1.02
	swingLeast  = 0.2 // of the steps
)

// swing is how far the queue goes up and down.
type swing struct {
	usual     float64 // the mean delay, as part of the target
	deviation float64 // from that, on average
	held      float64 // part of each step that is not taken
}

// gain is the part of each step that is taken.
func (s *swing) gain() float64 { return 1 - s.held }

// see takes in the delay of a round, as part of the target.
func (s *swing) see(x float64) {
	away := min(math.Abs(x-s.usual), swingClip)
	s.usual += (min(x, 1) - s.usual) / swingRounds
	s.deviation += (away - s.deviation) / swingRounds
	gain := swingUp * s.gain()
	if s.deviation > swingMost {
		gain = swingDown * s.gain()
	}
	s.held = 1 - min(max(gain, swingLeast), 1)
}
