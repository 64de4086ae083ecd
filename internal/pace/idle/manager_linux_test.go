package idle

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const testWindow = 20_000

// spy is a controller that gives all connections the same window and remembers what it was shown.
type spy struct {
	window int64

	mu     sync.Mutex // guards all below
	shown  []Sample
	around Surroundings
	steps  int
}

func (s *spy) Step(_ time.Duration, conns []Sample, around Surroundings) ([]int64, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown, s.around = slices.Clone(conns), around
	s.steps++
	return slices.Repeat([]int64{s.window}, len(conns)), 2 * time.Millisecond
}

func (s *spy) Status() Status { return Status{State: Holding, Window: s.window} }

// last is what it was shown last of the first connection.
func (s *spy) last() Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.shown) == 0 {
		return Sample{}
	}
	return s.shown[0]
}

func (s *spy) others() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.around.Others
}

func (s *spy) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps
}

func (s *spy) weights() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int
	for _, c := range s.shown {
		out = append(out, c.Weight/shares)
	}
	return out
}

// rig is a manager that takes loopback for a line that others use, too.
type rig struct {
	*Manager
	t     *testing.T
	spies []*spy // one for each path
}

func newRig(t *testing.T) *rig {
	r := &rig{Manager: New(slog.New(slog.DiscardHandler)), t: t}
	r.control = func(uint64) controller {
		r.spies = append(r.spies, &spy{window: testWindow})
		return r.spies[len(r.spies)-1]
	}
	r.locate = func(*net.TCPConn) (place, bool) { return place{index: 1, name: "lo"}, true }
	return r
}

// run runs the manager until the test ends.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx)
	}()
	r.t.Cleanup(func() { cancel(); <-done })
}

// beat makes a step as Run would.
func (r *rig) beat() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step()
}

func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		r.mu.Lock()
		ok := is()
		r.mu.Unlock()
		if ok {
			return
		}
	}
	r.t.Fatal(what + " has not come about")
}

// dial opens a connection over loopback.
func dial(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// option is what the kernel says of an option of SOL_SOCKET.
func option(t *testing.T, c *net.TCPConn, name int) (value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if lost := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, name) }); lost != nil || err != nil {
		t.Fatal(lost, err)
	}
	return value
}

// expect checks what the kernel knows of a connection: a window of 0 stands for one that is not held.
func expect(t *testing.T, when string, c *net.TCPConn, window, class int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		clamp, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_WINDOW_CLAMP)
		if err != nil {
			t.Error(err)
		}
		if window > 0 && clamp != window || window == 0 && clamp <= testWindow {
			t.Errorf("%s: the window is held to %d, want %d", when, clamp, window)
		}
		tos, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS)
		if tos != class || err != nil {
			t.Errorf("%s: the traffic class is %#x, want %#x (%v)", when, tos, class, err)
		}
	})
}

func TestWindowIsHeldFromUse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, s := dial(t)
	f := r.Flow(1)
	expect(t, "before", c, 0, 0)
	release := f.Use(c)
	expect(t, "in use", c, testWindow, lowerEffort)

	// Autotuning lets it grow; the next step sees that.
	raw, _ := c.SyscallConn()
	_ = raw.Control(func(fd uintptr) { _ = setWindow(fd, 1<<20) })
	if _, err := s.Write(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	r.beat()
	expect(t, "after the kernel let it grow", c, testWindow, lowerEffort)
	if got := r.spies[0].shown[0]; got.Received != 10 || got.MSS == 0 || got.ID == 0 {
		t.Errorf("the sample is %+v, want 10 bytes", got)
	}
	release()
	release()
	expect(t, "lingering", c, testWindow, lowerEffort)
}

