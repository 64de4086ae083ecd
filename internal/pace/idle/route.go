package idle

import "time"

// A longer route looks like a queue that never goes, and the base would take ten minutes to follow. But a foreground transfer
// moves its queue up and down, and a route does not: a delay that has stayed at one level for routeTime, while we took no part
// in it, is the route.
const (
	routeTime = 15 * time.Second
	routeBand = 2 * time.Millisecond
)

// level is the span of the delays since some time.
type level struct {
	since     time.Duration
	low, high time.Duration
}

// see widens the span, and begins another one where it is wider than band.
func (l *level) see(now, delay, band time.Duration) {
	l.low, l.high = min(l.low, delay), max(l.high, delay)
	if l.high-l.low > band {
		*l = level{now, delay, delay}
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
