package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) attach() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "attach ID",
		Short: "Follow a job as `ebb get` does",
		Long: `Follow a job until it is at rest, show its progress, and tell how it ended, as ebb get
does. Ctrl-C leaves it again; a second Ctrl-C cancels it.`,
		Example: `  ebb attach 3f2a
  ebb attach --standalone 3f2a     go on with a job that ebb get --standalone has left`,
	}, a.follow)
}

// follow shows a job until it is at rest and tells how it ended, or until a signal comes.
func (a *app) follow(ctx context.Context, s *session, j *ebb.Job) error {
	signals := make(chan os.Signal, 2) // one channel for both, so that the second Ctrl-C is never missed
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	bars := a.newBars(ctx, j)
	drawing, stop := context.WithCancel(ctx)
	defer stop()
	var err error
	ended := make(chan struct{})
	go func() { // ends with the job, or by stop
		defer close(ended)
		err = drawUntilRest(drawing, s, j, bars)
	}()
	var sig os.Signal
	select {
	case <-ended:
	case sig = <-signals:
		stop()
		<-ended
	}
	bars.close()
	switch {
	case sig != nil:
		return a.detached(ctx, j, sig, signals)
	case errors.Is(err, ebb.ErrUnavailable):
		return fmt.Errorf("%w; the job is kept, go on with: %s", err, a.attachLine(j))
	case err != nil:
		return err
	}
	return a.outcome(ctx, j)
}

// drawUntilRest draws the job's snapshots until it is at rest.
func drawUntilRest(ctx context.Context, s *session, j *ebb.Job, bars *bars) error {
	for snap, err := range s.Watch(ctx, string(j.ID)) {
		if err != nil {
			return err
		}
		j.Snapshot = snap
		if err := bars.draw(ctx, j); err != nil {
			return err
		}
		if ebb.AtRest(snap) {
			return nil
		}
	}
	return ctx.Err()
}

// attachLine is the command that comes back to a job.
func (a *app) attachLine(j *ebb.Job) string {
	switch {
	case a.standalone:
		return "ebb attach --standalone " + j.ID.Short()
	case a.system:
		return "ebb attach --system " + j.ID.Short()
	}
	return "ebb attach " + j.ID.Short()
}

// secondThoughts is how long a detached get waits for the Ctrl-C that cancels.
const secondThoughts = 2 * time.Second

// detached is the end of a follow that a signal has cut short.
func (a *app) detached(ctx context.Context, j *ebb.Job, sig os.Signal, more <-chan os.Signal) error {
	what := "detached, the job goes on"
	if a.standalone {
		what = "stopped, what is here is kept"
	}
	if a.json {
		a.printJSON(j.Snapshot)
	}
	if sig == syscall.SIGTERM {
		a.notef("%s; come back with: %s", what, a.attachLine(j))
		return &exitError{exitTerminated}
	}
	a.notef("%s; come back with: %s (Ctrl-C again cancels the job)", what, a.attachLine(j))
	select {
	case <-more:
		if err := a.cancelJob(ctx, j); err != nil {
			return err
		}
		a.notef("cancelled")
	case <-time.After(secondThoughts):
	}
	return &exitError{exitInterrupted}
}

// outcome tells how a job that is at rest has ended.
func (a *app) outcome(ctx context.Context, j *ebb.Job) error {
	if a.json {
		a.printJSON(j.Snapshot)
	}
	switch {
	case j.State == job.Acknowledged:
		return a.saved(ctx, j)
	case j.Error != nil:
		return a.failed(j)
	case j.State == job.Transferred:
		a.hintf("all files are here; give them their names with: ebb complete %s", j.ID.Short())
		return nil
	}
	a.hintf("job %s is %s", j.ID.Short(), stateText(j.Snapshot))
	return &exitError{exitFailed}
}

func (a *app) failed(j *ebb.Job) error {
	a.hintf("%s", j.Error.Error())
	switch {
	case j.State.Final():
	case j.State == job.Transferred:
		a.hintf("the files are here, without their names; once that is cleared: ebb complete %s", j.ID.Short())
	default:
		a.hintf("the job and its bytes are kept; %s && ebb attach %s", j.Remedy(), j.ID.Short())
	}
	return &exitError{codeExit(j.Error.Code)}
}

// maxNamed is how many files are named one by one at the end.
const maxNamed = 20

func (a *app) saved(ctx context.Context, j *ebb.Job) error {
	if !a.json {
		if err := a.nameFiles(ctx, j); err != nil {
			return err
		}
	}
	if j.Result == job.PartialComplete {
		a.hintf("%d of %d files were transferred when the job was completed", j.Totals.FilesDone, j.Totals.Files)
		return &exitError{exitFailed}
	}
	return nil
}

func (a *app) nameFiles(ctx context.Context, j *ebb.Job) error {
	if j.Totals.Files > maxNamed {
		a.printf("saved %d files, %s\n", j.Totals.FilesDone, bytesText(j.Totals.Filled))
		return nil
	}
	for f, err := range j.Files(ctx) {
		if err != nil {
			return err
		}
		if f.Done {
			a.printf("saved %s, %s\n", oneLine(f.Local), bytesText(f.Size))
		}
	}
	return nil
}
