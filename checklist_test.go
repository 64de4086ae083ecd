package ebb_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// What implementers of BITS's semantics usually get wrong, one test for each point that can be seen from outside. The numbers are those
// of the list that package job, the engine and the API have the other points of.

// TestChecklist01FinishedIsNotFinished: files appear only at Complete, and neglect deletes them.
func TestChecklist01FinishedIsNotFinished(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil, srv.URL)
	s.resume(j)
	s.until(j, job.Transferred)
	if s.exists("1") {
		t.Error("a transferred file has its name before Complete")
	}
	if err := j.Set(t.Context(), set{"inactivity_timeout": "50ms"}); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Cancelled)
	if left := s.leftovers(); left != nil || s.exists("1") {
		t.Errorf("after neglect there are %v", left)
	}
}

// leftovers are the partial files in the service's folder.
func (s *service) leftovers() []string {
	s.t.Helper()
	names, err := filepath.Glob(filepath.Join(s.dir, ".ebb-*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return names
}

// TestChecklist02CancelDestroysCompleteKeeps: with one file of three finished.
func TestChecklist02CancelDestroysCompleteKeeps(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		s := newService(t)
		srv := ebbtest.NewServer(t, ebbtest.Handler(only("/bad", http.StatusNotFound, []byte("content"))))
		j := s.newJob(nil, srv.Base+"/good")
		s.resume(j)
		s.until(j, job.Transferred)
		if err := j.AddFiles(t.Context(), job.FileSpec{URL: srv.Base + "/bad", Local: s.file("2")}); err != nil {
			t.Fatal(err)
		}
		s.resume(j)
		s.until(j, job.InError)
		if keep {
			wantCode(t, "Complete of a job in error", j.Complete(t.Context()), job.OK)
			s.until(j, job.Acknowledged)
		} else {
			wantCode(t, "Cancel", j.Cancel(t.Context()), job.OK)
			s.until(j, job.Cancelled)
		}
		if left := s.leftovers(); s.exists("1") != keep || s.exists("2") || left != nil {
			t.Errorf("kept %v: file 1 %v, file 2 %v, partial files %v", keep, s.exists("1"), s.exists("2"), left)
		}
		if keep && j.Result != job.PartialComplete {
			t.Errorf("completed with %v", j.Result)
		}
	}
}

// TestChecklist03FailingRename leaves the job Transferred with the other files published, and Complete can be called again.
func TestChecklist03FailingRename(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil, srv.URL, srv.URL+"2")
	s.resume(j)
	s.until(j, job.Transferred)
	if err := os.WriteFile(s.file("2"), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(t.Context()); codeOf(t, err) != job.FileExists || j.State != job.Transferred {
		t.Fatalf("Complete with a name that is taken: %v, %v", j.State, err)
	}
	if !s.exists("1") {
		t.Error("the other file is not published")
	}
	if err := os.Remove(s.file("2")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "Complete again", j.Complete(t.Context()), job.OK)
	s.until(j, job.Acknowledged)
	if fi, err := os.Stat(s.file("2")); err != nil || fi.Size() != 1000 || j.Result != job.OK {
		t.Errorf("%v, %v, %v", fi, err, j.Result)
	}
}

// TestChecklist11RangesAreConcatenated in the order given; sparse is ebb's own other layout. TestConformanceOnDemand is the rest.
func TestChecklist11RangesAreConcatenated(t *testing.T) {
	t.Parallel()
	s := newService(t)
	content := []byte("0123456789abcdefghij")
	srv := ebbtest.NewServer(t, ebbtest.Bytes(content), ebbtest.Multipart())
	spans := []job.Span{{Offset: 15, Length: job.ToEOF}, {Offset: 2, Length: 3}, {Offset: 8, Length: 1}}
	j := s.newJob(func(spec *job.Spec) {
		spec.AutoComplete = true
		spec.Files = []job.FileSpec{
			{URL: srv.URL, Local: s.file("joined"), Ranges: spans},
			{URL: srv.URL, Local: s.file("sparse"), Ranges: spans, Sparse: true},
		}
	})
	s.resume(j)
	s.until(j, job.Acknowledged)
	for name, want := range map[string]string{
		"joined": "fghij2348",
		"sparse": "\x00\x00234\x00\x00\x008\x00\x00\x00\x00\x00\x00fghij",
	} {
		if got, err := os.ReadFile(s.file(name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	wantCode(t, "ranges that overlap", s.addRanges(job.Span{Offset: 100, Length: 5}, job.Span{Offset: 100}), job.OverlappingRanges)
	wantCode(t, "an empty one before", s.addRanges(job.Span{Offset: 100}, job.Span{Offset: 100, Length: 5}), job.OK)
}

func (s *service) addRanges(spans ...job.Span) error {
	j := s.newJob(nil)
	return j.AddFiles(s.t.Context(), job.FileSpec{URL: "http://127.0.0.1:1/x", Local: s.file("x"), Ranges: spans})
}

// TestChecklist14StrictPriority: one background job runs at a time, lower ones starve; foreground jobs are unlimited in number.
func TestChecklist14StrictPriority(t *testing.T) {
	t.Parallel()
	s := newService(t)
	stalls := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1000))
	start := func(n int, p job.Priority) *ebb.Job {
		t.Helper()
		j := s.newJob(func(spec *job.Spec) {
			spec.Priority = p
			spec.Files = []job.FileSpec{{URL: stalls.URL, Local: s.file(fmt.Sprint(n))}}
		})
		s.resume(j)
		return j
	}
	low := start(1, job.Low)
	s.until(low, job.Transferring)
	high := start(2, job.High)
	s.until(high, job.Transferring)
	s.until(low, job.Queued)
	if low.Waits == "" {
		t.Error("the one that waits does not say why")
	}
	normal := start(3, job.Normal)
	var front []*ebb.Job
	for n := range 5 {
		front = append(front, start(4+n, job.Foreground))
	}
	for _, j := range append(front, high) {
		s.until(j, job.Transferring)
	}
	for _, j := range []*ebb.Job{low, normal} {
		if err := j.Refresh(t.Context()); err != nil || j.State != job.Queued {
			t.Errorf("a job of priority %v is %v beside one of high (%v)", j.Priority, j.State, err)
		}
	}
	if err := high.Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(normal, job.Transferring)
	if err := low.Refresh(t.Context()); err != nil || low.State != job.Queued {
		t.Errorf("low priority is %v beside normal (%v)", low.State, err)
	}
}

// TestChecklist16CustomMethod locks the priority; that it makes every error final, TestConformanceMethod shows, and that remote names are
// durable at once, TestConformanceDurableNames.
func TestChecklist16CustomMethod(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.newJob(nil)
	if err := j.Set(t.Context(), set{"method": "POST", "priority": "low"}); err != nil || j.Priority != job.Foreground {
		t.Errorf("with a method: priority %v, %v", j.Priority, err)
	}
	wantCode(t, "another priority", j.Set(t.Context(), set{"priority": "normal"}), job.NotSupportedWithMethod)
	if err := j.Set(t.Context(), set{"method": "GET"}); err != nil || j.Method != "" {
		t.Errorf("the default method: %q, %v", j.Method, err)
	}
	wantCode(t, "another priority without a method", j.Set(t.Context(), set{"priority": "low"}), job.OK)
}

// TestChecklist17OwnerOfTheFile is the user that the service runs as, with that user's permissions for new files.
func TestChecklist17OwnerOfTheFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("what a file inherits there is the folder's business")
	}
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(func(spec *job.Spec) { spec.AutoComplete = true }, srv.URL)
	s.resume(j)
	s.until(j, job.Acknowledged)
	own := s.file("own")
	if err := os.WriteFile(own, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.Stat(s.file("1")); err != nil || got.Mode() != want.Mode() || ownerOf(got) != ownerOf(want) {
		t.Errorf("%v of %v, %v; a file of one's own has %v of %v", got.Mode(), ownerOf(got), err, want.Mode(), ownerOf(want))
	}
}

// TestChecklist20CommandsSurviveRestarts: what a job's command is to be told waits for it, through the end of the service.
func TestChecklist20CommandsSurviveRestarts(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs a program that fails until a file is there")
	}
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	ready, told := s.file("ready"), s.file("told")
	script := fmt.Sprintf("test -e %q && cat > %q", ready, told)
	j := s.newJob(func(spec *job.Spec) {
		spec.NotifyCommand = []string{"/bin/sh", "-c", script}
		spec.RetryDelay = job.Duration(job.MinRetryDelay)
	}, srv.URL)
	s.resume(j)
	s.until(j, job.Transferred)
	s.down()
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.up()
	for deadline := time.Now().Add(patience); !s.exists("told"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never heard of it")
		}
	}
	for b := []byte(nil); !bytes.Contains(b, []byte(j.ID)); time.Sleep(5 * time.Millisecond) {
		var err error
		if b, err = os.ReadFile(told); err != nil {
			t.Fatal(err)
		}
	}
}
