package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

const (
	maxRetryAfter = 24 * time.Hour  // a webhook may not put us off for longer
	recordTimeout = 5 * time.Second // for a record that is made while Run ends
)

// failure is why a callback, a command or a webhook did not take a notice.
type failure struct {
	err        error
	retryAfter time.Duration // the least to wait, 0 when it was not said
	hopeless   bool          // it never will
	whole      bool          // the whole retry delay passes before the next try
	lasting    bool          // it is not given up before the job is final
	output     string        // the end of what a command printed
}

func (f *failure) Error() string { return f.err.Error() }

// ending says that Run ended before it was known whether the callback would come back.
func (f *failure) ending() bool { return errors.Is(f.err, errEnding) }

// attempt tries once to deliver e, and records the outcome. It reports false when e has to be
// tried again, at e.Next; or when ctx or Run ended first, which does not count.
func (n *Notifier) attempt(ctx context.Context, e *entry) (done bool) {
	j, err := n.current(ctx, e)
	var failures []*failure
	switch {
	case errors.Is(err, store.ErrNotFound): // nobody waits for it any more
	case err != nil:
		failures = []*failure{{err: err}}
	default:
		failures = n.tell(ctx, j, e)
	}
	if len(failures) > 0 && (ctx.Err() != nil || slices.ContainsFunc(failures, (*failure).ending)) {
		return false
	}
	if len(failures) > 0 && !n.giveUp(ctx, e, failures) {
		e.Attempts++
		e.Next = time.Now().Add(wait(e.Attempts, time.Duration(j.RetryDelay), failures))
		n.logFailures(ctx, e, failures)
		n.record(ctx, e, false)
		return false
	}
	n.record(ctx, e, true)
	return true
}

// current is the job whose settings count.
func (n *Notifier) current(ctx context.Context, e *entry) (job.Job, error) {
	if e.Attempts == 0 {
		return e.Job.Job, nil
	}
	j, err := n.cfg.Store.Job(ctx, e.Job.ID)
	if err != nil {
		return e.Job.Job, fmt.Errorf("cannot read the job: %w", err)
	}
	return j, nil
}

// tell delivers to whom the notice has not reached yet, to all at once.
func (n *Notifier) tell(ctx context.Context, j job.Job, e *entry) (failures []*failure) {
	body, err := json.Marshal(Payload{ID: e.ID, Event: e.Kind, At: e.At.UTC(), Job: e.Job, File: e.File})
	if err != nil {
		return []*failure{{err: fmt.Errorf("cannot write the notice as JSON: %w", err)}}
	}
	wanted := e.Pending && (e.Attempts == 0 || Wants(j, e.Kind))
	var posting, handing *failure
	var both sync.WaitGroup
	if wanted && j.NotifyURL != "" && !e.posted {
		both.Go(func() {
			posting = n.orNever(ctx, "webhook", e, n.post(ctx, j, e, body))
			e.posted = posting == nil
		})
	}
	if !e.handed {
		handing = n.hand(ctx, j, e, wanted && mayRun(j, e), body)
	}
	both.Wait()
	for _, f := range []*failure{posting, handing} {
		if f != nil {
			failures = append(failures, f)
		}
	}
	return failures
}

// mayRun reports whether there is a command to run for e. As in BITS it is run again only as long as there is the job.
func mayRun(j job.Job, e *entry) bool {
	return len(j.NotifyCommand) > 0 && (e.Attempts == 0 || !j.State.Final() || final(e.Kind))
}

// hand gives e to the live callback; when that fails, or there is none that hears of it, to the command.
func (n *Notifier) hand(ctx context.Context, j job.Job, e *entry, mayRun bool, body []byte) *failure {
	if n.overtaken(ctx, e) {
		return nil
	}
	var failed *failure
	told, err := n.call(ctx, j, e)
	if err != nil {
		failed = &failure{err: err, lasting: !j.State.Final()}
	}
	switch {
	case told && failed == nil && !final(e.Kind): // no callback takes the end of the job off the command's hands
		e.handed = true
		return nil
	case !mayRun || failed != nil && failed.ending():
		return failed
	}
	f := n.orNever(ctx, "command", e, n.command(ctx, j, e, body))
	if f == nil {
		e.handed = true
		return nil
	}
	f.whole, f.lasting = true, !j.State.Final()
	if failed != nil {
		f.err = fmt.Errorf("%w; then the %w", failed.err, f.err)
	}
	return f
}

