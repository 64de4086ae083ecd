package engine

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// meteredSource knows what it has sent, of 582 KiB per second for each file.
type meteredSource struct {
	memSource
	sent *atomic.Int64
}

func newMeteredSource(sizes ...int) meteredSource {
	s := meteredSource{memSource{}, new(atomic.Int64)}
	for i, size := range sizes {
		s.memSource[fmt.Sprintf("http://host/%d", i)] = make([]byte, size)
	}
	return s
}

func (s meteredSource) Open(ctx context.Context, src transport.Source, offset int64, v job.Validator) (io.ReadCloser, transport.Meta, error) {
	body, meta, err := s.memSource.Open(ctx, src, offset, v)
	return &meteredBody{body.(io.Reader), ctx, s.sent, len(s.memSource[src.URL]) - int(meta.Offset)}, meta, err
}

type meteredBody struct {
	io.Reader
	ctx  context.Context
	sent *atomic.Int64
	left int
}

func (b *meteredBody) Close() error { return nil }

func (b *meteredBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(110 * time.Millisecond):
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
	n := min(len(p), 64<<10, b.left)
	b.left -= n
	b.sent.Add(int64(n))
	if b.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

const mib = 1 << 20

func perDay(n int64) Limits {
	return Limits{Sched: sched.Limits{Background: 8, Quota: sched.Quota{PerUser: n, Period: sched.Day}}}
}

func limited(l Limits) func(*Config) { return func(c *Config) { c.Limits = l } }

// fetch is a job of that owner for one file of the source.
func (b *bench) fetch(owner string, file int, change ...func(*job.Spec)) job.ID {
	b.t.Helper()
	spec := b.download(fmt.Sprintf("http://host/%d", file))
	spec.Files[0].Local = filepath.Join(b.dir, fmt.Sprint(owner, file))
	for _, c := range change {
		c(&spec)
	}
	snap, err := b.Create(b.t.Context(), Actor{ID: owner}, spec)
	if err != nil {
		b.t.Fatal(err)
	}
	return snap.ID
}

// wantState looks at a job, and returns it.
func (b *bench) wantState(id job.ID, want job.State) job.Snapshot {
	b.t.Helper()
	snap, err := b.Job(b.t.Context(), id)
	if err != nil || snap.State != want || want == job.TransientError && (!snap.Blocked() || snap.Error.Code != job.BlockedByPolicy) {
		b.t.Fatalf("the job is %v, not %v: %v %s, %v", snap.State, want, snap.Error, snap.Waits, err)
	}
	return snap
}

func usageOf(t *testing.T, s store.Store, owner string) store.Usage {
	t.Helper()
	all, err := s.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		if u.Owner == owner {
			return u
		}
	}
	return store.Usage{}
}

func tomorrow() time.Time {
	year, month, day := time.Now().Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.Local)
}

// TestQuotaHoldsJobsBack until the period ends, within a second of flow and whatever their priority is.
func TestQuotaHoldsJobsBack(t *testing.T) {
	for name, kind := range map[string]func(*job.Spec){
		"normal":     func(*job.Spec) {},
		"foreground": func(s *job.Spec) { s.Priority = job.Foreground },
		"high performance": func(s *job.Spec) { // without checkpoints
			s.HighPerformance = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				src, st := newMeteredSource(6*mib), memstore.New()
				b := startBench(t, dir, st, src, limited(perDay(2*mib)))
				defer b.stop()
				id := b.fetch("uid:1", 0, kind)
				var before int64
				for day := range 2 {
					midnight := tomorrow()
					time.Sleep(time.Until(midnight) - time.Second)
					snap := b.wantState(id, job.TransientError)
					if want := "waits until " + midnight.Format("Mon 2 Jan 15:04") + ": its owner has used up the 2 MiB that everybody has in a day"; snap.Waits != want {
						t.Errorf("day %d: it %s", day, snap.Waits)
					}
					today := src.sent.Load() - before
					before += today
					if today < 2*mib || today > 2*mib+640<<10 {
						t.Errorf("day %d: %d bytes came", day, today)
					}
					if got := usageOf(t, st, "uid:1"); got.Bytes != today || got.Since != time.Now().Format(time.DateOnly) {
						t.Errorf("day %d: stored is %v, and %d bytes came", day, got, today)
					}
					time.Sleep(2 * time.Second)
					b.wantState(id, job.Transferring)
				}
				time.Sleep(time.Minute)
				if snap := b.wantState(id, job.Transferred); snap.ErrorCount != 0 || src.sent.Load() != 6*mib {
					t.Errorf("%d errors, %d bytes came", snap.ErrorCount, src.sent.Load())
				}
			})
		})
	}
}

