package sink_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// 10,000 files of 16 KiB in one job: from the first byte to the final name.
func BenchmarkSmallFiles(b *testing.B) {
	const files, group = 10_000, 64
	small := content(16 << 10)
	b.SetBytes(files * int64(len(small)))
	for range b.N {
		b.StopTimer()
		folder, s := b.TempDir(), sink.New(sink.Config{Instance: "bench"})
		b.StartTimer()
		var done []sink.PublishFile
		var together []*sink.Partial
		for i := range files {
			to := sink.Target{Job: jobA, File: job.FileID(i + 1), Local: filepath.Join(folder, fmt.Sprint("file", i))}
			p, err := s.Open(to, nil, "", int64(len(small)))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := p.WriteAt(small, 0); err != nil {
				b.Fatal(err)
			}
			together = append(together, p)
			done = append(done, sink.PublishFile{Target: to, Size: int64(len(small)), Done: true})
			if len(together) < group && i < files-1 {
				continue
			}
			if err := s.Sync(together); err != nil {
				b.Fatal(err)
			}
			for _, p := range together {
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
			together = together[:0]
		}
		if _, err := s.Publish(b.Context(), done); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := os.RemoveAll(folder); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(files*float64(b.N)/b.Elapsed().Seconds(), "files/s")
}

// One file of 1 GiB in writes of 1 MiB, and the same without the sink.
func BenchmarkLargeFile(b *testing.B) {
	const writes, size = 1024, 1 << 20
	buf := content(size)
	run := func(b *testing.B, create func(folder string) (write func(off int64) error, stop func() error)) {
		b.SetBytes(writes * size)
		b.ReportAllocs()
		folder := b.TempDir()
		for range b.N {
			write, stop := create(folder)
			for i := range int64(writes) {
				if err := write(i * size); err != nil {
					b.Fatal(err)
				}
			}
			if err := stop(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("sink", func(b *testing.B) {
		run(b, func(folder string) (func(int64) error, func() error) {
			s, to := newSink(thisBoot), target(folder, "file")
			p, err := s.Open(to, nil, "", job.UnknownSize)
			if err == nil {
				err = p.Expect(writes * size)
			}
			if err != nil {
				b.Fatal(err)
			}
			return func(off int64) error { _, err := p.WriteAt(buf, off); return err },
				func() error {
					_, err := s.Discard(b.Context(), []sink.Target{to})
					return errors.Join(err, p.Close())
				}
		})
	})
	b.Run("bare", func(b *testing.B) {
		run(b, func(folder string) (func(int64) error, func() error) {
			f, err := os.Create(filepath.Join(folder, "file"))
			if err != nil {
				b.Fatal(err)
			}
			return func(off int64) error { _, err := f.WriteAt(buf, off); return err },
				func() error { return errors.Join(os.Remove(f.Name()), f.Close()) }
		})
	})
}