func TestPooledConnectionBecomesForeground(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	r.Flow(1).Use(c)()
	expect(t, "after a background request", c, testWindow, lowerEffort)
	release := r.Flow(0).Use(c)
	expect(t, "with a foreground request", c, 0, 0)
	release()
	if len(r.links) > 0 {
		t.Error("an unused connection that is not held is still known")
	}
	r.Flow(1).Use(c)
	expect(t, "in the background again", c, testWindow, lowerEffort)
	if got := r.spies[0].shown[0].ID; got != 2 {
		t.Errorf("the second time its ID is %d, want another one than before, 2", got)
	}
}

func TestPriorityChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	f := r.Flow(0)
	defer f.Use(c)()
	expect(t, "foreground", c, 0, 0)
	if m, _ := f.Status(); m != NoMechanism {
		t.Errorf("in the foreground the mechanism is %q", m)
	}
	f.SetWeight(4)
	expect(t, "background", c, testWindow, lowerEffort)
	if m, s := f.Status(); m != WindowMechanism || s.State != Holding {
		t.Errorf("in the background the status is %q, %+v", m, s)
	}
	f.SetWeight(0)
	expect(t, "foreground again", c, 0, 0)
}

func TestWeightIsThatOfTheFlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var conns []*net.TCPConn
	for range 4 {
		c, _ := dial(t)
		conns = append(conns, c)
	}
	heavy, light, third := r.Flow(6), r.Flow(1), r.Flow(2)
	first := heavy.Use(conns[0])
	heavy.Use(conns[1])
	heavy.Part().Use(conns[2])
	light.Use(conns[3])
	check := func(when string, want ...int) {
		t.Helper()
		r.beat()
		if diff := cmp.Diff(want, r.spies[0].weights()); diff != "" {
			t.Errorf("%s: weights (-want +got):\n%s", when, diff)
		}
	}
	check("three connections and one", 2, 2, 2, 1)
	again := light.Use(conns[3])
	third.Use(conns[3])
	check("two flows on one connection (HTTP/2)", 2, 2, 2, 3)
	again()
	check("one of two requests over", 2, 2, 2, 3)
	first()
	check("one connection less, which lingers", 0, 3, 3, 3)
	heavy.SetWeight(2)
	check("another weight", 0, 1, 1, 3)
}

func TestForegroundRequestFreesSharedConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	defer r.Flow(1).Use(c)()
	release := r.Flow(0).Use(c)
	expect(t, "while somebody waits", c, 0, 0)
	release()
	expect(t, "after that", c, testWindow, lowerEffort)
}

func TestEachPlaceHasItsController(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	near, _ := dial(t)
	far, _ := dial(t)
	far2, _ := dial(t)
	r.locate = func(c *net.TCPConn) (place, bool) { return place{index: 1, name: "lo", near: c == near}, true }
	r.Flow(1).Use(near)
	r.Flow(1).Use(far)
	r.Flow(1).Use(far2)
	r.beat()
	if len(r.spies) != 2 || len(r.spies[0].shown) != 1 || len(r.spies[1].shown) != 2 {
		t.Fatalf("%d controllers for two places, want one for each, with one connection and two", len(r.spies))
	}
}

func TestLoopbackIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.locate = locate
	c, _ := dial(t)
	f := r.Flow(1)
	f.Use(c)
	expect(t, "over loopback", c, 0, 0)
	if m, _ := f.Status(); m != NoMechanism || r.due != never {
		t.Errorf("over loopback the mechanism is %q, due %v; want none", m, r.due)
	}
}

func TestClosedConnectionIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	c, _ := dial(t)
	f := r.Flow(1)
	release := f.Use(c)
	c.Close()
	r.eventually("that a closed connection is forgotten", func() bool { return len(r.links) == 0 && len(f.links) == 0 && len(f.parts) == 0 })
	release()
	f.Use(c)
	if len(r.links) > 0 {
		t.Error("a connection that was closed before its use is known")
	}
	r.eventually("sleep", func() bool { return r.due == never })
}

