package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

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
	case s.State == job.Transferring && s.Idle != nil && s.Idle.State == "yielding":
		return "it moves, at " + bytesText(s.Rate) + "/s: somebody else has the line"
	case s.State == job.Transferring:
		return "it moves, at " + bytesText(s.Rate) + "/s"
	case s.State == job.Connecting:
		return "it is asking the server"
	case s.Result == job.PartialComplete:
		return fmt.Sprintf("it is completed, with %d of its %d files", s.Totals.FilesDone, s.Totals.Files)
	case s.State == job.Acknowledged:
		return "it is completed"
	case s.Error != nil:
		return fmt.Sprintf("it is %s: %s", stateText(s), s.Error.Error())
	}
	return "it is " + stateText(s)
}
