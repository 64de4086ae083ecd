package idle

import (
	"math"
	"time"
)

// reading is what the kernel tells about a connection.
type reading struct {
	rtt      time.Duration // its filtered round trip as a receiver; 0 for none
	received int64         // bytes of payload, in order
	segments uint32        // packets that came
	data     uint32        // of those, with payload
	disorder uint32        // of those, out of order
	mss      int
	ssthresh int // the window that it offers at most
	unread   int // bytes that wait to be read
}

const (
	// stamping is the clock of TCP's time stamps, from which the round trips come: no two samples are in one tick of it.
	stamping = time.Millisecond
	// headers of IPv4 and TCP with time stamps, in bytes of a packet.
	headers = 20 + 32
)

// sensor makes samples of what the kernel tells.
type sensor struct {
	first, last reading
	at          time.Duration // of last
	begun       bool
}

// take puts what r tells into the sample, and returns how many bytes came on the interface for it since the reading before.
func (s *sensor) take(now time.Duration, r reading, to *Sample) (came int64) {
	if !s.begun {
		s.begun, s.first, s.last, s.at = true, r, r, now
	}
	to.RTT = s.rtt(now, r)
	to.Received = r.received - s.first.received
	to.Disorder += int64(r.disorder - s.last.disorder)
	if r.received > 0 {
		to.MSS = r.mss
	}
	came = r.received - s.last.received + headers*int64(r.segments-s.last.segments)
	s.last, s.at = r, now
	return came
}

// rtt is the mean of the round trips since the last reading, which it finds by undoing the kernel's filter: that moves an eighth of
// the way to each sample, but (since Linux 6.16) down to a lower one at once. The kernel does not say how many samples it took.
func (s *sensor) rtt(now time.Duration, r reading) time.Duration {
	packets := r.data - s.last.data
	moved := r.rtt - s.last.rtt
	switch {
	case packets == 0 || r.rtt == 0:
		return 0
	case moved == 0 && r.unread > 0:
		return 0 // it takes no samples while somebody has yet to read
	case moved <= 0 || s.last.rtt == 0:
		return r.rtt
	}
	samples := max(1, min(float64(packets), float64((now-s.at)/stamping)))
	return s.last.rtt + time.Duration(float64(moved)/(1-math.Pow(7.0/8, samples)))
}
