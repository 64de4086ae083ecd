package idle

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newPacedRig is a rig where windows cannot be held.
func newPacedRig(t *testing.T) *rig {
	r := newRig(t)
	r.windows = false
	return r
}

// answer ends a probe to the server of a connection; 0 for no answer.
func (r *rig) answer(c *net.TCPConn, rtt time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.paths {
		r.probed(p, r.links[end{conn: c}], rtt)
	}
}

// ratesOf is what a flow is told to keep to.
func ratesOf(f *Flow) *int64 {
	rate := new(int64)
	f.PaceBy(func(bytesPerSecond int64) { *rate = bytesPerSecond })
	return rate
}

// buffer is the receive buffer of a connection, of which Linux says twice what was set.
func buffer(t *testing.T, c *net.TCPConn) int {
	t.Helper()
	return option(t, c, unix.SO_RCVBUF) / 2
}

func TestReadsAreHeldToTheWindow(t *testing.T) {
	t.Parallel()
	r := newPacedRig(t)
	c, _ := dial(t)
	f := r.Flow(1)
	rate := ratesOf(f)
	f.Took(5000) // in the foreground
	release := f.Use(c)
	if by, _ := f.Status(); by != RateMechanism || *rate == 0 {
		t.Errorf("by %q, at %d B/s from the beginning on", by, *rate)
	}
	f.Took(3000)
	r.answer(c, ms(20))
	if got := r.spies[0].last(); got.RTT != ms(20) || !got.Probed || got.Received != 8000 {
		t.Errorf("after 3000 bytes more and a probe the sample is %+v", got)
	}
	if want := int64(testWindow * 1000 / 20); *rate != want || buffer(t, c) != testWindow {
		t.Errorf("%d B/s and a buffer of %d, want %d and %d", *rate, buffer(t, c), want, testWindow)
	}
	f.SetWeight(0)
	if *rate != 0 || buffer(t, c) < 4*testWindow {
		t.Errorf("in the foreground %d B/s and a buffer of %d", *rate, buffer(t, c))
	}
	f.SetWeight(1)
	if *rate == 0 {
		t.Error("in the background again it is not held")
	}
	release()
	if *rate != 0 {
		t.Errorf("without a connection %d B/s", *rate)
	}
}

// queued is a spy that sees somebody else's queue.
type queued struct{ *spy }

func (queued) Status() Status { return Status{Base: ms(20), Delay: ms(80)} }

// TestTrickle: a window that no buffer can be is kept by the reads alone, beside a queue at its round trip.
func TestTrickle(t *testing.T) {
	t.Parallel()
	r := newPacedRig(t)
	r.control = func(uint64) controller { return queued{&spy{window: usualMSS}} }
	c, _ := dial(t)
	f := r.Flow(1)
	rate := ratesOf(f)
	defer f.Use(c)()
	f.Took(1)
	r.answer(c, ms(20))
	if want := int64(usualMSS * 10); *rate != want || buffer(t, c) != leastBuffer {
		t.Errorf("%d B/s and a buffer of %d, want %d and %d", *rate, buffer(t, c), want, leastBuffer)
	}
}

func TestRateOfSeveralConnections(t *testing.T) {
	t.Parallel()
	r := newPacedRig(t)
	a, _ := dial(t)
	b, _ := dial(t)
	f, g := r.Flow(1), r.Flow(1)
	rate, others := ratesOf(f), ratesOf(g)
	f.Use(a)
	f.Use(b)
	g.Use(b) // HTTP/2
	f.Took(1000)
	g.Took(100)
	r.answer(a, ms(20))
	r.answer(b, ms(40))
	if got := r.spies[0].shown; got[0].Received != 500 || got[1].Received != 600 || got[0].RTT != 0 || got[1].RTT != ms(40) {
		t.Errorf("the samples are %+v", got)
	}
	if half := int64(testWindow * 1000 / 40 / 2); *rate != testWindow*1000/20+half || *others != half {
		t.Errorf("%d and %d B/s, want a window each 20 ms and half of one each 40 ms, and the other half", *rate, *others)
	}
	b.Close()
	r.beat()
	if *others != 0 || *rate != testWindow*1000/20 {
		t.Errorf("%d and %d B/s after the second connection is closed", *rate, *others)
	}
}

// TestNoRateBesideAFreeConnection: what comes by a connection that nobody shares is not to wait for the others.
func TestNoRateBesideAFreeConnection(t *testing.T) {
	t.Parallel()
	r := newPacedRig(t)
	shared, _ := dial(t)
	own, _ := dial(t)
	r.locate = func(c *net.TCPConn) (place, bool) { return place{index: 1, name: "lo"}, c == shared }
	f := r.Flow(1)
	rate := ratesOf(f)
	f.Use(shared)
	release := f.Use(own)
	r.answer(shared, ms(20))
	if *rate != 0 {
		t.Errorf("%d B/s", *rate)
	}
	release()
	if *rate == 0 {
		t.Error("without the free connection there is no rate")
	}
}

// TestProbesRun: probes come from Run, as long as there are connections.
func TestProbesRun(t *testing.T) {
	t.Parallel()
	r := newPacedRig(t)
	r.run()
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := net.Dial("tcp4", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	release := r.Flow(1).Use(c)
	r.eventually("a round trip", func() bool { return r.spies[0].last().RTT > 0 })
	r.eventually("another one", func() bool { return r.spies[0].count() > 3 })
	release()
	r.eventually("sleep", func() bool { return len(r.links) == 0 && r.due == never })
}

func TestWithoutAnswersNothingIsHeld(t *testing.T) {
	t.Parallel()
	r := newPacedRig(t)
	c, _ := dial(t)
	d, _ := dial(t)
	f := r.Flow(1)
	rate := ratesOf(f)
	f.Use(c)
	f.Took(1)
	for range patience - 1 {
		r.answer(c, 0)
	}
	if *rate == 0 {
		t.Fatal("let go before patience has ended")
	}
	r.answer(c, 0)
	f.Use(d)
	if by, _ := f.Status(); by != NoMechanism || *rate != 0 || buffer(t, c) < 4*testWindow {
		t.Errorf("by %q, %d B/s, buffer %d: want it to be left alone", by, *rate, buffer(t, c))
	}
	r.beat()
	if r.due != never {
		t.Errorf("the next step is due at %v", r.due)
	}
}
