package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/job"
)

// TestErrorsAreCountedByClass: a try that fails counts; what waits for a network is no error.
func TestErrorsAreCountedByClass(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		host := busyHost{memSource{"http://busy/a": []byte("content")}, "http://busy", time.Now().Add(time.Minute)}
		b := startBench(t, dir, memstore.New(), host)
		defer b.stop()
		b.SetFacts(sched.Facts{Offline: "there is no network"})
		j := b.create(b.download("http://busy/a"))
		b.until(j.ID, job.TransientError)
		if m, err := b.Metrics(t.Context()); err != nil || m.Counts != (Counts{}) {
			t.Errorf("without a network: %+v (%v)", m.Counts, err)
		}
		b.SetFacts(sched.Facts{})
		time.Sleep(5 * time.Minute)
		b.until(j.ID, job.Transferred)
		m, err := b.Metrics(t.Context())
		want := Counts{Received: [4]int64{job.Normal: 7}, Files: 1, Errors: [3]int64{job.Transient: 1}}
		if diff := cmp.Diff(want, m.Counts); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		b.do(j.ID, job.Complete{})
		b.until(j.ID, job.Acknowledged)
		if m, err = b.Metrics(t.Context()); err != nil || m.Acknowledged != 1 || m.Jobs != (Jobs{}) {
			t.Errorf("once it is completed: %+v (%v)", m, err)
		}
	})
}

// failingOnce is a store whose next commit fails when it is told so.
type failingOnce struct {
	store.Store
	fail atomic.Bool
}

func (f *failingOnce) Commit(ctx context.Context, b store.Batch) ([]uint64, error) {
	if f.fail.Swap(false) {
		return nil, errors.New("the disk is gone")
	}
	return f.Store.Commit(ctx, b)
}

func TestCountsOutliveAFailedCommit(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		st := &failingOnce{Store: memstore.New()}
		b := startBench(t, dir, st, memSource{"http://host/a": []byte("content")})
		defer b.stop()
		b.until(b.create(b.download("http://host/a")).ID, job.Transferred)
		st.fail.Store(true)
		if _, err := b.Create(t.Context(), Actor{}, job.Spec{Settings: job.DefaultSettings()}); !errors.Is(err, ErrUnknown) {
			t.Fatalf("Create: %v", err)
		}
		if m, err := b.Metrics(t.Context()); err != nil || m.Files != 1 {
			t.Errorf("%d files (%v), want 1", m.Files, err)
		}
	})
}

// BenchmarkMetrics is how long the control goroutine does nothing else, with so many jobs of which 64 run.
func BenchmarkMetrics(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := &session{Engine: New(Config{}), jobs: map[job.ID]*entry{}, ready: set{}, blocked: set{}, busy: set{}}
			for i := range n {
				en := s.enter(job.Job{ID: job.ID(fmt.Sprint(i)), Seq: uint64(i), Settings: job.Settings{Priority: job.Priority(i % 4)}})
				en.runs = map[job.FileID]*run{1: {}}
				s.busy.put(en, i < 64)
			}
			for b.Loop() {
				s.metrics()
			}
		})
	}
}
