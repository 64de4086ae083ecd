package sink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// A fault is how an operation fails.
type fault int

const (
	lost         fault = 1 // it is not done
	keptButFails fault = 2 // it is done, and reported as failed
)

// A disk is a folder on a machine. Its operations fail when told to, and it knows what a
// power cut would leave.
type disk struct {
	folder string

	mu     sync.Mutex        // guards all below
	boot   int               // times that it was switched on
	faults map[int]fault     // by number of the operation
	made   []string          // operations so far
	synced map[string][]byte // by partial file: the bytes that are durable
	check  func() error      // called after every operation
	broken error             // what check found
}

func newDisk(folder string, faults map[int]fault) *disk {
	return &disk{folder: folder, faults: faults, synced: make(map[string][]byte)}
}

func (d *disk) bootID() string { return fmt.Sprint("boot ", d.boot) }

func (d *disk) sink() *sink.Sink {
	return sink.New(sink.Config{Instance: "test", BootID: d.bootID(), Intercept: d.intercept})
}

func (d *disk) intercept(change sink.Change, name string, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	how := d.faults[len(d.made)]
	d.made = append(d.made, fmt.Sprint(change, " ", filepath.Base(name)))
	var err error
	if how != lost {
		err = do()
		d.note(change, name, err)
	}
	if d.check != nil && d.broken == nil {
		d.broken = d.check()
	}
	if how != 0 && err == nil {
		err = syscall.EIO
	}
	return err
}

// note keeps up with what is durable.
func (d *disk) note(change sink.Change, name string, err error) {
	if err != nil {
		return
	}
	switch change {
	case sink.SyncFile:
		d.synced[name], _ = os.ReadFile(name)
	case sink.SyncFileSystem:
		for _, n := range d.partials() {
			d.synced[n], _ = os.ReadFile(n)
		}
	case sink.MarkSparse:
		d.synced[strings.TrimSuffix(name, ".part")+".sparse"] = d.synced[name]
		delete(d.synced, name)
	case sink.Create, sink.Remove:
		delete(d.synced, name)
	default: // changes nothing that a power cut would leave
	}
}

func (d *disk) partials() []string {
	names, _ := filepath.Glob(filepath.Join(d.folder, ".ebb-*"))
	return names
}

// cutPower leaves of each partial file what was synced. The rest of its length comes back
// as zeros: the worst that a file system does.
func (d *disk) cutPower() error {
	d.boot++
	for _, name := range d.partials() {
		fi, err := os.Stat(name)
		if err != nil {
			return err
		}
		left := make([]byte, max(fi.Size(), int64(len(d.synced[name]))))
		copy(left, d.synced[name])
		if err := os.WriteFile(name, left, 0o600); err != nil {
			return err
		}
		d.synced[name] = left
	}
	return nil
}

// A record is what the caller of a sink has stored of a file.
type record struct {
	target sink.Target
	have   job.Ranges
	boot   string
	done   bool
}

// A transfer does what an engine does with a sink, and begins again after every error.
type transfer struct {
	disk    *disk
	remote  []byte
	digest  string
	chunks  []int // the order in which they arrive
	records []record
	power   bool // cut it at every error
	cancel  bool // and publish nothing
}

const chunk = 100 // bytes

// run returns what goes against the promises of the sink.
func (tr *transfer) run(ctx context.Context) error {
	tr.disk.check = tr.nothingHalfPublished
	for range 10 {
		err := tr.attempt(ctx)
		if tr.disk.broken != nil {
			return tr.disk.broken
		}
		if err == nil {
			return nil
		}
		if errors.As(err, new(brokenPromise)) {
			return err
		}
		if tr.power {
			if err := tr.disk.cutPower(); err != nil {
				return err
			}
		}
	}
	return errors.New("it never ends")
}

// A brokenPromise is no error that a transfer may go on from.
type brokenPromise struct{ error }

// attempt goes on from what is stored until the first error.
func (tr *transfer) attempt(ctx context.Context) error {
	s := tr.disk.sink()
	if err := tr.fetch(ctx, s); err != nil {
		return err
	}
	var files []sink.PublishFile
	var targets []sink.Target
	for _, r := range tr.records {
		files = append(files, sink.PublishFile{Target: r.target, Size: int64(len(tr.remote)), Digest: tr.digest, Done: r.done})
		targets = append(targets, r.target)
	}
	if tr.cancel {
		left, err := s.Discard(ctx, targets)
		if err == nil && left != job.OK {
			return errors.New("partial files are left")
		}
		return err
	}
	_, err := s.Publish(ctx, files)
	return err
}

// fetch makes every file whole.
func (tr *transfer) fetch(ctx context.Context, s *sink.Sink) (err error) {
	var ps []*sink.Partial
	defer func() {
		for _, p := range ps {
			_ = p.Close()
		}
	}()
	for i := range tr.records {
		r := &tr.records[i]
		if r.done {
			continue
		}
		p, err := tr.open(s, r)
		if err != nil {
			return err
		}
		ps = append(ps, p)
		if err := tr.write(p, r); err != nil {
			return err
		}
	}
	if len(ps) == 0 {
		return nil
	}
	if err := s.Sync(ps); err != nil {
		return err
	}
	for i := range tr.records {
		tr.records[i].done = true
	}
	for _, p := range ps {
		if err := p.Verify(ctx, int64(len(tr.remote)), nil, tr.digest); err != nil {
			return brokenPromise{err}
		}
	}
	return nil
}

