package engine

import (
	"context"
	"time"

	"github.com/ebb-transfer/ebb/internal/pace/idle"
	"github.com/ebb-transfer/ebb/job"
)

// weights are the shares of background jobs that run beside each other. Those in the foreground have none: they take what they get.
var weights = map[job.Priority]int{job.High: 4, job.Normal: 2, job.Low: 1}

// makeRoom has background jobs make room for what others want of the line, until stop has returned.
func (e *Engine) makeRoom(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // workers may outlive ctx for a moment
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.idle.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// grain is how exactly round trips are told: the kernel measures them in milliseconds.
const grain = 100 * time.Microsecond

// idleBandwidth is how a flow makes room; nil when it does not.
func idleBandwidth(f *idle.Flow) *job.IdleBandwidth {
	by, is := f.Status()
	if by == idle.NoMechanism {
		return nil
	}
	return &job.IdleBandwidth{
		Mechanism: string(by), State: string(is.State), Signal: string(is.Signal), Window: is.Window, Rate: is.Rate, Capacity: is.Capacity,
		Base: job.Duration(is.Base.Round(grain)), Delay: job.Duration(max(is.Delay, 0).Round(grain)),
	}
}
