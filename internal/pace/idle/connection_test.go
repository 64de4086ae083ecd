package idle

import (
	"testing"
	"time"
)

func TestQueueIsWhatMostConnectionsShow(t *testing.T) {
	t.Parallel()
	at := func(delay time.Duration, window float64, sampled time.Duration) *connection {
		return &connection{delay: delay, window: window, sampled: sampled}
	}
	for _, test := range []struct {
		name  string
		conns []*connection
		want  time.Duration
		known bool
	}{
		{"none", nil, 0, false},
		{"one", []*connection{at(ms(5), 1000, ms(100))}, ms(5), true},
		{"the lower of two", []*connection{at(ms(50), 1000, ms(100)), at(ms(2), 1000, ms(100))}, ms(2), true},
		{"one server has a queue of its own", []*connection{at(ms(3), 1000, ms(100)), at(ms(80), 1000, ms(100)), at(ms(4), 1000, ms(100))}, ms(4), true},
		{"the large window counts", []*connection{at(ms(1), 1000, ms(100)), at(ms(9), 9000, ms(100))}, ms(9), true},
		{"an old sample does not", []*connection{at(ms(1), 9000, ms(10)), at(ms(9), 1000, ms(100))}, ms(9), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, known := queueOf(test.conns, ms(50))
			if got != test.want || known != test.known {
				t.Errorf("%s, %t, want %s, %t", got, known, test.want, test.known)
			}
		})
	}
}

func TestConnectionThatBeginsBesideAQueue(t *testing.T) {
	t.Parallel()
	c := newConnection(0, Sample{}, &base{})
	c.observe(ms(1), Sample{RTT: ms(120), Received: 1000, MSS: 1000}, ms(80))
	if c.base.min() != ms(40) || c.delay != ms(80) {
		t.Errorf("base %s and delay %s, want 40ms and 80ms", c.base.min(), c.delay)
	}
	c.observe(ms(200), Sample{RTT: ms(45), Received: 2000, MSS: 1000}, 0)
	if c.base.min() != ms(45) || c.delay != 0 {
		t.Errorf("base %s and delay %s once the queue is gone, want 45ms and 0s", c.base.min(), c.delay)
	}
}

// What a route is like is known from the connections before, unless all of them met somebody else's queue.
func TestConnectionKnowsItsRoute(t *testing.T) {
	t.Parallel()
	var route base
	beside := newConnection(0, Sample{ID: 1}, &route)
	beside.observe(ms(1), Sample{RTT: ms(120), Received: 1000, MSS: 1000}, ms(80))
	if route.min() != 0 {
		t.Errorf("a base of %s that was only guessed", route.min())
	}
	first := newConnection(ms(2), Sample{ID: 2}, &route)
	first.observe(ms(3), Sample{RTT: ms(20), Received: 1000, MSS: 1000}, 0)
	next := newConnection(ms(4), Sample{ID: 3}, &route)
	for _, queue := range []time.Duration{0, ms(10)} {
		next.observe(ms(5), Sample{RTT: ms(120), Received: 1000, MSS: 1000}, queue)
		if next.base.min() != ms(20) || next.delay != ms(100) {
			t.Errorf("base %s and delay %s, want 20ms and 100ms", next.base.min(), next.delay)
		}
	}
}

func TestPauseOfTheSenderIsNoQueue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		window  float64
		use     float64
		silence time.Duration
		want    bool // whether the sample counts
	}{
		{"a pause", 100_000, 20_000, ms(300), false},
		{"the window was full", 100_000, 80_000, ms(300), true},
		{"data came all the time", 100_000, 20_000, ms(20), true},
		{"with a packet there is no telling", 1000, 0, ms(300), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConnection(0, Sample{}, &base{})
			c.observe(ms(1), Sample{RTT: ms(20), Received: 1000, MSS: 1000}, 0)
			c.window, c.use = test.window, test.use
			if got := c.observe(test.silence, Sample{RTT: ms(320), Received: 2000, MSS: 1000}, 0); got != test.want {
				t.Errorf("counts: %t, want %t", got, test.want)
			}
		})
	}
}
