package engine

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// partials are the partial files in the bench's folder.
func (b *bench) partials() []string {
	b.t.Helper()
	names, err := filepath.Glob(filepath.Join(b.dir, ".ebb-*"))
	if err != nil {
		b.t.Fatal(err)
	}
	return names
}

func (b *bench) doFile(id job.ID, file job.FileID, commands ...job.Event) job.Snapshot {
	b.t.Helper()
	snap, err := b.DoFile(b.t.Context(), id, file, commands...)
	if err != nil {
		b.t.Fatalf("%v: %v", commands, err)
	}
	return snap
}

// TestRetryOfARunningFile: what its worker has fetched by then does not count, though it is on disk.
func TestRetryOfARunningFile(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1<<19))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	for b.until(j.ID, job.Transferring).Transferred < 1<<19 {
	}
	srv.Set(ebbtest.StallBody(-1))
	b.doFile(j.ID, 1, job.RetryFile{File: 1})
	b.until(j.ID, job.Transferred)
	requests := srv.Requests()
	if last := requests[len(requests)-1]; last.Range != "bytes=0-" || last.Sent != 1<<20 {
		t.Errorf("the last request is for %q and sent %d bytes", last.Range, last.Sent)
	}
}

// TestRemovalOfARunningFile: its bytes are deleted once its worker has had its last word, and the others go on.
func TestRemovalOfARunningFile(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1<<19))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	for b.until(j.ID, job.Transferring).Transferred < 1<<19 {
	}
	if n := len(b.partials()); n != 1 {
		t.Fatalf("%d partial files", n)
	}
	if left := b.doFile(j.ID, 1, job.RemoveFile{File: 1}); left.Totals.Files != 0 || left.Size != 0 {
		t.Errorf("left: %+v", left.Totals)
	}
	for deadline := time.Now().Add(30 * time.Second); len(b.partials()) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v is still there", b.partials())
		}
	}
	if snap, err := b.Job(t.Context(), j.ID); err != nil || snap.State != job.Suspended || snap.Totals.Filled != 0 {
		t.Errorf("an empty job: %v, %+v, %v", snap.State, snap.Totals, err)
	}
}

// TestRetryBesideAFullHost: a file that is to be fetched again is not held up by a later one that waits for its host.
func TestRetryBesideAFullHost(t *testing.T) {
	full, free := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.StallBody(10)), ebbtest.NewServer(t, ebbtest.Size(1000))
	b := newBench(t, func(c *Config) { c.Limits.PerHost = 1 })
	spec := b.download(full.URL)
	spec.Priority = job.Foreground
	spec.Files[0].Local += "-first"
	first := b.create(spec)
	b.until(first.ID, job.Transferring)
	spec = b.download(free.URL, full.URL)
	spec.Priority = job.Foreground
	j := b.create(spec)
	fetched := func(times int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
			snap, err := b.Job(t.Context(), j.ID)
			if err == nil && snap.Totals.FilesDone == 1 && len(free.Requests()) == times {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d requests, %+v, %v", len(free.Requests()), snap.Totals, err)
			}
		}
	}
	fetched(1)
	b.doFile(j.ID, 1, job.RetryFile{File: 1})
	fetched(2)
}

// TestAnswersAreKept: the last one for each file, that of an error too, also over a restart.
func TestAnswersAreKept(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.Status(404), ebbtest.Header("X-Served-By", "test"))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	_, err := b.Answer(t.Context(), j.ID, 2)
	refused(t, err, job.FileNotFound)
	b.until(j.ID, job.InError)
	if a, err := b.Answer(t.Context(), j.ID, 1); err != nil || a.Status != 404 || a.Address == "" {
		t.Errorf("of the error: %+v, %v", a, err)
	}
	b.do(j.ID, job.Resume{})
	b.until(j.ID, job.Transferred)
	b.stop()
	again := newBenchOn(t, b.dir, b.store.Reopen())
	a, err := again.Answer(t.Context(), j.ID, 1)
	if err != nil || a.Status/100 != 2 || a.Took <= 0 {
		t.Errorf("of the transfer: %+v, %v", a, err)
	}
	found := false
	for _, h := range a.Headers {
		found = found || h.Name == "X-Served-By" && h.Value == "test"
	}
	if !found {
		t.Errorf("its headers: %v", a.Headers)
	}
}
