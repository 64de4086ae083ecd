package notify

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// wire is a transport that needs no network: it works in virtual time.
type wire struct {
	mu       sync.Mutex // guards calls
	calls    []call
	answer   func(n int, r *http.Request) int // the status of the nth call, from 1; 0: none until its context ends
	header   http.Header
	released chan struct{} // what a call that answers 0 also waits for; nil: nothing
}

type call struct {
	at   time.Time
	path string
	id   string
}

func always(status int) *wire {
	return &wire{answer: func(int, *http.Request) int { return status }}
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.calls = append(w.calls, call{time.Now(), r.URL.Path, r.Header.Get(HeaderDelivery)})
	n := len(w.calls)
	w.mu.Unlock()
	status := w.answer(n, r)
	if status == 0 {
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-w.released:
			status = http.StatusOK
		}
	}
	return &http.Response{StatusCode: status, Header: w.header, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// seen is the calls up to the moment when nothing more happens without time passing.
func (w *wire) seen() []call {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]call(nil), w.calls...)
}

func (w *wire) config(c *Config) { c.Transport = w }

func toPath(path string) func(*job.Job) { return toURL("http://hook.example" + path) }

func TestBackOffGrowsToTheRetryDelayAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(500)
		f := newFixture(t, w.config)
		start := time.Now()
		f.put(f.newJob(toPath("/")), job.NoticeTransferred)
		f.run()
		spread := false
		for n := 1; ; n++ {
			calls := w.seen()
			if len(calls) != n {
				t.Fatalf("%d attempts, want %d", len(calls), n)
			}
			waiting := f.pending()
			if len(waiting) == 0 {
				break
			}
			wait := time.Until(waiting[0].Next)
			if limit := min(job.DefaultRetryDelay, time.Second<<min(n-1, 20)); wait < 0 || wait > limit {
				t.Fatalf("wait %s after attempt %d, want at most %s", wait, n, limit)
			}
			spread = spread || wait < job.DefaultRetryDelay/4
			if waiting[0].Attempts != n {
				t.Fatalf("%d attempts stored, want %d", waiting[0].Attempts, n)
			}
			time.Sleep(wait)
		}
		calls := w.seen()
		last, before := calls[len(calls)-1].at.Sub(start), calls[len(calls)-2].at.Sub(start)
		if last < MaxAge || before >= MaxAge || !spread {
			t.Errorf("given up after %s, attempt before at %s, spread %v; want it at the first one after %s", last, before, spread, MaxAge)
		}
		f.log.want(t, "notice given up", "500 Internal Server Error")
	})
}

func TestNoticeOfLongAgoHasItsAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(500)
		f := newFixture(t, w.config)
		j := f.newJob(toPath("/"))
		f.commit(store.Batch{Notices: []store.Notice{{At: time.Now().Add(-10 * MaxAge), Kind: job.NoticeError, Job: job.Snapshot{Job: j}, Pending: true}}})
		f.run()
		time.Sleep(24 * time.Hour)
		if calls := w.seen(); len(calls) != MinAttempts || len(f.pending()) != 0 {
			t.Errorf("%d attempts, %d wait; want %d and 0", len(calls), len(f.pending()), MinAttempts)
		}
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: 600 * time.Second,
		32: 600 * time.Second, 33: 600 * time.Second, 1 << 30: 600 * time.Second,
	} {
		if got := window(attempts, job.DefaultRetryDelay); got != want {
			t.Errorf("window(%d) = %s, want %s", attempts, got, want)
		}
	}
	if got := wait(1, time.Second, []*failure{{retryAfter: 1000 * time.Hour}, {}}); got != maxRetryAfter {
		t.Errorf("wait with an endless Retry-After = %s, want %s", got, maxRetryAfter)
	}
}

func TestSlowWebhookDelaysNoOtherJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{answer: func(_ int, r *http.Request) int {
			if r.URL.Path == "/slow" {
				return 0
			}
			return 200
		}}
		f := newFixture(t, w.config)
		slow, quick := f.newJob(toPath("/slow")), f.newJob(toPath("/quick"))
		start := time.Now()
		f.put(slow, job.NoticeTransferred)
		f.run()
		f.put(slow, job.NoticeAcknowledged)
		for range 3 {
			f.put(quick, job.NoticeTransferred)
			f.Wake()
		}
		if calls := w.seen(); len(calls) != 4 || time.Since(start) != 0 {
			t.Fatalf("after %s: %v, want one call of the slow job and three of the quick one", time.Since(start), calls)
		}
		if waiting := f.pending(); len(waiting) != 2 {
			t.Errorf("%d notices wait, want the two of the slow job", len(waiting))
		}
		time.Sleep(webhookTimeout)
		synctest.Wait()
		f.log.want(t, "deadline exceeded")
	})
}

func TestJobThatWaitsDelaysNoOtherJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{header: http.Header{"Retry-After": {"3600"}}, answer: func(_ int, r *http.Request) int {
			if r.URL.Path == "/busy" {
				return 503
			}
			return 200
		}}
		f := newFixture(t, w.config)
		f.put(f.newJob(toPath("/busy")), job.NoticeTransferred)
		f.run()
		time.Sleep(time.Minute)
		f.put(f.newJob(toPath("/")), job.NoticeTransferred)
		f.Wake()
		if calls := w.seen(); len(calls) != 2 || time.Since(calls[1].at) != 0 {
			t.Errorf("calls %v, want that of the second job at once", calls)
		}
	})
}

func TestDeliveriesUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		owners, each, bound int
	}{
		{"per owner", 2, maxInFlightPerOwner + 2, 2 * maxInFlightPerOwner},
		{"in all", 2 * maxInFlight / maxInFlightPerOwner, maxInFlightPerOwner, maxInFlight},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := always(0)
				w.released = make(chan struct{})
				f := newFixture(t, w.config)
				for owner := range tt.owners {
					for range tt.each {
						f.put(f.newJob(func(j *job.Job) { j.Owner, j.NotifyURL = string(rune('A'+owner)), "http://hook.example/" }), job.NoticeTransferred)
					}
				}
				f.run()
				if calls := w.seen(); len(calls) != tt.bound {
					t.Errorf("%d deliveries under way, want %d", len(calls), tt.bound)
				}
				w.released <- struct{}{}
				if calls := w.seen(); len(calls) != tt.bound+1 {
					t.Errorf("%d deliveries after one has ended, want one more than %d", len(calls), tt.bound)
				}
				close(w.released)
				if calls := w.seen(); len(calls) != tt.owners*tt.each {
					t.Errorf("%d deliveries in the end, want %d", len(calls), tt.owners*tt.each)
				}
			})
		})
	}
}

func TestRunEndsInOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		takes   time.Duration
		want    time.Duration
		waiting int
	}{
		{"what is nearly done is finished", 3 * time.Second, 3 * time.Second, 1},
		{"what takes too long is cut off", time.Minute, drainTimeout, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := always(0)
				w.released = make(chan struct{})
				f := newFixture(t, w.config)
				f.webhookTimeout = time.Hour
				j := f.newJob(toPath("/"))
				f.put(j, job.NoticeTransferred)
				f.put(j, job.NoticeAcknowledged)
				stop := f.run()
				w.seen()
				time.AfterFunc(tt.takes, func() { close(w.released) })
				start := time.Now()
				stop()
				if took := time.Since(start); took != tt.want || len(w.seen()) != 1 {
					t.Errorf("Run ended after %s and %d deliveries, want %s and 1", took, len(w.seen()), tt.want)
				}
				waiting := f.pending()
				if len(waiting) != tt.waiting || waiting[0].Attempts != 0 {
					t.Errorf("waiting: %+v; want %d, and no attempt that counts", waiting, tt.waiting)
				}
			})
		})
	}
}

func TestNoticeThatNobodyToldOfIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		j := f.newJob(toPath("/"))
		for range 5 {
			f.Wake() // without Run it must not block
		}
		f.run()
		for n := 1; n <= 3; n++ {
			f.put(j, job.NoticeTransferred)
			time.Sleep(recheck)
			if calls := w.seen(); len(calls) != n {
				t.Fatalf("%d deliveries, want %d", len(calls), n)
			}
		}
	})
}
