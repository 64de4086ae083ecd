package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport/httpx"
	"github.com/ebb-transfer/ebb/job"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// plainSealer stores secrets as they are: sealing has its own tests.
type plainSealer struct{}

func (plainSealer) Seal(_ job.ID, _ string, plain []byte) ([]byte, error) {
	return bytes.Clone(plain), nil
}

func (plainSealer) Open(_ job.ID, _ string, sealed []byte) ([]byte, error) {
	return bytes.Clone(sealed), nil
}

// bench is an engine at work in a folder.
type bench struct {
	*Engine
	t     *testing.T
	dir   string
	store *memstore.Store
	stop  func() // waits until Run has returned
}

func newBench(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	return newBenchOn(t, t.TempDir(), memstore.New(), change...)
}

func newBenchOn(t *testing.T, dir string, st *memstore.Store, change ...func(*Config)) *bench {
	t.Helper()
	d := httpx.New(httpx.Config{UserAgent: "ebb/test"})
	t.Cleanup(d.Close)
	real := func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
		c.Transports["https"] = d
	}
	b := startBench(t, dir, st, d, append([]func(*Config){real}, change...)...)
	b.store, b.stop = st, sync.OnceFunc(b.stop)
	t.Cleanup(b.stop)
	return b
}

func (b *bench) download(urls ...string) job.Spec {
	s := job.Spec{Settings: job.DefaultSettings(), Resume: true}
	for i, u := range urls {
		s.Files = append(s.Files, job.FileSpec{URL: u, Local: filepath.Join(b.dir, "file"+string(rune('a'+i)))})
	}
	return s
}

func (b *bench) create(spec job.Spec) job.Snapshot {
	b.t.Helper()
	snap, err := b.Create(b.t.Context(), Actor{ID: "uid:1"}, spec)
	if err != nil {
		b.t.Fatalf("Create: %v", err)
	}
	return snap
}

func (b *bench) do(id job.ID, ev job.Event) job.Snapshot {
	b.t.Helper()
	snap, err := b.Do(b.t.Context(), id, ev)
	if err != nil {
		b.t.Fatalf("%T: %v", ev, err)
	}
	return snap
}

// until waits for a state of the job and fails the test when it does not come.
func (b *bench) until(id job.ID, want job.State) job.Snapshot {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		snap, err := b.Job(b.t.Context(), id)
		if err != nil && !errors.Is(err, ErrUnknown) { // which is for all who asked when a commit failed
			b.t.Fatal(err)
		}
		if err == nil && snap.State == want {
			return snap
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("job never became %v; it is %v (%s)", want, snap.State, snap.Waits)
		}
	}
}

func sumOf(t *testing.T, file string) string {
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

func noPartials(t *testing.T, dir string) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(dir, ".ebb-*"))
	if len(left) > 0 {
		t.Errorf("partial files are left: %v", left)
	}
}

func TestDownloadThenComplete(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(20<<20), ebbtest.ETag(`"v1"`))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	got := b.until(j.ID, job.Transferred)
	if got.Transferred != 20<<20 || got.Size != 20<<20 || got.Error != nil {
		t.Errorf("transferred %d of %d, error %v", got.Transferred, got.Size, got.Error)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "filea")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has its name before the job is completed: %v", err)
	}
	b.do(j.ID, job.Complete{})
	b.until(j.ID, job.Acknowledged)
	if sum := sumOf(t, filepath.Join(b.dir, "filea")); sum != srv.SHA256() {
		t.Errorf("the file's digest is %s, want %s", sum, srv.SHA256())
	}
	noPartials(t, b.dir)
	if _, err := b.Do(t.Context(), j.ID, job.Suspend{}); !errors.Is(err, job.ErrState) {
		t.Errorf("Suspend of a final job: %v, want ErrState", err)
	}
}

func TestManyFilesCompleteByThemselves(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(64<<10))
	b := newBench(t)
	spec := b.download()
	spec.AutoComplete = true
	for i := range 300 {
		name := filepath.Join(b.dir, "n"+hex.EncodeToString([]byte{byte(i >> 8), byte(i)}))
		spec.Files = append(spec.Files, job.FileSpec{URL: srv.URL, Local: name})
	}
	j := b.create(spec)
	got := b.until(j.ID, job.Acknowledged)
	if got.Totals.FilesDone != 300 {
		t.Errorf("%d files are done, want 300", got.Totals.FilesDone)
	}
	for _, f := range spec.Files {
		if sum := sumOf(t, f.Local); sum != srv.SHA256() {
			t.Fatalf("%s has digest %s, want %s", f.Local, sum, srv.SHA256())
		}
	}
	noPartials(t, b.dir)
}

