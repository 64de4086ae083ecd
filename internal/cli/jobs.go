package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// onJob runs f on one job and prints the job with --json.
func (a *app) onJob(ctx context.Context, id string, f func(*session, *ebb.Job) error) error {
	return a.with(ctx, func(s *session) error { return a.applyTo(ctx, s, id, f) })
}

func (a *app) applyTo(ctx context.Context, s *session, id string, f func(*session, *ebb.Job) error) error {
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

// reading is a command that looks at one job.
func (a *app) reading(cmd *cobra.Command, f func(context.Context, *session, *ebb.Job) error) *cobra.Command {
	cmd.Args = oneID()
	cmd.ValidArgsFunction = a.completeID
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		return a.with(ctx, func(s *session) error {
			j, err := s.Job(ctx, args[0])
			if err != nil {
				return err
			}
			return f(ctx, s, j)
		})
	}
	return cmd
}

// command is a command that does the same to each of several jobs. One that fails does not keep
// the others from it; the exit code is that of the first.
func (a *app) command(cmd *cobra.Command, f func(context.Context, *session, *ebb.Job) error) *cobra.Command {
	cmd.Args = cobra.MatchAll(atLeastOne("ID"), areIDs)
	cmd.ValidArgsFunction = a.completeIDs
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		ctx := cmd.Context()
		return a.with(ctx, func(s *session) error {
			code := exitDone
			for _, id := range ids {
				err := a.applyTo(ctx, s, id, func(s *session, j *ebb.Job) error { return f(ctx, s, j) })
				if err != nil {
					code = cmp.Or(code, a.report(err))
				}
			}
			if code != exitDone {
				return &exitError{code}
			}
			return nil
		})
	}
	return cmd
}

func (a *app) suspend() *cobra.Command {
	return a.command(&cobra.Command{Use: "suspend ID...", Short: "Stop jobs until they are resumed"},
		func(ctx context.Context, _ *session, j *ebb.Job) error { return j.Suspend(ctx) })
}

func (a *app) resume() *cobra.Command {
	return a.command(&cobra.Command{Use: "resume ID...", Short: "Queue jobs, or try waiting and failed ones again now"},
		func(ctx context.Context, _ *session, j *ebb.Job) error { return j.Resume(ctx) })
}

func (a *app) cancel() *cobra.Command {
	return a.command(&cobra.Command{Use: "cancel ID...", Short: "Give jobs up and delete what they have fetched"},
		func(ctx context.Context, _ *session, j *ebb.Job) error { return a.cancelJob(ctx, j) })
}

// cancelJob gives a job up and waits until that is done.
func (a *app) cancelJob(ctx context.Context, j *ebb.Job) error {
	if err := j.Cancel(ctx); err != nil {
		return err
	}
	return a.settled(ctx, j, job.Cancelled)
}

func (a *app) complete() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "complete ID...",
		Short: "Give finished files their names and discard the others",
		Long: `Give the finished files of jobs their names. Files that are not finished are discarded: complete
a job that is still running to keep what it has.`,
	}, func(ctx context.Context, _ *session, j *ebb.Job) error {
		if err := j.Complete(ctx); err != nil {
			return err
		}
		if err := a.settled(ctx, j, job.Acknowledged); err != nil {
			return err
		}
		if j.Result == job.PartialComplete {
			a.hintf("%d of %d files of job %s were finished and kept", j.Totals.FilesDone, j.Totals.Files, j.ID.Short())
		}
		return nil
	})
}

// settled waits until a final command is carried out.
func (a *app) settled(ctx context.Context, j *ebb.Job, want job.State) error {
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

func (a *app) takeOwnership() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "take-ownership ID...",
		Short: "Become the owner of jobs of others, without their secrets",
		Long: `Become the owner of jobs, as an administrator. What the former owner trusted a job with is deleted:
credentials, headers, client certificate, notify command and webhook; and passwords in the clear
are no longer allowed. A job that was queued goes on without. On a job of your own it has no effect.`,
		Example: `  sudo ebb take-ownership --system 3f2a
  sudo ebb credentials set --system 3f2a --scheme digest --user backup`,
	}, func(ctx context.Context, _ *session, j *ebb.Job) error {
		if err := j.TakeOwnership(ctx); err != nil {
			return err
		}
		if j.NeedsCredentials {
			a.hintf("job %[1]s needs credentials: ownership changed; set them with: ebb credentials set %[1]s", j.ID.Short())
		}
		return nil
	})
}

func (a *app) remove() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "remove ID...",
		Short: "Delete jobs from the history; one that is not final is cancelled first",
	}, func(ctx context.Context, _ *session, j *ebb.Job) error {
		if !j.State.Final() {
			if err := a.cancelJob(ctx, j); err != nil {
				return err
			}
		}
		return j.Forget(ctx)
	})
}
