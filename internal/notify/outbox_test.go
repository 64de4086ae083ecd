package notify

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// The wait that the webhook asked for is over when it is over, no matter who waits.
func TestWaitSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(503)
		w.header = http.Header{"Retry-After": {"3600"}}
		f := newFixture(t, w.config)
		start := time.Now()
		f.put(f.newJob(toPath("/")), job.NoticeTransferred)
		stop := f.run()
		time.Sleep(20 * time.Minute)
		stop()

		g := newFixture(t, w.config, func(c *Config) { c.Store = f.store })
		g.run()
		time.Sleep(41 * time.Minute)
		calls := w.seen()
		if len(calls) != 2 || calls[1].at.Sub(start) != time.Hour || calls[0].id != calls[1].id {
			t.Errorf("attempts %v, want the second one hour after %v", calls, start)
		}
	})
}

// A clock that was years ahead when the wait began, and was put right, costs a day at most.
func TestWaitSurvivesAClockThatIsPutBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		j := f.newJob(toPath("/"))
		ahead := time.Now().Add(10 * 365 * 24 * time.Hour)
		f.commit(store.Batch{Notices: []store.Notice{{At: ahead, Kind: job.NoticeError, Job: job.Snapshot{Job: j}, Pending: true, Attempts: 1, Next: ahead}}})
		f.run()
		time.Sleep(maxRetryAfter)
		if calls := w.seen(); len(calls) != 1 {
			t.Errorf("%d deliveries, want 1", len(calls))
		}
	})
}

// forgetful is an outbox that cannot record deliveries for a while.
type forgetful struct {
	store.Store
	refuse int // so many records
}

func (o *forgetful) Delivered(ctx context.Context, id uint64, done bool, next time.Time) error {
	if o.refuse--; o.refuse >= 0 {
		return errors.New("disk full")
	}
	return o.Store.Delivered(ctx, id, done, next)
}

func TestCrashAfterADeliveryRepeatsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		f.cfg.Store = &forgetful{f.store, 1 << 30}
		j := f.newJob(toPath("/"))
		f.put(j, job.NoticeTransferred)
		f.put(j, job.NoticeAcknowledged)
		stop := f.run()
		time.Sleep(time.Hour)
		if calls := w.seen(); len(calls) != 1 {
			t.Errorf("%d deliveries, want 1: it is known to have arrived, the next one has to wait for the record", len(calls))
		}
		stopping := time.Now()
		stop()
		if took := time.Since(stopping); took > drainTimeout {
			t.Errorf("Run took %s to end", took)
		}

		g := newFixture(t, w.config, func(c *Config) { c.Store = f.store.Reopen() })
		g.run()
		calls := w.seen()
		if len(calls) != 3 || calls[0].id != calls[1].id || calls[1].id == calls[2].id {
			t.Errorf("deliveries %v, want the first one twice and the second one once", calls)
		}
	})
}

func TestRecordIsRepeatedNotTheDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		f.cfg.Store = &forgetful{f.store, 3}
		f.put(f.newJob(toPath("/")), job.NoticeTransferred)
		f.run()
		time.Sleep(7 * time.Second) // 1 + 2 + 4
		if calls := w.seen(); len(calls) != 1 || len(f.pending()) != 0 {
			t.Errorf("%d deliveries, %d wait; want 1 and 0", len(calls), len(f.pending()))
		}
		f.log.want(t, "cannot record", "disk full")
	})
}

func TestRetriesUseTheSettingsOfTheDay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*job.Job)
		want   string // the path that is called in the end; "": none
	}{
		{"URL corrected", toPath("/right"), "/right"},
		{"webhook removed", toURL(""), ""},
		{"disabled", func(j *job.Job) { j.NotifyFlags |= job.NotifyDisable }, ""},
		{"event no longer wanted", func(j *job.Job) { j.NotifyFlags = job.NotifyError }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{answer: func(_ int, r *http.Request) int {
					if r.URL.Path == "/right" {
						return 200
					}
					return 404
				}}
				f := newFixture(t, w.config)
				j := f.newJob(toPath("/wrong"))
				f.put(j, job.NoticeTransferred)
				f.run()
				w.seen()
				tt.change(&j)
				f.commit(store.Batch{Jobs: []store.Change{{Job: j}}})
				time.Sleep(time.Hour)
				calls := w.seen()
				last := calls[len(calls)-1].path
				if tt.want == "" && len(calls) != 1 || tt.want != "" && (len(calls) != 2 || last != tt.want) {
					t.Errorf("calls %v, want a last one to %q", calls, tt.want)
				}
				if waiting := f.pending(); len(waiting) != 0 {
					t.Errorf("%d notices wait, want none", len(waiting))
				}
			})
		})
	}
}

func TestDeletedJobEndsTheWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(500)
		f := newFixture(t, w.config)
		j := f.newJob(toPath("/"))
		f.put(j, job.NoticeTransferred)
		f.run()
		w.seen()
		j.State = job.Cancelled
		f.commit(store.Batch{Jobs: []store.Change{{Job: j}}})
		f.commit(store.Batch{Forget: []job.ID{j.ID}})
		time.Sleep(time.Hour)
		if calls := w.seen(); len(calls) != 1 {
			t.Errorf("%d attempts, want none after the job was deleted", len(calls))
		}
	})
}

// blind is an outbox that cannot be read for a while.
type blind struct {
	store.Store
	refuse int
}

func (o *blind) Pending(ctx context.Context) ([]store.Notice, error) {
	if o.refuse--; o.refuse >= 0 {
		return nil, errors.New("disk gone")
	}
	return o.Store.Pending(ctx)
}

func TestOutboxThatCannotBeReadIsReadLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		f.cfg.Store = &blind{f.store, 2}
		f.put(f.newJob(toPath("/")), job.NoticeTransferred)
		f.run()
		time.Sleep(2 * recheck)
		if calls := w.seen(); len(calls) != 1 {
			t.Errorf("%d deliveries, want 1", len(calls))
		}
		f.log.want(t, "cannot read the outbox", "disk gone")
	})
}

// More new notices than fit on a page, most of which nobody waits for.
func TestLongOutboxIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := always(200)
		f := newFixture(t, w.config)
		j := f.newJob(toPath("/"))
		f.put(j, job.NoticeTransferred)
		f.run()
		w.seen()
		var b store.Batch
		for i := range 2*pageSize + 10 {
			b.Notices = append(b.Notices, store.Notice{At: time.Now(), Kind: job.NoticeTransferred, Job: job.Snapshot{Job: j}, Pending: i%100 == 99})
		}
		f.commit(b)
		f.Wake()
		if calls := w.seen(); len(calls) != 1+(2*pageSize+10)/100 || len(f.pending()) != 0 {
			t.Errorf("%d deliveries, %d wait; want %d and 0", len(calls), len(f.pending()), 1+(2*pageSize+10)/100)
		}
	})
}
