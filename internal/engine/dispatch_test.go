package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// startBench is an engine that downloads from d, perhaps in a bubble of virtual time.
func startBench(t *testing.T, dir string, st store.Store, d transport.Downloader, change ...func(*Config)) *bench {
	b := &bench{t: t, dir: dir}
	cfg := Config{
		Store: st, Sealer: plainSealer{}, BootID: "boot-1", Log: slog.New(slog.DiscardHandler),
		Sink:       sink.New(sink.Config{Instance: "test", BootID: "boot-1"}),
		Transports: map[string]transport.Downloader{"http": d},
	}
	for _, c := range change {
		c(&cfg)
	}
	b.Engine = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	return b
}

// busyHost refuses what its host is asked for until a moment, and serves all other hosts.
type busyHost struct {
	memSource
	prefix string
	until  time.Time
}

func (h busyHost) Open(ctx context.Context, src transport.Source, offset int64, v job.Validator) (io.ReadCloser, transport.Meta, error) {
	if strings.HasPrefix(src.URL, h.prefix) && time.Now().Before(h.until) {
		return nil, transport.Meta{}, &job.Error{Code: job.HTTPStatus(503), RetryAfter: time.Until(h.until), Text: "busy", Err: errors.New("busy")}
	}
	return h.memSource.Open(ctx, src, offset, v)
}

// TestClosedHostOpensForTheRestOfAJob: the second file of a job waits for a host that asked another job to stay
// away. It goes on by itself when the host is open again, though that other job is no more.
func TestClosedHostOpensForTheRestOfAJob(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		content := []byte("content")
		b := startBench(t, dir, memstore.New(), busyHost{
			memSource{"http://free/a": content, "http://busy/b": content, "http://busy/c": content}, "http://busy", time.Now().Add(time.Minute),
		})
		defer b.stop()
		other := b.create(b.download("http://busy/c"))
		b.until(other.ID, job.TransientError)
		b.do(other.ID, job.Cancel{})
		both := b.create(b.download("http://free/a", "http://busy/b"))
		time.Sleep(30 * time.Second)
		if snap, err := b.Job(t.Context(), both.ID); err != nil || snap.Totals.FilesDone != 1 || !strings.Contains(snap.Waits, "busy:80 asked") {
			t.Errorf("%d files are done and the job waits because %q (%v)", snap.Totals.FilesDone, snap.Waits, err)
		}
		time.Sleep(5 * time.Minute)
		if snap, err := b.Job(t.Context(), both.ID); err != nil || snap.State != job.Transferred {
			t.Errorf("the job is %v and waits because %q (%v)", snap.State, snap.Waits, err)
		}
	})
}

// TestSlowDiskHoldsTransfersBack: each file that waits to be synced is open, so there must not be more and more
// of them while the disk is slower than the network.
func TestSlowDiskHoldsTransfersBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		source, names := memSource{}, []string{}
		for n := range 3 * finishBatch {
			name := fmt.Sprint("http://host/", n)
			source[name], names = []byte("content"), append(names, name)
		}
		proceed := make(chan struct{})
		var created atomic.Int64
		b := startBench(t, dir, memstore.New(), source, func(c *Config) {
			c.Sink = sink.New(sink.Config{Instance: "test", Intercept: func(c sink.Change, _ string, do func() error) error {
				switch c {
				case sink.Create:
					created.Add(1)
				case sink.SyncFile, sink.SyncFileSystem:
					<-proceed
				}
				return do()
			}})
		})
		defer b.stop()
		spec := b.download()
		for n, name := range names {
			spec.Files = append(spec.Files, job.FileSpec{URL: name, Local: filepath.Join(dir, fmt.Sprint(n))})
		}
		j := b.create(spec)
		time.Sleep(time.Hour)
		if n, most := created.Load(), int64(2*finishBatch+8); n > most {
			t.Errorf("%d files are open while the disk stands still, want at most %d", n, most)
		}
		close(proceed)
		time.Sleep(time.Hour)
		b.until(j.ID, job.Transferred)
	})
}

// TestLongLineCostsLittle: the schedule is made anew whenever a job begins or ends, so what it does for each job
// that waits must be next to nothing.
func TestLongLineCostsLittle(t *testing.T) {
	s := &session{ready: set{}, plan: newPlan()}
	for n := range 1000 {
		files := job.Files{}.Append(job.File{URL: fmt.Sprint("http://host/", n)})
		s.ready.put(&entry{job: job.Job{Seq: uint64(n), Files: files}}, true)
	}
	if n := testing.AllocsPerRun(10, func() { s.candidates() }); n > 10 {
		t.Errorf("%v allocations for a line of 1000 jobs", n)
	}
	s.plan.closeHost(hostClosed{"host:80", time.Now().Add(time.Hour)})
	for _, c := range s.candidates() {
		if c.Host != "host:80" {
			t.Fatalf("with a host closed a candidate is for host %q", c.Host)
		}
	}
}

// TestFullHostCostsLittle: whenever a connection is free, all jobs that wait for one are looked at.
func TestFullHostCostsLittle(t *testing.T) {
	s := &session{Engine: New(Config{}), plan: newPlan(), limits: Limits{}.withDefaults()}
	s.plan.hosts["host:80"] = s.limits.PerHost
	for n := range 1000 {
		files := job.Files{}.Append(job.File{URL: fmt.Sprint("http://host/", n)})
		s.plan.starts = append(s.plan.starts, &entry{job: job.Job{Files: files}, planned: true, cursor: 1})
	}
	if n := testing.AllocsPerRun(10, s.startFiles); n > 10 {
		t.Errorf("%v allocations for 1000 jobs", n)
	}
	if n := len(s.plan.starts); n != 1000 {
		t.Errorf("%d jobs wait for a connection, want 1000", n)
	}
}

// TestPreemptedJobSaysWhy: a job that has to make room waits from then on, however long its worker takes to stop.
func TestPreemptedJobSaysWhy(t *testing.T) {
	s := &session{Engine: New(Config{}), plan: newPlan(), limits: Limits{}.withDefaults()}
	en := &entry{
		job:  job.Job{ID: "low", Settings: job.Settings{Priority: job.Low}},
		runs: map[job.FileID]*run{1: {stopping: true}}, pace: s.global.Child(0), flow: s.idle.Flow(1),
	}
	s.plan.Decision = sched.Plan(time.Now(), []sched.Candidate{{ID: "high", Priority: job.High}, s.candidate(en)}, sched.Facts{}, sched.Limits{})
	s.plan.dirty = false
	if snap := s.snapshot(en); snap.State != job.Queued || !strings.Contains(snap.Waits, "higher priority") {
		t.Errorf("the job is %v and waits because %q", snap.State, snap.Waits)
	}
}
