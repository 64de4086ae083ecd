package sink_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256=" + hex.EncodeToString(s[:])
}

// memory is a folder in memory where there is one: these tests count operations and
// need no disk.
func memory(t *testing.T) string {
	t.Helper()
	folder, err := folderIn("/dev/shm")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// folderIn makes a folder for one of the thousands of runs of a test.
func folderIn(base string) (string, error) {
	return os.MkdirTemp(base, "sink")
}

// A machine is one partial file beside a model of it.
type machine struct {
	t      *rapid.T
	disk   *disk
	target sink.Target
	p      *sink.Partial
	remote []byte // of this version

	have    job.Ranges // stored
	boot    string     // stored
	written job.Ranges // model: all that was written
	length  int64      // model
	gaps    bool       // model: a write has left one, or may have
}

const remoteSize = 2000

func (m *machine) open() {
	m.boot = m.reopen()
	if m.have.Union(m.p.Filled()).Len() > m.p.Filled().Len() {
		m.have = m.p.Filled() // the file lost bytes: the caller lowers what it stored
	}
}

// reopen opens the file and holds what is trusted against what was sent.
func (m *machine) reopen() (boot string) {
	p, err := m.disk.sink().Open(m.target, m.have, m.boot, remoteSize)
	if err != nil {
		m.t.Fatal(err)
	}
	m.p = p
	got, err := os.ReadFile(m.disk.partialsOf(m.target)[0])
	if err != nil {
		m.t.Fatal(err)
	}
	for _, x := range p.Filled() {
		if x.End > int64(len(got)) || !bytes.Equal(got[x.Start:x.End], m.remote[x.Start:x.End]) {
			m.t.Fatalf("wrong bytes trusted in %v of %v", x, p.Filled())
		}
	}
	m.written, m.length = p.Filled(), int64(len(got))
	return m.disk.bootID()
}

func (m *machine) write(off, n int64) {
	n = min(n, remoteSize-off)
	if off > m.length {
		m.gaps = true
	}
	if k, err := m.p.WriteAt(m.remote[off:off+n], off); int64(k) != n || err != nil {
		m.t.Fatalf("WriteAt = %d, %v", k, err)
	}
	m.written = m.written.Add(job.Range{Start: off, End: off + n})
	m.length = max(m.length, off+n)
}

func (m *machine) checkpoint(sync bool) {
	if sync {
		if err := m.disk.sink().Sync([]*sink.Partial{m.p}); err != nil {
			m.t.Fatal(err)
		}
	}
	have, err := m.p.Checkpoint()
	if err != nil || have.String() != m.written.String() {
		m.t.Fatalf("Checkpoint = %v, %v, want %v", have, err, m.written)
	}
	m.have = have
}

// kill ends the process: the page cache stays.
func (m *machine) kill() {
	_ = m.p.Close()
	want := m.written
	m.open()
	if !m.gaps && m.p.Filled().String() != want.String() {
		m.t.Fatalf("trusted %v after a kill, want all of %v", m.p.Filled(), want)
	}
}

func (m *machine) powerCut() {
	_ = m.p.Close()
	if err := m.disk.cutPower(); err != nil {
		m.t.Fatal(err)
	}
	want := m.have
	m.open()
	if m.p.Filled().String() != want.String() {
		m.t.Fatalf("trusted %v after a power cut, want %v", m.p.Filled(), want)
	}
}

// shorten is somebody else cutting the file.
func (m *machine) shorten(n int64) {
	_ = m.p.Close()
	name := m.disk.partialsOf(m.target)[0]
	if err := os.Truncate(name, min(n, m.length)); err != nil {
		m.t.Fatal(err)
	}
	m.open()
}

// change is another version of the remote file, with a kill at any of its steps.
func (m *machine) change(b byte, killBefore, killAfter bool) {
	m.have, m.boot = nil, "" // stored first
	m.remote = bytes.Repeat([]byte{b}, remoteSize)
	if !killBefore {
		if err := m.p.Reset(); err != nil {
			m.t.Fatal(err)
		}
		m.written, m.length = nil, 0
	}
	if killBefore || killAfter {
		_ = m.p.Close()
		m.open()
	}
	if got := m.p.Filled(); len(got) > 0 {
		m.t.Fatalf("trusted %v of another version", got)
	}
	m.boot = m.disk.bootID()
}

func TestPartialFilesAgainstAModel(t *testing.T) {
	t.Parallel()
	base := memory(t)
	rapid.Check(t, func(rt *rapid.T) {
		folder, err := folderIn(base)
		if err != nil {
			rt.Fatal(err)
		}
		m := &machine{t: rt, disk: newDisk(folder, nil), target: target(folder, "file"), remote: content(remoteSize)}
		m.open()
		defer func() { _ = m.p.Close(); _ = os.RemoveAll(folder) }()
		offset, length := rapid.Int64Range(0, remoteSize-1), rapid.Int64Range(1, 400)
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				if m.length < remoteSize {
					m.write(m.length, length.Draw(rt, "n"))
				}
			},
			"append again": func(rt *rapid.T) {
				if m.length < remoteSize {
					m.write(m.length, length.Draw(rt, "n"))
				}
			},
			"write": func(rt *rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "rare") == 0 {
					m.write(offset.Draw(rt, "off"), length.Draw(rt, "n"))
				}
			},
			"checkpoint": func(rt *rapid.T) { m.checkpoint(rapid.Bool().Draw(rt, "sync")) },
			"kill":       func(*rapid.T) { m.kill() },
			"power cut":  func(*rapid.T) { m.powerCut() },
			"shorten": func(rt *rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "rare") == 0 {
					m.shorten(offset.Draw(rt, "to"))
				}
			},
			"change": func(rt *rapid.T) {
				if rapid.IntRange(0, 3).Draw(rt, "rare") == 0 {
					m.change(byte(rapid.IntRange(1, 255).Draw(rt, "byte")), rapid.Bool().Draw(rt, "before"), rapid.Bool().Draw(rt, "after"))
				}
			},
			"": func(rt *rapid.T) {
				if got := m.p.Filled(); got.String() != m.written.String() {
					rt.Fatalf("filled %v, want %v", got, m.written)
				}
				if names, _ := filepath.Glob(filepath.Join(folder, ".ebb-*")); len(names) != 1 {
					rt.Fatalf("partial files %q, want one", names)
				}
			},
		})
	})
}
