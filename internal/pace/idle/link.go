package idle

import (
	"net"
	"syscall"
	"time"
)

// shares is what a flow of weight 1 is divided into for its connections.
const shares = 1 << 8

// end is what of a connection is held back: what it receives or, up, what it sends.
type end struct {
	conn *net.TCPConn
	up   bool
}

// link is an end of a connection, and whose requests it carries. It is guarded by Manager.mu.
type link struct {
	end
	raw   syscall.RawConn
	flows map[*Flow]int // requests in flight
	left  time.Duration // when the last one ended

	held      bool  // it is one of the background
	preferred bool  // the system has been told so, and heeds it
	at        place // where it leaves, once it was held
	path      *path
	line      *line

	sensor
	paced
	gate
	sample Sample
	seen   reading
	window int64 // that has been set; 0 for none

	resting bool
	buffer  int // bytes that the kernel may receive when it does not rest

	// What is asked for with each step is made but once.
	observe, clamp, gather func(fd uintptr)
	err                    error // of observe
}

func newLink(e end) (*link, error) {
	raw, err := e.conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &link{end: e, raw: raw, flows: map[*Flow]int{}}
	l.observe = func(fd uintptr) { l.err = l.seen.read(fd) }
	l.clamp = func(fd uintptr) { _ = setWindow(fd, l.window) }
	l.gather = func(fd uintptr) { _ = setLot(fd, (l.lot-1)*l.seen.mss+1) }
	return l, nil
}

// foreground reports whether somebody waits for what the connection carries.
func (l *link) foreground() bool {
	for f := range l.flows {
		if f.weight <= 0 {
			return true
		}
	}
	return false
}

// weight is the connection's part of the weights of its flows.
func (l *link) weight() int {
	w := 0
	for f := range l.flows {
		w += f.weight * shares / f.uses
	}
	return max(w, 1)
}

// begin makes the connection a new one for the controller.
func (l *link) begin(id uint64) {
	l.sensor, l.paced, l.gate = sensor{}, paced{}, gate{}
	l.sample = Sample{ID: id, Route: routeOf(l.conn)}
	l.window = 0
}

// look brings the sample up to date.
func (l *link) look(now time.Duration) error {
	if l.path.prober != nil {
		return l.raw.Control(func(uintptr) {}) // fails once it is closed
	}
	if err := l.raw.Control(l.observe); err != nil {
		return err
	}
	if l.err != nil {
		return l.err
	}
	l.start(now, l.seen)
	in, out := l.seen.since(l.last, l.up)
	l.line.in.own += in
	l.line.out.own += out
	l.sample.Weight = l.weight()
	if l.up {
		l.sample.Held = !l.asked()
		l.takeOut(now, l.seen, &l.sample)
		return nil
	}
	l.sample.Held = l.window > 0 && !l.resting && int64(l.seen.unread) > max(l.window, 2*int64(l.seen.mss))
	lot := l.nextLot(now, l.seen, l.window)
	l.take(now, l.seen, &l.sample)
	l.wait(lot)
	return nil
}

// wait has the reader woken for a lot of packets, rather than for each of them: a window lets them come one by one.
func (l *link) wait(lot int) {
	if lot != max(l.lot, 1) {
		l.lot = lot
		_ = l.raw.Control(l.gather)
	}
}

// hold sets the window, also when the kernel has let it grow on its own since. Less than one packet has the server wait for a timer
// before each: nothing but a rest is worth that.
func (l *link) hold(window int64) {
	if l.path.prober != nil {
		l.pace(window)
		return
	}
	if l.up {
		l.gate.set(window, l.sample.MSS, l.sample.RTT)
		return
	}
	least := max(l.sample.MSS, leastWindow)
	if window == 0 {
		least = leastWindow
	}
	if set := max(window, int64(least)); set != l.window || int64(l.seen.ssthresh) > set {
		l.window = set
		_ = l.raw.Control(l.clamp) // of a closed connection, which the next look finds out
	}
	l.rest(window == 0) // which ends with the window open for what the server learns then
}

// open gives the window back to the kernel.
func (l *link) open() {
	l.wait(1)
	l.rest(false)
	l.cork(false)
	switch {
	case l.rate > 0:
		l.unpace()
	case l.window > 0:
		l.window = 0
		_ = l.set(openWindow)
	}
}

// prefer says whether the system may let the connection have its share, or has to let everything else go first.
func (l *link) prefer(normal bool) {
	err := l.set(func(fd uintptr) error { return prefer(fd, normal) })
	l.preferred = !normal && err == nil
}

func (l *link) mark(on bool) {
	remote, ok := l.conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return
	}
	v6 := remote.IP.To4() == nil
	_ = l.set(func(fd uintptr) error { return setDSCP(fd, v6, on) }) // it is a wish
}

// set asks or changes the socket.
func (l *link) set(change func(fd uintptr) error) error {
	var failed error
	if err := l.raw.Control(func(fd uintptr) { failed = change(fd) }); err != nil {
		return err
	}
	return failed
}
