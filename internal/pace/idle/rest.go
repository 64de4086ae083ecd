package idle

// A window of 0 asks a connection to rest. The smallest that Linux offers is most of a packet, and a server sends that much at each run of
// its timer, eight times a second. So nothing is read, and the receive buffer is small: a few packets fill it and close the window. When
// they are read, the server is told at once.

// leastWindow is what Linux raises smaller bounds of a window to, in bytes.
const leastWindow = 1152

// restRate is how many bytes per second are read for a flow that rests with all its connections; 0 would be no limit.
const restRate = 1

// rest begins or ends it.
func (l *link) rest(on bool) {
	if on == l.resting {
		return
	}
	l.resting, l.rate = on, 0
	if on {
		l.rate = restRate
		_ = l.set(func(fd uintptr) (err error) {
			l.buffer, err = shrinkBuffer(fd)
			return err
		})
	} else {
		_ = l.set(func(fd uintptr) error { return growBuffer(fd, l.buffer) })
	}
	l.admit()
}
