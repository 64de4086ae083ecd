//go:build integration

package idle

import (
	"context"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/homeline"
)

// sip reads from a server that pours, as part of a flow if there is one, until the test ends or it is stopped.
func sip(t *testing.T, server string, f *Flow) (count func() int64, stop func()) {
	t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	if f != nil {
		t.Cleanup(f.Use(conn))
	}
	t.Cleanup(func() { conn.Close() })
	var bytes atomic.Int64
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			if bytes.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	return bytes.Load, func() { conn.Close() }
}

// behind is a line with a server that pours, and a manager.
func behind(t *testing.T) (m *Manager, server string, here bool) {
	t.Helper()
	if server, here = far(t, homeline.Pour); !here {
		return nil, "", false
	}
	return run(t), server, true
}

// far is a server at the far end of a line.
func far(t *testing.T, serve func(net.Listener)) (server string, here bool) {
	t.Helper()
	l, here := homeline.Behind(t)
	if !here {
		return "", false
	}
	ln := l.Listen(t)
	go serve(ln)
	return ln.Addr().String(), true
}

// run runs a manager that says what it does.
func run(t *testing.T) *Manager {
	m := New(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return m
}

func TestForegroundHasTheLine(t *testing.T) {
	m, server, here := behind(t)
	if !here {
		return
	}
	job := m.Flow(1)
	a, _ := sip(t, server, job)
	b, _ := sip(t, server, job)
	ours := func() int64 { return a() + b() }

	if !homeline.HasAll(ours) {
		_, is := job.Status()
		t.Errorf("alone the job does not take the line: %+v", is)
	}
	foreground, stop := sip(t, server, nil)
	time.Sleep(2 * time.Second)
	share := homeline.Share(4*time.Second, foreground, ours)
	if _, is := job.Status(); share < 0.9 || is.State != Yielding {
		t.Errorf("beside the job somebody else has %.0f %% of the line, want 90 or more: %+v", 100*share, is)
	}
	stop()
	if !homeline.HasAll(ours) {
		_, is := job.Status()
		t.Errorf("when nobody else wants the line the job does not take it: %+v", is)
	}
}

// sensorWindow is held in the tests of the sensor. It takes its time at the line's rate: so long is the queue.
const (
	sensorWindow = 100_000
	sensorQueue  = sensorWindow * time.Second / homeline.Rate
)

// TestSensor: what the sensor makes of the kernel's numbers is the queue that is there, with time stamps and without.
func TestSensor(t *testing.T) {
	m, server, here := behind(t)
	if !here {
		return
	}
	for _, stamps := range []string{"1", "0"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/tcp_timestamps", []byte(stamps), 0); err != nil {
			t.Fatal(err)
		}
		spy := &spy{window: sensorWindow}
		m.mu.Lock()
		m.control = func(uint64) controller { return spy }
		clear(m.paths)
		m.mu.Unlock()
		count, stop := sip(t, server, m.Flow(1))
		time.Sleep(2 * time.Second)
		before, begin := spy.last(), count()
		mean := meanRTT(spy)
		after, read := spy.last(), count()-begin
		stop()
		if mean < sensorQueue*7/10 || mean > sensorQueue*13/10 {
			t.Errorf("time stamps %s: the round trips are %v on average, the queue is %v", stamps, mean, sensorQueue)
		}
		if got := after.Received - before.Received; got < read-sensorWindow || got > read+sensorWindow {
			t.Errorf("time stamps %s: %d bytes are told, %d were read", stamps, got, read)
		}
		time.Sleep(time.Second) // until the manager has forgotten the connection
	}
}

// meanRTT is the average of a hundred samples.
func meanRTT(s *spy) time.Duration {
	var sum time.Duration
	for n := 0; n < 100; time.Sleep(7 * time.Millisecond) {
		if last := s.last(); last.RTT > 0 {
			sum += last.RTT
			n++
		}
	}
	return sum / 100
}

// TestOthersOnTheInterface: who shares the interface without being one of ours is seen.
func TestOthersOnTheInterface(t *testing.T) {
	m, server, here := behind(t)
	if !here {
		return
	}
	spy := &spy{window: sensorWindow}
	m.control = func(uint64) controller { return spy }
	sip(t, server, m.Flow(1))
	time.Sleep(time.Second)
	others, ours := spy.others(), spy.last().Received
	theirs, _ := sip(t, server, nil)
	time.Sleep(2 * time.Second)
	others, ours = spy.others()-others, spy.last().Received-ours
	if got, want := float64(others), float64(theirs()); got < want*0.9 || got > want*1.1+float64(ours)*0.05 {
		t.Errorf("others have had %.0f bytes beside our %d, but %.0f are told", want, ours, got)
	}
}

// ledger is a controller that holds nothing back and writes down what arrives.
type ledger struct {
	mu      sync.Mutex // guards all below
	entries []entry
}

type entry struct {
	at time.Duration
	Sample
}

func (l *ledger) Step(now time.Duration, conns []Sample, _ Surroundings) ([]int64, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entry{now, conns[0]})
	return []int64{maxWindow}, 5 * time.Millisecond
}

func (l *ledger) Status() Status { return Status{State: Holding} }

func (l *ledger) all() []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries
}

// TestArrivalBesideLosses: what comes behind a lost packet has arrived at once, and nothing counts twice.
func TestArrivalBesideLosses(t *testing.T) {
	m, server, here := behind(t)
	if !here {
		return
	}
	var books ledger
	m.control = func(uint64) controller { return &books }
	read, stop := sip(t, server, m.Flow(1))
	time.Sleep(15 * time.Second)
	stop()
	entries := books.all()
	last := entries[len(entries)-1]
	if last.Disorder == 0 {
		t.Fatal("the sender has not overrun the buffer of the line")
	}
	if got, want := last.Received, read(); got < want-want/100 || got > want+want/100 {
		t.Errorf("%d bytes are told, %d were read", got, want)
	}
	if rate := fastest(entries, 50*time.Millisecond) / homeline.Rate; rate > 1.5 {
		t.Errorf("with %d packets out of order data arrive at %.1f times the rate of the line", last.Disorder, rate)
	}
}

// fastest is the highest rate over spans of that length, in bytes per second.
func fastest(entries []entry, span time.Duration) float64 {
	most, first := 0.0, 0
	for _, e := range entries {
		for e.at-entries[first+1].at > span {
			first++
		}
		if took := e.at - entries[first].at; took >= span {
			most = max(most, float64(e.Received-entries[first].Received)/took.Seconds())
		}
	}
	return most
}
