package ebb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// The conformance suite: what a user of BITS expects of jobs, files and properties, seen through the public API alone.

// patience is after what time a test that waits has failed.
const patience = 30 * time.Second

// codeOf is the code of a refusal; job.OK for none.
func codeOf(t testing.TB, err error) job.Code {
	t.Helper()
	var known *job.Error
	if err != nil && !errors.As(err, &known) {
		t.Fatalf("not an error of a job: %v", err)
	}
	if err == nil {
		return job.OK
	}
	return known.Code
}

func wantCode(t testing.TB, what string, err error, want job.Code) {
	t.Helper()
	if got := codeOf(t, err); got != want {
		t.Errorf("%s: %v (%v), want %v", what, got, err, want)
	}
}

// newJob creates a suspended job for URLs, in files named after their places: 1, 2, 3.
func (s *service) newJob(change func(*job.Spec), urls ...string) *ebb.Job {
	s.t.Helper()
	spec := job.Spec{Settings: job.DefaultSettings()}
	for i, u := range urls {
		spec.Files = append(spec.Files, job.FileSpec{URL: u, Local: s.file(string(rune('1' + i)))})
	}
	if change != nil {
		change(&spec)
	}
	j, err := s.Create(s.t.Context(), spec)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

// until follows a job until it is in one of the states.
func (s *service) until(j *ebb.Job, want ...job.State) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for snap, err := range s.Watch(ctx, string(j.ID)) {
		if err != nil {
			s.t.Fatalf("job %s is %v, and never became %v: %v (%v)", j.ID, j.State, want, err, j.Error)
		}
		if j.Snapshot = snap; slices.Contains(want, snap.State) {
			return
		}
	}
}

func (s *service) resume(j *ebb.Job) {
	s.t.Helper()
	if err := j.Resume(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// exists reports whether a local file has its name.
func (s *service) exists(name string) bool {
	_, err := os.Lstat(s.file(name))
	return err == nil
}

// TestConformanceDefaults: a job that is given nothing has the defaults of BITS, except where the comment says so.
func TestConformanceDefaults(t *testing.T) {
	t.Parallel()
	s := newService(t)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx) }}}
	defer client.CloseIdleConnections()
	resp, err := client.Post("http://ebb/v1/jobs", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	for _, differs := range []string{"id", "owner", "created", "modified", "rev", "seq", "waits"} {
		if got[differs] == nil {
			t.Errorf("there is no %s", differs)
		}
		delete(got, differs)
	}
	want := map[string]any{
		"type": "download", "state": "suspended", "priority": "normal",
		"retry_delay": "10m0s", "no_progress_timeout": "336h0m0s", "max_download_time": "2160h0m0s", "inactivity_timeout": "2160h0m0s",
		"notify_flags": 3.0, "min_notify_interval": "500ms",
		"headers_write_only": true, // BITS: false; headers hold tokens more often than not
		"totals":             map[string]any{"files": 0.0, "files_done": 0.0, "bytes": 0.0, "filled": 0.0, "unknown": 0.0},
		"transferred":        0.0, "size": 0.0, "rate": 0.0,
	}
	if diff := cmp.Diff(want, got); diff != "" { // what is absent is "", 0, false or none
		t.Errorf("a new job (-want +got):\n%s", diff)
	}
}

// TestConformanceEnumeration: an enumeration is of the jobs that there were when it began; what it gives shows them as they are.
func TestConformanceEnumeration(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first, second := s.create("first"), s.create("second")
	var seen []job.ID
	for j, err := range s.Jobs(t.Context(), false) {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, j.ID); j.ID != first.ID {
			continue
		}
		s.create("third")
		if err := second.Set(t.Context(), map[string]any{"name": "renamed"}); err != nil {
			t.Fatal(err)
		}
		if err := second.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]job.ID{first.ID, second.ID}, seen); diff != "" {
		t.Errorf("enumerated (-want +got):\n%s", diff)
	}
	again, err := s.Job(t.Context(), string(second.ID))
	if err != nil || again.Name != "renamed" {
		t.Errorf("by its ID: %v, %v", again, err)
	}
}

