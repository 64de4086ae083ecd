package ebb_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// method is one of BITS's methods that change a job.
type method struct {
	name string
	call func(*service, *ebb.Job) error
}

var methods = []method{
	{"Suspend", func(s *service, j *ebb.Job) error { return j.Suspend(s.t.Context()) }},
	{"Resume", func(s *service, j *ebb.Job) error { return j.Resume(s.t.Context()) }},
	{"Cancel", func(s *service, j *ebb.Job) error { return j.Cancel(s.t.Context()) }},
	{"Complete", func(s *service, j *ebb.Job) error { return j.Complete(s.t.Context()) }},
	{"AddFile", func(s *service, j *ebb.Job) error {
		return j.AddFiles(s.t.Context(), job.FileSpec{URL: "http://127.0.0.1:1/added", Local: s.file(string(j.ID) + ".added")})
	}},
	{"a setter", func(s *service, j *ebb.Job) error { return j.Set(s.t.Context(), map[string]any{"description": "x"}) }},
	{"SetCredentials", func(s *service, j *ebb.Job) error {
		return j.SetCredentials(s.t.Context(), job.Credential{Target: "server", Scheme: "basic", User: "u", Password: "p"})
	}},
	{"SetCustomHeaders", func(s *service, j *ebb.Job) error {
		return j.SetHeaders(s.t.Context(), job.Header{Name: "X-Test", Value: "1"})
	}},
	{"TakeOwnership", func(s *service, j *ebb.Job) error { return j.TakeOwnership(s.t.Context()) }},
}

// situations are jobs in each state of BITS.
func situations(s *service) map[job.State]func() *ebb.Job {
	ok := ebbtest.NewServer(s.t, ebbtest.Size(1000))
	stalls := ebbtest.NewServer(s.t, ebbtest.Size(1<<20), ebbtest.StallBody(1000))
	mute := ebbtest.NewServer(s.t, ebbtest.Size(1000), ebbtest.StallHeader())
	gone := ebbtest.NewServer(s.t, ebbtest.EveryStatus(http.StatusNotFound))
	n := 0
	at := func(srv *ebbtest.Server, want job.State, p job.Priority, then ...func(*ebb.Job) error) func() *ebb.Job {
		return func() *ebb.Job {
			s.t.Helper()
			j := s.newJob(func(spec *job.Spec) {
				n++
				spec.Priority = p
				spec.Files = []job.FileSpec{{URL: srv.URL, Local: s.file(fmt.Sprint("state", n))}}
			})
			if want == job.Suspended {
				return j
			}
			s.resume(j)
			if len(then) > 0 {
				s.until(j, job.Transferred)
			}
			for _, f := range then {
				if err := f(j); err != nil {
					s.t.Fatal(err)
				}
			}
			s.until(j, want)
			return j
		}
	}
	at(stalls, job.Transferring, job.High)() // keeps the one background slot, so that those of lower priority stay queued
	return map[job.State]func() *ebb.Job{
		job.Suspended:    at(ok, job.Suspended, job.Foreground),
		job.Queued:       at(ok, job.Queued, job.Low),
		job.Connecting:   at(mute, job.Connecting, job.Foreground),
		job.Transferring: at(stalls, job.Transferring, job.Foreground),
		job.TransientError: func() *ebb.Job { // each with a host of its own, for all are kept off one that asks to wait
			busy := ebbtest.NewServer(s.t, ebbtest.EveryStatus(http.StatusServiceUnavailable), ebbtest.RetryAfter("3600"))
			return at(busy, job.TransientError, job.Foreground)()
		},
		job.InError:      at(gone, job.InError, job.Foreground),
		job.Transferred:  at(ok, job.Transferred, job.Foreground),
		job.Acknowledged: at(ok, job.Acknowledged, job.Foreground, func(j *ebb.Job) error { return j.Complete(s.t.Context()) }),
		job.Cancelled:    at(ok, job.Cancelled, job.Foreground, func(j *ebb.Job) error { return j.Cancel(s.t.Context()) }),
	}
}

