package idle

import (
	"cmp"
	"time"
)

// A longer route looks like a queue that never goes, and the base would take ten minutes to follow. But a foreground transfer
// moves its queue up and down, and a route does not: a delay that has stayed at one level for routeTime, while we took no part
// in it, is the route. What is above that for less than loudSpell may be a stall's (spike.go); with a packet in each round trip,
// it shows for stallRounds more.
const (
	routeTime   = 15 * time.Second
	routeBand   = 2 * time.Millisecond
	stallRounds = 2
)

// level is the span of the delays since some time.
type level struct {
	since     time.Duration
	low, high time.Duration
	above     time.Duration // since when it has been exceeded; 0 while it is not
}

// see widens the span, and begins another one where it is wider than band, or would be for longer than patience.
func (l *level) see(now, delay, band, patience time.Duration) {
	low, high := min(l.low, delay), max(l.high, delay)
	switch {
	case high-low <= band:
		l.low, l.high, l.above = low, high, 0
	case delay > low && now-cmp.Or(l.above, now) < patience:
		l.above = cmp.Or(l.above, now)
	default:
		*l = level{since: now, low: delay, high: delay}
	}
}

// followRoute takes a delay that stays as it is for the path's.
func (c *Controller) followRoute() {
	route := &c.yield.route
	if c.now-max(route.since, c.since) < routeTime || route.low < standing || !c.fresh {
		return
	}
	for _, conn := range c.conns {
		if base := conn.base.min(); base > 0 {
			conn.base.restart(c.now, base+route.low)
			*conn.route = conn.base
		}
	}
	*route = level{since: c.now}
	c.delays.count = 0
	c.yield.disturb(c.now)
}
