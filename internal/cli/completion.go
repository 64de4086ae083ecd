package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// maxCompletions is how many jobs a shell is offered.
const maxCompletions = 200

// completeID offers the IDs of jobs for the first argument; what follows may be file names.
func (a *app) completeID(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return a.completeIDs(cmd, args, prefix)
}

// completeIDs offers the IDs of jobs that are not named yet. It never starts a daemon.
func (a *app) completeIDs(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	client, err := a.peek(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer client.Close()
	var out []string
	for j, err := range client.Jobs(cmd.Context(), false) {
		if err != nil || len(out) == maxCompletions {
			break
		}
		id := j.ID.Short()
		if strings.HasPrefix(id, prefix) && !slices.Contains(args, id) {
			out = append(out, cobra.CompletionWithDesc(id, stateText(j.Snapshot)+", "+nameText(j.Snapshot)))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// oneOf offers fixed values for flags.
func oneOf(cmd *cobra.Command, values map[string][]string) {
	for flag, words := range values {
		if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // the flag is not there: a mistake in this program
		}
	}
}

func priorities() []string {
	var out []string
	for _, p := range job.Priorities() {
		out = append(out, p.String())
	}
	return out
}
