package ebb_test

import (
	"bytes"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// notChanged is when what handlers serve was last changed.
var notChanged = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// only serves one path with a status, and all others with their own content.
func only(path string, status int, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			w.WriteHeader(status)
			return
		}
		http.ServeContent(w, r, "", notChanged, bytes.NewReader(content))
	})
}

// TestConformanceSkipRetryRemove: one bad file blocks the job, as in BITS, but there is a way out for the others.
func TestConformanceSkipRetryRemove(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Handler(only("/bad", http.StatusNotFound, []byte("content"))))
	j := s.newJob(nil, srv.Base+"/bad", srv.Base+"/good", srv.Base+"/unwanted")
	s.resume(j)
	s.until(j, job.InError)
	if j.Error.File != 1 {
		t.Fatalf("the error is of file %d: %v", j.Error.File, j.Error)
	}
	if err := j.SkipFile(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	s.resume(j)
	s.until(j, job.Transferred)
	if err := j.RetryFile(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if f, err := j.File(t.Context(), 2); err != nil || f.Done || f.Transferred != 0 || j.State == job.Transferred {
		t.Errorf("to be fetched again: %+v, %v, job %v", f, err, j.State)
	}
	before := len(srv.Requests())
	s.resume(j)
	s.until(j, job.Transferred)
	if got := srv.Requests()[before:]; len(got) != 1 || got[0].Path != "/good" {
		t.Errorf("fetched again: %+v", got)
	}
	if err := j.RemoveFile(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a removed file", j.RemoveFile(t.Context(), 3), job.FileNotFound)
	var left []job.FileID
	for f, err := range j.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, f.ID)
	}
	if diff := cmp.Diff([]job.FileID{1, 2}, left); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Acknowledged)
	if j.Result != job.PartialComplete || s.exists("1") || !s.exists("2") || s.exists("3") {
		t.Errorf("%v: 1 %v, 2 %v, 3 %v", j.Result, s.exists("1"), s.exists("2"), s.exists("3"))
	}
}

// TestConformanceValidation: E_PENDING before a file is here; what its owner finds to be wrong stops the job, and Resume fetches it
// again.
func TestConformanceValidation(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil, srv.URL, srv.URL+"2")
	wantCode(t, "too early", j.SetValidation(t.Context(), 1, true), job.Pending)
	s.resume(j)
	s.until(j, job.Transferred)
	if f, err := j.File(t.Context(), 1); err != nil || f.Validated {
		t.Errorf("at first %+v, %v", f, err)
	}
	if err := j.SetValidation(t.Context(), 1, true); err != nil || j.State != job.Transferred {
		t.Errorf("found right: %v, %v", j.State, err)
	}
	if err := j.SetValidation(t.Context(), 2, false); err != nil {
		t.Fatal(err)
	}
	if j.State != job.InError || j.Error.Code != job.ValidationFailed || j.Error.File != 2 {
		t.Errorf("found wrong: %v, %+v", j.State, j.Error)
	}
	for id, want := range map[job.FileID]int64{1: 1000, 2: 0} {
		if f, err := j.File(t.Context(), id); err != nil || f.Transferred != want || f.Validated != (id == 1) {
			t.Errorf("file %d: %+v, %v", id, f, err)
		}
	}
	before := len(srv.Requests())
	s.resume(j)
	s.until(j, job.Transferred)
	if got := len(srv.Requests()) - before; got != 1 {
		t.Errorf("%d requests fetched one file again", got)
	}
}

// TestConformanceRemoteNames: they can be changed one by one and by their beginning, in downloads that are not final.
func TestConformanceRemoteNames(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1<<19))
	j := s.newJob(nil, "http://127.0.0.1:1/a/x", "http://127.0.0.1:1/A/y")
	wantCode(t, "no URL", j.SetRemoteName(t.Context(), 1, "cheese"), job.InvalidArg)
	wantCode(t, "no such file", j.SetRemoteName(t.Context(), 3, srv.URL), job.FileNotFound)
	if n, err := j.ReplaceRemotePrefix(t.Context(), "http://127.0.0.1:1/a/", srv.Base+"/"); err != nil || n != 1 {
		t.Errorf("%d of 1 replaced, for the case counts (%v)", n, err)
	}
	if n, err := j.ReplaceRemotePrefix(t.Context(), "ftp://", "http://"); err != nil || n != 0 {
		t.Errorf("none begins so: %d, %v", n, err)
	}
	_, err := j.ReplaceRemotePrefix(t.Context(), "", "http://")
	wantCode(t, "an empty prefix", err, job.InvalidArg)
	if err := j.RemoveFile(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s.resume(j)
	s.until(j, job.Transferring)
	for j.Transferred < 1<<19 {
		if err := j.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// What is stored stays, for the other name is of the same version.
	srv.Set(ebbtest.StallBody(-1))
	if err := j.SetRemoteName(t.Context(), 1, srv.Base+"/fresh?token=2"); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Transferred)
	last := srv.Requests()[len(srv.Requests())-1]
	if last.Path != "/fresh?token=2" || last.Sent > 1<<19 {
		t.Errorf("the last request is for %s and sent %d bytes", last.Path, last.Sent)
	}
	if err := j.SetRemoteName(t.Context(), 1, "http://127.0.0.1:1/gone"); err != nil { // a finished file is not fetched again
		t.Fatal(err)
	}
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Acknowledged)
	if _, err := os.Stat(s.file("1")); err != nil {
		t.Error(err)
	}
}
