package idle

import (
	"net"
	"sync"
	"sync/atomic"
)

// Flow is a transfer that shares lines with others: a job with all its connections, or a part of one.
type Flow struct {
	manager *Manager

	// Guarded by manager.mu.
	*whole
	links   map[*link]struct{} // of its requests
	setRate func(int64)        // see PaceBy
	rate    int64              // that has been set

	taken atomic.Int64 // bytes read, but for those that were counted
}

// whole is what the parts of a flow have in common.
type whole struct {
	weight int
	parts  map[*Flow]struct{} // that have links
	uses   int                // how many links these have; one that two of them have counts twice
}

// Part returns another flow that counts as one with f, with a rate of its own (see [Flow.PaceBy]): a file of a job.
func (f *Flow) Part() *Flow { return newFlow(f.manager, f.whole) }

func newFlow(m *Manager, w *whole) *Flow {
	return &Flow{manager: m, whole: w, links: map[*link]struct{}{}}
}

// add and drop say which connections the flow has. The caller holds Manager.mu.
func (f *Flow) add(l *link) {
	if _, has := f.links[l]; !has {
		f.links[l] = struct{}{}
		f.parts[f] = struct{}{}
		f.uses++
	}
}

func (f *Flow) drop(l *link) {
	delete(f.links, l)
	if f.uses--; len(f.links) == 0 {
		delete(f.parts, f)
	}
}

// Mechanism is what makes room for others.
type Mechanism string

// The mechanisms.
const (
	// NoMechanism is for what is not held back: in the foreground, without a connection, over loopback, or where only [RateMechanism]
	// could and no probe comes back.
	NoMechanism     Mechanism = ""
	WindowMechanism Mechanism = "window" // this package holds the receive window (Linux)
	RateMechanism   Mechanism = "rate"   // this package holds back what is read, by probes of the path (elsewhere)
	SystemMechanism Mechanism = "system" // the system's own LEDBAT, which shows nothing of itself (macOS, Windows)
)

// Use says that conn carries the flow's next request. It is to be called before that is written, so that nothing of the answer comes
// with another window. The request is over when release is called, which may be called again. What is not TCP, nor on
// top of it with a method NetConn, is none of a flow's business.
//
// A connection that carries requests of several flows counts for all of them, and is not held back while one of them is in the
// foreground.
func (f *Flow) Use(conn net.Conn) (release func()) {
	l := f.take(end{conn: tcpOf(conn)})
	return sync.OnceFunc(func() { f.release(l) })
}

// take has the flow use an end of a connection; nil when there is none, or it is closed already.
func (f *Flow) take(e end) *link {
	if e.conn == nil {
		return nil
	}
	m := f.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.links[e]
	if l == nil {
		var err error
		if l, err = newLink(e); err != nil {
			return nil
		}
		m.links[e] = l
	}
	l.flows[f]++
	f.add(l)
	l.wait(1) // the beginning of an answer may be all of it
	m.settle(l)
	f.admit()
	return l
}

// release ends a request, unless its connection has ended before.
func (f *Flow) release(l *link) {
	if l == nil {
		return
	}
	m := f.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.flows[f] > 1 {
		l.flows[f]--
		return
	}
	if _, in := f.links[l]; in {
		f.drop(l)
		delete(l.flows, f)
		m.settle(l)
		f.admit()
	}
}

// SetWeight changes the weight of all parts, also from and to the foreground, for the requests of now as well.
func (f *Flow) SetWeight(weight int) {
	m := f.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	f.weight = weight
	for part := range f.parts {
		for l := range part.links {
			m.settle(l)
		}
	}
}

// Status is how the line of the flow, with all its parts, is shared now. With [WindowMechanism] and [RateMechanism] it says what the
// controller of the path does, over all connections on that.
func (f *Flow) Status() (Mechanism, Status) {
	m := f.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	mechanism := NoMechanism
	for part := range f.parts {
		for l := range part.links {
			if l.path != nil {
				return l.path.mechanism(), l.path.control.Status()
			}
			if l.held && l.preferred {
				mechanism = SystemMechanism
			}
		}
	}
	return mechanism, Status{}
}

// tcpOf is the connection below conn, and below TLS and tunnels; nil if there is none.
func tcpOf(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
