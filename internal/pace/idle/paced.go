package idle

import "time"

// Where the receive window cannot be held, two things stand for it. A small receive buffer leaves the server room for about a window.
// And reads are let through at the rate of a window in each round trip, which goes on where no buffer is small enough. Round trips
// are those of probes; bytes are counted where they are read.

const (
	// leastBuffer is the smallest receive buffer, in bytes: with less, a system waits for more room before it tells the server.
	leastBuffer = 4 * usualMSS
	// mostBuffer is asked for when a connection is let go, as no system takes a buffer back into its own care.
	mostBuffer = 4 << 20
)

// paced is what is known of a connection that is held back so.
type paced struct {
	trips base  // of the probes to its server
	taken int64 // bytes that were read
	rate  int64 // bytes per second that may be read; 0 while it is not held back
}

// PaceBy has setRate called with the rate that all reads of the flow are to keep to, in bytes per second, 0 for none: at once, and
// whenever it changes. With [WindowMechanism], that is 0 unless all of the flow's connections rest. setRate must not call the flow.
func (f *Flow) PaceBy(setRate func(bytesPerSecond int64)) {
	f.manager.mu.Lock()
	defer f.manager.mu.Unlock()
	f.setRate = setRate
	setRate(f.rate)
}

// Took says that n bytes have been read for the flow.
func (f *Flow) Took(n int) { f.taken.Add(int64(n)) }

// admit works out the rate of the flow's reads: none while one of its connections is not held back by that. The caller holds
// Manager.mu, as for all that follows.
func (f *Flow) admit() {
	var rate int64
	for l := range f.links {
		if l.rate == 0 {
			rate = 0
			break
		}
		rate += max(l.rate/int64(len(l.flows)), 1)
	}
	if rate == f.rate {
		return
	}
	f.rate = rate
	if f.setRate != nil {
		f.setRate(rate)
	}
}

// count spreads what the flow has read over its connections: by which of them it came nobody knows.
func (f *Flow) count() {
	n := f.taken.Swap(0)
	for l := range f.links {
		l.taken += n / int64(len(f.links))
	}
}

// admit has the flows of the connection keep to what it allows now.
func (l *link) admit() {
	for f := range l.flows {
		f.admit()
	}
}

// pace holds the connection to a window, in bytes.
func (l *link) pace(window int64) {
	is := l.path.control.Status()
	trip := is.Base + is.Delay
	if base := l.trips.min(); base > 0 && window > leastBuffer {
		trip = base // beside a queue the buffer bounds it, which does not wait for the next probe
	}
	l.rate = max(int64(float64(window)/max(trip, time.Millisecond).Seconds()), 1)
	if window != l.window && l.taken > 0 { // before, Linux takes a small buffer for a bound for good
		l.window = window
		_ = l.setBuffer(int(max(window, leastBuffer))) // where that is too much, what was set before is the most
	}
}

// unpace gives the connection as large a buffer as the system allows.
func (l *link) unpace() {
	l.rate, l.window = 0, 0
	for size := mostBuffer; size >= leastBuffer && l.setBuffer(size) != nil; size /= 2 {
	}
}

// setBuffer sets the size of the connection's buffer, in bytes.
func (l *link) setBuffer(bytes int) error {
	if l.up {
		return l.conn.SetWriteBuffer(bytes)
	}
	return l.conn.SetReadBuffer(bytes)
}

// pace begins to hold back a connection that has joined its path.
func (m *Manager) pace(l *link) {
	p := l.path
	if p.prober == nil {
		p.prober = &prober{}
	}
	if p.prober.deaf() {
		m.letGo(l)
		return
	}
	m.stepPaced(p, nil, 0)
	m.due = min(m.due, p.prober.due())
	m.alarm()
}

// letGo gives up on a connection whose path nothing can be known of.
func (m *Manager) letGo(l *link) {
	m.part(l)
	l.open()
	l.admit()
}

// probed takes in the end of a probe to the server of asked; 0 for no answer.
func (m *Manager) probed(p *path, asked *link, rtt time.Duration) {
	p.prober.end(rtt)
	if p.prober.deaf() && len(p.links) > 0 {
		m.log.Info("background transfers are not held back: no probe comes back", "line", p.place)
		for len(p.links) > 0 {
			m.letGo(p.links[0])
		}
	}
	if len(p.links) == 0 {
		return
	}
	m.stepPaced(p, asked, rtt)
	m.due = min(m.due, p.prober.due())
	m.alarm()
}

// stepPaced has the controller decide, and puts that in force. A round trip is that to the server of asked.
func (m *Manager) stepPaced(p *path, asked *link, rtt time.Duration) {
	now := m.now()
	for _, l := range p.links {
		for f := range l.flows {
			f.count()
		}
	}
	for _, l := range p.links {
		l.sample.Weight, l.sample.Received, l.sample.RTT, l.sample.Probed = l.weight(), l.taken, 0, true
		if asked != nil && l.conn.RemoteAddr().String() == asked.conn.RemoteAddr().String() {
			l.sample.RTT = rtt
			l.trips.add(now, rtt)
		}
	}
	p.step(now, m.log)
	for _, l := range p.links {
		l.admit()
	}
}

// mechanism is what holds the path's connections back.
func (p *path) mechanism() Mechanism {
	if p.prober != nil {
		return RateMechanism
	}
	return WindowMechanism
}