// open opens a file, and compares what the sink trusts with what was sent.
func (tr *transfer) open(s *sink.Sink, r *record) (*sink.Partial, error) {
	p, err := s.Open(r.target, r.have, r.boot, int64(len(tr.remote)))
	if err != nil {
		return nil, err
	}
	names := tr.disk.partialsOf(r.target)
	if len(names) != 1 {
		return p, brokenPromise{fmt.Errorf("partial files %q, want one", names)}
	}
	got, err := os.ReadFile(names[0])
	if err != nil {
		return p, err
	}
	for _, x := range p.Filled() {
		if x.End > int64(len(got)) || !bytes.Equal(got[x.Start:x.End], tr.remote[x.Start:x.End]) {
			return p, brokenPromise{fmt.Errorf("wrong bytes trusted in %v of %v", x, p.Filled())}
		}
	}
	if lacking := r.have.Len() - p.Filled().Len(); lacking > 0 {
		return p, brokenPromise{fmt.Errorf("%d stored bytes lost", lacking)}
	}
	r.boot = tr.disk.bootID()
	return p, nil
}

func (d *disk) partialsOf(t sink.Target) []string {
	names, _ := filepath.Glob(filepath.Join(d.folder, fmt.Sprintf(".ebb-test-%s-%d.*", t.Job, t.File)))
	return names
}

// write writes what a file lacks, with a checkpoint after every second chunk.
func (tr *transfer) write(p *sink.Partial, r *record) error {
	if len(tr.records) == 1 { // it takes time
		if err := p.Expect(1 << 20); err != nil { // less would take no room
			return err
		}
	}
	for i, c := range tr.chunks {
		x := job.Range{Start: int64(c * chunk), End: int64((c + 1) * chunk)}
		if !p.Filled().Contains(x) {
			if _, err := p.WriteAt(tr.remote[x.Start:x.End], x.Start); err != nil {
				return err
			}
		}
		if i%2 == 0 {
			continue
		}
		have, err := p.Checkpoint()
		r.have = r.have.Union(have)
		if err != nil {
			return err
		}
	}
	return nil
}

// nothingHalfPublished holds after every single operation.
func (tr *transfer) nothingHalfPublished() error {
	for _, r := range tr.records {
		got, err := os.ReadFile(r.target.Local)
		if err == nil && (!r.done || !bytes.Equal(got, tr.remote)) {
			return fmt.Errorf("%s is there with %d bytes, done: %v", r.target.Local, len(got), r.done)
		}
	}
	return nil
}

// finished reports what is wrong at the end.
func (tr *transfer) finished() error {
	for _, r := range tr.records {
		got, err := os.ReadFile(r.target.Local)
		if tr.cancel != (err != nil) || !tr.cancel && !bytes.Equal(got, tr.remote) {
			return fmt.Errorf("%s has %d bytes, there: %v", r.target.Local, len(got), err == nil)
		}
	}
	if left := tr.disk.partials(); len(left) > 0 {
		return fmt.Errorf("partial files %q are left", left)
	}
	return nil
}

// Every operation fails once, and every two operations fail, each in both ways. Then the
// file goes on from what is stored, with the page cache or without.
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	inOrder, withGaps := []int{0, 1, 2, 3}, []int{0, 3, 1, 2}
	tests := []struct {
		name   string
		files  int
		chunks []int
		cancel bool
	}{
		{"one stream", 1, inOrder, false},
		{"segments", 1, withGaps, false},
		{"a group of files", 4, inOrder[:1], false},
		{"cancelled", 2, []int{1, 0}, true},
	}
	for _, tt := range tests {
		for _, power := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, power cut %v", tt.name, power), func(t *testing.T) {
				t.Parallel()
				run := func(faults map[int]fault) []string {
					tr := newTransfer(t, tt.files, tt.chunks, faults)
					tr.power, tr.cancel = power, tt.cancel
					err := tr.run(t.Context())
					if err == nil {
						err = tr.finished()
					}
					if err != nil {
						t.Fatalf("%v\nfaults %v in\n%s", err, faults, strings.Join(tr.disk.made, "\n"))
					}
					_ = os.RemoveAll(tr.disk.folder)
					return tr.disk.made
				}
				runs := 1
				operations := len(run(nil))
				for i := range operations {
					for _, a := range []fault{lost, keptButFails} {
						after := len(run(map[int]fault{i: a})) // more than without a fault
						for j := i + 1; j < after; j++ {
							for _, b := range []fault{lost, keptButFails} {
								run(map[int]fault{i: a, j: b})
								runs++
							}
						}
						runs++
					}
				}
				t.Logf("%d operations, %d runs", operations, runs)
			})
		}
	}
}

func newTransfer(t *testing.T, files int, chunks []int, faults map[int]fault) *transfer {
	t.Helper()
	folder, err := folderIn(memory(t))
	if err != nil {
		t.Fatal(err)
	}
	tr := &transfer{disk: newDisk(folder, maps.Clone(faults)), chunks: chunks, remote: content((slices.Max(chunks) + 1) * chunk)}
	tr.digest = sum(tr.remote)
	for i := range files {
		local := filepath.Join(folder, fmt.Sprint("file", i))
		tr.records = append(tr.records, record{target: sink.Target{Job: jobA, File: job.FileID(i + 1), Local: local}})
	}
	return tr
}