// TestConformanceMethodsByState: every method in every state, as BITS's own table has it. What a job that is final refuses, it refuses
// as the command that it was.
func TestConformanceMethodsByState(t *testing.T) {
	t.Parallel()
	s := newService(t)
	in := situations(s)
	for _, state := range job.States() {
		t.Run(state.String(), func(t *testing.T) {
			for _, m := range methods {
				j := in[state]()
				want := job.OK
				switch {
				case state.Final():
					want = job.InvalidState
				case state == job.Transferred && m.name == "Resume":
					want = job.Empty
				}
				err := m.call(s, j)
				wantCode(t, m.name, err, want)
				if state.Final() && !errors.Is(err, job.ErrState) {
					t.Errorf("%s: %v is not ErrState", m.name, err)
				}
				if state.Final() && m.name != "Resume" && strings.Contains(err.Error(), "resume") {
					t.Errorf("%s is refused as another command: %v", m.name, err)
				}
				if refreshed := j.Refresh(t.Context()); refreshed != nil {
					t.Fatal(refreshed)
				}
				checkAfter(t, m.name, state, j)
				if !j.State.Final() && j.Intent == job.NoIntent {
					if err := j.Cancel(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// checkAfter compares a job after a method with BITS's table.
func checkAfter(t *testing.T, name string, before job.State, j *ebb.Job) {
	t.Helper()
	runs := map[job.State]bool{job.Queued: true, job.Connecting: true, job.Transferring: true}
	switch {
	case before.Final():
		if j.State != before {
			t.Errorf("%s made it %v", name, j.State)
		}
	case name == "Suspend":
		if j.State != job.Suspended {
			t.Errorf("Suspend left it %v", j.State)
		}
	case name == "Cancel":
		if j.State != job.Cancelled && j.Intent != job.Cancelling {
			t.Errorf("Cancel left it %v", j.State)
		}
	case name == "Complete":
		if j.State != job.Acknowledged && j.Intent != job.Completing {
			t.Errorf("Complete left it %v", j.State)
		}
	case name == "Resume" && before == job.Transferred:
		if j.State != before {
			t.Errorf("a refused Resume left it %v", j.State)
		}
	case runs[before] && !runs[j.State]:
		t.Errorf("%s stopped it: %v", name, j.State)
	case !runs[before] && name != "Resume" && j.State != before:
		t.Errorf("%s made it %v", name, j.State)
	}
}

// TestConformanceEmptyJob: there is nothing to resume, and nothing to complete is complete.
func TestConformanceEmptyJob(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.newJob(nil)
	wantCode(t, "Resume", j.Resume(t.Context()), job.Empty)
	if err := j.Refresh(t.Context()); err != nil || j.State != job.Suspended {
		t.Errorf("after a refused Resume it is %v (%v)", j.State, err)
	}
	wantCode(t, "Complete", j.Complete(t.Context()), job.OK)
	s.until(j, job.Acknowledged)
}

// TestConformanceFilesAddedToTransferred: they are fetched once the job is resumed.
func TestConformanceFilesAddedToTransferred(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	j := s.newJob(nil, srv.URL)
	s.resume(j)
	s.until(j, job.Transferred)
	if err := j.AddFiles(t.Context(), job.FileSpec{URL: srv.URL + "2", Local: s.file("2")}); err != nil {
		t.Fatal(err)
	}
	if j.State != job.Transferred {
		t.Errorf("added: %v", j.State)
	}
	s.resume(j)
	s.until(j, job.Transferred)
	if j.Totals.FilesDone != 2 {
		t.Errorf("%+v", j.Totals)
	}
}

// TestConformanceErrorInformation: an error is there as long as BITS gives one: in an error state, and until bytes move again.
func TestConformanceErrorInformation(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.EveryStatus(http.StatusNotFound))
	j := s.newJob(nil, srv.URL)
	if j.CurrentError() != nil {
		t.Error("a new job has an error")
	}
	s.resume(j)
	s.until(j, job.InError)
	e := j.CurrentError()
	if e == nil || e.Code != job.HTTPStatus(404) || e.Context != job.ContextRemoteFile || e.File != 1 || e.Class != job.Fatal {
		t.Fatalf("in error: %+v", e)
	}
	if j.ErrorCount != 1 || len(j.Failures) != 1 || j.Failures[0].Code != e.Code {
		t.Errorf("%d errors, %+v", j.ErrorCount, j.Failures)
	}
	answer, err := j.Answer(t.Context(), 1)
	if err != nil || answer.Status != http.StatusNotFound || answer.Address == "" || answer.At.IsZero() {
		t.Errorf("the server's answer: %+v, %v", answer, err)
	}
	srv.Set(ebbtest.EveryStatus(0))
	s.resume(j)
	s.until(j, job.Transferred)
	if j.CurrentError() != nil || j.ErrorCount != 1 {
		t.Errorf("transferred: %v, %d errors", j.CurrentError(), j.ErrorCount)
	}
}
