package sink_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// TestAFileWithHoles: what is not wanted of it stays a hole, also at its end, over a kill and a power cut.
func TestAFileWithHoles(t *testing.T) {
	t.Parallel()
	const size = 1000
	b := content(size)
	want := make([]byte, size)
	copy(want[100:200], b[100:200])
	copy(want[500:600], b[500:600])
	wanted := job.Ranges{{Start: 100, End: 200}, {Start: 500, End: 600}}

	folder := t.TempDir()
	d := newDisk(folder, nil)
	to := target(folder, "file")
	p := open(t, d.sink(), to, nil, "")
	if err := p.Grow(size); err != nil {
		t.Fatal(err)
	}
	write(t, p, b[500:600], 500)
	have, err := p.Checkpoint()
	if err != nil || have.String() != "500-599" {
		t.Fatalf("Checkpoint = %v, %v", have, err)
	}
	write(t, p, b[100:150], 100)
	_ = p.Close()

	p = open(t, d.sink(), to, have, d.bootID()) // a kill
	wantFilled(t, p, "500-599")
	write(t, p, b[100:200], 100)
	if err := p.Grow(size); err != nil {
		t.Fatal(err)
	}
	if have, err = p.Checkpoint(); err != nil || have.String() != wanted.String() {
		t.Fatalf("Checkpoint = %v, %v", have, err)
	}
	_ = p.Close()
	if err := d.cutPower(); err != nil {
		t.Fatal(err)
	}
	p = open(t, d.sink(), to, have, "boot 0")
	wantFilled(t, p, wanted.String())
	if err := p.Grow(size); err != nil {
		t.Fatal(err)
	}
	if have, err = p.Checkpoint(); err != nil || have.String() != wanted.String() {
		t.Fatalf("Checkpoint = %v, %v", have, err)
	}
	wantError(t, p.Verify(t.Context(), size, nil, ""), job.ValidationFailed, job.Fatal, "0-99,200-499,600-999 are missing")
	if err := p.Verify(t.Context(), size, wanted.Missing(size), sum(want)); err != nil {
		t.Error(err)
	}
	_ = p.Close()
	publish(t, d.sink(), sink.PublishFile{Target: to, Size: size, Digest: sum(want), Done: true})
	wantFile(t, to.Local, want)
	publish(t, d.sink(), sink.PublishFile{Target: to, Size: size, Digest: sum(want), Done: true}) // again
}

// TestAHoleAtTheEndIsSynced: the length of a file that ends in a hole is part of what a checkpoint makes durable.
func TestAHoleAtTheEndIsSynced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	d := newDisk(folder, nil)
	to := target(folder, "file")
	p := open(t, d.sink(), to, nil, "")
	write(t, p, content(10), 20)
	if _, err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := p.Grow(100); err != nil {
		t.Fatal(err)
	}
	before := len(d.made)
	if _, err := p.Checkpoint(); err != nil || len(d.made) == before {
		t.Errorf("nothing was synced, %v", err)
	}
	if err := p.Grow(50); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(partName(to, ".sparse")); err != nil || fi.Size() != 100 {
		t.Errorf("the file has %d bytes, %v; want 100", fi.Size(), err)
	}
}

func TestTemporaryName(t *testing.T) {
	t.Parallel()
	to, s := target(t.TempDir(), "file"), newSink(thisBoot)
	if name := s.Temporary(to); name != "" {
		t.Errorf("a temporary name %q before there is a file", name)
	}
	p := open(t, s, to, nil, "")
	if name := s.Temporary(to); name != partName(to, ".part") {
		t.Errorf("temporary name %q", name)
	}
	write(t, p, content(10), 10)
	if name := s.Temporary(to); name != partName(to, ".sparse") || filepath.Dir(name) != filepath.Dir(to.Local) {
		t.Errorf("temporary name %q of a file with a gap", name)
	}
	_ = p.Close()
	if _, err := s.Discard(t.Context(), []sink.Target{to}); err != nil {
		t.Fatal(err)
	}
	if name := s.Temporary(to); name != "" {
		t.Errorf("a temporary name %q of a file that is gone", name)
	}
}
