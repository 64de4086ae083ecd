package idle

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// fixed says that the kernel does not adapt the receive buffer.
func fixed(t *testing.T, c *net.TCPConn) bool {
	t.Helper()
	return option(t, c, unix.SO_BUF_LOCK) != 0
}

// TestRest: a flow whose connections all rest is not read, and its receive buffers are small until they go on.
func TestRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, _ := dial(t)
	b, _ := dial(t)
	before := buffer(t, a)
	f := r.Flow(1)
	rate := ratesOf(f)
	f.Use(a)
	f.Use(b)
	turn := func(window int64) {
		t.Helper()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.spies[0].window = window
		r.step()
	}
	wantBuffers := func(when string, want int) {
		t.Helper()
		if got, small := fixed(t, a), want == leastBuffer; got != small {
			t.Errorf("%s: the buffer is fixed: %v", when, got)
		}
		if got := [2]int{buffer(t, a), buffer(t, b)}; got != [2]int{want, want} {
			t.Errorf("%s: buffers of %d, want %d", when, got, want)
		}
	}
	for range 2 {
		turn(0)
		wantBuffers("at rest", leastBuffer)
		if *rate != 2*restRate {
			t.Errorf("at rest %d B/s", *rate)
		}
		expect(t, "at rest", a, leastWindow, lowerEffort)
		turn(testWindow)
		wantBuffers("after a rest", before)
		if *rate != 0 {
			t.Errorf("after a rest %d B/s", *rate)
		}
		expect(t, "after a rest", a, testWindow, lowerEffort)
	}
	turn(0)
	r.links[end{conn: a}].rest(false)
	if *rate != 0 {
		t.Errorf("with one connection that does not rest %d B/s", *rate)
	}
	turn(0)
	f.SetWeight(0)
	if *rate != 0 {
		t.Errorf("in the foreground %d B/s", *rate)
	}
	wantBuffers("in the foreground", before)
	expect(t, "in the foreground", a, 0, 0)
}
