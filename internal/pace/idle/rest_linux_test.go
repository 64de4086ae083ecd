package idle

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fixed says that the kernel does not adapt the receive buffer.
func fixed(t *testing.T, c *net.TCPConn) bool {
	t.Helper()
	return option(t, c, unix.SO_BUF_LOCK) != 0
}

// fill sends what the other end has room for.
func fill(t *testing.T, c *net.TCPConn) {
	t.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	for {
		if _, err := c.Write(make([]byte, 4<<10)); err != nil {
			return
		}
	}
}

// TestRest: what rests is not read; what the server may still send has room, and then there is none until it goes on.
func TestRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, farA := dial(t)
	b, farB := dial(t)
	before := buffer(t, a)
	f := r.Flow(1)
	g := f.Part()
	var rateA int64
	var roomA int // when that came into force
	f.PaceBy(func(bytesPerSecond int64) { rateA, roomA = bytesPerSecond, buffer(t, a) })
	rateB := ratesOf(g)
	f.Use(a)
	g.Use(b)
	turn := func(window int64) {
		t.Helper()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.spies[0].window = window
		r.step()
	}
	want := func(when string, size int, rate int64) {
		t.Helper()
		if got, small := fixed(t, a), size == leastWindow; got != small {
			t.Errorf("%s: the buffer is fixed: %v", when, got)
		}
		if got := [2]int{buffer(t, a), buffer(t, b)}; got != [2]int{size, size} {
			t.Errorf("%s: buffers of %d, want %d", when, got, size)
		}
		if rateA != rate || *rateB != rate {
			t.Errorf("%s: %d and %d B/s, want %d", when, rateA, *rateB, rate)
		}
	}
	turn(0)
	want("before all that may come is here", before, restRate)
	for range 2 {
		for range 100 {
			if fixed(t, a) && fixed(t, b) {
				break
			}
			fill(t, farA)
			fill(t, farB)
			turn(0)
		}
		want("at rest", leastWindow, restRate)
		expect(t, "at rest", a, leastWindow, lowerEffort)
		turn(testWindow)
		want("after a rest", before, 0)
		if roomA != before {
			t.Errorf("it is read when the server still has a buffer of %d", roomA)
		}
		expect(t, "after a rest", a, testWindow, lowerEffort)
	}
	turn(0)
	r.links[end{conn: a}].rest(false)
	if rateA != 0 || *rateB != restRate {
		t.Errorf("beside a connection that does not rest %d and %d B/s", rateA, *rateB)
	}
	turn(0)
	f.SetWeight(0)
	want("in the foreground", before, 0)
	expect(t, "in the foreground", a, 0, 0)
}
