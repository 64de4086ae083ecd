//go:build unix

package daemon_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/sqlite"
	"github.com/ebb-transfer/ebb/job"
)

// process is a real daemon on a state folder, to be killed and started again.
type process struct {
	t      *testing.T
	binary string
	state  string
	args   []string // beside "daemon"
	env    []string // beside the test's own
	cmd    *exec.Cmd
	client *ebb.Client
}

func newProcess(t *testing.T) *process {
	t.Helper()
	p := &process{t: t, binary: filepath.Join(t.TempDir(), "ebb"), state: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, "github.com/ebb-transfer/ebb/cmd/ebb")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Cleanup(p.kill)
	p.start()
	return p
}

func (p *process) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.binary, append([]string{"daemon"}, p.args...)...)
	p.cmd.Env = append(append(os.Environ(), "EBB_STATE_DIR="+p.state, "EBB_SOCKET=", "HOME="+p.state), p.env...)
	log, err := os.OpenFile(filepath.Join(p.state, "test.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.cmd.Stderr = log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if p.client, err = ebb.Dial(p.t.Context(), ebb.Options{Socket: filepath.Join(p.state, "ebb.sock")}); err == nil {
			return
		}
		if time.Now().After(deadline) {
			b, _ := os.ReadFile(log.Name())
			p.t.Fatalf("the daemon does not answer: %v\n%s", err, b)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// kill ends the daemon as kill -9 does.
func (p *process) kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

func partialOf(t *testing.T, folder string) (name string, size int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, ".ebb-*"))
	if err != nil || len(names) > 1 {
		t.Fatalf("partial files: %v, %v", names, err)
	}
	if len(names) == 0 {
		return "", 0
	}
	fi, err := os.Stat(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return names[0], fi.Size()
}

func offsetOf(t *testing.T, r ebbtest.Request) int64 {
	t.Helper()
	var from int64
	if _, err := fmt.Sscanf(r.Range, "bytes=%d-", &from); err != nil {
		t.Fatalf("Range %q: %v", r.Range, err)
	}
	return from
}

// TestKilledAgainAndAgain kills the daemon fifty times while it downloads 1 GiB. Nothing is fetched
// twice, no job is lost, no acknowledged command is forgotten, and the file is right.
func TestKilledAgainAndAgain(t *testing.T) {
	size, kills := int64(1<<30), 50
	if testing.Short() {
		size, kills = 128<<20, 6
	}
	srv := ebbtest.NewServer(t, ebbtest.Size(size), ebbtest.ETag(`"v1"`), ebbtest.Rate(200<<20))
	p := newProcess(t)
	folder := t.TempDir()
	j, err := p.client.Create(t.Context(), ebb.Download(srv.URL, filepath.Join(folder, "big")))
	if err != nil {
		t.Fatal(err)
	}
	books := ledger{srv: srv, folder: folder}
	acknowledged := ""
	for n := range kills {
		time.Sleep(time.Duration(5+rand.IntN(180)) * time.Millisecond)
		if note := fmt.Sprint("kill ", n); p.order(j.ID, note) {
			acknowledged = note
		}
		p.kill()
		books.balance(t)
		p.start()
		p.remembers(j.ID, acknowledged)
	}
	p.finish(j.ID)
	if got := sum(t, filepath.Join(folder, "big")); got != srv.SHA256() {
		t.Errorf("the file's digest is %s, want %s", got, srv.SHA256())
	}
	if name, _ := partialOf(t, folder); name != "" {
		t.Errorf("%s is left", name)
	}
	if jobs := p.suspended(); jobs != kills {
		t.Errorf("%d of %d acknowledged jobs are there", jobs, kills)
	}
}

// order gives the daemon two commands, and reports whether the second was acknowledged: a job that is being
// completed, or is final, refuses it.
func (p *process) order(id job.ID, note string) bool {
	p.t.Helper()
	if _, err := p.client.Create(p.t.Context(), job.Spec{Settings: job.DefaultSettings()}); err != nil {
		p.t.Fatal(err)
	}
	j, err := p.client.Job(p.t.Context(), string(id))
	if err != nil {
		p.t.Fatal(err)
	}
	err = j.Set(p.t.Context(), map[string]any{"description": note})
	if err != nil && !errors.Is(err, job.ErrState) {
		p.t.Fatal(err)
	}
	return err == nil
}

func (p *process) remembers(id job.ID, note string) {
	p.t.Helper()
	j, err := p.client.Job(p.t.Context(), string(id))
	if err != nil {
		p.t.Fatalf("the job is lost: %v", err)
	}
	if j.Description != note {
		p.t.Fatalf("an acknowledged command is forgotten: description is %q, want %q", j.Description, note)
	}
}

func (p *process) finish(id job.ID) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 3*time.Minute)
	defer cancel()
	j, err := p.client.Job(ctx, string(id))
	if err == nil {
		err = j.Wait(ctx)
	}
	if err != nil {
		p.t.Fatalf("the job does not finish: %v", err)
	}
}

