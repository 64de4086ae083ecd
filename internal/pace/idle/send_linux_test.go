package idle

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sendWindow is some of loopback's packets, which have up to 64 KiB.
const sendWindow = 400_000

// near reports whether n is what the window lets out in whole packets. Loopback confirms as many while the writer wakes up.
func near(n int) bool { return n <= 2*sendWindow && n > sendWindow-64<<10 }

// corked says that the kernel waits for full packets.
func corked(t *testing.T, c *net.TCPConn) (on bool) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	value := 0
	if lost := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK) }); lost != nil || err != nil {
		t.Fatal(lost, err)
	}
	return value != 0
}

// asks is what a sender is allowed at once of as much as it likes; 0 when it has to wait.
func asks(t *testing.T, s *Sender) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	n, err := s.Room(ctx, 1<<30)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	return n
}

func TestSenderIsHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	f := r.Flow(1)
	s := f.Send(c)
	r.spies[0].window = sendWindow
	r.beat()
	if corked(t, c) {
		t.Error("before the body something may wait for more, which a head has not")
	}
	if got := asks(t, s); !near(got) || !corked(t, c) {
		t.Errorf("%d bytes, corked: %t; want about %d, and full packets", got, corked(t, c), sendWindow)
	}
	expect(t, "what comes in", c, 0, lowerEffort)
	r.spies[0].window = 0
	r.beat()
	if got := asks(t, s); got != 0 {
		t.Errorf("at rest %d bytes", got)
	}
	r.beat()
	if r.spies[0].last().Held {
		t.Error("who waits for the window is taken for slow")
	}
	r.beat()
	if !r.spies[0].last().Held {
		t.Error("who has nothing to send is taken for one who fills the window")
	}
	f.SetWeight(0)
	if got := asks(t, s); got != 1<<30 || corked(t, c) {
		t.Errorf("in the foreground %d bytes, corked: %t; want no bound", got, corked(t, c))
	}
	f.SetWeight(1)
	asks(t, s)
	s.Close()
	s.Close()
	if corked(t, c) || len(f.links) > 0 {
		t.Error("behind the body something still waits for more, or the connection is still used")
	}
}

// TestSenderCountsWhatIsUnderWay: a window bounds what the other end has yet to confirm, in the kernel's buffers or on the way.
func TestSenderCountsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, far := dial(t)
	if err := far.SetReadBuffer(1); err != nil { // it soon takes no more
		t.Fatal(err)
	}
	s := r.Flow(1).Send(c)
	r.spies[0].window = sendWindow
	r.beat()
	sent := 0
	for {
		n := asks(t, s)
		if n == 0 {
			break
		}
		if _, err := c.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if sent += n; sent > 1<<20 {
			t.Fatalf("%d bytes are on the way, with a window of %d", sent, sendWindow)
		}
	}
	var q backlog
	raw, _ := c.SyscallConn()
	_ = raw.Control(func(fd uintptr) { _ = q.read(fd) })
	if !near(q.unconfirmed - min(q.unsent, 32<<10)) {
		t.Errorf("%d bytes are under way, want about %d", q.unconfirmed, sendWindow)
	}
}

// TestBothDirectionsOfAConnection: each has its own line, and a window of its own.
func TestBothDirectionsOfAConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	f := r.Flow(1)
	release, s := f.Use(c), f.Send(c)
	var names []string
	for _, l := range r.Lines() {
		names = append(names, l.Name)
	}
	if len(r.spies) != 2 || len(names) != 2 || names[0] != "lo" || names[1] != "lo, uploads" {
		t.Errorf("%d controllers, of %q; want one for each direction", len(r.spies), names)
	}
	expect(t, "both", c, testWindow, lowerEffort)
	release()
	r.spies[1].window = sendWindow
	r.beat()
	if got := asks(t, s); !near(got) {
		t.Errorf("with the download gone %d bytes may be sent, want about %d", got, sendWindow)
	}
}

func TestSenderWithoutABusiness(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pipe, _ := net.Pipe()
	s := r.Flow(1).Send(pipe)
	if got := asks(t, s); got != 1<<30 {
		t.Errorf("what is not TCP is held to %d bytes", got)
	}
	s.Close()
	c, _ := dial(t)
	s = r.Flow(1).Send(c)
	c.Close()
	if got := asks(t, s); got != 1<<30 {
		t.Errorf("a closed connection is held to %d bytes, so that nobody learns of its end", got)
	}
	s.Close()
}
