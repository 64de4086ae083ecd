package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// stubborn is a source whose transfers take their time to stop and then claim to have failed. It
// watches that no file has two of them.
type stubborn struct {
	wholeOnly
	t    *testing.T
	body []byte
	rnd  *rand.Rand

	mu     sync.Mutex // guards rnd and all below
	active map[string]int
	reads  int
}

func (s *stubborn) pause(most time.Duration) {
	s.mu.Lock()
	d := time.Duration(s.rnd.Int64N(int64(most)))
	s.mu.Unlock()
	time.Sleep(d)
}

func (s *stubborn) Open(ctx context.Context, src transport.Source, offset int64, v job.Validator) (io.ReadCloser, transport.Meta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[src.URL]++; s.active[src.URL] > 1 {
		s.t.Errorf("%s has two workers", src.URL)
	}
	if v.ETag == "" {
		offset = 0
	}
	return &stubbornBody{s, ctx, src.URL, bytes.NewReader(s.body[offset:])},
		transport.Meta{Offset: offset, Size: int64(len(s.body)), Validator: job.Validator{ETag: `"v1"`}}, nil
}

type stubbornBody struct {
	s   *stubborn
	ctx context.Context
	url string
	r   io.Reader
}

func (b *stubbornBody) Read(p []byte) (int, error) {
	b.s.pause(400 * time.Millisecond)
	b.s.mu.Lock()
	b.s.reads++
	b.s.mu.Unlock()
	if b.ctx.Err() != nil {
		b.s.pause(3 * time.Second)
		return 0, &job.Error{Code: job.InvalidServerResponse, Class: job.Fatal, Text: "failed while stopping"}
	}
	return b.r.Read(p[:min(len(p), 32<<10)])
}

func (b *stubbornBody) Close() error {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.active[b.url]--
	return nil
}

// TestStopAndGoAtRandom suspends, resumes, pre-empts and reprioritizes jobs at random moments. No
// file ever has two workers, a fault of a transfer that was told to stop is nobody's, a suspended job
// is still, and in the end every file is right.
func TestStopAndGoAtRandom(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) { stopAndGo(t, dir, seed) })
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func stopAndGo(t *testing.T, dir string, seed uint64) {
	src := &stubborn{t: t, body: bytes.Repeat([]byte{byte(seed), 1, 2}, 500_000), rnd: rand.New(rand.NewPCG(seed, 1)), active: map[string]int{}}
	b := stubbornBench(t, dir, src)
	var ids []job.ID
	for n := range 3 {
		spec := job.Spec{Settings: job.DefaultSettings(), Resume: true}
		for f := range 2 {
			name := fmt.Sprintf("f%d-%d", n, f)
			spec.Files = append(spec.Files, job.FileSpec{URL: "http://host/" + name, Local: filepath.Join(dir, name)})
		}
		ids = append(ids, b.create(spec).ID)
	}
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 40 {
		time.Sleep(time.Duration(rnd.Int64N(int64(time.Second))))
		id := ids[rnd.IntN(len(ids))]
		switch rnd.IntN(4) {
		case 0:
			_, _ = b.Do(t.Context(), id, job.Suspend{})
		case 1, 2:
			_, _ = b.Do(t.Context(), id, job.Resume{})
		case 3:
			p := job.Priorities()[rnd.IntN(4)]
			_, _ = b.Configure(t.Context(), id, func(s *job.Settings) error { s.Priority = p; return nil })
		}
		for _, id := range ids {
			if snap, err := b.Job(t.Context(), id); err != nil || snap.State == job.InError || snap.ErrorCount > 0 {
				t.Fatalf("job is %v, %v: a fault while stopping counts (%v)", snap.State, snap.Error, err)
			}
		}
	}
	for _, id := range ids {
		_, _ = b.Do(t.Context(), id, job.Suspend{})
	}
	stillness(t, src)
	for _, id := range ids {
		_, _ = b.Do(t.Context(), id, job.Resume{})
	}
	for _, id := range ids {
		for snap, err := b.Job(t.Context(), id); snap.State != job.Transferred; snap, err = b.Job(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		b.do(id, job.Complete{})
	}
	time.Sleep(time.Minute)
	b.stop()
	for n := range 3 {
		for f := range 2 {
			got, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("f%d-%d", n, f)))
			if err != nil || !bytes.Equal(got, src.body) {
				t.Errorf("file %d of job %d is wrong: %d bytes, %v", f, n, len(got), err)
			}
		}
	}
}

// stillness fails the test when anything is read once all jobs are suspended and their last words said.
func stillness(t *testing.T, src *stubborn) {
	time.Sleep(4 * time.Second)
	src.mu.Lock()
	before := src.reads
	src.mu.Unlock()
	time.Sleep(time.Minute)
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.reads != before {
		t.Error("suspended jobs go on reading")
	}
}

func stubbornBench(t *testing.T, dir string, src *stubborn) *bench {
	st := memstore.New()
	b := startBench(t, dir, st, src)
	b.store = st
	return b
}

// TestLateNewsIsNotLetThrough: between being told to stop and its last word a run passes on nothing
// but its bytes.
func TestLateNewsIsNotLetThrough(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		src := &stubborn{t: t, body: make([]byte, 4<<20), rnd: rand.New(rand.NewPCG(1, 1)), active: map[string]int{}}
		b := stubbornBench(t, dir, src)
		id := b.create(b.download("http://host/x")).ID
		time.Sleep(5 * time.Second)
		taken, err := ask(t.Context(), b.Engine, func(s *session) (bool, error) {
			r := s.jobs[id].runs[1]
			s.stopRuns(s.jobs[id])
			return s.fact(r, job.Changed{File: 1}), nil
		})
		if err != nil || taken {
			t.Errorf("Changed of a run that is to stop was taken: %v, %v", taken, err)
		}
		b.stop()
	})
}
