package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/api"
	"github.com/ebb-transfer/ebb/job"
)

// callback is a live callback of one job.
type callback struct {
	*sseReader
	client *client
	job    job.ID
}

// listens makes a job with a callback.
func (c *client) listens(flags job.NotifyFlags) *callback {
	c.t.Helper()
	id := c.do("POST", "/v1/jobs", fmt.Sprintf(`{"notify_flags": %d}`, flags)).job().ID
	stream := c.stream(c.t.Context(), "/v1/jobs/"+string(id)+"/notifications")
	synctest.Wait() // it has seen how the job is now
	return &callback{stream, c, id}
}

// change is a modification of its job.
func (c *callback) change(description string) {
	c.t.Helper()
	time.Sleep(time.Millisecond) // or it happens when the job was made, and is none
	c.client.do("PATCH", "/v1/jobs/"+string(c.job), `{"description": "`+description+`"}`).job()
}

// told reads the next notification, which has to be of that kind.
func (c *callback) told(event string) api.Notification {
	c.t.Helper()
	var n api.Notification
	if e := c.next(); json.Unmarshal([]byte(e.data), &n) != nil || n.Event != event {
		c.t.Fatalf("it is told %+v, want %s", e, event)
	}
	return n
}

// Whoever does not answer what may be left out holds up his own job, and after a short time nobody else's.
func TestCallbackThatHangsKeepsNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		var hanging []*callback
		var asked api.Notification
		for range 4 { // as many as one user may be told at a time
			c := s.alice.listens(job.NotifyModification)
			c.change("first")
			asked = c.told("modification")
			hanging = append(hanging, c)
		}
		if _, ok := s.notify.Slot(alice.ID); ok {
			t.Fatal("what is being told takes no place")
		}
		other := s.alice.listens(0)
		began := time.Now()
		s.alice.do("POST", "/v1/jobs/"+string(other.job)+"/cancel", "").job()
		other.told("cancelled")
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("the end of another job is told after %v", took)
		}
		last := hanging[3]
		last.change("second")
		time.Sleep(time.Second) // in which it could be told, in the place that is free now
		s.alice.do("POST", fmt.Sprintf("/v1/jobs/%s/notifications/%d", last.job, asked.Notice), `{"ok": true}`)
		if next := last.told("modification"); next.Job.Description != "second" || next.Notice == asked.Notice {
			t.Errorf("after the answer it is told %+v", next)
		}
	})
}

// A callback that does not answer does not hold up the end of the service either, not even at the end of its job.
func TestCallbackThatHangsAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := s.alice.listens(job.NotifyModification)
		c.change("something")
		c.told("modification")
		s.alice.do("POST", "/v1/jobs/"+string(c.job)+"/cancel", "").job()
		synctest.Wait() // the end of the job is being told
		began := time.Now()
		s.mute()
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("the notifier ends after %v", took)
		}
	})
}
