package idle

import (
	"math/rand/v2"
	"time"
)

// This file and its sim_* neighbors are a network in virtual time: discrete events, no goroutine, no clock, so that a minute
// of 100 Mbit/s takes a fraction of a second and every run with the same seed is the same run.

const (
	simMSS  = 1448 // bytes of payload in a packet
	simWire = 1514 // bytes it occupies on the line
)

// events is the clock of a simulation and what is still to happen in it.
type events struct {
	now  time.Duration
	seq  uint64
	heap []event
}

type event struct {
	at  time.Duration
	seq uint64 // equal times keep their order
	do  func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

func (e *events) at(t time.Duration, do func()) {
	e.seq++
	e.heap = append(e.heap, event{max(t, e.now), e.seq, do})
	i := len(e.heap) - 1
	for i > 0 && e.heap[i].before(&e.heap[(i-1)/2]) {
		e.heap[i], e.heap[(i-1)/2] = e.heap[(i-1)/2], e.heap[i]
		i = (i - 1) / 2
	}
}

func (e *events) pop() event {
	top, last := e.heap[0], len(e.heap)-1
	e.heap[0] = e.heap[last]
	e.heap[last] = event{}
	e.heap = e.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if e.heap[child].before(&e.heap[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		e.heap[i], e.heap[least] = e.heap[least], e.heap[i]
		i = least
	}
}

func (e *events) runUntil(end time.Duration) {
	for len(e.heap) > 0 && e.heap[0].at <= end {
		next := e.pop()
		e.now = next.at
		next.do()
	}
	e.now = end
}

// every calls do at once and then every period, for as long as the simulation runs.
func (e *events) every(period time.Duration, do func()) {
	var tick func()
	tick = func() {
		do()
		e.at(e.now+period, tick)
	}
	e.at(e.now, tick)
}

// packet is one packet of data, or the acknowledgment of one on its way back.
type packet struct {
	flow    *flow
	number  int64         // of this transmission; never used again
	segment int64         // which part of the stream it carries, in packets
	echo    int64         // timestamp echoed, in ms; of an acknowledgment: its own timestamp
	edge    int64         // acknowledgment: first segment that may not be sent
	entered time.Duration // when it joined the queue
}

// queue is a FIFO without allocations in the long run.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int { return len(q.items) - q.head }
func (q *queue[T]) push(v T) { q.items = append(q.items, v) }
func (q *queue[T]) first() *T {
	return &q.items[q.head]
}

func (q *queue[T]) pop() T {
	v := q.items[q.head]
	q.head++
	if q.head > 1024 && q.head*2 > len(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	return v
}

// wire delays packets and keeps their order.
type wire struct {
	ev      *events
	delay   func() time.Duration
	deliver func(packet)
	stalls  *stalls
	last    time.Duration
	q       queue[timed]
	tick    func()
}

type timed struct {
	at time.Duration
	p  packet
}

func newWire(ev *events, delay func() time.Duration, deliver func(packet)) *wire {
	w := &wire{ev: ev, delay: delay, deliver: deliver}
	w.tick = func() {
		if end := w.stalls.end(ev.now); end > ev.now {
			ev.at(end, w.tick)
			return
		}
		p := w.q.pop().p
		if w.q.len() > 0 {
			w.ev.at(w.q.first().at, w.tick)
		}
		w.deliver(p)
	}
	return w
}

func (w *wire) send(p packet) {
	w.last = max(w.last, w.ev.now+w.delay())
	w.q.push(timed{w.last, p})
	if w.q.len() == 1 {
		w.ev.at(w.last, w.tick)
	}
}

// lineSpec describes a bottleneck and the path around it.
type lineSpec struct {
	rate   float64       // bits per second on the wire
	buffer time.Duration // of the queue, at that rate
	base   time.Duration // round trip without a queue
	jitter time.Duration // mean of what a radio channel adds on the way here, for 10 ms each
	loss   float64       // probability of a packet's random loss
	codel  bool          // active queue management, RFC 8289
	fq     bool          // every flow has its own queue, served in turn
	stalls stalling      // what stands still now and then
}

func mbit(rate, buffer, base int) lineSpec {
	return lineSpec{rate: float64(rate) * 1e6, buffer: ms(buffer), base: ms(base)}
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// payload is the rate in bytes of payload per second that the line can carry.
func (s lineSpec) payload() float64 { return s.rate / 8 * simMSS / simWire }

// network is one bottleneck with everything that uses it.
type network struct {
	events
	spec  lineSpec
	rng   *rand.Rand
	line  *bottleneck
	way   *stalls
	flows []*flow
}

func newNetwork(spec lineSpec, seed uint64) *network {
	n := &network{spec: spec, rng: rand.New(rand.NewPCG(seed, 5)), way: spec.stallsOf(stallsWire, seed)}
	n.line = newBottleneck(n)
	n.line.stalls = spec.stallsOf(stallsLine, seed)
	return n
}

// flow is one connection: its sender, its receiver and the wires between.
type flow struct {
	net      *network
	extra    time.Duration // round trip beyond that of the line: a server farther away
	sender   sender
	receiver *receiver
	data     *wire
	acks     *wire
	start    time.Duration
}

// addFlow joins a connection with the given congestion control to the network; it begins to send at start.
func (n *network) addFlow(kind string, start time.Duration) *flow {
	f := &flow{net: n, start: start}
	f.receiver = newReceiver(f)
	f.sender.init(f, kind)
	f.data = newWire(&n.events, func() time.Duration {
		return (n.spec.base+f.extra)/2 + n.line.jitter()
	}, f.receiver.arrive)
	f.acks = newWire(&n.events, func() time.Duration { return (n.spec.base + f.extra) / 2 }, f.sender.acked)
	f.data.stalls, f.acks.stalls = n.way, n.way
	n.flows = append(n.flows, f)
	n.at(start, func() {
		f.sender.echo = int64((start - n.spec.base/2 - f.extra/2) / time.Millisecond) // of the request
		f.sender.pump()
	})
	return f
}

// received is the payload that has arrived in order or not, in bytes.
func (f *flow) received() int64 { return f.receiver.packets * simMSS }
