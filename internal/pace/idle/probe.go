package idle

import (
	"context"
	"net"
	"sync"
	"time"
)

const (
	// probePeriod is from one probe to the next: often enough to make way within a second, and seldom enough for a server to bear.
	probePeriod = 250 * time.Millisecond
	// probeTimeout is when a probe is given up. TCP would send it again then (RFC 6298 section 2.1), and its answer say nothing.
	probeTimeout = time.Second
	// patience is how many probes may fail before the first answer: then there will be none.
	patience = 8
)

// prober has probes sent along a path, one at a time, whatever the connections on it. It is guarded by Manager.mu.
type prober struct {
	next     time.Duration // when the next probe begins
	busy     bool          // one is under way
	turn     int           // of the connections
	answered bool          // there was an answer once
	failed   int           // probes without one
}

// deaf says that probes do not come back, so that nothing can be known of the path.
func (p *prober) deaf() bool { return !p.answered && p.failed >= patience }

// begin picks the connection whose server is probed now, if it is time for that; nil otherwise.
func (p *prober) begin(now time.Duration, links []*link) *link {
	if p.busy || now < p.next || len(links) == 0 {
		return nil
	}
	p.turn++
	p.busy, p.next = true, now+probePeriod
	return links[p.turn%len(links)]
}

// due is when begin is to be asked. The end of a probe changes it.
func (p *prober) due() time.Duration {
	if p.busy {
		return never
	}
	return p.next
}

// end takes note of what a probe has found; 0 for no answer.
func (p *prober) end(rtt time.Duration) {
	p.busy = false
	if rtt > 0 {
		p.answered = true
	} else {
		p.failed++
	}
}

// probe sends the probes that are due. They end with ctx, and Run waits for them.
func (m *Manager) probe(ctx context.Context, probes *sync.WaitGroup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.paths {
		if p.prober == nil {
			continue
		}
		if l := p.prober.begin(m.now(), p.links); l != nil {
			probes.Go(func() {
				rtt := connectTime(ctx, l.conn)
				m.mu.Lock()
				defer m.mu.Unlock()
				m.probed(p, l, rtt)
			})
		}
	}
}

// connectTime is how long it takes to connect to where conn leads, by the same way: a round trip, with all that waits in queues;
// 0 for no answer in time. No data are sent, and the end is a reset, so that neither side has anything to remember.
func connectTime(ctx context.Context, conn *net.TCPConn) time.Duration {
	dialer := net.Dialer{Timeout: probeTimeout}
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		dialer.LocalAddr = &net.TCPAddr{IP: local.IP, Zone: local.Zone}
	}
	begin := time.Now()
	c, err := dialer.DialContext(ctx, "tcp", conn.RemoteAddr().String())
	if err != nil {
		return 0
	}
	rtt := time.Since(begin)
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	return rtt
}
