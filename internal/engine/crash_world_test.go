package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/job"
)

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
	if c != sink.SyncFile && c != sink.SyncFileSystem {
		return
	}
	w.mu.Lock() // as long as it reads: what another sync has seen since must not be replaced by this
	defer w.mu.Unlock()
	for range 2 { // a file may get its other name meanwhile, beside the sync, but only once
		names, _ := filepath.Glob(filepath.Join(w.dir, ".ebb-*"))
		for _, n := range names {
			if c == sink.SyncFile && keyOf(n) != keyOf(name) {
				continue
			}
			if b, err := os.ReadFile(n); err == nil {
				w.synced[keyOf(n)] = b
			}
		}
	}
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