// TestQuotaIsEachOwners: who has used up theirs keeps nobody else from anything, and a job that another takes over counts for
// them from then on.
func TestQuotaIsEachOwners(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src, st := newMeteredSource(3*mib, mib/4), memstore.New()
		b := startBench(t, dir, st, src, limited(perDay(mib)))
		defer b.stop()
		large := b.fetch("uid:1", 0)
		time.Sleep(time.Minute)
		b.wantState(large, job.TransientError)
		second, other := b.fetch("uid:1", 1), b.fetch("uid:2", 1)
		time.Sleep(time.Minute)
		b.wantState(second, job.TransientError)
		b.wantState(other, job.Transferred)
		if got := usageOf(t, st, "uid:2").Bytes; got != mib/4 {
			t.Errorf("uid:2 has used %d bytes", got)
		}

		first := usageOf(t, st, "uid:1")
		b.do(large, job.TakeOwnership{Owner: "uid:2"})
		time.Sleep(time.Second / 2)
		b.wantState(large, job.Transferring)
		time.Sleep(time.Minute)
		b.wantState(large, job.TransientError)
		if got := usageOf(t, st, "uid:2").Bytes; got < mib || got+first.Bytes != src.sent.Load() {
			t.Errorf("uid:2 has used %d bytes, uid:1 %d, and %d came", got, first.Bytes, src.sent.Load())
		}
		if got := usageOf(t, st, "uid:1"); got != first {
			t.Errorf("uid:1 has used %v, before it was %v", got, first)
		}
	})
}

// TestQuotaIsRaised: jobs go on when the configuration allows more, and what was used counts when it allows less.
func TestQuotaIsRaised(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src := newMeteredSource(5 * mib)
		b := startBench(t, dir, memstore.New(), src)
		defer b.stop()
		id := b.fetch("uid:1", 0)
		time.Sleep(2 * time.Second) // without any quota
		b.SetLimits(perDay(mib))
		time.Sleep(time.Second)
		b.wantState(id, job.TransientError)
		had := src.sent.Load()
		b.SetLimits(perDay(3 * mib))
		time.Sleep(time.Minute)
		b.wantState(id, job.TransientError)
		if got := src.sent.Load(); had > 2*mib || got < 3*mib || got > 4*mib {
			t.Errorf("%d bytes came with no quota, then %d", had, got)
		}
		b.SetLimits(Limits{})
		time.Sleep(time.Minute)
		b.wantState(id, job.Transferred)
	})
}

// TestUsageSurvivesFailedCommits, whatever became of them: each byte that came is counted once.
func TestUsageSurvivesFailedCommits(t *testing.T) {
	for _, outcome := range []memstore.Outcome{memstore.Lost, memstore.KeptButFailed} {
		for failing := 2; failing < 20; failing++ { // after that which makes the job
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				commits := 0
				st := memstore.New(memstore.Fault(func(n int, _ store.Batch) memstore.Outcome {
					commits = n
					if n == failing || n == failing+2 {
						return outcome
					}
					return memstore.OK
				}))
				src := newMeteredSource(6 * mib)
				b := startBench(t, dir, st, src)
				id := b.fetch("uid:1", 0)
				for range 10 { // some commits come between two checkpoints
					time.Sleep(770 * time.Millisecond)
					_, _ = b.Create(t.Context(), Actor{ID: "uid:2"}, job.Spec{Settings: job.DefaultSettings()})
				}
				time.Sleep(time.Minute)
				b.wantState(id, job.Transferred)
				b.stop()
				if got := usageOf(t, st, "uid:1").Bytes; got != src.sent.Load() || commits < 20 {
					t.Errorf("outcome %d of commit %d of %d: stored is %d, and %d bytes came", outcome, failing, commits, got, src.sent.Load())
				}
			})
		}
	}
}

