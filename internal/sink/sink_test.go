package sink_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

const (
	thisBoot = "boot 1"
	nextBoot = "boot 2"
	jobA     = job.ID("00000000-0000-4000-8000-00000000000a")
	jobB     = job.ID("00000000-0000-4000-8000-00000000000b")
)

func newSink(boot string) *sink.Sink {
	return sink.New(sink.Config{Instance: "test", BootID: boot})
}

// target is file 1 of jobA, under that name in folder.
func target(folder, name string) sink.Target {
	return sink.Target{Job: jobA, File: 1, Local: filepath.Join(folder, name)}
}

// partName is the partial file of a target made by target.
func partName(t sink.Target, suffix string) string {
	return filepath.Join(filepath.Dir(t.Local), ".ebb-test-"+string(t.Job)+"-1"+suffix)
}

// content is the remote file of the tests: bytes that are never zero, as a hole is.
func content(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(1 + r.IntN(255))
	}
	return b
}

func open(t *testing.T, s *sink.Sink, to sink.Target, have job.Ranges, boot string) *sink.Partial {
	t.Helper()
	p, err := s.Open(to, have, boot, job.UnknownSize)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func write(t *testing.T, p *sink.Partial, b []byte, off int64) {
	t.Helper()
	if n, err := p.WriteAt(b, off); n != len(b) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d) = %d, %v", len(b), off, n, err)
	}
}

func wantFilled(t *testing.T, p *sink.Partial, want string) {
	t.Helper()
	if got := p.Filled().String(); got != want {
		t.Errorf("Filled() = %q, want %q", got, want)
	}
}

func wantFile(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, want these %d", name, len(got), len(want))
	}
}

func wantNames(t *testing.T, folder string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("names in the folder (-want +got):\n%s", d)
	}
}

func TestAFileFromFirstByteToFinalName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.bin", "Ünïcødé 文件 🎉.iso", "with 'quotes\" and\nnew line", strings.Repeat("n", 255), "-rf"} {
		t.Run(name[:min(len(name), 20)], func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			s, to := newSink(thisBoot), target(folder, name)
			want := content(3 << 20)
			modified := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
			if err := s.Check(to); err != nil {
				t.Fatalf("Check: %v", err)
			}
			p := open(t, s, to, nil, "")
			if err := p.Expect(int64(len(want))); err != nil {
				t.Fatalf("Expect: %v", err)
			}
			write(t, p, want[:1<<20], 0)
			write(t, p, want[1<<20:], 1<<20)
			durable, err := p.Checkpoint()
			if d := cmp.Diff(job.Prefix(int64(len(want))), durable); err != nil || d != "" {
				t.Fatalf("Checkpoint: %v, (-want +got):\n%s", err, d)
			}
			if err := p.Verify(t.Context(), int64(len(want)), nil, ""); err != nil {
				t.Fatalf("Verify: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Fatalf("Close: %v", err)
			}
			publish(t, s, sink.PublishFile{Target: to, Size: int64(len(want)), Modified: modified, Done: true})
			wantFile(t, to.Local, want)
			wantNames(t, folder, name)
			if fi, err := os.Stat(to.Local); err != nil || !fi.ModTime().Equal(modified) {
				t.Errorf("modification time %v, %v, want %v", fi.ModTime(), err, modified)
			}
		})
	}
}

func publish(t *testing.T, s *sink.Sink, files ...sink.PublishFile) {
	t.Helper()
	if left, err := s.Publish(t.Context(), files); left != job.OK || err != nil {
		t.Fatalf("Publish = %v, %v", left, err)
	}
}
