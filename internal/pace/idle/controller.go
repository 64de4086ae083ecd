package idle

import (
	"math/rand/v2"
	"time"
)

const (
	// delayTarget is the queue that a transfer may cause at most: small beside the 50 to 200 ms of home routers, large beside
	// the grain of timestamps and the jitter of a busy machine.
	delayTarget = 10 * time.Millisecond
	// targetPackets raises it on slow lines, where a few packets take longer than that.
	targetPackets = 4

	// startPackets is the window of a beginning: what RFC 6928 lets a server send anyway.
	startPackets = 10
	// longSilence makes what was known of the queue worthless: begin again.
	longSilence = time.Second

	// maxWindow is more than any receive buffer holds.
	maxWindow = 1 << 30

	shortestRound = 10 * time.Millisecond  // between decisions, where round trips are shorter
	unknownBase   = 100 * time.Millisecond // before the first sample
	emptyTick     = time.Second            // without connections
	lossRounds    = 10                     // for which the rate after a loss is uneven
)

// Controller decides the windows of all background connections that share a bottleneck. It is not safe for concurrent
// use. The same calls give the same answers.
type Controller struct {
	random *rand.Rand
	conns  []*connection // in the order of the latest step
	routes routes

	now     time.Duration
	state   State
	signal  Signal
	since   time.Duration // when the state began
	decided time.Duration // the latest decision
	window  float64       // bytes, for all connections
	given   float64       // what of it is in force

	base     time.Duration // round trip of the path: the connections' by weight
	round    time.Duration // the same with the queue
	delay    time.Duration // of the queue, free of jitter
	fresh    bool          // whether delay is of this round
	total    int64         // bytes of all connections, also of those that are gone
	arrived  time.Duration // when data came last
	arrivals meter
	rate     float64 // bytes per second over about a round trip
	capacity float64 // bytes per second that the path is known to carry
	delays   delays
	lostAt   time.Duration
	lost     bool // a packet came out of order since the latest decision

	ramp  ramp
	hold  hold
	yield yield
	drain drain
	host  hostTraffic
	turns turns
	spike spike
}

// NewController returns a controller for one path. The seed spreads the moments at which several machines drain a queue.
func NewController(seed uint64) *Controller {
	c := &Controller{random: rand.New(rand.NewPCG(seed, 0)), yield: yield{quiet: shortestQuiet}}
	c.host.total = -1
	c.spike.undone = -spikeApart
	c.start()
	return c
}

// Step is called with what all connections of the path have shown, and returns the window of each in bytes, in the same
// order, and how long it can wait for the next call. A window of 0 asks the connection to rest for a while, where there are
// more connections than the path carries packets. now counts from any beginning and does not go back.
func (c *Controller) Step(now time.Duration, conns []Sample, s Surroundings) (windows []int64, again time.Duration) {
	elapsed := max(now-c.now, 0)
	c.now += elapsed
	sampled := c.observe(conns)
	c.watchHost(s)
	if len(conns) == 0 {
		return nil, emptyTick
	}
	c.measure(elapsed, sampled)
	switch c.state {
	case Ramping:
		c.stepRamp()
	case Holding:
		c.stepHold()
	case Yielding:
		c.stepYield()
	case Draining:
		c.stepDrain()
	}
	c.give(elapsed)
	windows = make([]int64, len(c.conns))
	for i, conn := range c.conns {
		windows[i] = int64(conn.window)
	}
	return windows, c.again()
}

// Status is what the controller is doing, as of the latest step.
func (c *Controller) Status() Status {
	return Status{
		State: c.state, Signal: c.signal, Window: int64(c.given), Rate: int64(c.rate), Capacity: int64(c.capacity),
		Base: c.base, Delay: c.delay,
	}
}

// enter changes the state, for the reason that signal names.
func (c *Controller) enter(state State, signal Signal) {
	c.state, c.signal, c.since, c.decided = state, signal, c.now, c.now
	c.lost = false
}

// start begins with nothing known of the queue.
func (c *Controller) start() {
	c.enter(Ramping, NoSignal)
	c.window = startPackets * usualMSS
	c.ramp = ramp{growth: rampGrowth}
	c.drain.plan(c)
}

// observe brings the connections up to date and tells whether one of them brought a round trip.
func (c *Controller) observe(samples []Sample) (sampled bool) {
	known := make(map[uint64]*connection, len(c.conns))
	for _, conn := range c.conns {
		known[conn.id] = conn
	}
	c.conns = c.conns[:0]
	queue := c.foreignQueue()
	for _, s := range samples {
		conn := known[s.ID]
		if conn == nil {
			conn = newConnection(c.now, s, c.routes.base(c.now, s.Route))
		}
		sampled = conn.observe(c.now, s, queue) || sampled
		c.conns = append(c.conns, conn)
		c.total += conn.received
		if conn.disorder > 0 {
			c.lost, c.lostAt = true, c.now
		}
		if conn.received > 0 {
			if c.now-c.arrived > longSilence && c.state != Yielding {
				c.start()
			}
			c.arrived = c.now
		}
	}
	return sampled
}

