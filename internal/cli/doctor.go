package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/local"
)

// finding is what doctor says of one thing.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what could keep ebb from working",
		Long: `Look for what could keep ebb from working: whether the service answers, with its configuration and its list
of jobs, and what it says of the machine. As with any command, a service of your own starts when none runs.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			healthy := true
			for _, f := range a.examine(cmd.Context()) {
				healthy = healthy && f.OK
				if a.json {
					a.printJSON(f)
					continue
				}
				mark := "ok  "
				if !f.OK {
					mark = "FAIL"
				}
				a.printf("%s  %-14s %s\n", mark, f.What, oneLine(f.Text))
			}
			if !healthy {
				return &exitError{exitFailed}
			}
			return nil
		},
	}
}

// examine asks the service before it looks at the folder, which a service makes that starts.
func (a *app) examine(ctx context.Context) []finding {
	service, st := a.examineService(ctx)
	out := []finding{a.examineState(st), service}
	if st.Version != "" {
		out = append(out, examineSurroundings(st)...)
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if os.Getenv(name) != "" {
			out = append(out, finding{"proxy", true, name + " is set; the daemon uses the environment it was started with"})
		}
	}
	return out
}

// examineService is a connection as any command makes it: the service starts when none runs, unless it is the machine's.
func (a *app) examineService(ctx context.Context) (finding, ebb.Status) {
	f := finding{What: "service"}
	var st ebb.Status
	err := a.with(ctx, func(s *session) (err error) {
		st, err = s.Status(ctx)
		return err
	})
	switch {
	case a.system && errors.Is(err, ebb.ErrNotRunning):
		f.Text = "does not run, and no command starts it; an administrator does: ebb daemon --system"
	case err != nil:
		f.Text = err.Error()
	case st.Version != a.Version:
		f.Text = fmt.Sprintf("is version %s, this command is %s; run: ebb daemon stop", st.Version, a.Version)
	default:
		f.OK, f.Text = true, "answers, version "+st.Version
	}
	return f, st
}

// examineState looks at the folder that the service says it has, else at the one it would have.
func (a *app) examineState(st ebb.Status) finding {
	f := finding{What: "state folder"}
	dir, err := local.StateDir()
	switch {
	case st.Daemon != nil:
		dir, err = st.Daemon.StateDir, nil
	case a.system:
		dir, err = local.SystemStateDir()
	}
	if err != nil {
		f.Text = err.Error()
		return f
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.OK, f.Text = true, dir+" does not exist yet; the service makes it when it starts"
	case err != nil:
		f.Text = err.Error()
	case info.Mode().Perm()&0o077 != 0 && filepath.Separator == '/':
		f.Text = fmt.Sprintf("%s can be read by other users; run: chmod 700 %s", dir, dir)
	default:
		f.OK, f.Text = true, dir
	}
	return f
}

// examineSurroundings is what the service goes by: its configuration, and what the machine says.
func examineSurroundings(st ebb.Status) []finding {
	var out []finding
	if d := st.Daemon; d != nil {
		f := finding{What: "configuration", OK: d.ConfigProblem == "", Text: cmp.Or(d.ConfigProblem, d.ConfigFile, "none, and nothing says where one would be")}
		if !f.OK {
			f.Text += "; the configuration before it stays until that is put right"
		}
		out = append(out, f)
	}
	e := st.Environment
	text := "there is a network"
	if e.Offline != "" {
		text = "there is no network: " + e.Offline
	}
	if text += ", its cost is " + e.Cost; e.Battery != "" {
		text += ", on battery (" + e.Battery + ")"
	}
	return append(out, finding{What: "environment", OK: e.Offline == "", Text: text})
}