func TestManagerSleepsWithoutFlows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	c, _ := dial(t)
	f := r.Flow(1)
	release, another := f.Use(c), f.Use(c)
	r.eventually("a few steps", func() bool { return r.spies[0].count() > 5 })
	release()
	another()
	r.eventually("sleep", func() bool { return len(r.links) == 0 && r.due == never })
	expect(t, "after lingering", c, 0, 0)
	before := r.spies[0].count()
	time.Sleep(50 * time.Millisecond)
	if after := r.spies[0].count(); after != before {
		t.Errorf("%d steps while there was nothing to do", after-before)
	}
}

func TestEndFreesConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	r.Flow(1).Use(c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
	expect(t, "after Run", c, 0, 0)
}

func TestMark(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c, _ := dial(t)
	d, _ := dial(t)
	r.Flow(1).Use(c)
	r.Flow(0).Use(d)
	r.Mark(false)
	expect(t, "not marked any more", c, testWindow, 0)
	r.Mark(true)
	expect(t, "marked", c, testWindow, lowerEffort)
	expect(t, "foreground", d, 0, 0)
}

// wrapped is a connection as proxies and TLS have them.
type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func TestUseFindsTheSocket(t *testing.T) {
	t.Parallel()
	c, _ := dial(t)
	pipe, _ := net.Pipe()
	for _, test := range []struct {
		name string
		conn net.Conn
		want *net.TCPConn
	}{
		{"plain", c, c},
		{"TLS", tls.Client(c, &tls.Config{}), c},
		{"TLS through a proxy with TLS", tls.Client(wrapped{tls.Client(wrapped{c}, &tls.Config{})}, &tls.Config{}), c},
		{"not TCP", pipe, nil},
		{"TLS over what is not TCP", tls.Client(pipe, &tls.Config{}), nil},
	} {
		if got := tcpOf(test.conn); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	r := newRig(t)
	r.Flow(1).Use(pipe)()
}

func BenchmarkStep(b *testing.B) {
	m := New(slog.New(slog.DiscardHandler))
	still := quiet{make([]int64, 8)}
	m.control = func(uint64) controller { return still }
	m.locate = func(*net.TCPConn) (place, bool) { return place{index: 1, name: "lo"}, true }
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for range 8 {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		defer m.Flow(1).Use(c)()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for n := range still.windows {
			still.windows[n] = 50_000 + int64(i%2)
		}
		m.step()
	}
}

// quiet is a controller that costs nothing.
type quiet struct{ windows []int64 }

func (q quiet) Step(_ time.Duration, conns []Sample, _ Surroundings) ([]int64, time.Duration) {
	return q.windows[:len(conns)], time.Hour
}
func (quiet) Status() Status { return Status{} }

// swinging is a controller that goes from one of its states to the next with each step.
type swinging struct {
	*spy
	states []Status
}

func (s *swinging) Status() Status { return s.states[min(s.count(), len(s.states)-1)] }

// TestLogSaysWhatMadeRoom: once for each time, whatever else the controller does meanwhile.
func TestLogSaysWhatMadeRoom(t *testing.T) {
	r := newRig(t)
	var log strings.Builder
	r.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := &swinging{&spy{window: testWindow}, []Status{
		{State: Holding, Signal: DelaySignal},
		{State: Holding, Signal: SenderSignal},
		{State: Yielding, Signal: LossSignal},
		{State: Yielding, Signal: LossSignal},
		{State: Ramping, Signal: LossSignal},
		{State: Holding, Signal: DelaySignal},
	}}
	r.control = func(uint64) controller { return s }
	c, _ := dial(t)
	t.Cleanup(r.Flow(1).Use(c))
	for range len(s.states) {
		r.beat()
	}
	got := log.String()
	if strings.Count(got, "\n") != 2 || !strings.Contains(got, "state=yielding signal=loss") || !strings.Contains(got, "state=ramping") {
		t.Errorf("the log says\n%s", got)
	}
}
