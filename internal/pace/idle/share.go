package idle

import "time"

const (
	// turnTime is how long a connection has its turn when the window is too small for a packet of each.
	turnTime = 500 * time.Millisecond
	// shareRoom is how far a connection's window may be above what it was seen to fill, as a factor and in packets: enough to
	// double in a round trip, and little enough that what it leaves goes to the others.
	shareRoom        = 2
	shareRoomPackets = 4
)

// share splits the path's window among its connections so that their rates follow their weights: a window is a rate times a
// round trip, so the farther server gets the larger one. A connection that does not fill its share leaves the rest to the
// others. A window that is too small for a packet of each goes to some of them in turns; the others get none.
func share(window float64, conns []*connection, now time.Duration) {
	open := inTurn(window, conns, now)
	for _, c := range conns {
		c.window = 0
	}
	for _, c := range open {
		c.window = float64(c.mss())
		window -= c.window
	}
	fillUp(window, open)
}

// inTurn is the connections that may have a packet at all.
func inTurn(window float64, conns []*connection, now time.Duration) []*connection {
	var least float64
	for _, c := range conns {
		least += float64(c.mss())
	}
	if least <= window || len(conns) < 2 {
		return conns
	}
	count := min(max(int(window*float64(len(conns))/least), 1), len(conns))
	first := int(now/turnTime) * count % len(conns)
	open := make([]*connection, 0, count)
	for i := range count {
		open = append(open, conns[(first+i)%len(conns)])
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
			part, room := window*c.claim()/total, c.limit()-c.window
			if part < room {
				rest = append(rest, c)
			}
			part = min(part, max(room, 0))
			c.window += part
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
