package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// explain is `ebb error`.
func (a *app) explain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "error [CODE...]",
		Short: "Explain error codes of BITS, Windows and HTTP, or list all",
		Long: `Explain error codes: what happened, what to do, and whether ebb tries again by itself. Without a code all are listed.
A code is given in hex with or without 0x, in decimal, by its name with or without BG_E_, or as an HTTP status.
One with a minus goes after --.`,
		Example: `  ebb error 0x80200013
  ebb error BG_E_EMPTY 404
  ebb error -- -2145386477`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listCodes()
			}
			return a.explainCodes(args)
		},
		ValidArgsFunction: func(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, c := range job.Codes() {
				if strings.HasPrefix(c.String(), strings.ToUpper(prefix)) {
					names = append(names, cobra.CompletionWithDesc(c.String(), c.Text()))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if strings.HasPrefix(err.Error(), "unknown shorthand flag") {
			return usage("a code with a minus goes after two of them: ebb error -- -2145386477")
		}
		return flagError(cmd, err)
	})
	return cmd
}

// codeJSON is what a program gets of a code.
type codeJSON struct {
	Code  job.Code   `json:"code"`
	Name  string     `json:"name"`
	Text  string     `json:"text"`
	Hint  string     `json:"hint,omitempty"`
	Class *job.Class `json:"class,omitempty"` // of an error
}

func (a *app) printCode(c job.Code) {
	out := codeJSON{Code: c, Name: c.String(), Text: c.Text(), Hint: c.Hint()}
	if c.Failed() {
		class := c.Class()
		out.Class = &class
	}
	a.printJSON(out)
}

func (a *app) listCodes() error {
	table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	for _, c := range job.Codes() {
		if a.json {
			a.printCode(c)
			continue
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", c.Hex(), c, c.Text())
	}
	a.written(table.Flush())
	return nil
}

// explainCodes reads all codes before it prints the first.
func (a *app) explainCodes(args []string) error {
	codes := make([]job.Code, len(args))
	for i, arg := range args {
		c, err := job.ParseCode(arg)
		if err != nil {
			return usage("%s; see ebb error", err)
		}
		if c.Text() == "" {
			return unknownCode(c)
		}
		codes[i] = c
	}
	for i, c := range codes {
		if a.json {
			a.printCode(c)
			continue
		}
		if i > 0 {
			a.printf("\n")
		}
		table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
		_, _ = fmt.Fprintf(table, "%s\t%s\n", c.Hex(), c)
		for _, row := range [][2]string{{"what happened", c.Text()}, {"what to do", c.Hint()}, {"what ebb does", reactionText(c)}} {
			if row[1] != "" {
				_, _ = fmt.Fprintf(table, "%s:\t%s\n", row[0], row[1])
			}
		}
		a.written(table.Flush())
	}
	return nil
}

// unknownCode says as much as the number itself does.
func unknownCode(c job.Code) error {
	const win32 = 0x80070000 // an error of Windows as an HRESULT
	if c&^0xFFFF == win32 {
		return job.Invalid(job.NotFound, "%s is error %d of Windows, which neither BITS nor ebb reports; there, see: net helpmsg %[2]d", c.Hex(), c&0xFFFF)
	}
	return job.Invalid(job.NotFound, "%s is no code of BITS; see ebb error", c.Hex())
}

// reactionText is what an error with that code usually means for a job; "" for what is no error.
func reactionText(c job.Code) string {
	switch {
	case !c.Failed():
		return ""
	case c.Class() == job.Transient:
		return "It tries again by itself."
	case c.Class() == job.NeedsAction:
		return "It stops the job until its owner has acted and resumes it."
	}
	return "It does not try again: more tries change nothing."
}