// TestConformanceTimes: creation, modification by whatever changes, and transfer completion, which is not there until then.
func TestConformanceTimes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil)
	if j.Created.IsZero() || j.Modified.Before(j.Created) || !j.Finished.IsZero() {
		t.Errorf("new: %v, %v, %v", j.Created, j.Modified, j.Finished)
	}
	created, last := j.Created, j.Modified
	changed := func(what string, err error) {
		t.Helper()
		if err != nil || !j.Modified.After(last) || !j.Created.Equal(created) {
			t.Errorf("%s: created %v, modified %v, was %v (%v)", what, j.Created, j.Modified, last, err)
		}
		last = j.Modified
	}
	changed("a property", j.Set(t.Context(), map[string]any{"description": "x"}))
	changed("a file", j.AddFiles(t.Context(), job.FileSpec{URL: srv.URL, Local: s.file("1")}))
	changed("a state", j.Resume(t.Context()))
	s.until(j, job.Transferred)
	changed("the transfer", nil)
	if j.Finished.Before(created) || j.Finished.After(j.Modified) {
		t.Errorf("finished at %v, modified at %v", j.Finished, j.Modified)
	}
	at := j.Finished
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Acknowledged)
	if !j.Finished.Equal(at) {
		t.Errorf("Complete changed the time of the transfer from %v to %v", at, j.Finished)
	}
}

// TestConformanceHandleAfterComplete: a job that is final is in no enumeration of live jobs, and still answers to those who have it.
func TestConformanceHandleAfterComplete(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil, srv.URL)
	s.resume(j)
	s.until(j, job.Transferred)
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Acknowledged)
	if err := j.Refresh(t.Context()); err != nil || j.State != job.Acknowledged || j.CurrentError() != nil {
		t.Errorf("its state: %v, %v", j.State, err)
	}
	if f, err := j.File(t.Context(), 1); err != nil || !f.Done || f.Transferred != 1000 {
		t.Errorf("its file: %+v, %v", f, err)
	}
	listed := func(all bool) (ids []job.ID) {
		for j, err := range s.Jobs(t.Context(), all) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, j.ID)
		}
		return ids
	}
	if slices.Contains(listed(false), j.ID) || !slices.Contains(listed(true), j.ID) {
		t.Errorf("among the live ones %v, among all %v", listed(false), listed(true))
	}
	wantCode(t, "a setter", j.Set(t.Context(), map[string]any{"name": "x"}), job.InvalidState)
	s.down()
	s.up()
	err := j.Set(t.Context(), map[string]any{"name": "x"})
	wantCode(t, "a setter, after a restart", err, job.InvalidState)
	if !strings.Contains(err.Error(), "cannot change job") {
		t.Errorf("refused as another command: %v", err)
	}
}

func TestConformanceTwoJobsOfOneName(t *testing.T) {
	t.Parallel()
	s := newService(t)
	one, two := s.create("updates"), s.create("updates")
	if one.ID == two.ID {
		t.Fatal("they are the same job")
	}
	if err := one.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := two.Refresh(t.Context()); err != nil || two.State != job.Suspended || two.Name != "updates" {
		t.Errorf("the other one: %v, %v", two.State, err)
	}
}

// TestConformanceNames: names are stored as they are given, and reach the server as the URLs that they stand for.
func TestConformanceNames(t *testing.T) {
	t.Parallel()
	s := newService(t)
	content := []byte("content")
	srv := ebbtest.NewServer(t, ebbtest.Bytes(content))
	url, local := srv.Base+"/docs/naïve 文件.pdf?q=ü&r=%20", s.file("naïve 文件 🚀.pdf")
	j := s.newJob(func(spec *job.Spec) {
		spec.Name, spec.Description, spec.AutoComplete = "Änderungen 🚀", "日本語", true
		spec.Files = []job.FileSpec{{URL: url, Local: local}}
	})
	s.resume(j)
	s.until(j, job.Acknowledged)
	if f, err := j.File(t.Context(), 1); err != nil || f.URL != url || f.Local != local || j.Name != "Änderungen 🚀" {
		t.Errorf("%+v, %v", f, err)
	}
	if b, err := os.ReadFile(local); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%q, %v", b, err)
	}
	if got := srv.Requests()[0].Path; got != "/docs/na%C3%AFve%20%E6%96%87%E4%BB%B6.pdf?q=%C3%BC&r=%20" {
		t.Errorf("the server was asked for %s", got)
	}
	_, err := s.Create(t.Context(), job.Spec{Settings: func() job.Settings {
		set := job.DefaultSettings()
		set.Name = strings.Repeat("ä", job.MaxNameLen+1)
		return set
	}()})
	wantCode(t, "a name of 257 characters", err, job.InvalidArg)
}
