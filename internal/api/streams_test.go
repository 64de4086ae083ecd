package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/job"
)

// cancelled makes a job and cancels it: that is one durable event.
func (c *client) cancelled() job.ID {
	c.t.Helper()
	id := c.do("POST", "/v1/jobs", `{}`).job().ID
	c.do("POST", "/v1/jobs/"+string(id)+"/cancel", "").job()
	c.until(id, job.Cancelled)
	return id
}

func snapshotOf(t *testing.T, e sseEvent) job.Snapshot {
	t.Helper()
	var snap job.Snapshot
	if err := json.Unmarshal([]byte(e.data), &snap); err != nil || e.event != "job" {
		t.Fatalf("%+v: %v", e, err)
	}
	if snap.Rev > 0 && e.id != strconv.FormatUint(snap.Rev, 10) {
		t.Errorf("id %s of rev %d", e.id, snap.Rev)
	}
	return snap
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first := s.alice.do("POST", "/v1/jobs", `{"name": "first"}`).job()
	s.as(bob).do("POST", "/v1/jobs", `{"name": "bob's"}`).job()
	s.alice.cancelled() // is not told of: it is over
	w := s.alice.stream(t.Context(), "/v1/watch")
	if got := snapshotOf(t, w.next()); got.ID != first.ID {
		t.Errorf("it begins with %s", got.Name)
	}
	second := s.alice.do("POST", "/v1/jobs", `{"name": "second"}`).job()
	if got := snapshotOf(t, w.next()); got.ID != second.ID {
		t.Errorf("then %s", got.Name)
	}
	s.alice.do("PATCH", "/v1/jobs/"+string(first.ID), `{"name": "changed"}`).job()
	if got := snapshotOf(t, w.next()); got.Name != "changed" {
		t.Errorf("then %s", got.Name)
	}
	s.alice.do("POST", "/v1/jobs/"+string(second.ID)+"/cancel", "").job()
	for snapshotOf(t, w.next()).State != job.Cancelled {
	}
}

func TestWatchSomeJobs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	var ids []job.ID
	for i := range 4 {
		ids = append(ids, s.alice.do("POST", "/v1/jobs", fmt.Sprintf(`{"name": "%d"}`, i)).job().ID)
	}
	final := s.alice.cancelled()
	w := s.alice.stream(t.Context(), fmt.Sprintf("/v1/watch?id=%s&id=%s&id=%s", ids[1], ids[3][:20], final))
	var got []job.ID
	for range 3 {
		got = append(got, snapshotOf(t, w.next()).ID)
	}
	if diff := cmp.Diff([]job.ID{final, ids[1], ids[3]}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, id := range ids {
		s.alice.do("PATCH", "/v1/jobs/"+string(id), `{"description": "x"}`).job()
	}
	for _, want := range []job.ID{ids[1], ids[3]} {
		if got := snapshotOf(t, w.next()); got.ID != want || got.Description != "x" {
			t.Errorf("%s changed, want %s", got.ID, want)
		}
	}
}

// A watcher that comes back is told what it missed, jobs that became final meanwhile included, and nothing else.
func TestWatchResumes(t *testing.T) {
	t.Parallel()
	s := newService(t)
	still := s.alice.do("POST", "/v1/jobs", `{"name": "still"}`).job()
	moved := s.alice.do("POST", "/v1/jobs", `{"name": "moved"}`).job()
	ended := s.alice.do("POST", "/v1/jobs", `{"name": "ended"}`).job()
	ctx, away := context.WithCancel(t.Context())
	w := s.alice.stream(ctx, "/v1/watch")
	var last sseEvent
	for range 3 {
		last = w.next()
	}
	away()
	s.alice.do("PATCH", "/v1/jobs/"+string(moved.ID), `{"description": "x"}`).job()
	s.alice.do("POST", "/v1/jobs/"+string(ended.ID)+"/cancel", "").job()
	s.alice.until(ended.ID, job.Cancelled)
	w = s.alice.stream(t.Context(), "/v1/watch", "Last-Event-ID: "+last.id)
	got := map[job.ID]job.State{}
	for range 2 {
		snap := snapshotOf(t, w.next())
		got[snap.ID] = snap.State
	}
	if diff := cmp.Diff(map[job.ID]job.State{moved.ID: job.Suspended, ended.ID: job.Cancelled}, got); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
	s.alice.do("PATCH", "/v1/jobs/"+string(still.ID), `{"description": "y"}`).job()
	if got := snapshotOf(t, w.next()); got.ID != still.ID || got.Description != "y" {
		t.Errorf("then %s", got.Name)
	}
}

// A reader that does not read holds up nobody, and gets only the latest of each job when it goes on.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID)
	w := s.alice.stream(t.Context(), "/v1/watch") // what the connection holds is what it may be late by
	const changes = 2000
	for i := range changes {
		s.alice.do("PATCH", "/v1/jobs/"+id, fmt.Sprintf(`{"name": "%d"}`, i)).job()
	}
	told := 0
	for rev := uint64(0); ; told++ {
		snap := snapshotOf(t, w.next())
		if snap.Rev <= rev {
			t.Fatalf("rev %d after %d", snap.Rev, rev)
		}
		if rev = snap.Rev; snap.Name == strconv.Itoa(changes-1) {
			break
		}
	}
	if told > changes/10 {
		t.Errorf("a reader that was away was told %d of %d changes", told, changes)
	}
}