func TestConnectionCutAgainAndAgain(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(24<<20), ebbtest.ETag(`"v1"`), ebbtest.CutEvery(3<<20))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	got := b.until(j.ID, job.Transferred)
	if got.ErrorCount == 0 {
		t.Error("no error was counted")
	}
	var sent int64
	for _, r := range srv.Requests() {
		sent += r.Sent
	}
	if extra := sent - 24<<20; extra > 0 {
		t.Errorf("%d bytes were sent twice", extra)
	}
}

func TestSuspendAndResume(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.ETag(`"v1"`), ebbtest.Rate(4<<20))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	b.until(j.ID, job.Transferring)
	if s := b.do(j.ID, job.Suspend{}); s.State != job.Suspended {
		t.Fatalf("state is %v after Suspend", s.State)
	}
	b.do(j.ID, job.Resume{})
	b.until(j.ID, job.Transferred)
}

func TestRestartGoesOn(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.ETag(`"v1"`), ebbtest.Rate(8<<20))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	b.until(j.ID, job.Transferring)
	b.stop()
	b = newBenchOn(t, b.dir, b.store.Reopen())
	b.until(j.ID, job.Transferred)
	b.do(j.ID, job.Complete{})
	b.until(j.ID, job.Acknowledged)
	if sum := sumOf(t, filepath.Join(b.dir, "filea")); sum != srv.SHA256() {
		t.Errorf("the file's digest is %s, want %s", sum, srv.SHA256())
	}
}

func TestStopStoresHowFarItGot(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.ETag(`"v1"`), ebbtest.Rate(8<<20))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	for snap := b.until(j.ID, job.Transferring); snap.Transferred < 1<<20; {
		snap, _ = b.Job(t.Context(), j.ID)
	}
	b.stop()
	// Another boot: only what was stored counts, not the length of the partial file.
	otherBoot := func(c *Config) {
		c.BootID, c.Sink = "boot-2", sink.New(sink.Config{Instance: "test", BootID: "boot-2"})
	}
	b = newBenchOn(t, b.dir, b.store.Reopen(), otherBoot)
	b.until(j.ID, job.Transferred)
	reqs := srv.Requests()
	var from int64
	if _, err := fmt.Sscanf(reqs[len(reqs)-1].Range, "bytes=%d-", &from); err != nil || len(reqs) != 2 || from < 1<<20 {
		t.Errorf("%d requests, the last for %q: what was here is fetched again", len(reqs), reqs[len(reqs)-1].Range)
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(8<<20), ebbtest.Rate(4<<20))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	b.until(j.ID, job.Transferring)
	b.do(j.ID, job.Cancel{})
	b.until(j.ID, job.Cancelled)
	noPartials(t, b.dir)
	if entries, _ := os.ReadDir(b.dir); len(entries) > 0 {
		t.Errorf("the folder holds %v", entries)
	}
}

func TestTakenNameIsRefusedBeforeAnythingIsCreated(t *testing.T) {
	b := newBench(t)
	spec := b.download("http://127.0.0.1:9/x")
	if err := os.WriteFile(spec.Files[0].Local, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var refusal *job.Error
	if _, err := b.Create(t.Context(), Actor{ID: "uid:1"}, spec); !errors.As(err, &refusal) || refusal.Code != job.FileExists {
		t.Errorf("Create: %v, want ERROR_FILE_EXISTS", err)
	}
	jobs, err := b.List(t.Context(), 0, 10, func(job.Job) bool { return true })
	if err != nil || len(jobs) != 0 {
		t.Errorf("%d jobs, error %v; want none", len(jobs), err)
	}
}

func TestUnknownCommitStartsOver(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(2<<20), ebbtest.ETag(`"v1"`))
	for _, outcome := range []memstore.Outcome{memstore.Lost, memstore.KeptButFailed} {
		t.Run(fmt.Sprint(outcome), func(t *testing.T) {
			failed := false
			st := memstore.New(memstore.Fault(func(n int, b store.Batch) memstore.Outcome {
				if len(b.Jobs) > 0 && b.Jobs[0].Job.State == job.Transferred && !failed {
					failed = true
					return outcome
				}
				return memstore.OK
			}))
			b := newBenchOn(t, t.TempDir(), st)
			j := b.create(b.download(srv.URL))
			b.until(j.ID, job.Transferred)
			if !failed {
				t.Error("no commit failed")
			}
		})
	}
}

