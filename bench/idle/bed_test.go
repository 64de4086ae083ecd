//go:build linux

package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// TestMain lets the test's program be a forwarder, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == forwardCommand {
		if err := forward(os.Args[2], 0, 3, 4, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

var bedIsFree = flag.Bool("bed", false, "check the bed, on a machine that does nothing else")

// TestBedIsTrue checks the bed with nothing but UDP: what its path is said to be like is what comes out. It is about milliseconds,
// so that it is for measurements (make bench-idle begins with it) and tells nothing where other tests run beside it. There are
// some tries all the same.
func TestBedIsTrue(t *testing.T) {
	if !*bedIsFree {
		t.Skip("no -bed")
	}
	for _, p := range []path{
		{Rate: 20, Buffer: 50 * time.Millisecond, Base: 20 * time.Millisecond},
		{Rate: 100, Buffer: 100 * time.Millisecond, Base: 100 * time.Millisecond},
	} {
		var faults []string
		for range 4 {
			if faults = checkBed(t, p); len(faults) == 0 {
				break
			}
		}
		if len(faults) > 0 {
			t.Errorf("%s: %q", p, faults)
		}
	}
}

// checkBed returns what is not as it should be.
func checkBed(t *testing.T, p path) (faults []string) {
	s, err := newStage(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if n := s.forwarder.stats.Largest; n > 1500 || s.forwarder.stats.Full > 0 {
			faults = append(faults, fmt.Sprintf("forwarder: %+v", s.forwarder.stats))
		}
	}()
	wait := func(d time.Duration) {
		if err := runner.Sleep(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	wait(time.Second)
	flooded := s.meter.now()
	flood(t, s.bed, time.Second+6*p.Buffer+p.Base)
	ended := s.meter.now()
	wait(300*time.Millisecond + p.Base)
	// From then on the queue is full.
	full := ended - time.Second
	rate := s.meter.of(person).rate(full, ended)
	idle, busy := tookBetween(s.prober, 0, flooded-p.Base), tookBetween(s.prober, full, ended)
	if got := quantile(idle, 0.5) - p.Base.Seconds(); math.Abs(got) > 0.001 {
		faults = append(faults, fmt.Sprintf("base RTT is off by %.2f ms", 1e3*got))
	}
	if got := rate / p.capacity(); math.Abs(got-1) > 0.03 {
		faults = append(faults, fmt.Sprintf("rate is %.3f of what it should be", got))
	}
	if len(busy) == 0 {
		return append(faults, "no probe got through")
	}
	if got := (quantile(busy, 0.5) - p.Base.Seconds()) / p.Buffer.Seconds(); math.Abs(got-1) > 0.1 {
		faults = append(faults, fmt.Sprintf("buffer is %.2f of what it should be", got))
	}
	return faults
}

func tookBetween(p *prober, from, to time.Duration) (out []float64) {
	for _, e := range p.seen() {
		if e.At >= from && e.At < to && e.Took > 0 {
			out = append(out, e.Took.Seconds())
		}
	}
	return out
}

// flood sends 1.2 times what the bottleneck takes, from the server to the person.
func flood(t *testing.T, b *bed, d time.Duration) {
	t.Helper()
	c, err := b.server.dial(t.Context(), "udp4", net.JoinHostPort(clientAddr(person), "9"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	packet := make([]byte, 1400)
	every := time.Duration(float64(len(packet)+42) / (1.2 * b.path.capacity()) * float64(time.Second))
	began := time.Now()
	for sent := 0; time.Since(began) < d; {
		for ; sent < int(time.Since(began)/every); sent++ {
			_, _ = c.Write(packet) // nobody listens, so that it is refused now and then
		}
		if err := runner.Sleep(t.Context(), time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWay carries packets between two sockets.
func TestWay(t *testing.T) {
	t.Parallel()
	const delay, n = 20 * time.Millisecond, 150
	w, in, out := newTestWay(t, forwardOptions{Delay: delay, Jitter: time.Millisecond, Seed: 1})
	began := now()
	got, b := 0, make([]byte, 100)
	for sent := 0; got < n; {
		if sent < n {
			if _, err := unix.Write(in, fmt.Appendf(nil, "%d", sent)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if err := w.move(); err != nil {
			t.Fatal(err)
		}
		for ; ; got++ {
			size, err := unix.Read(out, b)
			if err != nil {
				break
			}
			if took := time.Duration(now() - began); took < delay {
				t.Fatalf("packet %d after %s, before the delay is over", got, took)
			}
			if want := fmt.Sprint(got); string(b[:size]) != want {
				t.Fatalf("packet %q, want %q", b[:size], want)
			}
		}
	}
	if s := stats(w); s.Packets != n || s.Lost != 0 || s.Full != 0 || s.Late50 <= 0 || s.Late99 < s.Late50 || s.Behind < 0 || s.Behind > 1 {
		t.Errorf("%+v", s)
	}
}

// TestJitterKeepsTheOrder: what comes later is due later, and never before its delay.
func TestJitterKeepsTheOrder(t *testing.T) {
	t.Parallel()
	w := newWay(-1, -1, forwardOptions{Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Seed: 1})
	var before, extra int64
	for at := int64(time.Second); at < int64(3*time.Second); at += int64(time.Millisecond) {
		due := w.due(at, false)
		if due < before || due < at+int64(10*time.Millisecond) {
			t.Fatalf("at %d: due at %d, the one before at %d", at, due, before)
		}
		before, extra = due, extra+due-at-int64(10*time.Millisecond)
	}
	if mean := time.Duration(extra / 2000); mean < 3*time.Millisecond || mean > 15*time.Millisecond {
		t.Errorf("the mean of what was added is %s", mean)
	}
}

// TestFarServerIsFurther: what comes from it is later than the rest, and keeps its own order.
func TestFarServerIsFurther(t *testing.T) {
	t.Parallel()
	const delay, more = 10 * time.Millisecond, 30 * time.Millisecond
	w := newWay(-1, -1, forwardOptions{Delay: delay, Far: more, Seed: 1})
	for at := range time.Duration(100) {
		p := &packet{}
		copy(p.data[12:], []byte{198, 18, 0, byte(2 + at%2)})
		w.carry(p, int64(at*time.Millisecond))
	}
	before := int64(0)
	count := map[bool]int64{}
	for _, p := range w.line {
		far := p.fromFar()
		want := time.Duration(2*count[far])*time.Millisecond + delay
		if far {
			want += time.Millisecond + more
		}
		if p.due != int64(want) || p.due < before {
			t.Fatalf("packet %d, far %t, is due at %s, want %s, the one ahead at %s", count[far], far, time.Duration(p.due), want, time.Duration(before))
		}
		before = p.due
		count[far]++
	}
}

// TestPausesCountByTheirLength: not by how many packets they have made late.
func TestPausesCountByTheirLength(t *testing.T) {
	t.Parallel()
	w := newWay(-1, -1, forwardOptions{})
	second := int64(time.Second)
	ms := int64(time.Millisecond)
	w.began = now() - 100*second
	w.note(1*second, 1*second+4*ms)      // not too late
	w.note(2*second, 3*second)           // a pause of a second, and
	w.note(2*second+10*ms, 3*second)     // others that had to wait, too
	w.note(2*second+900*ms, 3*second+ms) // one even longer
	w.note(5*second, 5*second+499*ms)
	if got := stats(w, newWay(-1, -1, forwardOptions{})).Behind; got < 0.0149 || got > 0.0151 {
		t.Errorf("1.5 s of 100 s were a share of %.4f", got)
	}
}

func TestWayLosesPackets(t *testing.T) {
	t.Parallel()
	w, in, _ := newTestWay(t, forwardOptions{Delay: time.Hour, Loss: 0.25, Seed: 1})
	const n = wayLength * 2
	for range n {
		if _, err := unix.Write(in, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := w.move(); err != nil {
			t.Fatal(err)
		}
	}
	s := stats(w)
	if share := float64(s.Lost) / float64(n-s.Full); share < 0.23 || share > 0.27 {
		t.Errorf("lost %.3f of the packets that had room, %+v", share, s)
	}
	if s.Packets != 0 || n-s.Full-s.Lost != wayLength-1 {
		t.Errorf("%+v", s)
	}
}

// newTestWay returns a way and the far ends of its two sockets.
func newTestWay(t *testing.T, o forwardOptions) (w *way, in, out int) {
	t.Helper()
	in, from := socketPair(t)
	to, out := socketPair(t)
	return newWay(from, to, o), in, out
}

func socketPair(t *testing.T) (one, other int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(pair[0]), unix.Close(pair[1]) })
	return pair[0], pair[1]
}

// TestForwarderHeedsItsInput: the delay can change, and the end of the input is the end.
func TestForwarderHeedsItsInput(t *testing.T) {
	t.Parallel()
	client, near := socketPair(t)
	server, far := socketPair(t)
	in, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	var out bytes.Buffer
	ended := make(chan error)
	go func() { ended <- forward("{}", int(in.Fd()), near, far, &out) }()
	f := forwarder{stdin: input}
	for _, base := range []time.Duration{0, 100 * time.Millisecond} {
		if err := f.setBase(base); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := unix.Write(server, []byte("a packet")); err != nil {
			t.Fatal(err)
		}
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(client), Events: unix.POLLIN}}, 10_000); n != 1 || err != nil {
			t.Fatalf("nothing comes through: %d, %v", n, err)
		}
		if took := time.Since(began); took < base/2 {
			t.Errorf("a way of %s took %s", base/2, took)
		}
		if _, err := unix.Read(client, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || !strings.Contains(out.String(), `"packets":2,`) {
		t.Errorf("%v, %s", err, out.String())
	}
}
