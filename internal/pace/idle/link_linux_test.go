package idle

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lotOf is how many bytes have to wait for the reader of the connection to be woken.
func lotOf(t *testing.T, c *net.TCPConn) int {
	t.Helper()
	return option(t, c, unix.SO_RCVLOWAT)
}

// TestReaderIsWokenForLots: packets that come fast are read together, and what is less than a lot is not left behind.
func TestReaderIsWokenForLots(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, s := dial(t)
	f := r.Flow(1)
	release := f.Use(c)
	r.mu.Lock()
	l := r.links[end{conn: c}]
	r.mu.Unlock()
	const size = 1000 // no multiple of it is a lot
	packets := func(n int) {
		for range n {
			if _, err := s.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(n int) {
		t.Helper()
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadFull(c, make([]byte, n*size)); err != nil {
			t.Fatalf("%d packets that have come are not read: %v", n, err)
		}
	}

	r.spies[0].window = 1 << 20
	packets(1)
	read(1)
	r.beat()
	r.eventually("a lot of more than a packet", func() bool {
		packets(10)
		read(10)
		r.step()
		return l.lot > 1
	})
	if got, want := lotOf(t, c), (l.lot-1)*l.seen.mss+1; got != want {
		t.Errorf("the reader is woken for %d bytes, want %d", got, want)
	}
	lots := func(n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		l.wait(n)
	}
	lots(4)
	again := f.Use(c)
	if got := lotOf(t, c); got != 1 {
		t.Errorf("at a request the reader is woken for %d bytes, want 1", got)
	}
	r.run()
	r.alarm()
	came := make(chan error)
	go func() {
		for range 20 {
			_, err := io.ReadFull(c, make([]byte, size))
			came <- err
		}
	}()
	for range 20 { // the reader is not always asleep when they come
		lots(4)
		packets(1)
		if err := <-came; err != nil {
			t.Fatalf("a packet that nothing follows is not read: %v", err)
		}
	}
	lots(4)
	again()
	release()
	f.SetWeight(0)
	defer r.Flow(0).Use(c)()
	if got := lotOf(t, c); got != 1 {
		t.Errorf("in the foreground the reader is woken for %d bytes, want 1", got)
	}
}
