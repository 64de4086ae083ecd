package cli

import (
	"path/filepath"
	"slices"
	"strconv"
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

// completeSetting offers the ID of a job, then the keys of its settings, then their values.
func (a *app) completeSetting(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeIDs(cmd, args, prefix)
	}
	key, _, hasKey := strings.Cut(prefix, "=")
	var out []string
	for _, p := range properties {
		if !hasKey {
			out = append(out, p.key+"=")
		} else if p.key == key {
			for _, word := range p.words {
				out = append(out, key+"="+word)
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
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

// completeFile offers the ID of a job, then the numbers of its files.
func (a *app) completeFile(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeIDs(cmd, args, prefix)
	}
	client, err := a.peek(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer client.Close()
	j, err := client.Job(cmd.Context(), args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for f, err := range j.Files(cmd.Context()) {
		if err != nil || len(out) == maxCompletions {
			break
		}
		if !f.Removed {
			out = append(out, cobra.CompletionWithDesc(strconv.Itoa(int(f.ID)), oneLine(filepath.Base(f.Local))))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
