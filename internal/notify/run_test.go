package notify

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// A thousand notices of many jobs, put while others are under way and some deliveries fail:
// every job's arrive in their order, each until it has succeeded.
func TestOrderPerJob(t *testing.T) {
	t.Parallel()
	const jobs, each = 20, 50
	f := newFixture(t)
	var mu sync.Mutex // guards all below
	arrived := map[job.ID][]uint64{}
	tries, inFlight, most := 0, 0, 0
	all := make(chan struct{})
	url, _ := hook(t, func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseUint(r.Header.Get(HeaderDelivery), 10, 64)
		j := job.ID(strings.Trim(r.URL.Path, "/"))
		mu.Lock()
		defer mu.Unlock()
		inFlight++
		most = max(most, inFlight)
		mu.Unlock()
		mu.Lock() // let others in
		inFlight--
		if tries++; err != nil || tries%7 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if arrived[j] = append(arrived[j], id); tries-tries/7 == jobs*each {
			close(all)
		}
	})
	var list []job.Job
	for range jobs {
		list = append(list, f.newJob(func(j *job.Job) {
			j.NotifyURL, j.RetryDelay = url+"/"+string(j.ID), job.Duration(time.Millisecond)
		}))
	}
	stop := f.run()
	want := map[job.ID][]uint64{}
	for range each {
		var b store.Batch
		for _, j := range list {
			b.Notices = append(b.Notices,
				store.Notice{At: time.Now(), Kind: job.NoticeTransferred, Job: job.Snapshot{Job: j}, Pending: true},
				store.Notice{At: time.Now(), Kind: job.NoticeError, Job: job.Snapshot{Job: j}})
		}
		for i, id := range f.commit(b) {
			if i%2 == 0 {
				want[list[i/2].ID] = append(want[list[i/2].ID], id)
			}
		}
		f.Wake()
	}
	receive(t, all)
	stop()
	for _, j := range list {
		if got := arrived[j.ID]; len(got) != each || !equal(got, want[j.ID]) {
			t.Errorf("job %s got %v, want %v", j.ID, got, want[j.ID])
		}
	}
	if most > maxInFlightPerOwner {
		t.Errorf("%d deliveries of one owner at a time, want at most %d", most, maxInFlightPerOwner)
	}
	if waiting := f.pending(); len(waiting) > 0 {
		t.Errorf("%d notices still wait", len(waiting))
	}
}

func equal(a, b []uint64) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// What has arrived is not repeated while the other one fails.
func TestCommandAndWebhookMustBothSucceed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	codes := make(chan int, 3)
	codes <- 500
	codes <- 503
	codes <- 200
	url, arrived := hook(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-codes) })
	saw := filepath.Join(t.TempDir(), "saw")
	j := f.newJob(func(j *job.Job) {
		toCommand(t, "record", saw)(j)
		j.NotifyURL, j.RetryDelay = url, job.Duration(time.Millisecond)
	})
	f.put(j, job.NoticeTransferred)
	e := f.entry()
	for i, want := range []bool{false, false, true} {
		if done := f.attempt(t.Context(), e); done != want {
			t.Fatalf("attempt %d: done %v, want %v", i+1, done, want)
		}
		if err := os.Remove(saw); (err == nil) != (i == 0) {
			t.Errorf("attempt %d: removing what the command wrote: %v", i+1, err)
		}
	}
	if len(arrived) != 3 || len(f.pending()) != 0 {
		t.Errorf("%d requests and %d notices that wait, want 3 and 0", len(arrived), len(f.pending()))
	}
}
