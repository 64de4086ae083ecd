package idle

import "time"

const (
	bbrHigh     = 2.885 // startup gain, 2/ln 2
	bbrRounds   = 10    // of the bandwidth filter
	bbrProbeRTT = 200 * time.Millisecond
	bbrMinAge   = 10 * time.Second // of the round-trip filter
)

var bbrCycle = [8]float64{1.25, 0.75, 1, 1, 1, 1, 1, 1}

// bbr is the first version of BBR: a rate from the bandwidth seen, not from loss.
type bbr struct {
	gain     float64
	startup  bool
	draining bool
	rates    [bbrRounds]float64 // packets per second, one maximum per round
	round    int
	roundEnd int64 // delivered count at which the round ends
	full     float64
	fullFor  int

	minRTT   time.Duration
	minAt    time.Duration
	probing  time.Duration // end of the low-window phase; 0 when there is none
	resumed  time.Duration // end of the latest such phase
	phase    int
	phaseEnd time.Duration
}

func (c *bbr) bandwidth() float64 {
	best := 0.0
	for _, r := range c.rates {
		best = max(best, r)
	}
	return best
}

func (c *bbr) window() float64 {
	bdp := c.bandwidth() * c.minRTT.Seconds()
	switch {
	case bdp == 0:
		return 10
	case c.probing > 0:
		return 4
	case c.startup || c.draining:
		return max(10, bbrHigh*bdp)
	}
	return max(4, 2*bdp)
}

func (c *bbr) pacing() float64 {
	if c.bandwidth() == 0 {
		return 0
	}
	return c.gain * c.bandwidth()
}

func (c *bbr) onAck(s *sender, p inFlight, _ bool) {
	now := s.flow.net.now
	if rtt := now - p.sent; c.minRTT == 0 || rtt <= c.minRTT {
		c.minRTT, c.minAt = rtt, now
	}
	if c.probing > 0 || p.sent < c.resumed { // too little is sent on purpose: that says nothing of the bandwidth
		c.advance(s, now)
		return
	}
	if elapsed := now - p.deliveredAt; elapsed > 0 {
		rate := float64(s.delivered-p.delivered) / elapsed.Seconds()
		c.rates[c.round%bbrRounds] = max(c.rates[c.round%bbrRounds], rate)
	}
	if p.delivered >= c.roundEnd {
		c.roundEnd = s.delivered
		c.round++
		c.rates[c.round%bbrRounds] = 0
		c.endOfRound()
	}
	c.advance(s, now)
}

// endOfRound leaves startup when three rounds brought no quarter more.
func (c *bbr) endOfRound() {
	if !c.startup {
		return
	}
	if bw := c.bandwidth(); bw > c.full*1.25 {
		c.full, c.fullFor = bw, 0
	} else if c.fullFor++; c.fullFor >= 3 {
		c.startup, c.draining, c.gain = false, true, 1/bbrHigh
	}
}

func (c *bbr) advance(s *sender, now time.Duration) {
	bdp := c.bandwidth() * c.minRTT.Seconds()
	switch {
	case c.startup:
	case c.draining:
		if float64(s.inFlight) <= bdp {
			c.draining, c.phase, c.phaseEnd = false, 2, now+c.minRTT
			c.gain = bbrCycle[c.phase]
		}
	case c.probing > 0:
		if now >= c.probing {
			c.probing, c.minAt, c.resumed = 0, now, now
		}
	case now-c.minAt > bbrMinAge:
		c.probing = now + bbrProbeRTT + c.minRTT
		c.minRTT = now // whatever comes next is less
		c.gain = 1
	case now >= c.phaseEnd:
		c.phase = (c.phase + 1) % len(bbrCycle)
		c.phaseEnd = now + c.minRTT
		c.gain = bbrCycle[c.phase]
	}
}

func (c *bbr) onLoss(*sender, int64) {}
func (c *bbr) onTimeout(*sender)     {}
