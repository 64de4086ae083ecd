//go:build integration

package idle

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/homeline"
	"github.com/ebb-transfer/ebb/internal/pace"
)

// sipPaced reads from a server that pours, as part of a flow and at its rate, until the test ends.
func sipPaced(t *testing.T, server string, f *Flow, rate *pace.Node) (count func() int64) {
	t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Use(conn))
	t.Cleanup(func() {
		_ = conn.(*net.TCPConn).SetLinger(0) // a server that finds the window closed learns of it at once
		conn.Close()
	})
	var bytes atomic.Int64
	go func() {
		for buf := make([]byte, 64<<10); ; {
			granted, err := rate.Wait(t.Context(), len(buf))
			if err != nil {
				return
			}
			n, err := conn.Read(buf[:granted])
			rate.Took(granted, n)
			f.Took(n)
			if bytes.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	return bytes.Load
}

// TestForegroundHasTheLineBesideReads: what probes and reads can do is enough.
func TestForegroundHasTheLineBesideReads(t *testing.T) {
	m, server, here := behind(t)
	if !here {
		return
	}
	m.mu.Lock()
	m.windows, m.counters.fd = false, -1 // where windows cannot be held, interfaces do not tell either
	m.mu.Unlock()
	job, rate := m.Flow(1), pace.New(0)
	job.PaceBy(rate.SetRate)
	a, b := sipPaced(t, server, job, rate), sipPaced(t, server, job, rate)
	ours := func() int64 { return a() + b() }

	if !homeline.HasAll(ours) {
		_, is := job.Status()
		t.Errorf("alone the job does not take the line: %+v", is)
	}
	foreground, stop := sip(t, server, nil)
	time.Sleep(2 * time.Second)
	share := homeline.Share(4*time.Second, foreground, ours)
	if by, is := job.Status(); share < 0.9 || is.State != Yielding || by != RateMechanism {
		t.Errorf("beside the job somebody else has %.0f %% of the line, want 90 or more: by %s, %+v", 100*share, by, is)
	}
	stop()
	if !homeline.HasAll(ours) {
		_, is := job.Status()
		t.Errorf("when nobody else wants the line the job does not take it: %+v", is)
	}
}
