package idle

import (
	"math"
	"time"
)

// sender is a server: reliable delivery with selective acknowledgments, and a congestion control of its kind.
type sender struct {
	flow    *flow
	control congestion

	next     int64           // first segment that was never sent
	edge     int64           // first segment that the receiver does not allow
	supply   int64           // first segment that the program has not written yet
	number   int64           // of the next packet
	flight   queue[inFlight] // in the order of sending
	lost     queue[int64]    // segments to send again
	inFlight int
	echo     int64 // latest timestamp of the receiver
	srtt     time.Duration
	timeouts int

	delivered   int64 // packets
	deliveredAt time.Duration
	pacedUntil  time.Duration
	waking      bool
	timer       int // generation of the retransmission timer
}

type inFlight struct {
	number, segment int64
	sent            time.Duration
	delivered       int64 // by the connection when this one was sent
	deliveredAt     time.Duration
}

// congestion is a congestion control, in packets.
type congestion interface {
	window() float64
	pacing() float64 // packets per second; 0 for as fast as the window lets
	onAck(s *sender, p inFlight, limited bool)
	onLoss(s *sender, number int64)
	onTimeout(s *sender)
}

const endless = math.MaxInt64 / 2

func (s *sender) init(f *flow, kind string) {
	s.flow, s.supply, s.edge = f, endless, 10
	switch kind {
	case "cubic":
		s.control = &cubic{cwnd: 10, ssthresh: math.Inf(1)}
	case "reno":
		s.control = &reno{cwnd: 10, ssthresh: math.Inf(1)}
	case "bbr":
		s.control = &bbr{gain: bbrHigh, startup: true}
	default:
		panic("no congestion control called " + kind)
	}
}

// pump sends what windows, pacing and the program's supply allow.
func (s *sender) pump() {
	net := s.flow.net
	for float64(s.inFlight) < max(1, s.control.window()) {
		segment := s.next
		switch {
		case s.lost.len() > 0:
			segment = *s.lost.first()
		case s.next >= min(s.edge, s.supply):
			return
		}
		if rate := s.control.pacing(); rate > 0 {
			if s.pacedUntil > net.now {
				s.wakeAt(s.pacedUntil)
				return
			}
			s.pacedUntil = max(s.pacedUntil, net.now-time.Millisecond) + time.Duration(1e9/rate)
		}
		if s.lost.len() > 0 {
			s.lost.pop()
		} else {
			s.next++
		}
		s.transmit(segment)
	}
}

func (s *sender) transmit(segment int64) {
	if s.inFlight == 0 {
		s.deliveredAt = s.flow.net.now
		s.arm()
	}
	s.flight.push(inFlight{s.number, segment, s.flow.net.now, s.delivered, s.deliveredAt})
	s.inFlight++
	s.flow.net.line.send(packet{flow: s.flow, number: s.number, segment: segment, echo: s.echo})
	s.number++
}

func (s *sender) wakeAt(t time.Duration) {
	if s.waking {
		return
	}
	s.waking = true
	s.flow.net.at(t, func() { s.waking = false; s.pump() })
}

// acked is called with the acknowledgment of one packet. The network keeps the order, so whatever was sent before it is lost.
func (s *sender) acked(p packet) {
	s.echo, s.edge = p.echo, max(s.edge, p.edge)
	now := s.flow.net.now
	for s.flight.len() > 0 && s.flight.first().number < p.number {
		s.lose(s.flight.pop())
	}
	if s.flight.len() > 0 && s.flight.first().number == p.number {
		limited := float64(s.inFlight) >= s.control.window()-1
		f := s.flight.pop()
		s.inFlight--
		s.delivered++
		s.deliveredAt = now
		s.timeouts = 0
		rtt := now - f.sent
		if s.srtt == 0 {
			s.srtt = rtt
		}
		s.srtt += (rtt - s.srtt) / 8
		s.control.onAck(s, f, limited)
		s.arm()
	}
	s.pump()
}

func (s *sender) lose(f inFlight) {
	s.inFlight--
	s.lost.push(f.segment)
	s.control.onLoss(s, f.number)
}

// arm restarts the retransmission timer: twice the round trip for a probe, a collapse after that.
func (s *sender) arm() {
	s.timer++
	generation := s.timer
	wait := max(2*s.srtt, ms(200)) << s.timeouts
	if s.srtt == 0 {
		wait = time.Second
	}
	s.flow.net.at(s.flow.net.now+wait, func() {
		if generation != s.timer || s.flight.len() == 0 {
			return
		}
		s.timeouts = min(s.timeouts+1, 6)
		number := s.flight.first().number
		for s.flight.len() > 0 {
			f := s.flight.pop()
			s.inFlight--
			s.lost.push(f.segment)
		}
		if s.timeouts == 1 {
			s.control.onLoss(s, number) // a tail loss probe, RFC 8985
		} else {
			s.control.onTimeout(s)
		}
		s.arm()
		s.pump()
	})
}

// reno is RFC 5681.
type reno struct {
	cwnd, ssthresh float64
	recovery       int64 // losses of packets before this number belong to one event
}

func (c *reno) window() float64 { return c.cwnd }
func (c *reno) pacing() float64 { return 0 }

func (c *reno) onAck(_ *sender, _ inFlight, limited bool) {
	switch {
	case c.cwnd < c.ssthresh:
		c.cwnd++
	case limited:
		c.cwnd += 1 / c.cwnd
	}
}

func (c *reno) onLoss(s *sender, number int64) {
	if number >= c.recovery {
		c.recovery = s.number
		c.cwnd = max(2, c.cwnd/2)
		c.ssthresh = c.cwnd
	}
}

func (c *reno) onTimeout(s *sender) {
	c.recovery = s.number
	c.ssthresh = max(2, c.cwnd/2)
	c.cwnd = 1
}

// cubic is RFC 9438.
type cubic struct {
	cwnd, ssthresh float64
	wMax, k, wEst  float64
	epoch          time.Duration
	recovery       int64
}

func (c *cubic) window() float64 { return c.cwnd }
func (c *cubic) pacing() float64 { return 0 }

func (c *cubic) onAck(s *sender, _ inFlight, limited bool) {
	now := s.flow.net.now
	if c.cwnd < c.ssthresh {
		if float64(s.inFlight+1)*2 >= c.cwnd {
			c.cwnd++
		}
		return
	}
	if !limited {
		c.epoch = 0
		return
	}
	if c.epoch == 0 {
		c.epoch = now
		c.wMax = max(c.wMax, c.cwnd)
		c.k = math.Cbrt((c.wMax - c.cwnd) / 0.4)
		c.wEst = c.cwnd
	}
	t := (now - c.epoch + s.srtt).Seconds() - c.k
	target := min(max(c.wMax+0.4*t*t*t, c.cwnd), 1.5*c.cwnd)
	c.wEst += 0.53 / c.cwnd
	c.cwnd = max(c.cwnd+(target-c.cwnd)/c.cwnd, c.wEst)
}

func (c *cubic) onLoss(s *sender, number int64) {
	if number < c.recovery {
		return
	}
	c.recovery = s.number
	c.wMax, c.epoch = c.cwnd, 0
	c.cwnd = max(2, c.cwnd*0.7)
	c.ssthresh = c.cwnd
}

func (c *cubic) onTimeout(s *sender) {
	c.onLoss(s, endless)
	c.cwnd = 1
}
