package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) get() *cobra.Command {
	var f jobFlags
	var folder, out string
	var detach, noComplete bool
	cmd := &cobra.Command{
		Use:   "get URL...",
		Short: "Download files: create a job, follow it, complete it",
		Long: `Download files. All URLs make one job, which is created, queued, shown while it runs,
and completed: every file gets its name when it is whole.

Ctrl-C leaves the job to the daemon and says how to come back to it; a second Ctrl-C
cancels it.`,
		Example: `  ebb get https://example.com/image.iso
  ebb get -o /srv/image.iso --checksum sha256=9f86d0… https://example.com/image.iso
  ebb get --user alice --password-file ~/.secret https://files.example.com/report.pdf
  ebb get --detach --priority low --limit 2M https://example.com/large.tar`,
		Args: atLeastOne("URL"),
		RunE: func(cmd *cobra.Command, urls []string) error {
			spec, err := f.spec(a.Stdin)
			if err != nil {
				return err
			}
			if spec.Files, err = filesFor(urls, folder, out, f.checksum); err != nil {
				return err
			}
			if f.priority == "" {
				spec.Priority = job.Foreground // a person waits
			}
			spec.AutoComplete, spec.Resume = !noComplete, true
			if f.auth.password != "" {
				a.notef("--password shows the password to other users of this machine; better use --password-file")
			}
			return a.with(cmd.Context(), func(s *session) error {
				j, err := s.Create(cmd.Context(), spec)
				if err != nil {
					return err
				}
				if detach {
					a.printJob(j.Snapshot)
					return nil
				}
				return a.follow(cmd.Context(), s, j)
			})
		},
	}
	f.register(cmd)
	fl := cmd.Flags()
	fl.StringVarP(&folder, "dir", "d", ".", "`folder` for the files; their names come from the server or the URL")
	fl.StringVarP(&out, "output", "o", "", "name of the `file`, for one URL")
	fl.BoolVar(&detach, "detach", false, "return at once and leave the job to the daemon")
	fl.BoolVar(&noComplete, "no-complete", false, "keep the files under their temporary names until `ebb complete`")
	return cmd
}

// atLeastOne demands arguments, and says which.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s: %s is missing; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// printJob prints what a script needs to go on: the job, or just its ID.
func (a *app) printJob(s job.Snapshot) {
	if a.json {
		a.printJSON(s)
		return
	}
	a.printf("%s\n", s.ID)
}

func (a *app) attach() *cobra.Command {
	return &cobra.Command{
		Use:   "attach ID",
		Short: "Follow a job as `ebb get` does",
		Args:  exactly(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *session) error {
				j, err := s.Job(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.follow(cmd.Context(), s, j)
			})
		},
	}
}

// exactly demands n arguments, and says which.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s takes %s; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// follow shows a job until it is at rest and tells how it ended.
func (a *app) follow(ctx context.Context, s *session, j *ebb.Job) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	bars := a.newBars(ctx, j)
	err := a.drawUntilRest(ctx, s, j, bars)
	bars.close()
	if errors.Is(err, context.Canceled) {
		stop()
		return a.detached(context.WithoutCancel(ctx), j)
	}
	if err != nil {
		return err
	}
	return a.outcome(ctx, j)
}

// drawUntilRest draws the job's snapshots until it is at rest.
func (a *app) drawUntilRest(ctx context.Context, s *session, j *ebb.Job, bars *bars) error {
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

// secondThoughts is how long a detached get waits for the Ctrl-C that cancels.
const secondThoughts = 2 * time.Second

// detached is the end of a follow that Ctrl-C has cut short.
func (a *app) detached(ctx context.Context, j *ebb.Job) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt)
	defer signal.Stop(again)
	if a.standalone {
		a.notef("stopped; go on with: ebb attach --standalone %s (Ctrl-C again cancels the job)", shortID(j.ID))
	} else {
		a.notef("detached, the job goes on; come back with: ebb attach %s (Ctrl-C again cancels the job)", shortID(j.ID))
	}
	select {
	case <-again:
		if err := j.Cancel(ctx); err != nil {
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
	case j.Error != nil && a.json:
		return &exitError{codeExit(j.Error.Code)}
	case j.Error != nil:
		a.notef("%s", j.Error.Error())
		if !j.State.Final() {
			a.notef("the job and its bytes are kept; once that is cleared: ebb resume %s && ebb attach %s", shortID(j.ID), shortID(j.ID))
		}
		return &exitError{codeExit(j.Error.Code)}
	case j.State == job.Transferred:
		if !a.json {
			a.notef("all files are here; give them their names with: ebb complete %s", shortID(j.ID))
		}
		return nil
	}
	if !a.json {
		a.notef("the job is %s", stateText(j.Snapshot))
	}
	return &exitError{exitFailed}
}

// maxNamed is how many files are named one by one at the end.
const maxNamed = 20

func (a *app) saved(ctx context.Context, j *ebb.Job) error {
	partial := j.Result == job.PartialComplete
	if !a.json {
		if err := a.nameFiles(ctx, j); err != nil {
			return err
		}
		if partial {
			a.notef("%d of %d files were transferred when the job was completed", j.Totals.FilesDone, j.Totals.Files)
		}
	}
	if partial {
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
			a.printf("saved %s, %s\n", f.Local, bytesText(f.Size))
		}
	}
	return nil
}
