package idle

import (
	"cmp"
	"math"
	"time"
)

// reading is what the kernel tells about a connection.
type reading struct {
	stamped  bool          // packets have time stamps, so that each tells a round trip
	rtt      time.Duration // the filtered one, as a receiver; 0 for none
	silence  time.Duration // since the last packet with payload
	received int64         // bytes of payload, in order
	segments uint32        // packets that came
	data     uint32        // of those, with payload
	disorder uint32        // of those, out of order
	mss      int
	ssthresh int // the window that it offers at most
	window   int // the window that it has offered; 0 when the kernel does not say (before Linux 6.2)
	unread   int // bytes that wait to be read
	out      outgoing
}

// outgoing is what the kernel tells about what a connection sends.
type outgoing struct {
	sent     int64  // bytes of payload, those that were sent again included
	arrived  int64  // bytes that the other end has confirmed, also those behind a hole
	segments uint32 // packets that went
	acks     uint32 // packets without payload that came
	again    uint32 // packets that were sent again
	mss      int
	rtt      time.Duration // the filtered one, as a sender; 0 for none
	least    time.Duration // the shortest of the latest minutes
}

// since is how many bytes the interface has carried since an earlier reading for an end of the connection: its payload, and all
// headers. The payload of the other end is that end's, or next to nothing.
func (r reading) since(before reading, up bool) (in, out int64) {
	in = headers * int64(r.segments-before.segments)
	out = headers * int64(r.out.segments-before.out.segments)
	if up {
		return in, out + r.out.sent - before.out.sent
	}
	return in + int64(r.data-before.data)*int64(r.mss), out
}

const (
	// stamping is the clock of TCP's time stamps, from which the round trips come: no two samples are in one tick of it.
	stamping = time.Millisecond
	// headers of IPv4 and TCP with time stamps, in bytes of a packet.
	headers = 20 + 32

	// A reader is woken for a lot of packets: for what comes within gathering, but not for more than lotPart of the window, as a round
	// trip is as long as that, nor than maxLot packets: while some wait unread, the kernel takes no round trip that is longer.
	gathering = 2 * time.Millisecond
	lotPart   = 1.0 / 8
	maxLot    = 4
)

// sensor makes samples of what the kernel tells.
type sensor struct {
	first, last reading
	at          time.Duration // of last
	begun       bool
	lot         int   // packets that wait for their reader to be woken since then
	ahead       int64 // bytes that came behind a hole

	// Of a connection without time stamps.
	goal  int64         // bytes at which a window has come since begin; 0 for none
	begin time.Duration // when the last byte before had come
}

// start begins with the first reading.
func (s *sensor) start(now time.Duration, r reading) {
	if !s.begun {
		s.begun, s.first, s.last, s.at, s.lot = true, r, r, now, 1
	}
}

// take puts what r tells of what comes in into the sample.
func (s *sensor) take(now time.Duration, r reading, to *Sample) {
	s.start(now, r)
	if r.stamped {
		to.RTT = s.rtt(now, r)
	} else {
		to.RTT = s.guess(now, r, to.Held)
	}
	// Of packets, as what came behind a loss is in r.received only once the hole is filled.
	packets := int64(r.data-s.last.data) * int64(r.mss)
	to.Received = max(to.Received, r.received-s.first.received+s.jump(r, packets))
	to.Disorder += int64(r.disorder - s.last.disorder)
	if r.received > 0 {
		to.MSS = r.mss
	}
	s.last, s.at = r, now
}

// takeOut puts what r tells of what goes out into the sample.
func (s *sensor) takeOut(now time.Duration, r reading, to *Sample) {
	s.start(now, r)
	to.RTT, to.Probed = s.rttOut(r.out, to.Held), true
	to.Received = max(to.Received, r.out.arrived-s.first.out.arrived)
	to.Disorder += int64(r.out.again - s.last.out.again)
	to.MSS = r.out.mss
	s.last, s.at = r, now
}

// jump is how many bytes have come behind a hole, of which packets tell since the last look. A look at nothing but packets in order
// ends the guess, so that its errors never add up.
func (s *sensor) jump(r reading, packets int64) int64 {
	inOrder := r.received - s.last.received
	switch {
	case r.disorder != s.last.disorder, inOrder > packets:
		s.ahead = max(s.ahead+packets-inOrder, 0)
	case inOrder > 0:
		s.ahead = 0
	}
	return s.ahead
}

// rtt is the mean of the round trips since the last reading, which it finds by undoing the kernel's filter: that moves an eighth of
// the way to each sample, but (since Linux 6.16) down to a lower one at once. The kernel does not say how many samples it took.
func (s *sensor) rtt(now time.Duration, r reading) time.Duration {
	packets := r.data - s.last.data
	moved := r.rtt - s.last.rtt
	switch {
	case packets == 0 || r.rtt == 0:
		return 0
	case moved == 0 && r.unread >= s.lot*max(r.mss, 1):
		return 0 // it takes no samples while somebody has yet to read
	case moved <= 0 || s.last.rtt == 0:
		return r.rtt
	}
	samples := max(1, min(float64(packets), float64((now-s.at)/stamping))/float64(s.lot))
	return s.last.rtt + unfiltered(moved, samples)
}

// rttOut is the same of a sender, whose kernel takes a sample from each acknowledgment, and is as slow downwards as upwards. Held says
// that there was less to send than might be: then a single acknowledgment tells more of the receiver, who waits for more.
func (s *sensor) rttOut(r outgoing, held bool) time.Duration {
	before := s.last.out
	acks := r.acks - before.acks
	if acks == 0 || r.rtt == 0 || held && acks < 2 {
		return 0
	}
	moved := r.rtt - before.rtt
	if before.rtt == 0 || moved == 0 {
		return r.rtt
	}
	return max(before.rtt+unfiltered(moved, float64(acks)), r.least)
}

// unfiltered is by how much the mean of some samples differs from a filter's value before, which has moved an eighth of the way to each.
func unfiltered(moved time.Duration, samples float64) time.Duration {
	return time.Duration(float64(moved) / (1 - math.Pow(7.0/8, samples)))
}

// guess is the time that a window took to come: a round trip as long as the sender fills it, which is the rule where windows are held,
// and longer otherwise. Held says that it is the reader who takes its time.
func (s *sensor) guess(now time.Duration, r reading, held bool) time.Duration {
	if held {
		s.goal = 0
		return 0
	}
	if r.received < s.goal || r.received == s.last.received {
		return 0
	}
	var rtt time.Duration
	end := max(now-r.silence, s.at)
	if s.goal > 0 {
		part := float64(s.goal-s.last.received) / float64(r.received-s.last.received)
		rtt = s.at + time.Duration(part*float64(end-s.at)) - s.begin
	}
	packet := max(r.mss, 1)
	packets := max(cmp.Or(r.window, r.ssthresh)/packet, 1) // servers send whole ones
	s.begin, s.goal = end, r.received+int64(packets*packet)
	return max(rtt, 0)
}

// nextLot is how many packets are to wait from now on. It is asked before take.
func (s *sensor) nextLot(now time.Duration, r reading, window int64) int {
	if !s.begun || now <= s.at || r.mss == 0 || r.unread > 0 && r.silence > gathering {
		return 1
	}
	coming := float64(r.data-s.last.data) * float64(gathering) / float64(now-s.at)
	return max(1, int(min(coming, lotPart*float64(window)/float64(r.mss), maxLot)))
}
