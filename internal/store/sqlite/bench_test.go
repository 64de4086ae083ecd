package sqlite_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/job"
)

// newJob is a job with n files, as ebb get makes it.
func newJob(seq uint64, n int) job.Job {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	j, err := job.New(job.ID(uuid.NewString()), "uid:1000", job.Download, job.DefaultSettings(), at)
	if err != nil {
		panic(err)
	}
	j.Seq = seq
	files := make([]job.File, n)
	for i := range files {
		files[i] = job.File{
			URL:   fmt.Sprintf("https://mirror.example.com/pool/main/e/ebb/file-%d-%d.tar.gz", seq, i),
			Local: fmt.Sprintf("/home/user/Downloads/file-%d-%d.tar.gz", seq, i),
			Size:  job.UnknownSize,
		}
	}
	return j.WithFiles(job.Files{}.AppendAll(files))
}

func whole(jobs ...job.Job) store.Batch {
	var b store.Batch
	for _, j := range jobs {
		c := store.Change{Job: j}
		for f := range j.Files.All() {
			c.Files = append(c.Files, f.ID)
		}
		b.Jobs = append(b.Jobs, c)
	}
	return b
}

func batchOf(from uint64, n int) store.Batch {
	jobs := make([]job.Job, n)
	for i := range jobs {
		jobs[i] = newJob(from+uint64(i), 1)
	}
	return whole(jobs...)
}

func commit(tb testing.TB, s *sqlite.Store, b store.Batch) []uint64 {
	tb.Helper()
	ids, err := s.Commit(tb.Context(), b)
	if err != nil {
		tb.Fatalf("Commit: %v", err)
	}
	return ids
}

// BenchmarkCommit adds jobs with one file each.
func BenchmarkCommit(b *testing.B) {
	b.Run("one by one", func(b *testing.B) {
		s := openForBench(b)
		seq := uint64(0)
		for b.Loop() {
			seq++
			commit(b, s, whole(newJob(seq, 1)))
		}
		reportJobs(b, int(seq))
	})
	b.Run("16 clients", func(b *testing.B) {
		s := openForBench(b)
		var seq atomic.Uint64
		b.SetParallelism(16 / runtime.GOMAXPROCS(0))
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				commit(b, s, whole(newJob(seq.Add(1), 1)))
			}
		})
		reportJobs(b, int(seq.Load()))
	})
	b.Run("batches of 1000", func(b *testing.B) {
		s := openForBench(b)
		seq := uint64(1)
		for b.Loop() {
			commit(b, s, batchOf(seq, 1000))
			seq += 1000
		}
		reportJobs(b, int(seq-1))
	})
	for name, usage := range map[string][]store.Usage{
		"checkpoints": nil, "checkpoints with usage": {{Owner: "uid:1000", Since: "2026-07-01", Bytes: 1 << 40}},
	} {
		b.Run(name, func(b *testing.B) {
			s := openForBench(b)
			checkpoint := whole(newJob(1, 1))
			checkpoint.Usage = usage
			for b.Loop() {
				commit(b, s, checkpoint)
			}
		})
	}
	b.Run("one job of 10000 files", func(b *testing.B) {
		s := openForBench(b)
		change := whole(newJob(1, 10000))
		n := 0
		for b.Loop() {
			commit(b, s, change)
			n++
		}
		b.ReportMetric(float64(n*10000)/b.Elapsed().Seconds(), "files/s")
	})
}

// BenchmarkLoad opens and loads 100,000 jobs with one file each, as a daemon does when it starts.
func BenchmarkLoad(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	s := open(b, dir)
	for seq := uint64(1); seq <= n; seq += 1000 {
		commit(b, s, batchOf(seq, 1000))
	}
	b.ResetTimer()
	for b.Loop() {
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		before := heap()
		start := time.Now()
		s = open(b, dir)
		jobs := make([]job.Job, 0, n)
		if _, err := s.Load(b.Context(), func(j job.Job) error {
			jobs = append(jobs, j)
			return nil
		}); err != nil || len(jobs) != n {
			b.Fatalf("Load = %d jobs, %v", len(jobs), err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/load")
		b.ReportMetric(float64(heap()-before)/n, "B/job")
		runtime.KeepAlive(jobs)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// heap is the live memory in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func openForBench(b *testing.B) *sqlite.Store {
	s := open(b, b.TempDir())
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

func reportJobs(b *testing.B, n int) {
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "jobs/s")
}
