package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ebb-transfer/ebb/internal/spell"
	"github.com/ebb-transfer/ebb/job"
)

// checkLine refuses what no command can use, before any command runs: flags that are given but empty,
// and text that a terminal or a log would not show as it is.
func checkLine(cmd *cobra.Command, args []string) error {
	var wrong error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		value := f.Value.String()
		switch {
		case wrong != nil:
		case value == "" || value == "[]":
			wrong = usage("--%s is empty; leave it out, or see %s --help", f.Name, cmd.CommandPath())
		case !plain(value):
			wrong = usage("--%s holds a control character or is not UTF-8", f.Name)
		}
	})
	for _, arg := range args {
		if wrong == nil && !plain(arg) {
			wrong = usage("%q holds a control character or is not UTF-8", arg)
		}
	}
	return wrong
}

func plain(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }

// atLeastOne demands arguments, and says which.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s: %s is missing; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
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

// oneID demands the ID of a job.
func oneID() cobra.PositionalArgs { return cobra.MatchAll(exactly(1, "ID"), areIDs) }

// areIDs refuses what cannot be the beginning of an ID.
func areIDs(_ *cobra.Command, args []string) error {
	for _, id := range args {
		if id == "" || len(id) > 36 || strings.Trim(strings.ToLower(id), "0123456789abcdef-") != "" {
			return usage("%.60q is not the ID of a job; see ebb list", id)
		}
	}
	return nil
}

// group makes cmd a command that only has others below it.
func group(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.Args = knownCommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return usage("%s: a command is missing; see %s --help", cmd.CommandPath(), cmd.CommandPath())
	}
	cmd.AddCommand(below...)
	return cmd
}

// knownCommand refuses arguments: where it is asked, they are names of commands that do not exist.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return usage("there is no command %q%s", cmd.CommandPath()+" "+args[0], suggestion(args[0], names, cmd.CommandPath()))
}

// flagError explains a flag that cannot be read.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown {
		return usage("%s; see %s --help", text, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	hint := suggestion(name, names, cmd.CommandPath())
	return usage("%s has no flag --%s%s", cmd.CommandPath(), name, strings.Replace(hint, "mean ", "mean --", 1))
}

// suggestion names the candidate that somebody who wrote word may have meant.
func suggestion(word string, candidates []string, command string) string {
	best := spell.Closest(word, candidates, 2)
	if best == "" {
		return fmt.Sprintf("; see %s --help", command)
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// check refuses a job that the service would refuse, as far as that can be told without it.
func check(spec job.Spec) error {
	j, err := job.New("", "", spec.Type, spec.Settings, time.Time{})
	if err == nil && len(spec.Files) > 0 {
		_, _, err = job.Next(j, job.AddFiles{Files: spec.Files}, time.Time{}, job.Policy{})
	}
	return err
}
