package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// The crash matrix: a job of two files is downloaded and completed while every store write and
// every file operation fails in every way, one at a time and in pairs; or the process dies at it. Whatever happens, an
// owner who keeps asking gets both files whole under their names and nothing else, and at the
// moment of each effect its cause is stored.

// fate is what becomes of one operation.
type fate int

const (
	fine        fate = iota
	lost             // not done, reported as failed
	kept             // done, reported as failed
	diesBefore       // not done, and the process dies
	diesAfter        // done, and the process dies
	numberFates = 5
)

var errDied = errors.New("the process is dead")

// world is the disk and the store, which outlive a process, and the plan of faults.
type world struct {
	t      *testing.T
	dir    string
	store  *memstore.Store
	source memSource
	files  []job.FileSpec
	want   map[string][]byte // by base name
	power  bool

	mu     sync.Mutex // guards all below
	faults map[int]fate
	count  int  // operations so far
	dead   bool // the process died at one of them
	boots  int
	synced map[string][]byte
	id     job.ID
	wrong  []string // broken rules
}

// next decides the fate of the next operation.
func (w *world) next() fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return diesBefore
	}
	w.count++
	f := w.faults[w.count]
	w.dead = f == diesBefore || f == diesAfter
	return f
}

func (w *world) broken(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// commitFate is the fate of a commit, as memstore takes it.
func (w *world) commitFate(_ int, b store.Batch) memstore.Outcome {
	f := w.next()
	if f == fine || f == kept || f == diesAfter {
		w.checkFilled(b)
	}
	switch f {
	case lost, diesBefore:
		return memstore.Lost
	case kept, diesAfter:
		return memstore.KeptButFailed
	default:
		return memstore.OK
	}
}

// checkFilled: what is stored as filled is synced to the file.
func (w *world) checkFilled(b store.Batch) {
	for _, change := range b.Jobs {
		for _, id := range change.Files {
			f, _ := change.Job.Files.Get(id)
			w.mu.Lock()
			have := w.synced[partialKey(change.Job.ID, id)]
			w.mu.Unlock()
			for _, r := range f.Filled {
				if r.End > int64(len(have)) || !bytes.Equal(have[r.Start:r.End], w.want[filepath.Base(f.Local)][r.Start:r.End]) {
					w.broken("bytes %v of file %d are stored as filled but not synced", r, id)
				}
			}
		}
	}
}

// keyOf is the partialKey of a partial file.
func keyOf(name string) string {
	key := strings.SplitN(filepath.Base(name), "-", 3)[2]
	return key[:strings.LastIndexByte(key, '.')+1]
}

func partialKey(id job.ID, f job.FileID) string { return fmt.Sprintf("%s-%d.", id, f) }

// change is the fate of a file operation.
func (w *world) change(c sink.Change, name string, do func() error) error {
	f := w.next()
	var err error
	if f != lost && f != diesBefore {
		w.checkCause(c, name)
		if err = do(); err == nil {
			w.remember(c, name)
		}
	}
	if f != fine && err == nil {
		err = fmt.Errorf("%s %s: %w", c, filepath.Base(name), map[fate]error{lost: errInjected, kept: errInjected, diesBefore: errDied, diesAfter: errDied}[f])
	}
	return err
}

var errInjected = errors.New("injected fault")

// checkCause: no effect without its stored cause.
func (w *world) checkCause(c sink.Change, name string) {
	w.mu.Lock()
	id := w.id
	w.mu.Unlock()
	if rest, ok := strings.CutPrefix(filepath.Base(name), ".ebb-test-"); ok {
		id = job.ID(rest[:36])
	}
	j, err := w.store.Job(context.Background(), id)
	switch {
	case c == sink.Rename && (err != nil || j.Intent != job.Completing):
		w.broken("a file got its name while the intent in the store was %v (%v)", j.Intent, err)
	case c == sink.Remove && (err != nil || j.Intent == job.NoIntent):
		w.broken("%s was deleted without an intent in the store (%v)", filepath.Base(name), err)
	case c == sink.Create && err != nil:
		w.broken("%s was created before its job was stored: %v", filepath.Base(name), err)
	}
}

// remember keeps what the disk keeps over a power cut.
func (w *world) remember(c sink.Change, name string) {
	names := []string{name}
	if c == sink.SyncFileSystem {
		names, _ = filepath.Glob(filepath.Join(w.dir, ".ebb-*"))
	}
	if c != sink.SyncFile && c != sink.SyncFileSystem {
		return
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		w.mu.Lock()
		w.synced[keyOf(name)] = b
		w.mu.Unlock()
	}
}

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

func (w *world) died() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// revive is the next start after a death: the store and the disk are as they were.
func (w *world) revive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead = false
	w.store = w.store.Reopen()
	if !w.power {
		return
	}
	w.boots++
	names, _ := filepath.Glob(filepath.Join(w.dir, ".ebb-*"))
	for _, name := range names {
		left, _ := os.ReadFile(name)
		clear(left) // the length comes back, and zeros
		copy(left, w.synced[keyOf(name)])
		if err := os.WriteFile(name, left, 0o600); err != nil {
			w.wrong = append(w.wrong, err.Error())
		}
	}
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
		t.Error(s)
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