func (p *process) suspended() int {
	p.t.Helper()
	n := 0
	for j, err := range p.client.Jobs(p.t.Context(), false) {
		if err != nil {
			p.t.Fatal(err)
		}
		if j.State == job.Suspended {
			n++
		}
	}
	return n
}

// ledger knows how much of the file was here at the last kill.
type ledger struct {
	srv      *ebbtest.Server
	folder   string
	requests int
	had      int64
}

// balance checks, while the daemon is dead, that it went on where the partial file had ended.
func (l *ledger) balance(t *testing.T) {
	t.Helper()
	reqs := l.srv.Requests()[l.requests:]
	if len(reqs) > 1 {
		t.Fatalf("%d requests between two kills", len(reqs))
	}
	if len(reqs) == 1 && offsetOf(t, reqs[0]) != l.had {
		t.Fatalf("it went on from %s, but %d bytes were here", reqs[0].Range, l.had)
	}
	l.requests += len(reqs)
	if name, size := partialOf(t, l.folder); name != "" {
		l.had = size
	}
}

func sum(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// TestPowerCut simulates what a power cut does to the page cache: everything of the partial file that
// was not synced is gone. At most what flows in 1.5 s is fetched again.
func TestPowerCut(t *testing.T) {
	const rate, size = 100 << 20, 512 << 20
	srv := ebbtest.NewServer(t, ebbtest.Size(size), ebbtest.ETag(`"v1"`), ebbtest.Rate(rate))
	p := newProcess(t)
	folder := t.TempDir()
	j, err := p.client.Create(t.Context(), ebb.Download(srv.URL, filepath.Join(folder, "big")))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		time.Sleep(time.Duration(1200+rand.IntN(600)) * time.Millisecond)
		p.kill()
		partial, had := partialOf(t, folder)
		kept := cutPower(t, p.state, partial, j.ID)
		if lost := had - kept; lost > rate*3/2 {
			t.Errorf("%d bytes are lost, more than flows in 1.5 s", lost)
		}
		before := len(srv.Requests())
		p.start()
		for len(srv.Requests()) == before {
			time.Sleep(5 * time.Millisecond)
		}
		if from := offsetOf(t, srv.Requests()[before]); from != kept {
			t.Errorf("it goes on from %d, want %d", from, kept)
		}
	}
	p.finish(j.ID)
	if got := sum(t, filepath.Join(folder, "big")); got != srv.SHA256() {
		t.Errorf("the file's digest is %s, want %s", got, srv.SHA256())
	}
}

// cutPower drops what was not synced, and makes the stored job one of another boot. It returns how
// much is kept.
func cutPower(t *testing.T, state, partial string, id job.ID) int64 {
	t.Helper()
	st, err := sqlite.Open(t.Context(), state, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	j, err := st.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := j.Files.Get(1)
	kept := f.Filled.First()
	if err := os.Truncate(partial, kept); err != nil {
		t.Fatal(err)
	}
	f.Boot = "another boot"
	change := store.Change{Job: j.WithFiles(job.Files{}.Append(f)), Files: []job.FileID{1}}
	if _, err := st.Commit(t.Context(), store.Batch{Jobs: []store.Change{change}}); err != nil {
		t.Fatal(err)
	}
	return kept
}
