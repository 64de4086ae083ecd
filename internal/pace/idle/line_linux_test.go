//go:build integration

package idle

import (
	"context"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// lineRate is what the line of onLine carries of payload, in bytes per second.
const lineRate = 20e6 / 8 * 1448 / 1514

// pour sends without end to all who connect.
func pour(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for buf := make([]byte, 64<<10); ; {
				if _, err := conn.Write(buf); err != nil {
					return
				}
			}
		}()
	}
}

// sip reads from a server that pours, as part of a flow if there is one, until the test ends or it is stopped.
func sip(t *testing.T, server string, f *Flow) (count *atomic.Int64, stop func()) {
	t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	if f != nil {
		t.Cleanup(f.Use(conn))
	}
	t.Cleanup(func() { conn.Close() })
	count = new(atomic.Int64)
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := conn.Read(buf)
			if count.Add(int64(n)); err != nil {
				return
			}
		}
	}()
	return count, func() { conn.Close() }
}

// share is what part of the line each count has had in the time that passes until it returns.
func shareOf(span time.Duration, counts ...*atomic.Int64) []float64 {
	before := make([]int64, len(counts))
	for i, c := range counts {
		before[i] = c.Load()
	}
	start := time.Now()
	time.Sleep(span)
	elapsed := time.Since(start).Seconds()
	out := make([]float64, len(counts))
	for i, c := range counts {
		out[i] = float64(c.Load()-before[i]) / elapsed / lineRate
	}
	return out
}

func TestForegroundHasTheLine(t *testing.T) {
	server, here := onLine(t)
	if !here {
		return
	}
	l := listenIn(t, server)
	go pour(l)
	m := New(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug})))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go m.Run(ctx)
	job := m.Flow(1)
	a, _ := sip(t, l.Addr().String(), job)
	b, _ := sip(t, l.Addr().String(), job)
	ours := func(shares []float64) float64 { return shares[0] + shares[1] }

	shareOf(2*time.Second, a)
	if alone := ours(shareOf(2*time.Second, a, b)); alone < 0.8 {
		t.Errorf("alone the job has %.0f %% of the line, want all of it", 100*alone)
	}
	foreground, stop := sip(t, l.Addr().String(), nil)
	shareOf(2*time.Second, a)
	beside := shareOf(4*time.Second, a, b, foreground)
	_, is := job.Status()
	t.Logf("beside somebody else: %.3f, status %+v", beside, is)
	if beside[2] < 0.9 {
		t.Errorf("beside the job somebody else has %.0f %% of the line, want 90 or more", 100*beside[2])
	}
	stop()
	shareOf(4*time.Second, a)
	if after := ours(shareOf(2*time.Second, a, b)); after < 0.8 {
		t.Errorf("afterwards the job has %.0f %% of the line, want all of it", 100*after)
	}
}
