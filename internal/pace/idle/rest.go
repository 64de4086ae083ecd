package idle

// A window of 0 asks a connection to rest. The smallest that Linux offers is a packet or two, and a server sends that much again and again.
// So nothing is read. What the server may still send finds room; then the receive buffer becomes as small as it can be, and the window is
// closed. When what is there is read, the server is told at once.

// leastWindow is what Linux raises smaller bounds of a window to, in bytes.
const leastWindow = 1152

// restRate is how many bytes per second are read for a flow that rests with all its connections; 0 would be no limit.
const restRate = 1

// rest begins or ends it, or goes on with it.
func (l *link) rest(on bool) {
	switch {
	case on && l.buffer == 0 && l.seen.window <= 2*leastWindow:
		_ = l.set(func(fd uintptr) (err error) {
			l.buffer, err = shrinkBuffer(fd)
			return err
		})
	case !on && l.buffer > 0:
		_ = l.set(func(fd uintptr) error { return growBuffer(fd, l.buffer) })
		l.buffer = 0
	}
	if on == l.resting {
		return
	}
	l.resting, l.rate = on, 0
	if on {
		l.rate = restRate
	}
	l.admit() // last: what is read first has the server told how much room there is
}
