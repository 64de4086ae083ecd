package bitsadmin

import (
	"context"
	"path"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func notifyCommands() []command {
	return []command{
		{
			name: "/SETNOTIFYCMDLINE", args: "<job> program [parameters]", least: 2, most: 3, run: onJob(setCommandLine),
			help: "Sets the program to run when a job is transferred or fails. Its parameters are NULL, or begin with its name. NULL NULL removes it.",
		},
		{
			name: "/GETNOTIFYCMDLINE", args: "<job>", least: 1, most: 1,
			help: "Prints the program to run when a job is transferred or fails.",
			run: onJob(func(_ context.Context, t *tool, j *ebb.Job, _ []string) error {
				t.value(commandLine(j.Snapshot))
				return nil
			}),
		},
		{
			name: "/GETNOTIFYINTERFACE", args: "<job>", help: "Prints the notification interface of a job.", least: 1, most: 1,
			run: onJob(func(ctx context.Context, t *tool, j *ebb.Job, _ []string) error {
				registered, err := j.HasNotify(ctx)
				if err != nil {
					return unable("get notification interface", err)
				}
				t.value(notifyInterface(registered))
				return nil
			}),
		},
	}
}

// notifyInterface says whether a program is told of the job by a live callback.
func notifyInterface(registered bool) string {
	if registered {
		return "REGISTERED"
	}
	return "UNREGISTERED"
}

func setCommandLine(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	program, parameters := orNone(args[0]), ""
	if len(args) > 1 {
		parameters = orNone(args[1])
	}
	argv := splitWords(parameters)
	switch {
	case program == "" && len(argv) > 0:
		return usage("/SETNOTIFYCMDLINE", "There are parameters, but no program.")
	case program != "" && len(argv) == 0:
		argv = []string{program}
	case program != "" && !names(argv[0], program):
		return usage("/SETNOTIFYCMDLINE", "The parameters must begin with the name of the program.")
	case program != "":
		argv[0] = program
	}
	if err := j.Set(ctx, map[string]any{"notify_command": append([]string{}, argv...)}); err != nil {
		return unable("set notification command line", err)
	}
	t.tell("notification command line set to %s.", commandLine(j.Snapshot))
	return nil
}

// names reports whether a word names a program: by its path or the end of it, with or without .exe.
func names(word, program string) bool {
	base := func(s string) string {
		return strings.TrimSuffix(path.Base(strings.ReplaceAll(strings.ToLower(s), `\`, "/")), ".exe")
	}
	return base(word) == base(program)
}

// commandLine is the program and the line of its parameters.
func commandLine(s job.Snapshot) string {
	switch len(s.NotifyCommand) {
	case 0:
		return "none"
	case 1:
		return "'" + oneLine(s.NotifyCommand[0]) + "' NULL"
	}
	return "'" + oneLine(s.NotifyCommand[0]) + "' '" + oneLine(joinWords(s.NotifyCommand)) + "'"
}

// splitWords splits a command line as programs of Windows do (CommandLineToArgvW): at blanks outside of quotes; a
// quote after an odd number of backslashes is a letter, and such backslashes count half.
func splitWords(line string) (words []string) {
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		var word string
		word, line = cutWord(line)
		words = append(words, word)
	}
	return words
}

func cutWord(line string) (word, rest string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(line); i++ {
		slashes := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
		i += slashes
		quote := i < len(line) && line[i] == '"'
		if quote {
			b.WriteString(strings.Repeat(`\`, slashes/2))
		} else {
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		switch {
		case i == len(line):
		case quote && slashes%2 == 0:
			quoted = !quoted
		case !quoted && (line[i] == ' ' || line[i] == '\t'):
			return b.String(), line[i:]
		default:
			b.WriteByte(line[i])
		}
	}
	return b.String(), ""
}

// joinWords makes a line that splitWords splits again.
func joinWords(words []string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = word
		if word == "" || strings.ContainsAny(word, " \t\"") {
			out[i] = quote(word)
		}
	}
	return strings.Join(out, " ")
}

func quote(word string) string {
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, r := range []byte(word) {
		switch r {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(r)
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	return b.String()
}
