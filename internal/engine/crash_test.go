package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// The crash matrix: a job of two files is downloaded and completed while every store write and
// every file operation fails in every way, one at a time and in pairs; or the process dies at it. Whatever happens, an
// owner who keeps asking gets both files whole under their names and nothing else, and at the
// moment of each effect its cause is stored.

// memSource serves bytes slowly enough for checkpoints to happen, in virtual time.
type memSource map[string][]byte

func (m memSource) Open(_ context.Context, src transport.Source, offset int64, v job.Validator) (io.ReadCloser, transport.Meta, error) {
	body := m[src.URL]
	if v.ETag != `"v1"` {
		offset = 0
	}
	return io.NopCloser(&slowReader{bytes.NewReader(body[offset:])}), transport.Meta{
		Offset: offset, Size: int64(len(body)), Validator: job.Validator{ETag: `"v1"`},
	}, nil
}

type slowReader struct{ r io.Reader }

func (s *slowReader) Read(b []byte) (int, error) {
	time.Sleep(600 * time.Millisecond)
	return s.r.Read(b[:min(len(b), 512<<10)])
}

// story is what a world is about: files, and the sizes of the remote ones.
type story struct {
	sizes map[string]int
	files []job.FileSpec // the local name is relative to the world's folder
	power bool           // a process dies with its machine: what was not synced is lost
}

// twoFiles are fetched from their first byte to their last.
var twoFiles = story{
	sizes: map[string]int{"small": 40_000, "large": 1_300_000},
	files: []job.FileSpec{{URL: "http://host/small", Local: "small"}, {URL: "http://host/large", Local: "large"}},
}

func newWorld(t *testing.T, dir string, s story, faults map[int]fate) *world {
	w := &world{t: t, dir: dir, faults: faults, synced: map[string][]byte{}, source: memSource{}, want: map[string][]byte{}, power: s.power}
	for name, size := range s.sizes {
		b := make([]byte, size)
		rnd := rand.NewChaCha8([32]byte{byte(size)})
		_, _ = rnd.Read(b)
		w.source["http://host/"+name] = b
	}
	for _, f := range s.files {
		w.want[f.Local] = w.source[f.URL]
		if len(f.Ranges) > 0 {
			w.want[f.Local] = layout(t, io.NewSectionReader(bytes.NewReader(w.source[f.URL]), 0, int64(len(w.source[f.URL]))), f)
		}
		f.Local = filepath.Join(dir, f.Local)
		w.files = append(w.files, f)
	}
	w.store = memstore.New(memstore.Fault(w.commitFate))
	return w
}

// process runs an engine on the world until it ends or stop is called.
func (w *world) process(t *testing.T) (e *Engine, stop func()) {
	boot := fmt.Sprint("boot-", w.boots)
	e = New(Config{
		Store: w.store, Sealer: plainSealer{}, BootID: boot, Log: slog.New(slog.DiscardHandler),
		Sink:       sink.New(sink.Config{Instance: "test", BootID: boot, Intercept: w.change}),
		Transports: map[string]transport.Downloader{"http": w.source},
		Limits:     Limits{PerJob: 1},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = e.Run(ctx) }()
	return e, func() { cancel(); <-ended }
}

// run plays the whole story: owner and process, deaths and restarts.
func (w *world) run(t *testing.T) {
	e, stop := w.process(t)
	w.create(t, e)
	for tries := 0; ; tries++ {
		if tries > 200 {
			t.Fatalf("the job never settles: %v", w.state(e))
		}
		if w.died() {
			stop()
			w.revive()
			e, stop = w.process(t)
		}
		if w.urge(e) {
			break
		}
		time.Sleep(time.Second)
	}
	stop()
	w.check(t)
}

func (w *world) create(t *testing.T, e *Engine) {
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: true, Files: w.files}
	snap, err := e.Create(t.Context(), Actor{ID: "uid:1"}, spec)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.id = snap.ID
}

// urge does what an owner would do next; true when there is nothing left to do.
func (w *world) urge(e *Engine) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	snap, err := e.Job(ctx, w.id)
	if err != nil {
		return false
	}
	switch {
	case snap.State == job.Acknowledged:
		return true
	case snap.State == job.Transferred && snap.Intent == job.NoIntent:
		_, _ = e.Do(ctx, w.id, job.Complete{})
	case snap.State == job.InError && snap.Totals.FilesDone == snap.Totals.Files:
		_, _ = e.Do(ctx, w.id, job.Complete{})
	case snap.State == job.InError:
		_, _ = e.Do(ctx, w.id, job.Resume{})
	}
	return false
}

func (w *world) state(e *Engine) string {
	snap, err := e.Job(context.Background(), w.id)
	return fmt.Sprint(snap.State, snap.Intent, snap.Error, err)
}

func (w *world) check(t *testing.T) {
	for _, s := range w.wrong {
		t.Errorf("with faults %v: %s", w.faults, s)
	}
	for name, want := range w.want {
		got, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not whole: %d bytes, %v", name, len(got), err)
		}
	}
	noPartials(t, w.dir)
	if entries, _ := os.ReadDir(w.dir); len(entries) != len(w.want) {
		t.Errorf("the folder holds %v", entries)
	}
}

// play runs one row of the matrix in virtual time and returns the number of operations.
func play(t *testing.T, dir string, s story, faults map[int]fate) (operations int) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, s, faults)
		// The job must exist before faults begin to count, or there is nothing to lose.
		w.count = -1
		w.run(t)
		operations = w.count
	})
	return operations
}

func TestCrashMatrix(t *testing.T) { crashMatrix(t, twoFiles, 15, 2) }

// crashMatrix plays a story of at least so many operations with each fault at each of them, and with pairs of faults at every
// step-th.
func crashMatrix(t *testing.T, s story, least, step int) {
	base := t.TempDir()
	runs := 0
	row := func(faults map[int]fate) int {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		n := play(t, dir, s, faults)
		if t.Failed() {
			t.Fatalf("with faults %v", faults)
		}
		_ = os.RemoveAll(dir)
		return n
	}
	n := row(nil)
	if n < least {
		t.Fatalf("only %d operations: the story is not told", n)
	}
	for at := 1; at <= n; at++ {
		for f := lost; f < numberFates; f++ {
			row(map[int]fate{at: f})
		}
	}
	if testing.Short() {
		step += 3
	}
	for first := 1; first <= n; first += step {
		for second := first + 1; second <= n+4; second += step {
			f := fate(1 + runs%(numberFates-1))
			g := fate(1 + (runs/(numberFates-1))%(numberFates-1))
			row(map[int]fate{first: f, second: g})
		}
	}
	t.Logf("%d operations, %d runs", n, runs)
}