// TestUsageSurvivesARestart in the middle of a file.
func TestUsageSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src, st := newMeteredSource(3*mib), memstore.New()
		b := startBench(t, dir, st, src)
		id := b.fetch("uid:1", 0)
		for range 2 {
			time.Sleep(1300 * time.Millisecond)
			b.stop()
			st = st.Reopen()
			if got := usageOf(t, st, "uid:1").Bytes; got != src.sent.Load() {
				t.Errorf("stored is %d, and %d bytes came", got, src.sent.Load())
			}
			b = startBench(t, dir, st, src)
		}
		defer b.stop()
		time.Sleep(time.Minute)
		b.wantState(id, job.Transferred)
		if got := usageOf(t, st, "uid:1").Bytes; got != src.sent.Load() || got != 3*mib {
			t.Errorf("stored is %d, and %d bytes came", got, src.sent.Load())
		}
	})
}

// TestUsageSurvivesAKill but for what came since the last checkpoint, and a quota that was used up stays so.
func TestUsageSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		st, dead := failing()
		src := newMeteredSource(9*mib, 1000)
		b := startBench(t, dir, st, src, limited(perDay(2*mib)))
		id := b.fetch("uid:1", 0)
		time.Sleep(2500 * time.Millisecond)
		dead.Store(true) // nothing is stored any more
		came := src.sent.Load()
		b.stop()
		dead.Store(false)
		st = st.Reopen()
		j, err := st.Job(t.Context(), id)
		if got := usageOf(t, st, "uid:1").Bytes; err != nil || got < j.Totals.Filled || got < came-1200<<10 || got > came {
			t.Errorf("stored is %d, %d bytes came, %d are in the job, %v", got, came, j.Totals.Filled, err)
		}
		b = startBench(t, dir, st, src, limited(perDay(2*mib)))
		time.Sleep(time.Minute)
		b.wantState(id, job.TransientError)
		b.stop()
		b = startBench(t, dir, st.Reopen(), src, limited(perDay(2*mib)))
		defer b.stop()
		late := b.fetch("uid:1", 1)
		time.Sleep(time.Second)
		b.wantState(id, job.TransientError)
		b.wantState(late, job.TransientError)
		if got := src.sent.Load(); got > 4*mib {
			t.Errorf("%d bytes came", got)
		}
	})
}

// TestUsageOfAJobTakenOver is its former owner's until the job has stopped.
func TestUsageOfAJobTakenOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src, st := newMeteredSource(3*mib), memstore.New()
		b := startBench(t, dir, st, src)
		defer b.stop()
		id := b.fetch("uid:1", 0)
		time.Sleep(1250 * time.Millisecond)
		had := src.sent.Load()
		b.do(id, job.TakeOwnership{Owner: "uid:2"})
		time.Sleep(time.Minute)
		b.wantState(id, job.Transferred)
		if first, second := usageOf(t, st, "uid:1").Bytes, usageOf(t, st, "uid:2").Bytes; first != had || second != 3*mib-had {
			t.Errorf("%d bytes are the first owner's, of whom %d came, and %d the second's", first, had, second)
		}
	})
}

// TestUsageOfACancelledJob is not given back.
func TestUsageOfACancelledJob(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src, st := newMeteredSource(9*mib), memstore.New()
		b := startBench(t, dir, st, src)
		defer b.stop()
		id := b.fetch("uid:1", 0)
		time.Sleep(2100 * time.Millisecond)
		b.do(id, job.Cancel{})
		time.Sleep(time.Second)
		b.wantState(id, job.Cancelled)
		if got := usageOf(t, st, "uid:1").Bytes; got != src.sent.Load() || got == 0 {
			t.Errorf("stored is %d, and %d bytes came", got, src.sent.Load())
		}
	})
}

// TestClockSetBack gives no quota back, and takes none for longer than a period.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src, st := newMeteredSource(1000), memstore.New()
		future := store.Usage{Owner: "uid:1", Since: time.Now().AddDate(70, 0, 0).Format(time.DateOnly), Bytes: 2 * mib}
		if _, err := st.Commit(t.Context(), store.Batch{Usage: []store.Usage{future}}); err != nil {
			t.Fatal(err)
		}
		b := startBench(t, dir, st, src, limited(perDay(2*mib)))
		defer b.stop()
		id := b.fetch("uid:1", 0)
		time.Sleep(time.Until(tomorrow()) - time.Second)
		b.wantState(id, job.TransientError)
		if got := usageOf(t, st, "uid:1"); got.Since != time.Now().Format(time.DateOnly) || got.Bytes != future.Bytes {
			t.Errorf("stored is %v", got)
		}
		time.Sleep(2 * time.Second)
		b.wantState(id, job.Transferred)
		if got := usageOf(t, st, "uid:1"); got.Bytes != 1000 {
			t.Errorf("on the next day stored is %v", got)
		}
	})
}
