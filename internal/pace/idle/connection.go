package idle

import (
	"cmp"
	"slices"
	"time"
)

// connection is what the controller knows of one of the path's connections.
type connection struct {
	id       uint64
	seen     Sample
	base     base
	route    *base         // what other connections know of it, too
	guessed  bool          // base is what the others' queue let guess
	delay    time.Duration // above the connection's own base, at the last sample
	sampled  time.Duration // when that was; 0 for never
	arrived  time.Duration // when data came last
	goal     float64       // bytes, its share of the path's window
	window   float64       // what of it is in force: increases take a round trip
	use      float64       // bytes in flight that it was seen to fill
	received int64         // since the step before
	disorder int64
	total    int64
	arrivals meter
}

// newConnection begins with what is known of its route.
func newConnection(now time.Duration, s Sample, route *base) *connection {
	return &connection{
		id: s.ID, arrived: now, seen: Sample{Received: s.Received, Disorder: s.Disorder}, base: *route, route: route,
	}
}

// observe takes in a sample and tells whether it brought a round trip that can be believed. queue is what others
// have in the path's queue: a connection that begins beside it has never seen the path without.
func (c *connection) observe(now time.Duration, s Sample, queue time.Duration) bool {
	c.received = max(s.Received-c.seen.Received, 0)
	c.disorder = max(s.Disorder-c.seen.Disorder, 0)
	silence := now - c.arrived
	if c.received > 0 {
		c.arrived = now
	}
	c.seen = s
	if s.RTT <= 0 {
		return false
	}
	switch {
	case c.base.min() == 0 && queue > 0:
		c.base.add(now, max(s.RTT-queue, s.RTT/4))
		c.guessed = true
	case c.guessed && queue == 0:
		c.base.restart(now, s.RTT)
		c.guessed = false
	}
	c.base.add(now, s.RTT)
	if !c.guessed {
		c.route.add(now, s.RTT)
	}
	delay := s.RTT - c.base.min()
	if !s.Probed && c.sampled > 0 && delay > idleDoubt && c.idled(delay, silence) {
		return false
	}
	c.delay, c.sampled = delay, now
	return true
}

// idled says that a delay may be the sender's pause rather than the path's: a timestamp that is echoed late is one that waited
// for the sender to have something to send, or, with BBR, to be due. Then nothing came for about as long, and the window is not
// filled. With a window of a packet or two there is no telling, and the sample counts.
func (c *connection) idled(delay, silence time.Duration) bool {
	return silence > delay/2 && c.window > float64(2*c.mss()) && c.use < c.window/2
}

// idleDoubt is the delay from which a pause of the sender is considered.
const idleDoubt = 5 * time.Millisecond

// usualMSS is taken for a connection that has shown nothing yet: Ethernet with timestamps.
const usualMSS = 1448

func (c *connection) mss() int {
	if c.seen.MSS > 0 {
		return c.seen.MSS
	}
	return usualMSS
}

func (c *connection) weight() float64 { return float64(max(c.seen.Weight, 1)) }

// queueOf is the delay that the connections agree on: the median weighted by their windows, the lower one of two. A queue at
// the shared bottleneck is in all of them, one behind a single server only in that server's.
func queueOf(conns []*connection, oldest time.Duration) (time.Duration, bool) {
	fresh := make([]*connection, 0, len(conns))
	var total float64
	for _, c := range conns {
		if c.sampled > 0 && c.sampled >= oldest {
			fresh = append(fresh, c)
			total += c.window + 1
		}
	}
	slices.SortFunc(fresh, func(a, b *connection) int { return cmp.Compare(a.delay, b.delay) })
	var sum float64
	for _, c := range fresh {
		if sum += c.window + 1; 2*sum >= total {
			return c.delay, true
		}
	}
	return 0, false
}

// measure works out how much the connection has in flight.
func (c *connection) measure(now, round time.Duration) {
	c.total += c.received
	c.arrivals.add(now, c.total, max(meterGrain, round/8))
	c.use = c.arrivals.rate(max(round, 4*shortestRound)) * max(c.base.min()+c.delay, shortestRound).Seconds()
}
