package idle

import (
	"net/netip"
	"testing"
	"time"
)

// A job that starts while the line is full makes way at once where an earlier one has seen the route without a queue, and the next one
// knows when that has changed.
func TestLatecomerKnowsTheRoute(t *testing.T) {
	t.Parallel()
	route := Route{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("203.0.113.1")}
	var now time.Duration
	c := NewController(1)
	run := func(id uint64, rtt, span time.Duration) {
		s := Sample{ID: id, Route: route, MSS: 1000, RTT: rtt}
		for end := now + span; now < end; now += ms(10) {
			s.Received += 5000
			c.Step(now, []Sample{s}, Surroundings{Others: -1})
		}
		c.Step(now, nil, Surroundings{Others: -1})
	}
	run(1, ms(20), time.Second)
	now += 9 * time.Minute
	run(2, ms(120), time.Second)
	if s := c.Status(); s.State != Yielding || s.Base != ms(20) {
		t.Errorf("%s with a base of %s where 20ms were known", s.State, s.Base)
	}
	run(3, ms(120), 2*routeTime) // longer than any queue stays the same
	run(4, ms(120), time.Second)
	if s := c.Status(); s.Base != ms(120) {
		t.Errorf("a base of %s where the route became one of 120ms", s.Base)
	}
}

// arrive is the part of what a foreground flow has without a background that it keeps in the 20 s after one begins that
// has never seen the path without the foreground's queue.
func arrive(spec lineSpec, foreground string, at time.Duration) float64 {
	received := func(background bool) int64 {
		n := newNetwork(spec, 1)
		h := n.addHost(1, at)
		f := n.addFlow(foreground, fgStart)
		if background {
			h.download("cubic", at)
		}
		n.runUntil(at)
		before := f.received()
		n.runUntil(at + 20*time.Second)
		return f.received() - before
	}
	return float64(received(true)) / float64(received(false))
}

func TestLatecomerMakesWay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line       lineSpec
		foreground string
	}{
		{mbit(20, 50, 20), "cubic"},
		{mbit(20, 50, 20), "bbr"},
		{mbit(20, 100, 20), "cubic"},
		{mbit(20, 100, 20), "bbr"},
		{mbit(20, 200, 20), "cubic"},
		{mbit(20, 100, 100), "cubic"},
		{mbit(20, 100, 100), "bbr"},
		{mbit(100, 100, 20), "cubic"},
		{mbit(100, 100, 20), "bbr"},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		t.Run(lineName(test.line)+"-"+test.foreground, func(t *testing.T) {
			t.Parallel()
			for _, at := range []time.Duration{ms(12000), ms(15300)} { // at other places of the foreground's sawtooth
				if got := arrive(test.line, test.foreground, at); got < 0.95 {
					t.Errorf("the foreground keeps %.3f from %s on, want 0.95", got, at)
				}
			}
		})
	}
}
