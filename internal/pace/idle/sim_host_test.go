package idle

import "time"

// receiver takes a flow's packets, acknowledges each, and offers a window as Linux does: its right edge never moves back, and a
// larger window is told with the next acknowledgment.
type receiver struct {
	flow     *flow
	packets  int64
	next     int64          // first segment that has not come
	beyond   map[int64]bool // segments that came before their turn
	disorder int64
	window   int64 // segments; negative for without bounds
	edge     int64 // first segment that was never allowed

	goal    int64  // segments, at which reached is called
	reached func() // once; nil for never

	lastEcho int64
	rtt      int64 // Linux's filtered round trip, in eighths of a microsecond
}

func newReceiver(f *flow) *receiver {
	return &receiver{flow: f, beyond: map[int64]bool{}, window: -1, lastEcho: -1}
}

func (r *receiver) arrive(p packet) {
	r.packets++
	r.measure(p)
	if p.segment == r.next {
		r.next++
		for len(r.beyond) > 0 && r.beyond[r.next] {
			delete(r.beyond, r.next)
			r.next++
		}
	} else if p.segment > r.next {
		r.beyond[p.segment] = true
		r.disorder++
	}
	r.acknowledge(p.number)
	if then := r.reached; then != nil && r.next >= r.goal {
		r.reached = nil
		then()
	}
}

func (r *receiver) acknowledge(number int64) {
	if r.window < 0 {
		r.edge = endless
	}
	r.edge = max(r.edge, r.next+r.window)
	now := r.flow.net.now
	r.flow.acks.send(packet{flow: r.flow, number: number, edge: r.edge, echo: int64(now / time.Millisecond)})
}

// measure is tcp_rcv_rtt_measure_ts: one sample for each new timestamp echo, of a millisecond's grain, at once when it is
// lower than the filter and by an eighth when it is higher.
func (r *receiver) measure(p packet) {
	if p.echo == r.lastEcho {
		return
	}
	r.lastEcho = p.echo
	sample := max(1, int64(r.flow.net.now/time.Millisecond)-p.echo) * 1000
	if r.rtt == 0 || sample*8 < r.rtt {
		r.rtt = sample * 8
		return
	}
	r.rtt += sample - r.rtt/8
}

// offer changes the window. A sender that was stopped is told at once, as reading what has waited tells it (rest.go).
func (r *receiver) offer(bytes int64) {
	stopped := r.window == 0
	r.window = bytes / simMSS
	if stopped && r.window > 0 {
		r.acknowledge(-1)
	}
}

// host is a machine with a controller for its background flows.
type host struct {
	net     *network
	control *Controller
	conns   []*conn
	stalls  *stalls
	others  func() int64 // bytes of the machine's other flows; nil when it cannot tell
	windows []int64
	steps   int
	stopped bool
}

// conn is a background flow as the machine's sensor sees it.
type conn struct {
	flow   *flow
	id     uint64
	weight int
	held   bool
	until  time.Duration // when it is closed; 0 for never

	sensor   sensor
	disorder int64
}

func (n *network) addHost(seed uint64, start time.Duration) *host {
	h := &host{net: n, control: NewController(seed), stalls: n.spec.stallsOf(stallsHost, seed)}
	n.at(start, h.step)
	return h
}

// download adds a background flow to the machine.
func (h *host) download(kind string, start time.Duration) *conn {
	f := h.net.addFlow(kind, start)
	f.receiver.window = 10
	if h.stalls != nil {
		f.data.stalls = h.stalls
	}
	c := &conn{flow: f, id: uint64(len(h.conns) + 1), weight: 1}
	h.conns = append(h.conns, c)
	return c
}

func (h *host) step() {
	if h.stopped {
		return
	}
	now := h.net.now
	if end := h.stalls.end(now); end > now {
		h.net.at(end, h.step)
		return
	}
	var live []*conn
	var samples []Sample
	for _, c := range h.conns {
		if now < c.flow.start || c.until > 0 && now >= c.until {
			continue
		}
		live = append(live, c)
		samples = append(samples, c.sample(now))
	}
	around := Surroundings{Others: -1}
	if h.others != nil {
		around.Others = h.others()
	}
	windows, again := h.control.Step(now, samples, around)
	for i, c := range live {
		c.flow.receiver.offer(windows[i])
	}
	h.windows = windows
	h.steps++
	h.net.at(now+max(again, time.Millisecond), h.step)
}

// sample is what the sensor makes of what Linux would tell.
func (c *conn) sample(now time.Duration) Sample {
	r := c.flow.receiver
	s := Sample{ID: c.id, Weight: c.weight, Held: c.held, Disorder: c.disorder}
	c.sensor.take(now, reading{
		stamped: true,
		rtt:     time.Duration(r.rtt/8) * time.Microsecond, received: r.next * simMSS,
		segments: uint32(r.packets), data: uint32(r.packets), disorder: uint32(r.disorder), mss: simMSS,
	}, &s)
	c.disorder = s.Disorder
	return s
}

// received is the payload of all the machine's background flows.
func (h *host) received() int64 {
	var sum int64
	for _, c := range h.conns {
		sum += c.flow.received()
	}
	return sum
}
