package ebb_test

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// TestChecklist10RefusedCredentials are final, and the error says what was offered and what was refused, which BITS never does.
func TestChecklist10RefusedCredentials(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.BasicAuth("user", "right"))
	j := s.newJob(func(spec *job.Spec) {
		spec.Credentials = []job.Credential{{Target: "server", Scheme: "basic", User: "user", Password: "wrong"}}
	}, srv.URL)
	s.resume(j)
	s.until(j, job.InError)
	e := j.Error
	if e.Code != job.HTTPStatus(401) || e.Class != job.NeedsAction || !slices.Equal(e.Schemes, []string{"basic"}) || e.Refused != "basic" {
		t.Errorf("%+v", e)
	}
	if err := j.SetCredentials(t.Context(), job.Credential{Target: "server", Scheme: "basic", User: "user", Password: "right"}); err != nil {
		t.Fatal(err)
	}
	s.resume(j)
	s.until(j, job.Transferred)
}

// TestChecklist12ProgressCanFall to 0 when the remote file is another one; TestConformanceProgress is about what is unknown.
func TestChecklist12ProgressCanFall(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1<<19))
	j := s.newJob(nil, srv.URL)
	s.resume(j)
	s.until(j, job.Transferring)
	for j.Transferred < 1<<19 {
		if err := j.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.Set(ebbtest.NewVersion(), ebbtest.StallBody(10))
	s.resume(j)
	for deadline := time.Now().Add(patience); j.State != job.Transferring || j.Transferred >= 1<<19; {
		if err := j.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v with %d bytes", j.State, j.Transferred)
		}
	}
}

// TestChecklist15RedirectPolicies: what is refused replaces the remote name all the same; what is followed silently does not.
func TestChecklist15RedirectPolicies(t *testing.T) {
	t.Parallel()
	s := newService(t)
	target := ebbtest.NewServer(t, ebbtest.Size(1000))
	srv := ebbtest.NewServer(t, ebbtest.RedirectTo(http.StatusFound, target.URL))
	for _, tt := range []struct {
		name  string
		flags job.SecurityFlags
		state job.State
		url   string
	}{
		{"silent", 0, job.Transferred, srv.URL},
		{"reported", job.ReportRedirects, job.Transferred, target.URL},
		{"refused", job.RefuseRedirects, job.InError, target.URL},
	} {
		j := s.newJob(func(spec *job.Spec) {
			spec.Network.SecurityFlags = tt.flags
			spec.Files = []job.FileSpec{{URL: srv.URL, Local: s.file(tt.name)}}
		})
		s.resume(j)
		s.until(j, tt.state, job.InError)
		f, err := j.File(t.Context(), 1)
		if err != nil || f.URL != tt.url || j.State != tt.state {
			t.Errorf("%s: %v with URL %s, %v, %v", tt.name, j.State, f.URL, j.Error, err)
		}
		if tt.state == job.InError && j.Error.Code != job.HTTPStatus(http.StatusFound) {
			t.Errorf("%s: %v", tt.name, j.Error)
		}
	}
}

// TestChecklist22ReplacedInSecret: a file of the same size and time that is another one is noticed by its ETag, and by its digest.
func TestChecklist22ReplacedInSecret(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1<<19))
	j := s.newJob(func(spec *job.Spec) { spec.AutoComplete = true }, srv.URL)
	s.resume(j)
	s.until(j, job.Transferring)
	for j.Transferred < 1<<19 {
		if err := j.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	srv.Set(ebbtest.Seed(2), ebbtest.ETag(`"v2"`), ebbtest.StallBody(-1)) // the same Last-Modified, and as many bytes
	s.resume(j)
	s.until(j, job.Acknowledged)
	want := make([]byte, 1<<20)
	if _, err := srv.Content().ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(s.file("1")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("two versions are mixed (%v)", err)
	}
	digest := "sha256=" + srv.SHA256()
	srv.Set(ebbtest.Seed(3))
	j = s.newJob(func(spec *job.Spec) {
		spec.Files = []job.FileSpec{{URL: srv.URL, Local: s.file("2"), Digest: digest}}
	})
	s.resume(j)
	s.until(j, job.InError)
	if j.Error.Code != job.ValidationFailed {
		t.Errorf("another file than the digest says: %v", j.Error)
	}
}

// TestChecklist24RetryAfter: 429 passes, and no job asks the host again before the time that it named.
func TestChecklist24RetryAfter(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.Status(http.StatusTooManyRequests), ebbtest.RetryAfter("2"))
	began := time.Now()
	first := s.newJob(func(spec *job.Spec) { spec.Priority = job.Foreground }, srv.URL)
	s.resume(first)
	s.until(first, job.TransientError)
	if first.Error.Code != job.HTTPStatus(429) || first.Error.RetryAfter != 2*time.Second || first.RetryAt.Sub(began) < 2*time.Second {
		t.Errorf("%+v, tried again at %v", first.Error, first.RetryAt)
	}
	other := s.newJob(func(spec *job.Spec) {
		spec.Priority = job.Foreground
		spec.Files = []job.FileSpec{{URL: srv.URL, Local: s.file("other")}}
	})
	s.resume(other)
	s.until(other, job.Transferred)
	s.until(first, job.Transferred)
	if took := time.Since(began); took < 2*time.Second || len(srv.Requests()) != 3 {
		t.Errorf("after %v and %d requests", took, len(srv.Requests()))
	}
}
