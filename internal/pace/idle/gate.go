package idle

import (
	"cmp"
	"time"
)

// No system lets programs bound what a connection sends. So what is written is: as much as the window has room for beside what the
// other end has not confirmed. The sender's own congestion control stays below that.

const (
	// gateLots is into how many parts a full window is written, each of which queues at the bottleneck as it comes.
	gateLots = 16
	// maxGateLot bounds such a part, in bytes.
	maxGateLot = 64 << 10
	// shortestWait is that of the timers of most systems.
	shortestWait = time.Millisecond
	// gateRest is how soon a connection that rests asks again.
	gateRest = 25 * time.Millisecond
)

// gate lets out what a connection sends: whole packets, and two of them where there is a choice, as a receiver takes its time to
// acknowledge a single one.
type gate struct {
	width  int64         // bytes that may be under way; 0 for a rest
	round  time.Duration // that these take
	packet int64         // bytes of a full one
	next   time.Duration // when a window of less than two packets has made up for the latest two
	shut   bool          // somebody has had to wait since asked
	corked bool
}

// backlog is what was written to a connection, in bytes.
type backlog struct {
	unconfirmed int // by the other end
	unsent      int // of those
}

// set puts a window into force. The round trip is 0 when there is no new one.
func (g *gate) set(window int64, packet int, rtt time.Duration) {
	g.width, g.packet = window, int64(max(packet, 1))
	g.round = max(cmp.Or(rtt, g.round), shortestWait)
}

// asked reports whether there has been more to send than the window lets out, since the last time.
func (g *gate) asked() bool {
	shut := g.shut
	g.shut = false
	return shut
}

// room is how many of n bytes may be written beside those that are queued, or how long to wait before the next question.
func (g *gate) room(now time.Duration, q backlog, n int) (bytes int, wait time.Duration) {
	pair := 2 * g.packet
	underWay := int64(q.unconfirmed) - min(int64(q.unsent), g.packet-1)          // part of a packet waits for the rest
	asleep := int64(float64(g.width) * float64(shortestWait) / float64(g.round)) // what arrives while the writer wakes up
	free, lot := (g.width+asleep-underWay)/g.packet*g.packet, min(max(g.width/gateLots, pair), maxGateLot, int64(n))
	switch {
	case g.width == 0:
		wait = gateRest
	case g.width >= pair && (free >= lot || underWay <= g.packet):
		return int(min(max(free, pair), int64(n))), 0
	case g.width >= pair:
		wait = g.time(lot - free)
	case underWay > 0:
		wait = g.round / 8
	case now < g.next:
		wait = g.next - now
	default:
		g.next = now + g.time(pair)
		return int(min(pair, int64(n))), 0
	}
	g.shut = true
	return 0, max(wait, shortestWait)
}

// time is how long the window takes to let so much out.
func (g *gate) time(bytes int64) time.Duration {
	return time.Duration(float64(g.round) * float64(bytes) / float64(g.width))
}
