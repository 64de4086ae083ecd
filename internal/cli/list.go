package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) list() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List jobs",
		Example: `  ebb list
  ebb list --all --json | jq -r 'select(.state == "error") | .id'`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(s *session) error { return a.listJobs(cmd.Context(), s, all) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "jobs that are completed or cancelled as well")
	return cmd
}

func (a *app) listJobs(ctx context.Context, s *session, all bool) error {
	table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	rows := 0
	for j, err := range s.Jobs(ctx, all) {
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(j.Snapshot)
			continue
		}
		if rows == 0 {
			_, _ = fmt.Fprintln(table, "ID\tSTATE\tPRIORITY\tFILES\tPROGRESS\tNAME")
		}
		rows++
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d/%d\t%s\t%s\n", j.ID.Short(), stateText(j.Snapshot), j.Priority,
			j.Totals.FilesDone, j.Totals.Files, progressText(j.Snapshot), nameText(j.Snapshot))
	}
	if rows == 0 {
		a.hintf("there are no jobs; begin with: ebb get URL")
	}
	a.written(table.Flush())
	return nil
}

func (a *app) show() *cobra.Command {
	return a.reading(&cobra.Command{Use: "show ID", Short: "Show a job and its files", Example: `  ebb show 3f2a`}, a.showJob)
}

func (a *app) showJob(ctx context.Context, _ *session, j *ebb.Job) error {
	files := []job.FileSnapshot{}
	for f, err := range j.Files(ctx) {
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if a.json {
		a.printJSON(struct {
			job.Snapshot
			Files []job.FileSnapshot `json:"files"`
		}{j.Snapshot, files})
		return nil
	}
	table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	for _, row := range jobRows(j.Snapshot) {
		if row[1] != "" {
			_, _ = fmt.Fprintf(table, "%s:\t%s\n", row[0], oneLine(row[1]))
		}
	}
	for _, f := range files {
		_, _ = fmt.Fprintf(table, "file %d:\t%s\n\t← %s\n\t%s\n", f.ID, oneLine(f.Local), oneLine(f.URL), fileText(f))
	}
	a.written(table.Flush())
	return nil
}

func jobRows(s job.Snapshot) [][2]string {
	rows := [][2]string{
		{"id", string(s.ID)},
		{"name", s.Name},
		{"description", s.Description},
		{"owner", s.Owner},
		{"state", stateText(s)},
		{"why", s.Waits},
		{"priority", s.Priority.String()},
		{"progress", progressText(s)},
		{"files", fmt.Sprintf("%d of %d", s.Totals.FilesDone, s.Totals.Files)},
	}
	if s.Rate > 0 {
		rows = append(rows, [2]string{"rate", bytesText(s.Rate) + "/s"})
	}
	if e := s.Error; e != nil {
		rows = append(rows, [2]string{"error", e.Error()},
			[2]string{"error code", fmt.Sprintf("%s (%s) in %s", e.Code.Hex(), e.Code, strings.ReplaceAll(e.Context.String(), "_", " "))})
	}
	if len(s.Credentials) > 0 {
		var pairs []string
		for _, c := range s.Credentials {
			pairs = append(pairs, c.Target+"/"+c.Scheme)
		}
		rows = append(rows, [2]string{"credentials", strings.Join(pairs, ", ")})
	}
	if s.NeedsCredentials {
		rows = append(rows, [2]string{"needs credentials", "ownership changed"})
	}
	if len(s.HeaderNames) > 0 {
		rows = append(rows, [2]string{"headers", strings.Join(s.HeaderNames, ", ")})
	}
	if s.Limit > 0 {
		rows = append(rows, [2]string{"limit", bytesText(s.Limit) + "/s"})
	}
	rows = append(rows, [2]string{"errors so far", fmt.Sprint(s.ErrorCount)}, [2]string{"created", timeText(s.Created)}, [2]string{"modified", timeText(s.Modified)})
	if !s.Finished.IsZero() {
		rows = append(rows, [2]string{"transferred", timeText(s.Finished)})
	}
	return rows
}

func fileText(f job.FileSnapshot) string {
	switch {
	case f.Done:
		return bytesText(f.Size) + ", whole"
	case f.Size < 0:
		return bytesText(f.Transferred) + " of unknown size"
	}
	return bytesText(f.Transferred) + " of " + bytesText(f.Size)
}

func (a *app) why() *cobra.Command {
	return a.reading(&cobra.Command{
		Use: "why ID", Short: "Say in one sentence why a job does not move", Example: `  ebb why 3f2a`,
	}, func(_ context.Context, _ *session, j *ebb.Job) error {
		reason := whyText(j.Snapshot)
		if a.json {
			a.printJSON(map[string]any{"id": j.ID, "state": j.State, "why": reason})
			return nil
		}
		a.printf("job %s: %s\n", j.ID.Short(), oneLine(reason))
		return nil
	})
}

func whyText(s job.Snapshot) string {
	switch {
	case s.Waits != "":
		return s.Waits
	case s.State == job.Transferring:
		return "it moves, at " + bytesText(s.Rate) + "/s"
	case s.State == job.Connecting:
		return "it is asking the server"
	case s.Error != nil:
		return fmt.Sprintf("it is %s: %s", stateText(s), s.Error.Error())
	}
	return "it is " + stateText(s)
}
