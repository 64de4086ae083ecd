//go:build integration

package idle

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/homeline"
	"golang.org/x/sys/unix"
)

// spill sends to a server that drains, as part of a flow if there is one, until the test ends or it is stopped.
func spill(t *testing.T, server string, f *Flow) (count func() int64, stop func()) {
	t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	room := func(n int) (int, error) { return n, nil }
	if f != nil {
		sender := f.Send(conn)
		t.Cleanup(sender.Close)
		room = func(n int) (int, error) { return sender.Room(t.Context(), n) }
	}
	var written atomic.Int64
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := room(len(buf))
			if err == nil {
				n, err = conn.Write(buf[:n])
			}
			if written.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return func() int64 {
		n := written.Load()
		_ = raw.Control(func(fd uintptr) { // of a closed connection nothing is under way
			if queued, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
				n -= int64(queued)
			}
		})
		return n
	}, func() { conn.Close() }
}

// takes is what a job must have of the line when nobody else wants it: ten times what it has while it makes room. Who writes has to wake up
// in time for each packet or two on a line as short as this, which a busy machine does not let it; bench/idle measures longer ones.
const takes = 0.2

// TestUploadsLeaveTheLine: with the interface's counters, and by what the line shows alone.
func TestUploadsLeaveTheLine(t *testing.T) {
	server, here := far(t, homeline.Drain)
	if !here {
		return
	}
	for _, counters := range []bool{true, false} {
		m := run(t)
		if !counters {
			m.counters.fd = -1
		}
		job := m.Flow(1)
		a, stopA := spill(t, server, job)
		b, stopB := spill(t, server, job)
		ours := func() int64 { return a() + b() }

		if !homeline.Has(takes, ours) {
			_, is := job.Status()
			t.Errorf("counters %t: alone the job does not use the line: %+v", counters, is)
		}
		if _, is := job.Status(); is.Signal == HostSignal {
			t.Errorf("counters %t: what the job sends is taken for that of others: %+v", counters, is)
		}
		foreground, stop := spill(t, server, nil)
		time.Sleep(2 * time.Second)
		share := homeline.Share(4*time.Second, foreground, ours)
		if _, is := job.Status(); share < 0.9 || is.State != Yielding {
			t.Errorf("counters %t: beside the job somebody else has %.0f %% of the line, want 90 or more: %+v", counters, 100*share, is)
		}
		stop()
		if !homeline.Has(takes, ours) {
			_, is := job.Status()
			t.Errorf("counters %t: when nobody else wants the line the job does not use it: %+v", counters, is)
		}
		stopA()
		stopB()
	}
}

// TestSensorOfASender: what it makes of the kernel's numbers is the queue that is there.
func TestSensorOfASender(t *testing.T) {
	server, here := far(t, homeline.Drain)
	if !here {
		return
	}
	m := run(t)
	spy := &spy{window: sensorWindow}
	m.control = func(uint64) controller { return spy }
	count, _ := spill(t, server, m.Flow(1))
	time.Sleep(2 * time.Second)
	before, begin := spy.last(), count()
	mean := meanRTT(spy)
	after, sent := spy.last(), count()-begin
	if mean < sensorQueue*7/10 || mean > 3*sensorQueue { // a pause of the machine is in it, too
		t.Errorf("the round trips are %v on average, the queue is %v", mean, sensorQueue)
	}
	if got := after.Received - before.Received; got < sent-sensorWindow || got > sent+sensorWindow {
		t.Errorf("%d bytes are told, %d were sent", got, sent)
	}
	if others := spy.others(); others > sent/20 {
		t.Errorf("%d bytes of others are told beside our %d, and there are none", others, sent)
	}
}
