package engine

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

// TestWatchGivenUpLeavesNothing: who stops asking for a watcher before there is one gets none, later.
func TestWatchGivenUpLeavesNothing(t *testing.T) {
	b := newBench(t)
	reading, proceed := make(chan struct{}), make(chan struct{})
	go func() {
		_, _ = ask(context.WithoutCancel(t.Context()), b.Engine, func(*session) (struct{}, error) {
			close(reading)
			<-proceed
			return struct{}{}, nil
		})
	}()
	<-reading
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error)
	go func() {
		_, err := b.Watch(ctx, 0, func(job.Snapshot) bool { return true })
		asked <- err
	}()
	for len(b.mail) == 0 { // its letter is on the way
		runtime.Gosched()
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch: %v", err)
	}
	close(proceed)
	if _, err := b.Busy(t.Context()); err != nil { // the letter before has been read
		t.Fatal(err)
	}
	if b.watch.any() {
		t.Error("a watcher that nobody has is left")
	}
}
