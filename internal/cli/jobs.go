package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

type jobRef = ebb.Job

// onJob runs f on one job and prints the job with --json.
func (a *app) onJob(ctx context.Context, id string, f func(*session, *jobRef) error) error {
	return a.with(ctx, func(s *session) error { return a.applyTo(ctx, s, id, f) })
}

func (a *app) applyTo(ctx context.Context, s *session, id string, f func(*session, *jobRef) error) error {
	j, err := s.Job(ctx, id)
	if err != nil {
		return err
	}
	if err := f(s, j); err != nil {
		return err
	}
	if a.json {
		a.printJSON(j.Snapshot)
	}
	return nil
}

// command is a command that does the same to each of several jobs. One that fails does not keep
// the others from it.
func (a *app) command(cmd *cobra.Command, f func(context.Context, *session, *jobRef) error) *cobra.Command {
	cmd.Args = atLeastOne("ID")
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		ctx := cmd.Context()
		return a.with(ctx, func(s *session) error {
			var failed []error
			for _, id := range ids {
				failed = append(failed, a.applyTo(ctx, s, id, func(s *session, j *jobRef) error { return f(ctx, s, j) }))
			}
			return errors.Join(failed...)
		})
	}
	return cmd
}

func (a *app) suspend() *cobra.Command {
	return a.command(&cobra.Command{Use: "suspend ID...", Short: "Stop jobs until they are resumed"},
		func(ctx context.Context, _ *session, j *jobRef) error { return j.Suspend(ctx) })
}

func (a *app) resume() *cobra.Command {
	return a.command(&cobra.Command{Use: "resume ID...", Short: "Queue jobs, or try waiting and failed ones again now"},
		func(ctx context.Context, _ *session, j *jobRef) error { return j.Resume(ctx) })
}

func (a *app) cancel() *cobra.Command {
	return a.command(&cobra.Command{Use: "cancel ID...", Short: "Give jobs up and delete what they have fetched"},
		func(ctx context.Context, _ *session, j *jobRef) error {
			if err := j.Cancel(ctx); err != nil {
				return err
			}
			return a.settled(ctx, j, job.Cancelled)
		})
}

func (a *app) complete() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "complete ID...",
		Short: "Give finished files their names and discard the others",
		Long: `Give the finished files of jobs their names. Files that are not finished are discarded: complete
a job that is still running to keep what it has.`,
	}, func(ctx context.Context, _ *session, j *jobRef) error {
		if err := j.Complete(ctx); err != nil {
			return err
		}
		if err := a.settled(ctx, j, job.Acknowledged); err != nil {
			return err
		}
		if j.Result == job.PartialComplete && !a.json {
			a.notef("%d of %d files of job %s were finished and kept", j.Totals.FilesDone, j.Totals.Files, shortID(j.ID))
		}
		return nil
	})
}

// settled waits until a final command is carried out.
func (a *app) settled(ctx context.Context, j *jobRef, want job.State) error {
	_ = j.Wait(ctx) // what matters is the state it ends in
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case j.State == want:
		return nil
	case j.Error != nil:
		return j.Error
	}
	return job.Invalid(job.InvalidState, "job %s is %s", j.ID, stateText(j.Snapshot))
}

func (a *app) remove() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "remove ID...",
		Short: "Delete jobs from the history; one that is not final is cancelled first",
	}, func(ctx context.Context, _ *session, j *jobRef) error {
		if !j.State.Final() {
			if err := j.Cancel(ctx); err != nil {
				return err
			}
			if err := a.settled(ctx, j, job.Cancelled); err != nil {
				return err
			}
		}
		return j.Forget(ctx)
	})
}
