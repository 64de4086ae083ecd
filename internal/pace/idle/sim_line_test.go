package idle

import (
	"math"
	"time"
)

// CoDel's constants, RFC 8289 section 4.4.
const (
	codelTarget   = 5 * time.Millisecond
	codelInterval = 100 * time.Millisecond
)

// bottleneck serves one queue, or one for each flow, at a fixed rate.
type bottleneck struct {
	net    *network
	queues []*lane
	byFlow map[*flow]*lane
	turn   int
	held   int // bytes in all queues
	busy   bool
	onWire packet
	done   func()
	stalls *stalls

	extra      time.Duration // jitter
	extraUntil time.Duration
}

// lane is a queue with CoDel's state.
type lane struct {
	q         queue[packet]
	above     time.Duration // when the delay has been too long for an interval; 0 when it is not
	dropping  bool
	next      time.Duration
	count     int
	lastCount int
}

func newBottleneck(n *network) *bottleneck {
	b := &bottleneck{net: n, byFlow: map[*flow]*lane{}}
	b.done = func() {
		if end := b.stalls.end(n.now); end > n.now {
			n.at(end, b.done)
			return
		}
		p := b.onWire
		b.busy = false
		b.serve()
		if n.spec.loss == 0 || n.rng.Float64() >= n.spec.loss {
			p.flow.data.send(p)
		}
	}
	return b
}

func (b *bottleneck) send(p packet) {
	if b.held+simWire > int(b.net.spec.rate/8*b.net.spec.buffer.Seconds()) && b.held > 0 {
		return
	}
	p.entered = b.net.now
	b.held += simWire
	b.lane(p.flow).q.push(p)
	if !b.busy {
		b.serve()
	}
}

func (b *bottleneck) lane(f *flow) *lane {
	if !b.net.spec.fq {
		f = nil
	}
	l := b.byFlow[f]
	if l == nil {
		l = &lane{}
		b.byFlow[f] = l
		b.queues = append(b.queues, l)
	}
	return l
}

// serve puts the next packet on the wire: every queue in turn, as all packets have the same size.
func (b *bottleneck) serve() {
	for range b.queues {
		b.turn = (b.turn + 1) % len(b.queues)
		if p, ok := b.next(b.queues[b.turn]); ok {
			b.busy, b.onWire = true, p
			b.net.at(b.net.now+time.Duration(simWire*8/b.net.spec.rate*1e9), b.done)
			return
		}
	}
}

// next takes a packet from the lane, after CoDel's drops if there is CoDel.
func (b *bottleneck) next(l *lane) (packet, bool) {
	p, late, ok := b.take(l)
	if !b.net.spec.codel || !ok {
		l.dropping = l.dropping && ok
		return p, ok
	}
	now := b.net.now
	switch {
	case l.dropping && !late:
		l.dropping = false
	case l.dropping:
		for l.dropping && now >= l.next && ok {
			l.count++
			if p, late, ok = b.take(l); !late {
				l.dropping = false
			}
			l.next += codelStep(l.count)
		}
	case late:
		p, _, ok = b.take(l)
		l.dropping = true
		delta := l.count - l.lastCount
		l.count = 1
		if delta > 1 && now-l.next < 16*codelInterval {
			l.count = delta
		}
		l.lastCount, l.next = l.count, now+codelStep(l.count)
	}
	return p, ok
}

func codelStep(count int) time.Duration {
	return time.Duration(float64(codelInterval) / math.Sqrt(float64(count)))
}

// take removes the first packet and tells whether packets have been late for a whole interval.
func (b *bottleneck) take(l *lane) (p packet, late, ok bool) {
	if l.q.len() == 0 {
		l.above = 0
		return packet{}, false, false
	}
	p = l.q.pop()
	b.held -= simWire
	now := b.net.now
	switch {
	case now-p.entered < codelTarget || l.q.len() == 0:
		l.above = 0
	case l.above == 0:
		l.above = now + codelInterval
	case now >= l.above:
		late = true
	}
	return p, late, true
}

// delay is what a packet that came now would wait.
func (b *bottleneck) delay() time.Duration {
	return time.Duration(float64(b.held) * 8 / b.net.spec.rate * 1e9)
}

// jitter is what the way behind the bottleneck adds now.
func (b *bottleneck) jitter() time.Duration {
	if now := b.net.now; b.net.spec.jitter > 0 && now >= b.extraUntil {
		b.extra = time.Duration(b.net.rng.ExpFloat64() * float64(b.net.spec.jitter))
		b.extraUntil = now + 10*time.Millisecond
	}
	return b.extra
}
