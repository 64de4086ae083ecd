package ebb_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestWaitForWhatIsAtRest(t *testing.T) {
	t.Parallel()
	s := newService(t)
	ctx := t.Context()
	good := ebbtest.NewServer(t, ebbtest.Size(1000))
	missing := ebbtest.NewServer(t, ebbtest.EveryStatus(404))
	create := func(change func(*job.Spec), files ...job.FileSpec) *ebb.Job {
		spec := job.Spec{Settings: job.DefaultSettings(), Files: files, Resume: true}
		change(&spec)
		j, err := s.Create(ctx, spec)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	tests := []struct {
		name string
		job  *ebb.Job
		want job.State
		ok   bool
	}{
		{"suspended", s.create("idle"), job.Suspended, false},
		{"transferred", create(func(*job.Spec) {}, job.FileSpec{URL: good.URL, Local: s.file("a")}), job.Transferred, true},
		{"complete", create(func(s *job.Spec) { s.AutoComplete = true }, job.FileSpec{URL: good.URL, Local: s.file("b")}), job.Acknowledged, true},
		{"missing", create(func(*job.Spec) {}, job.FileSpec{URL: missing.URL, Local: s.file("c")}), job.InError, false},
	}
	for _, tt := range tests {
		err := tt.job.Wait(ctx)
		if tt.job.State != tt.want || (err == nil) != tt.ok || !ebb.AtRest(tt.job.Snapshot) {
			t.Errorf("%s: %v in state %s", tt.name, err, tt.job.State)
		}
	}
	var known *job.Error
	if err := tests[3].job.Wait(ctx); !errors.As(err, &known) || known.Code != job.HTTPStatus(404) {
		t.Errorf("missing: %v", err)
	}
	partial := create(func(*job.Spec) {}, job.FileSpec{URL: good.URL, Local: s.file("d")}, job.FileSpec{URL: missing.URL, Local: s.file("e")})
	_ = partial.Wait(ctx)
	if err := partial.Complete(ctx); err != nil {
		t.Fatal(err)
	}
	if err := partial.Wait(ctx); err == nil || partial.Result != job.PartialComplete {
		t.Errorf("half a job: %v, %v", err, partial.Result)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.StallBody(1000))
	j, err := s.Create(t.Context(), ebb.Download(srv.URL, s.file("x")))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for snap := range s.Watch(t.Context(), string(j.ID)) {
		if snap.State == job.Transferring {
			break
		}
	}
	cancel()
	if err := j.Wait(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ebb.ErrUnavailable) {
		t.Errorf("Wait: %v", err)
	}
	if err := j.Refresh(t.Context()); err != nil || j.State != job.Transferring {
		t.Errorf("the job is %s, %v", j.State, err)
	}
}

func TestAtRest(t *testing.T) {
	t.Parallel()
	for s := job.Queued; s <= job.Cancelled; s++ {
		want := !slices.Contains([]job.State{job.Queued, job.Connecting, job.Transferring, job.TransientError}, s)
		if got := ebb.AtRest(job.Snapshot{Job: job.Job{State: s}}); got != want {
			t.Errorf("%s is at rest: %v", s, got)
		}
		if ebb.AtRest(job.Snapshot{Job: job.Job{State: s, Intent: job.Completing}}) {
			t.Errorf("%s and about to be completed is at rest", s)
		}
	}
}

func TestWatchUnknownJob(t *testing.T) {
	t.Parallel()
	s := newService(t)
	n := 0
	for _, err := range s.Watch(t.Context(), "zzz") {
		if n++; !errors.Is(err, ebb.ErrNotFound) {
			t.Errorf("Watch: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d values", n)
	}
}

// A watch goes on over a restart of the service, with all of its jobs, those that became final meanwhile included.
func TestWatchOverRestart(t *testing.T) {
	t.Parallel()
	s := newService(t)
	one, two := s.create("one"), s.create("two")
	last := map[job.ID]job.State{}
	restarts := 0
	restart := func() {
		restarts++
		s.down()
		s.up()
	}
	for snap, err := range s.Watch(t.Context(), string(one.ID), string(two.ID)) {
		if err != nil {
			t.Fatal(err)
		}
		last[snap.ID] = snap.State
		switch {
		case restarts == 0 && len(last) == 2:
			restart()
			if err := one.Cancel(t.Context()); err != nil {
				t.Fatal(err)
			}
		case restarts == 1 && snap.State == job.Cancelled:
			restart()
			if err := two.Set(t.Context(), map[string]any{"name": "renamed"}); err != nil {
				t.Fatal(err)
			}
		}
		if snap.Name == "renamed" {
			break
		}
	}
	if diff := cmp.Diff(map[job.ID]job.State{one.ID: job.Cancelled, two.ID: job.Suspended}, last); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWaitOverRestart(t *testing.T) {
	t.Parallel()
	s := newService(t)
	srv := ebbtest.NewServer(t, ebbtest.Size(300_000), ebbtest.ETag(`"v1"`), ebbtest.Rate(200_000))
	j, err := s.Create(t.Context(), ebb.Download(srv.URL, s.file("x")))
	if err != nil {
		t.Fatal(err)
	}
	id := string(j.ID) // Wait keeps j up to date, so it is not ours to read until then
	waited := make(chan error, 1)
	go func() { waited <- j.Wait(t.Context()) }()
	for snap := range s.Watch(t.Context(), id) {
		if snap.Transferred > 0 {
			break
		}
	}
	s.down()
	s.up()
	if err := <-waited; err != nil || j.State != job.Acknowledged {
		t.Errorf("Wait: %v in state %s", err, j.State)
	}
}

// Events are followed over restarts of the service: none is lost, none comes twice.
func TestFollowOverRestart(t *testing.T) {
	t.Parallel()
	s := newService(t)
	want := []job.ID{s.cancelled("0"), s.cancelled("1")}
	var got []job.ID
	var ids []uint64
	for e, err := range s.Follow(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		got, ids = append(got, e.Job.ID), append(ids, e.ID)
		if e.Kind != job.NoticeCancelled || e.At.IsZero() {
			t.Errorf("event %+v", e)
		}
		if len(got) == 6 {
			break
		}
		if len(got) == len(want) {
			s.down()
			s.up()
			want = append(want, s.cancelled("x"), s.cancelled("y"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	got = nil
	for e, err := range s.Events(t.Context(), ids[2]) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Job.ID)
	}
	if diff := cmp.Diff(want[3:], got); diff != "" {
		t.Errorf("stored events (-want +got):\n%s", diff)
	}
}

// Whoever follows a service that has gone for good is told so, and not at once.
func TestFollowWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.cancelled("0")
	started := time.Now()
	for e, err := range s.Follow(t.Context(), 0) {
		switch {
		case err == nil && e.Kind == job.NoticeCancelled:
			s.down()
		case !errors.Is(err, ebb.ErrUnavailable):
			t.Errorf("%+v, %v", e, err)
		}
	}
	if took := time.Since(started); took < 5*time.Second {
		t.Errorf("it waited only %s", took)
	}
}

// A stream that ends in good order is gone on with, too, after the last event that it brought.
func TestFollowOverEndOfStream(t *testing.T) {
	t.Parallel()
	ready := false // requests come one after the other
	srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ready = !ready; !ready { // in between it is about to end
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error": {"context": "none", "code": "0x8000FFFF", "class": "fatal", "text": "bye"}}`)
			return
		}
		last, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
		fmt.Fprintf(w, ": a comment\n\nid: %[1]d\nevent: event\ndata: {\ndata: \"id\": %[1]d}\n\n", last+1)
		fmt.Fprint(w, "data: {\"id\": 99}\n") // without its end it is none
	})))
	c := ebb.NewClient(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(srv.Base, "http://"))
	})
	defer c.Close()
	want := uint64(7)
	for e, err := range c.Follow(t.Context(), 6) {
		if err != nil || e.ID != want {
			t.Fatalf("event %d, %v; want %d", e.ID, err, want)
		}
		if want++; want > 10 {
			break
		}
	}
}
