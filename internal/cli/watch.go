package cli

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) watch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch [ID...]",
		Short: "Print a line for each change of jobs, until Ctrl-C",
		Long: `Print a line for each change of the given jobs, or of all. It ends with Ctrl-C, or when all the
given jobs are completed or cancelled.`,
		Example: `  ebb watch
  ebb watch --json 3f2a`,
		Args:              areIDs,
		ValidArgsFunction: a.completeIDs,
		RunE: func(cmd *cobra.Command, ids []string) error {
			return a.untilInterrupt(cmd.Context(), func(ctx context.Context, s *session) error {
				open, err := wholeIDs(ctx, s, ids)
				if err != nil {
					return err
				}
				for snap, err := range s.Watch(ctx, slices.Sorted(maps.Keys(open))...) {
					if err != nil {
						return err
					}
					a.printChange(snap)
					if snap.State.Final() {
						delete(open, string(snap.ID))
					}
					if len(ids) > 0 && len(open) == 0 {
						return nil
					}
				}
				return nil
			})
		},
	}
}

// wholeIDs are the IDs that begin with ids.
func wholeIDs(ctx context.Context, s *session, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, id := range ids {
		j, err := s.Job(ctx, id)
		if err != nil {
			return nil, err
		}
		out[string(j.ID)] = true
	}
	return out, nil
}

// untilInterrupt runs f with a service; Ctrl-C is the ordinary end.
func (a *app) untilInterrupt(ctx context.Context, f func(context.Context, *session) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	err := a.with(ctx, func(s *session) error { return f(ctx, s) })
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (a *app) printChange(s job.Snapshot) {
	if a.json {
		a.printJSON(s)
		return
	}
	rate := ""
	if s.Rate > 0 {
		rate = "  " + bytesText(s.Rate) + "/s"
	}
	a.printf("%s  %s  %-15s %s%s\n", time.Now().Format(time.TimeOnly), s.ID.Short(), stateText(s), progressText(s), rate)
}

func (a *app) events() *cobra.Command {
	var after uint64
	var follow bool
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Print the durable events: what happened to jobs, each with an ID that never comes again",
		Example: `  ebb events --json --follow --after 1041     go on where a script has stopped`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.untilInterrupt(cmd.Context(), func(ctx context.Context, s *session) error {
				events := s.Events(ctx, after)
				if follow {
					events = s.Follow(ctx, after)
				}
				for e, err := range events {
					if err != nil {
						return err
					}
					a.printEvent(e)
				}
				return nil
			})
		},
	}
	cmd.Flags().Uint64Var(&after, "after", 0, "only events with a higher `ID`")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with each new event until Ctrl-C")
	return cmd
}

func (a *app) printEvent(e ebb.Event) {
	if a.json {
		a.printJSON(e)
		return
	}
	what := nameText(e.Job)
	if e.File != nil {
		what = oneLine(e.File.Local)
	} else if e.Kind == job.NoticeError && e.Job.Error != nil {
		what = oneLine(e.Job.Error.Error())
	}
	a.printf("%d  %s  %s  %-16s %s\n", e.ID, timeText(e.At), e.Job.ID.Short(), e.Kind, what)
}
