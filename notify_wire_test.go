package ebb_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// told is a notification as it goes over the wire.
type told struct {
	ID, Notice uint64
	Event      string
	Job        struct{ ID job.ID }
}

// hear listens as curl would, and yields what it is told until the stream ends.
func (s *service) hear(j *ebb.Job, after string) <-chan told {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://ebb/v1/jobs/"+string(j.ID)+"/notifications", nil)
	must(s.t, err)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := s.plain().Do(req)
	must(s.t, err)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatal(resp.Status)
	}
	out := make(chan told)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(out)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			data, ok := strings.CutPrefix(in.Text(), "data: ")
			if !ok {
				continue
			}
			var v told
			if err := json.Unmarshal([]byte(data), &v); err != nil {
				s.t.Errorf("%v: %s", err, data)
			}
			select {
			case out <- v:
			case <-s.t.Context().Done():
				return
			}
		}
	})
	s.t.Cleanup(func() { resp.Body.Close(); reading.Wait() })
	return out
}

func (s *service) plain() *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.dial(ctx) }}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// acknowledge returns the status.
func (s *service) acknowledge(j *ebb.Job, notice any, body string) int {
	s.t.Helper()
	url := fmt.Sprintf("http://ebb/v1/jobs/%s/notifications/%v", j.ID, notice)
	resp, err := s.plain().Post(url, "application/json", strings.NewReader(body))
	must(s.t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestNotificationsOverHTTP(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(100)), 1, func(spec *job.Spec) {
		spec.NotifyFlags = job.NotifyTransferred | job.NotifyFileTransferred
	})
	must(t, j.Resume(t.Context()))
	must(t, j.Wait(t.Context()))
	stream := s.hear(j, "")
	first := <-stream
	if first.Event != "file_transferred" || first.Notice == 0 || first.ID != 0 || first.Job.ID != j.ID {
		t.Fatalf("it begins with %+v", first)
	}
	other := s.create("")
	for _, refused := range []struct {
		to     *ebb.Job
		notice any
		body   string
		want   int
	}{
		{j, first.Notice + 1, `{"ok": true}`, 404},
		{other, first.Notice, `{"ok": true}`, 404},
		{j, "x", `{"ok": true}`, 422},
		{j, first.Notice, `{"ok": "yes"}`, 400},
		{j, first.Notice, `{"fine": true}`, 400},
		{j, first.Notice, ``, 400},
	} {
		if got := s.acknowledge(refused.to, refused.notice, refused.body); got != refused.want {
			t.Errorf("acknowledging %v with %q is answered with %d, want %d", refused.notice, refused.body, got, refused.want)
		}
	}
	if got := s.acknowledge(j, first.Notice, `{"ok": false}`); got != http.StatusNoContent {
		t.Errorf("answered with %d", got)
	}
	again := <-stream
	if again.Event != "file_transferred" || again.Notice == first.Notice {
		t.Fatalf("after a failure it tells %+v", again)
	}
	s.acknowledge(j, again.Notice, `{"ok": true}`)
	if got := s.acknowledge(j, again.Notice, `{"ok": true}`); got != http.StatusNotFound {
		t.Errorf("a second answer is answered with %d", got)
	}
	last := <-stream
	if last.Event != "transferred" || last.ID == 0 {
		t.Fatalf("then it tells %+v", last)
	}
	second := s.hear(j, fmt.Sprint(last.ID)) // it says that it has dealt with the last one, too
	if v := <-stream; v.Event != "replaced" {
		t.Errorf("the first one is told %+v", v)
	}
	if v, more := <-stream; more {
		t.Errorf("and then %+v", v)
	}
	must(t, j.Complete(t.Context()))
	if v := <-second; v.Event != "acknowledged" || v.Notice != 0 {
		t.Errorf("the second one is told %+v", v)
	}
	if v, more := <-second; more {
		t.Errorf("and then %+v", v)
	}
}

// Whoever has not answered is told nothing else, not even what may be left out.
func TestNothingIsToldBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := newService(t)
	j := s.fetch(ebbtest.NewServer(t, ebbtest.Size(100)), 1, func(spec *job.Spec) { spec.MinNotifyInterval = job.Duration(time.Millisecond) })
	must(t, j.Resume(t.Context()))
	must(t, j.Wait(t.Context()))
	stream := s.hear(j, "")
	for told := map[string]bool{}; !told["transferred"] || !told["modification"]; {
		v := <-stream
		told[v.Event] = true
		must(t, j.Set(t.Context(), map[string]any{"description": rand.Text()})) // is a modification
		select {
		case other := <-stream:
			t.Fatalf("%s is told before %s is answered", other.Event, v.Event)
		case <-time.After(50 * time.Millisecond):
		}
		if got := s.acknowledge(j, v.Notice, `{"ok": true}`); got != http.StatusNoContent {
			t.Fatalf("the answer to %s is answered with %d", v.Event, got)
		}
	}
}