// foreignQueue is the queue of others that a new connection meets; 0 where it is our own at most, which goes with the next drain.
func (c *Controller) foreignQueue() time.Duration {
	if c.state != Yielding || c.delay < timestampGrain || c.now-c.arrived > longSilence {
		return 0
	}
	return c.delay
}

// measure works out rate, round trip and queue of the path.
func (c *Controller) measure(elapsed time.Duration, sampled bool) {
	var bases, weights float64
	for _, conn := range c.conns {
		if b := conn.base.min(); b > 0 {
			bases += b.Seconds() * conn.weight()
			weights += conn.weight()
		}
	}
	c.base = 0
	if weights > 0 {
		c.base = time.Duration(bases / weights * float64(time.Second))
	}
	if raw, ok := queueOf(c.conns, c.now-max(c.base, 2*shortestRound)); ok && sampled {
		c.delays.add(c.now, raw, c.state == Holding && c.delays.cleared(raw) < c.target())
		c.yield.see(c.now, c.delays.cleared(raw), c.round)
		if c.delays.cleared(raw) < emptyDelay {
			c.drain.empty = c.now
		}
	}
	c.delays.noise = decay(c.delays.noise, elapsed, noiseHalfLife)
	c.delay, c.fresh = c.delays.low(c.now, c.glance())
	if c.fresh {
		c.fresh = c.now-c.delays.back(0).at <= 2*c.base+10*shortestRound
	}
	c.round = max(c.base+c.delay, shortestRound)
	if c.base == 0 {
		c.round = unknownBase
	}
	c.arrivals.add(c.now, c.total, max(meterGrain, c.round/8))
	c.rate = c.arrivals.rate(max(c.round, 4*shortestRound))
	c.yield.best = max(c.yield.best, c.rate)
	for _, conn := range c.conns {
		conn.measure(c.now, c.round)
	}
	c.capacity = max(decay(c.capacity, elapsed, capacityHalfLife), c.arrivals.rate(c.capacitySpan()))
}

// glance is the time over which the queue of now is seen: some samples, and less than a round trip where that is long.
func (c *Controller) glance() time.Duration { return max(c.base/2, 2*shortestRound) }

// capacitySpan is the time over which a rate counts as capacity. After a loss, a hole is filled and much arrives in order at
// once, which only a longer time levels out.
func (c *Controller) capacitySpan() time.Duration {
	if c.now-c.lostAt < lossRounds*c.round {
		return lossRounds * c.round
	}
	return max(2*c.round, 10*shortestRound)
}

// target is the delay at which the transfers stop growing.
func (c *Controller) target() time.Duration {
	t := delayTarget
	if c.capacity > 0 {
		t = max(t, time.Duration(targetPackets*float64(c.packet())/c.capacity*float64(time.Second)))
	}
	return t
}

// packet is the payload of a full packet.
func (c *Controller) packet() int {
	most := 0
	for _, conn := range c.conns {
		most = max(most, conn.mss())
	}
	return most
}

// flight is how much is under way at the present rate: what the window holds when the window is the limit.
func (c *Controller) flight() float64 { return c.rate * c.round.Seconds() }

// due tells whether a round has passed since the latest decision, with something to decide upon.
func (c *Controller) due() bool {
	if !c.fresh || c.now-c.decided < c.round {
		return false
	}
	c.decided = c.now
	return true
}

// tookLoss tells whether packets were lost since the last time it was asked.
func (c *Controller) tookLoss() bool {
	lost := c.lost
	c.lost = false
	return lost
}

// give puts the window in force: a decrease at once, an increase over a round trip, so that an opened window never makes a
// server send a burst.
func (c *Controller) give(elapsed time.Duration) {
	c.window = min(max(c.window, float64(c.packet())), maxWindow)
	c.share(c.window)
	part := min(1, elapsed.Seconds()/c.left().Seconds())
	c.given = 0
	for _, conn := range c.conns {
		if conn.goal > conn.window {
			conn.window = max(conn.window+(conn.goal-conn.window)*part, min(conn.goal, float64(conn.mss())))
		} else {
			conn.window = conn.goal
		}
		c.given += conn.window
	}
}

// left is the time until the next decision, over which an increase is spread.
func (c *Controller) left() time.Duration {
	return max(c.decided+c.round-c.now, c.again())
}

// again is short where the next sample may decide, and long where little changes: each call costs the machine a look at every
// connection.
func (c *Controller) again() time.Duration {
	switch c.state {
	case Ramping:
		return min(max(c.round/4, 5*time.Millisecond), 10*time.Millisecond)
	case Yielding:
		return 25 * time.Millisecond
	default:
		return min(max(c.round/2, 10*time.Millisecond), 25*time.Millisecond)
	}
}
