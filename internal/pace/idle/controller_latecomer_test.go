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