func TestRetryAfterHoldsTheWholeHost(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.Status(503), ebbtest.RetryAfter("2"))
	b := newBench(t)
	first := b.create(b.download(srv.URL))
	b.until(first.ID, job.TransientError)
	spec := b.download(srv.URL)
	spec.Files[0].Local += "2"
	second := b.create(spec)
	snap, err := b.Job(t.Context(), second.ID)
	if err != nil || snap.State != job.Queued || !strings.Contains(snap.Waits, "wait") {
		t.Errorf("the second job is %v and waits because %q (%v)", snap.State, snap.Waits, err)
	}
	b.until(first.ID, job.Transferred)
	b.until(second.ID, job.Transferred)
	if n := len(srv.Requests()); n != 3 {
		t.Errorf("%d requests, want 3: the host asked to be left alone", n)
	}
}

func TestForegroundAllAtOnceBackgroundOneByOne(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(8<<20), ebbtest.Rate(1<<20))
	b := newBench(t)
	var ids []job.ID
	for n, p := range []job.Priority{job.Foreground, job.Foreground, job.Low, job.High, job.High} {
		spec := b.download(srv.URL)
		spec.Priority = p
		spec.Files[0].Local += fmt.Sprint(n)
		ids = append(ids, b.create(spec).ID)
	}
	b.until(ids[0], job.Transferring)
	b.until(ids[1], job.Transferring)
	b.until(ids[3], job.Transferring)
	for n, want := range map[int]string{2: "higher priority", 4: "same priority"} {
		snap, err := b.Job(t.Context(), ids[n])
		if err != nil || snap.State != job.Queued || !strings.Contains(snap.Waits, want) {
			t.Errorf("job %d is %v and waits because %q (%v), want %q", n, snap.State, snap.Waits, err, want)
		}
	}
	b.do(ids[3], job.Suspend{})
	b.until(ids[4], job.Transferring)
	for _, id := range ids {
		b.do(id, job.Cancel{})
		b.until(id, job.Cancelled)
	}
}

func TestLimitsChangeWhileTheyRun(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(32<<20), ebbtest.ETag(`"v1"`))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.Limit = 64 << 10
	j := b.create(spec)
	b.until(j.ID, job.Transferring)
	if _, err := b.Configure(t.Context(), j.ID, func(s *job.Settings) error { s.Limit = 0; return nil }); err != nil {
		t.Fatal(err)
	}
	b.until(j.ID, job.Transferred) // at 64 KiB/s it would take 8 minutes
}

// TestStalledBytesAreOnDisk: what arrived before a stall survives a killed process, and is shown.
func TestStalledBytesAreOnDisk(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.ETag(`"v1"`), ebbtest.StallBody(300_000))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	b.until(j.ID, job.Transferring)
	deadline := time.Now().Add(10 * time.Second)
	for {
		partials, _ := filepath.Glob(filepath.Join(b.dir, ".ebb-*"))
		snap, err := b.Job(t.Context(), j.ID)
		if len(partials) == 1 && err == nil && snap.Transferred == 300_000 {
			if fi, err := os.Stat(partials[0]); err == nil && fi.Size() == 300_000 {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a stall at 300000 bytes the job shows %d, partial files %v", snap.Transferred, partials)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestFilesShowTheirRate(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(64<<20), ebbtest.Rate(4<<20))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		files, err := b.Files(t.Context(), j.ID, 1, 10)
		if err == nil && len(files) == 1 && files[0].Rate > 1<<20 && files[0].Rate < 16<<20 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a file at 4 MiB/s shows %+v, %v", files, err)
		}
	}
	b.do(j.ID, job.Cancel{})
	b.until(j.ID, job.Cancelled)
}
