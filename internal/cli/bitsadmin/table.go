package bitsadmin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-transfer/ebb"
)

// command is one switch.
type command struct {
	name  string // in capitals
	args  string // of the help
	help  string // a sentence or two
	least int    // how many arguments it takes
	most  int
	run   func(ctx context.Context, t *tool, args []string) error
	below []command // instead of run: it takes another switch
}

// unbounded is the most of a command whose number of arguments is not bounded.
const unbounded = 1 << 20

// commands are all switches, in the order of the help.
func commands() []command {
	return slices.Concat(
		[]command{
			{name: "/HELP", help: "Prints this help.", run: printHelp},
			{name: "/?", help: "Prints this help.", run: printHelp},
			{name: "/UTIL", below: utilities()},
			{name: "/PEERCACHING", below: peerCaching()},
			{name: "/CACHE", below: cache()},
			{name: "/PEERS", below: peers()},
		},
		listCommands(), transferCommands(), jobCommands(), fileCommands(),
		propertyCommands(), proxyCommands(), notifyCommands(), credentialCommands(), headerCommands(), certificateCommands(),
		replyCommands(), helperCommands(),
	)
}

// find returns the command that args begin with, and its own arguments.
func find(table []command, above string, args []string) (command, []string, error) {
	i := slices.IndexFunc(table, func(c command) bool { return strings.EqualFold(c.name, args[0]) })
	if i < 0 {
		return command{}, nil, usage(above, "Invalid command: %s", above+args[0])
	}
	c, rest := table[i], args[1:]
	switch {
	case c.below != nil && len(rest) == 0:
		rest = []string{"/?"}
		fallthrough
	case c.below != nil:
		return find(c.below, above+c.name+" ", rest)
	case len(rest) < c.least || len(rest) > c.most:
		return command{}, nil, usage(above+c.name, "Invalid number of arguments.")
	}
	return c, rest, nil
}

// onJob is a command whose first argument is a job.
func onJob(f func(ctx context.Context, t *tool, j *ebb.Job, args []string) error) func(context.Context, *tool, []string) error {
	return func(ctx context.Context, t *tool, args []string) error {
		j, err := t.job(ctx, args[0])
		if err != nil {
			return err
		}
		return f(ctx, t, j, args[1:])
	}
}

func printHelp(_ context.Context, t *tool, _ []string) error { return t.help(commands(), "") }

// help prints a table of commands. Those that have others below them are printed with their own help only.
func (t *tool) help(table []command, above string) error {
	t.printf("USAGE: BITSADMIN [/RAWRETURN] [/WRAP | /NOWRAP] %scommand\nThe following commands are available:\n\n", above)
	for _, c := range table {
		if c.below != nil {
			t.printf("%s /?\n    Prints the commands below %[1]s.\n", c.name)
			continue
		}
		t.printf("%s\n    %s\n", c.syntax(above), c.help)
	}
	if above == "" {
		t.printf("\n%s", remarks)
	}
	return nil
}

func (c command) syntax(above string) string {
	return strings.TrimRight(fmt.Sprintf("%s%s %s", above, c.name, c.args), " ")
}

const remarks = `Upper and lower case are the same in switches and in words like NORMAL or NULL.
<job> is the display name or the {GUID} of a job; a name that several jobs have is an error. The
GUID may be without braces, and cut short as long as it is that of one job.
/RAWRETURN prints values without line breaks, and nothing beside them.
On a terminal lines are wrapped; /WRAP wraps them elsewhere, too, and /NOWRAP nowhere.
What ebb does differently, and the exit codes: docs/bitsadmin.md.
`

// syntaxOf is how the command of that name is written, "" when there is none.
func syntaxOf(name string) string {
	table, above := commands(), ""
	for _, word := range strings.Fields(name) {
		i := slices.IndexFunc(table, func(c command) bool { return c.name == word })
		if i < 0 {
			return ""
		}
		if table[i].below == nil {
			return table[i].syntax(above)
		}
		table, above = table[i].below, above+table[i].name+" "
	}
	return above + "/?"
}
