package ebb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestDownload(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.BasicAuth("user", "secret"))
	spec := ebb.Download(srv.URL, s.file("whole"))
	spec.Credentials = []job.Credential{{Target: "server", Scheme: "any", User: "user", Password: "secret"}}
	j, err := s.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(s.file("whole")); err != nil || fi.Size() != 1<<20 || j.State != job.Acknowledged {
		t.Errorf("%v, %v, %s", fi, err, j.State)
	}
}

func TestDownloadMakesPathsAbsolute(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got := ebb.Download("https://a.invalid/f", "sub/../f").Files[0].Local; got != filepath.Join(here, "f") {
		t.Error(got)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := t.Context()
	j := s.create("one")
	if err := j.AddFiles(ctx, job.FileSpec{URL: "http://127.0.0.1:1/a", Local: s.file("a")}); err != nil || j.Totals.Files != 1 {
		t.Errorf("AddFiles: %v, %+v", err, j.Totals)
	}
	if err := j.Set(ctx, map[string]any{"priority": job.Low, "retry_delay": "10s"}); err != nil || j.Priority != job.Low {
		t.Errorf("Set: %v, %v", err, j.Priority)
	}
	pair := job.CredentialRef{Target: "server", Scheme: "basic"}
	if err := j.SetCredentials(ctx, job.Credential{Target: "server", Scheme: "basic", User: "u", Password: "p"}); err != nil {
		t.Errorf("SetCredentials: %v", err)
	}
	if diff := cmp.Diff([]job.CredentialRef{pair}, j.Credentials); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	if err := j.RemoveCredentials(ctx, pair); err != nil || len(j.Credentials) != 0 {
		t.Errorf("RemoveCredentials: %v, %v", err, j.Credentials)
	}
	if err := j.Resume(ctx); err != nil || j.State == job.Suspended {
		t.Errorf("Resume: %v, %s", err, j.State)
	}
	if err := j.Suspend(ctx); err != nil || j.State != job.Suspended {
		t.Errorf("Suspend: %v, %s", err, j.State)
	}
	if err := j.Forget(ctx); !errors.Is(err, job.ErrState) {
		t.Errorf("Forget of a live job: %v", err)
	}
	if err := j.Cancel(ctx); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	if err := j.Wait(ctx); err == nil || j.State != job.Cancelled {
		t.Errorf("Wait: %v, %s", err, j.State)
	}
	if err := j.Forget(ctx); err != nil {
		t.Errorf("Forget: %v", err)
	}
	if err := j.Refresh(ctx); !errors.Is(err, ebb.ErrNotFound) {
		t.Errorf("Refresh: %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := t.Context()
	_, err := s.Job(ctx, "00000000-0000-0000-0000-000000000000")
	var known *job.Error
	if !errors.Is(err, ebb.ErrNotFound) || !errors.As(err, &known) || known.Code != job.NotFound {
		t.Errorf("a job that is not there: %v", err)
	}
	id := s.cancelled("gone")
	j, err := s.Job(ctx, string(id[:13]))
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Resume(ctx); !errors.Is(err, job.ErrState) || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("Resume of a final job: %v", err)
	}
	if err := s.create("empty").Resume(ctx); !errors.As(err, &known) || known.Code != job.Empty {
		t.Errorf("Resume without files: %v", err)
	}
	if _, err := s.Create(ctx, ebb.Download("gopher://x/y", s.file("y"))); !errors.As(err, &known) || known.Code != job.UnsupportedConfiguration {
		t.Errorf("Create: %v", err)
	}
	if err := s.Stop(ctx); !errors.As(err, &known) || known.Code != job.NotImplemented || errors.Is(err, ebb.ErrNotFound) {
		t.Errorf("Stop of a service in this program: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Status(ended); !errors.Is(err, context.Canceled) || errors.Is(err, ebb.ErrUnavailable) {
		t.Errorf("with a context that is over: %v", err)
	}
	s.down()
	if _, err := s.Status(ctx); !errors.Is(err, ebb.ErrUnavailable) {
		t.Errorf("without a service: %v", err)
	}
}

// A service that speaks another language, or ends in the middle of a word.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status int
		body   string
		cut    bool
		lost   bool // is it ErrUnavailable?
	}{
		"a page":       {status: 200, body: "<html>"},
		"another page": {status: 500, body: "<html>"},
		"empty":        {status: 404},
		"an end":       {status: 200, body: `{"version": "1`, cut: true, lost: true},
		"a shutdown":   {status: 503, body: `{"error": {"code": "0x8000FFFF", "class": "fatal", "context": "none", "text": "bye"}}`}, // it is still there
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(a.status)
				fmt.Fprint(w, a.body)
				if a.cut {
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
			})))
			c := ebb.NewClient(func(ctx context.Context) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(srv.Base, "http://"))
			})
			defer c.Close()
			if _, err := c.Status(t.Context()); err == nil || errors.Is(err, ebb.ErrUnavailable) != a.lost {
				t.Errorf("Status: %v", err)
			}
		})
	}
}

func TestManyJobs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	const live, final = 1100, 20
	var all sync.WaitGroup
	for worker := range 25 {
		all.Go(func() {
			for n := range live / 25 {
				s.create(fmt.Sprint(worker, " ", n))
			}
		})
	}
	for n := range final {
		s.cancelled(fmt.Sprint("final ", n))
	}
	all.Wait()
	count := func(all bool) (jobs int) {
		seen, last := map[job.ID]bool{}, uint64(0)
		for j, err := range s.Jobs(t.Context(), all) {
			if err != nil {
				t.Fatal(err)
			}
			if !j.State.Final() && j.Seq <= last {
				t.Errorf("job %d after job %d", j.Seq, last)
			}
			last = j.Seq
			if seen[j.ID] {
				t.Errorf("job %s twice", j.ID)
			}
			seen[j.ID] = true
		}
		return len(seen)
	}
	if got := count(false); got != live {
		t.Errorf("%d live jobs, want %d", got, live)
	}
	if got := count(true); got != live+final {
		t.Errorf("%d jobs, want %d", got, live+final)
	}
}

// A job that becomes final between the live and the final ones comes once.
func TestJobsThatBecomeFinalMeanwhile(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.create("one")
	two := s.create("two")
	var got []string
	for j, err := range s.Jobs(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, j.Name); j.ID == two.ID {
			if err := two.Cancel(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = two.Wait(t.Context())
		}
	}
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.create("many")
	var specs []job.FileSpec
	for n := range 2500 {
		specs = append(specs, job.FileSpec{URL: fmt.Sprint("https://a.invalid/", n), Local: s.file(fmt.Sprint(n))})
	}
	if err := j.AddFiles(t.Context(), specs...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for f, err := range j.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if f.URL != specs[n].URL {
			t.Fatalf("file %d is %s", n, f.URL)
		}
		n++
	}
	if n != len(specs) {
		t.Errorf("%d files", n)
	}
}

// Whoever has seen enough leaves no connection in use.
func TestStopEarly(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.cancelled("event")
	j := s.create("a")
	s.create("b")
	if err := j.AddFiles(t.Context(), job.FileSpec{URL: "https://a.invalid/", Local: s.file("x")}); err != nil {
		t.Fatal(err)
	}
	for range s.Jobs(t.Context(), true) {
		break
	}
	for range j.Files(t.Context()) {
		break
	}
	for range s.Events(t.Context(), 0) {
		break
	}
	for range s.Watch(t.Context()) {
		break
	}
	for range s.Follow(t.Context(), 0) {
		break
	}
	s.Close()
	for deadline := time.Now().Add(10 * time.Second); s.conns.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open", s.conns.Load())
		}
	}
}
