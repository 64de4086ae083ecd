package idle

import "time"

const (
	// turnTime is how long a connection stays open when the window is too small for all: long beside the quarter of
	// a second that a sender needs to learn that it may go on.
	turnTime = 4 * time.Second
	// openPackets is how many packets there must be for each open connection: a receiver is slow to acknowledge a single one.
	openPackets = 2
	// cycleTime is how soon all have had a turn: servers give up connections that make no progress for a minute.
	cycleTime = 30 * time.Second
	// shareRoom is how far a connection's window may be above what it was seen to fill, as a factor and in packets: enough to
	// double in a round trip, and little enough that what it leaves goes to the others.
	shareRoom        = 2
	shareRoomPackets = 4
)

// turns is whose turn it is when the window is too small for all.
type turns struct {
	first int           // of those who are open
	next  time.Duration // when the turn goes on to the next
}

// share splits the path's window among its connections so that their rates follow their weights: a window is a rate times a
// round trip, so the farther server gets the larger one. A connection that does not fill its share leaves the rest to the
// others. A window that is too small for openPackets of each goes to some of them in turns; the others get none.
func (c *Controller) share(window float64) {
	open := c.turns.open(c.now, window, c.conns)
	for _, conn := range c.conns {
		conn.goal = 0
	}
	for _, conn := range open {
		conn.goal = float64(conn.mss())
		window -= conn.goal
	}
	fillUp(window, open)
}

// open is the connections that may have a packet at all. One of them makes room for the next at a time, as each change costs a
// sender's pause.
func (t *turns) open(now time.Duration, window float64, conns []*connection) []*connection {
	var least float64
	for _, c := range conns {
		least += float64(openPackets * c.mss())
	}
	if least <= window || len(conns) < 2 {
		return conns
	}
	count := min(max(int(window*float64(len(conns))/least), 1), len(conns))
	if now >= t.next {
		t.first, t.next = t.first+1, now+min(turnTime/time.Duration(count), cycleTime/time.Duration(len(conns)))
	}
	open := make([]*connection, 0, count)
	for i := range count {
		open = append(open, conns[(t.first+i)%len(conns)])
	}
	return open
}

// fillUp hands out the window beyond the first packets. Each pass gives what is left by weight and base round trip; whoever
// has reached its limit is out of the next one.
func fillUp(window float64, open []*connection) {
	for window >= 1 && len(open) > 0 {
		var total float64
		for _, c := range open {
			total += c.claim()
		}
		var used float64
		rest := make([]*connection, 0, len(open))
		for _, c := range open {
			part, room := window*c.claim()/total, c.limit()-c.goal
			if part < room {
				rest = append(rest, c)
			}
			part = min(part, max(room, 0))
			c.goal += part
			used += part
		}
		if len(rest) == len(open) || used < 1 {
			return
		}
		window -= used
		open = rest
	}
}

// claim is the connection's part of the window beside the others'.
func (c *connection) claim() float64 {
	return c.weight() * max(c.base.min(), time.Millisecond).Seconds()
}

// limit is the window that the connection can be expected to fill.
func (c *connection) limit() float64 {
	return shareRoom*c.use + float64(shareRoomPackets*c.mss())
}
