package notify

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// between is an outbox where something happens right before a job is read, or after the notices that are read next.
type between struct {
	Outbox
	mu                      sync.Mutex // guards all below
	beforeJob, afterNotices func()
	looked                  bool
}

func (o *between) Job(ctx context.Context, id job.ID) (job.Job, error) {
	o.once(&o.beforeJob, true)
	return o.Outbox.Job(ctx, id)
}

func (o *between) Notices(ctx context.Context, after uint64, limit int) ([]store.Notice, error) {
	notices, err := o.Outbox.Notices(ctx, after, limit)
	o.once(&o.afterNotices, false)
	return notices, err
}

// once lets happen what has not yet; after the notices, only once the job has been looked at.
func (o *between) once(what *func(), looks bool) {
	o.mu.Lock()
	o.looked = o.looked || looks
	happen := *what
	if happen == nil || !o.looked {
		o.mu.Unlock()
		return
	}
	*what = nil
	o.mu.Unlock()
	happen()
}

// What happens while the job is looked at, or after that and before its callback is there, is told, and told once.
func TestNothingSlipsThroughBeforeTheCallback(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]func(*between) *func(){
		"while":  func(o *between) *func() { return &o.beforeJob },
		"before": func(o *between) *func() { return &o.afterNotices },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				o := &between{Outbox: f.store}
				f.cfg.Store = o
				f.run()
				synctest.Wait()
				j := f.becomes(f.newJob(ofFiles(2)), done(1))
				*when(o) = func() {
					f.happens(f.becomes(j, done(2)), job.NoticeFileTransferred, 2)
					time.Sleep(time.Second) // nobody heard of it
				}
				l := f.listen(j.ID, 0, nil)
				time.Sleep(2 * time.Second)
				l.want(t, "file_transferred 1", "file_transferred 2")
			})
		})
	}
}