// overtaken reports whether the job is not transferred any more, because a file of it was found wrong or has to come again:
// nobody may complete it on the strength of e. Whoever needs to know is told of what came after.
func (n *Notifier) overtaken(ctx context.Context, e *entry) bool {
	if e.Kind != job.NoticeTransferred || e.Job.Finished.IsZero() {
		return false
	}
	j, err := n.cfg.Store.Job(ctx, e.Job.ID)
	return err == nil && j.Finished.IsZero()
}

// orNever is f, but nil for one that never will be otherwise; that is logged.
func (n *Notifier) orNever(ctx context.Context, what string, e *entry, f *failure) *failure {
	if f == nil || !f.hopeless {
		return f
	}
	n.cfg.Log.ErrorContext(ctx, what+" given up", "job", e.Job.ID, "notice", e.ID, "event", e.Kind.String(), "err", f.err)
	return nil
}

// giveUp reports whether e was tried for long enough.
func (n *Notifier) giveUp(ctx context.Context, e *entry, failures []*failure) bool {
	lasts := slices.ContainsFunc(failures, func(f *failure) bool { return f.lasting })
	if lasts || e.Attempts+1 < MinAttempts || time.Since(e.At) < MaxAge {
		return false
	}
	for _, f := range failures {
		n.cfg.Log.ErrorContext(ctx, "notice given up", "job", e.Job.ID, "notice", e.ID, "event", e.Kind.String(),
			"attempts", e.Attempts+1, "since", e.At, "err", f.err)
	}
	return true
}

func (n *Notifier) logFailures(ctx context.Context, e *entry, failures []*failure) {
	for _, f := range failures {
		attrs := []any{"job", e.Job.ID, "notice", e.ID, "event", e.Kind.String(), "attempts", e.Attempts, "next", e.Next, "err", f.err}
		if f.output != "" {
			attrs = append(attrs, "output", f.output)
		}
		n.cfg.Log.WarnContext(ctx, "notice not delivered; it will be tried again", attrs...)
	}
}

// wait is the time until the next attempt after attempts failures.
func wait(attempts int, limit time.Duration, failures []*failure) time.Duration {
	d := time.Duration(rand.Float64() * float64(window(attempts, limit)))
	for _, f := range failures {
		if f.whole {
			d = limit
		}
		d = max(d, min(f.retryAfter, maxRetryAfter))
	}
	return d
}

// window is the longest wait after attempts failures: 1 s, doubled by each, up to limit.
func window(attempts int, limit time.Duration) time.Duration {
	if attempts > 32 { // 2^32 s is beyond every limit and still fits
		return limit
	}
	return min(limit, time.Second<<(attempts-1))
}

// record stores the outcome of an attempt. It goes on until the store takes it, because
// delivering again what has arrived is worse than waiting; when ctx ends, a last try has 5 s.
func (n *Notifier) record(ctx context.Context, e *entry, done bool) {
	if !e.Pending { // nobody but a live callback was told
		return
	}
	for tries := 1; ; tries++ {
		last := ctx.Err() != nil
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		err := n.cfg.Store.Delivered(once, e.ID, done, e.Next)
		cancel()
		if err == nil || errors.Is(err, store.ErrNotFound) { // not found: deleted with its job
			return
		}
		n.cfg.Log.ErrorContext(ctx, "cannot record the delivery of a notice", "job", e.Job.ID, "notice", e.ID, "err", err)
		if last {
			return
		}
		pause := time.NewTimer(window(tries, time.Minute))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}