// The end of the service ends the streams of readers that do not read.
func TestStreamEndsWithService(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for range 100 {
		s.alice.do("POST", "/v1/jobs", `{"description": "`+fmt.Sprintf("%01000d", 7)+`"}`).job()
	}
	for _, path := range []string{"/v1/watch", "/v1/events/stream"} {
		s.alice.stream(t.Context(), path)
	}
	s.stop() // TestMain looks for goroutines that are left
}

func TestFollowEvents(t *testing.T) {
	t.Parallel()
	s := newService(t)
	first := s.alice.cancelled()
	s.as(bob).cancelled()
	w := s.alice.stream(t.Context(), "/v1/events/stream")
	e := w.next()
	var n struct {
		ID   uint64
		Kind job.Notice
		Job  job.Snapshot
	}
	if err := json.Unmarshal([]byte(e.data), &n); err != nil || e.event != "event" || e.id != strconv.FormatUint(n.ID, 10) {
		t.Fatalf("%+v: %v", e, err)
	}
	if n.Kind != job.NoticeCancelled || n.Job.ID != first || n.Job.State != job.Cancelled {
		t.Errorf("%+v", n)
	}
	second := s.alice.cancelled()
	if err := json.Unmarshal([]byte(w.next().data), &n); err != nil || n.Job.ID != second {
		t.Errorf("then %+v, %v", n, err)
	}
}

// Events are followed over a restart of the service: none is lost, none comes twice.
func TestFollowEventsOverRestart(t *testing.T) {
	t.Parallel()
	st, dir := memstore.New(), t.TempDir()
	var want, got []job.ID
	last := ""
	for range 3 {
		s := newServiceOn(t, dir, st)
		for range 2 {
			want = append(want, s.alice.cancelled())
		}
		w := s.alice.stream(t.Context(), "/v1/events/stream", "Last-Event-ID: "+last)
		for range 3 { // the third comes while it follows
			if len(want)%3 == 2 {
				want = append(want, s.alice.cancelled())
			}
			e := w.next()
			var n struct{ Job job.Snapshot }
			if err := json.Unmarshal([]byte(e.data), &n); err != nil {
				t.Fatal(err)
			}
			got, last = append(got, n.Job.ID), e.id
		}
		s.stop()
		if e, err := w.read(); err == nil {
			t.Errorf("after the end: %+v", e)
		}
		st = st.Reopen()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// A page of events is full whatever the caller may not see in between.
func TestEventPages(t *testing.T) {
	t.Parallel()
	s := newService(t)
	bobs := s.as(bob)
	var want []job.ID
	for i := range 24 {
		if i%6 == 5 {
			want = append(want, s.alice.cancelled())
		} else {
			bobs.cancelled()
		}
	}
	var got []job.ID
	for after := uint64(0); ; {
		var page struct {
			Events []struct {
				ID  uint64
				Job job.Snapshot
			}
		}
		s.alice.do("GET", fmt.Sprintf("/v1/events?limit=2&after=%d", after), "").into(&page)
		for _, e := range page.Events {
			got, after = append(got, e.Job.ID), e.ID
		}
		if len(page.Events) < 2 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// Secrets are in no stream either: the readers of this package look at every line.
func TestStreamsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	s := newService(t)
	w, events := s.alice.stream(t.Context(), "/v1/watch"), s.alice.stream(t.Context(), "/v1/events/stream")
	id := s.alice.do("POST", "/v1/jobs", `{"webhook_key": "`+password+`", "headers": [{"name": "X", "value": "`+password+`"}],
		"credentials": [{"target": "server", "scheme": "any", "user": "u", "password": "`+password+`"}]}`).job().ID
	s.alice.do("POST", "/v1/jobs/"+string(id)+"/cancel", "").job()
	for snapshotOf(t, w.next()).State != job.Cancelled {
	}
	events.next()
}

func TestStreamsIgnoreForeignEventIDs(t *testing.T) {
	t.Parallel()
	s := newService(t)
	id := s.alice.do("POST", "/v1/jobs", `{}`).job().ID
	for _, foreign := range []string{"x", "-1", "1e9", "99999999999999999999999"} {
		ctx, cancel := context.WithCancel(t.Context())
		w := s.alice.stream(ctx, "/v1/watch", "Last-Event-ID: "+foreign)
		if foreign == "99999999999999999999999" {
			cancel()
			continue // larger than any: nothing is newer
		}
		if got := snapshotOf(t, w.next()); got.ID != id {
			t.Errorf("%s: %s", foreign, got.ID)
		}
		cancel()
	}
	s.alice.do("GET", "/v1/events/stream?after=x", "").refused(http.StatusUnprocessableEntity, job.InvalidArg)
}
