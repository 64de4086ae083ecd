package ebb_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// TestConformanceProgress: an empty job has 0 bytes; a file whose size is unknown makes the sum unknown; of ranges only
// what is asked for counts.
func TestConformanceProgress(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil)
	if j.Size != 0 || j.Transferred != 0 {
		t.Errorf("an empty job: %d of %d", j.Transferred, j.Size)
	}
	add := func(f job.FileSpec) {
		t.Helper()
		if err := j.AddFiles(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	add(job.FileSpec{URL: srv.URL + "1", Local: s.file("1"), Ranges: []job.Span{{Offset: 100, Length: 50}, {Offset: 0, Length: 10}}})
	if j.Size != 60 {
		t.Errorf("two ranges of 60 bytes: %d", j.Size)
	}
	add(job.FileSpec{URL: srv.URL, Local: s.file("2")})
	if j.Size != job.UnknownSize {
		t.Errorf("with a file that no server was asked for: %d", j.Size)
	}
	s.resume(j)
	s.until(j, job.Transferred)
	if j.Size != 1060 || j.Transferred != 1060 || j.Totals.FilesDone != 2 {
		t.Errorf("transferred: %d of %d, %+v", j.Transferred, j.Size, j.Totals)
	}
}

// TestConformanceOnDemand: only what is asked for is fetched; then the job is suspended, and with the last of it transferred.
func TestConformanceOnDemand(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.Multipart())
	j := s.newJob(func(spec *job.Spec) { spec.OnDemand = true }, srv.URL)
	ask := func(text string) {
		t.Helper()
		var ranges job.Ranges
		if err := ranges.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := j.RequestRanges(t.Context(), 1, ranges); err != nil {
			t.Fatal(err)
		}
		if err := j.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	filled := func() string {
		t.Helper()
		f, err := j.File(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := f.Filled.MarshalText()
		return string(b)
	}
	ask("100-199,300-309")
	s.until(j, job.Suspended)
	if got := filled(); got != "100-199,300-309" {
		t.Errorf("asked for two ranges: %s", got)
	}
	ask("150-249") // what overlaps is not fetched twice
	s.until(j, job.Suspended)
	if got := filled(); got != "100-249,300-309" {
		t.Errorf("asked for 50 bytes more: %s", got)
	}
	wantCode(t, "outside of the file", j.RequestRanges(t.Context(), 1, job.Ranges{{Start: 900, End: 1001}}), job.InvalidRange)
	ask("0-999")
	s.until(j, job.Transferred)
	if err := j.Complete(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.until(j, job.Acknowledged)
	want, err := io.ReadAll(srv.Content())
	if got, e := os.ReadFile(s.file("1")); err != nil || e != nil || !bytes.Equal(got, want) {
		t.Errorf("the file is wrong (%v, %v)", err, e)
	}
}
