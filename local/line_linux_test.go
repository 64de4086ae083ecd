//go:build integration

package local_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest/homeline"
	"github.com/ebb-transfer/ebb/job"
	"github.com/ebb-transfer/ebb/local"
)

// zeros is a file without end.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// serveFile serves a file that no test will see the end of, and returns its URL.
func serveFile(t *testing.T, l net.Listener) string {
	srv := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(zeros{}, 0, 256<<20))
		}),
	}
	go func() { _ = srv.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + l.Addr().String() + "/file"
}

// greedy downloads as much as it gets, until the test ends or it is stopped.
func greedy(t *testing.T, server string) (count func() int64, stop func()) {
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var bytes atomic.Int64
	go func() { // ends with the connection
		for buf := make([]byte, 64<<10); err == nil; {
			var n int
			n, err = conn.Read(buf)
			bytes.Add(int64(n))
		}
	}()
	return bytes.Load, func() { conn.Close() }
}

// TestBackgroundJobMakesRoom: who shares a line with a job of low priority does not notice it, and one with a job in the foreground does.
func TestBackgroundJobMakesRoom(t *testing.T) {
	l, here := homeline.Behind(t)
	if !here {
		return
	}
	poured := l.Listen(t)
	go homeline.Pour(poured)
	svc, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	spec := ebb.Download(serveFile(t, l.Listen(t)), filepath.Join(t.TempDir(), "file"))
	spec.Priority = job.Low
	spec.Network.StallTimeout = job.Duration(5 * time.Second) // a trickle is no stall
	j, err := svc.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	ours := func() int64 {
		if err := j.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		return j.Transferred
	}

	if !homeline.HasAll(ours) || j.Idle == nil || j.Idle.Mechanism != "window" {
		t.Errorf("alone the job does not take the line: %+v", j.Idle)
	}

	theirs, stop := greedy(t, poured.Addr().String())
	time.Sleep(2 * time.Second)
	if share := homeline.Share(4*time.Second, theirs, ours); share < 0.9 {
		t.Errorf("beside the job somebody else has %.0f %% of the line, want 90 or more", 100*share)
	}
	if j.Idle == nil || j.Idle.State != "yielding" {
		t.Errorf("beside somebody else the job shows %+v", j.Idle)
	}

	if err := j.Set(t.Context(), map[string]any{"priority": "foreground"}); err != nil {
		t.Fatal(err)
	}
	ours()
	if j.Idle != nil {
		t.Errorf("in the foreground the job shows %+v", j.Idle)
	}
	time.Sleep(2 * time.Second)
	if share := homeline.Share(4*time.Second, ours, theirs); share < 0.2 {
		t.Errorf("in the foreground the job has %.0f %% of the line beside somebody else, want about half", 100*share)
	}

	if err := j.Set(t.Context(), map[string]any{"priority": "low"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	if share := homeline.Share(4*time.Second, theirs, ours); share < 0.9 {
		t.Errorf("with the job in the background again somebody else has %.0f %% of the line, want 90 or more", 100*share)
	}
	stop()
	if !homeline.HasAll(ours) {
		t.Errorf("when nobody else wants the line the job does not take it: %+v", j.Idle)
	}
	if j.ErrorCount > 0 {
		t.Errorf("the job has failed for making room: %+v", j.Failures)
	}
}
