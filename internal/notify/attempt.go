package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

const (
	maxRetryAfter = 24 * time.Hour  // a webhook may not put us off for longer
	recordTimeout = 5 * time.Second // for a record that is made while Run ends
)

// failure is why a command or a webhook did not take a notice.
type failure struct {
	err        error
	retryAfter time.Duration // the least to wait, 0 when it was not said
	hopeless   bool          // it never will
	output     string        // the end of what a command printed
}

func (f *failure) Error() string { return f.err.Error() }

// attempt tries once to deliver e, and records the outcome. It reports false when e has to be
// tried again, at e.Next; or when ctx ended first, which does not count.
func (n *Notifier) attempt(ctx context.Context, e *entry) (done bool) {
	j, wanted, err := n.current(ctx, e)
	var failures []*failure
	switch {
	case err != nil:
		failures = []*failure{{err: err}}
	case wanted:
		failures = n.tell(ctx, j, e)
	}
	if len(failures) > 0 && ctx.Err() != nil {
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

// current is the job whose settings count, and whether they still ask for e.
func (n *Notifier) current(ctx context.Context, e *entry) (j job.Job, wanted bool, err error) {
	if e.Attempts == 0 {
		return e.Job.Job, true, nil
	}
	j, err = n.cfg.Store.Job(ctx, e.Job.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return e.Job.Job, false, nil
	case err != nil:
		return e.Job.Job, false, fmt.Errorf("cannot read the job: %w", err)
	}
	return j, Wants(j, e.Kind), nil
}

// tell delivers to whom the notice has not reached yet.
func (n *Notifier) tell(ctx context.Context, j job.Job, e *entry) (failures []*failure) {
	body, err := json.Marshal(Payload{ID: e.ID, Event: e.Kind, At: e.At.UTC(), Job: e.Job, File: e.File})
	if err != nil {
		return []*failure{{err: fmt.Errorf("cannot write the notice as JSON: %w", err)}}
	}
	try := func(what string, reached *bool, send func(context.Context, job.Job, *entry, []byte) *failure) {
		f := send(ctx, j, e, body)
		switch {
		case f == nil:
			*reached = true
		case f.hopeless:
			*reached = true
			n.cfg.Log.ErrorContext(ctx, what+" given up", "job", j.ID, "notice", e.ID, "event", e.Kind.String(), "err", f.err)
		default:
			failures = append(failures, f)
		}
	}
	if j.NotifyURL != "" && !e.posted { // first, because it takes half a minute at most
		try("webhook", &e.posted, n.post)
	}
	if len(j.NotifyCommand) > 0 && !e.ran {
		try("command", &e.ran, n.command)
	}
	return failures
}

// giveUp reports whether e was tried for long enough.
func (n *Notifier) giveUp(ctx context.Context, e *entry, failures []*failure) bool {
	if e.Attempts+1 < MinAttempts || time.Since(e.At) < MaxAge {
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
