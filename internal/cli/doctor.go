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
		Args:  exactly(0, "no arguments"),
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
				a.printf("%s  %-14s %s\n", mark, f.What, f.Text)
			}
			if !healthy {
				return &exitError{exitFailed}
			}
			return nil
		},
	}
}

func (a *app) examine(ctx context.Context) []finding {
	out := append([]finding{a.examineState()}, a.examineService(ctx)...)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if os.Getenv(name) != "" {
			out = append(out, finding{"proxy", true, name + " is set; the daemon uses the environment it was started with"})
		}
	}
	return out
}

func (a *app) examineState() finding {
	f := finding{What: "state folder"}
	dir, err := local.StateDir()
	if err != nil {
		f.Text = err.Error()
		return f
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.OK, f.Text = true, dir+" will be made by the first command that needs it"
	case err != nil:
		f.Text = err.Error()
	case info.Mode().Perm()&0o077 != 0 && filepath.Separator == '/':
		f.Text = fmt.Sprintf("%s can be read by other users; run: chmod 700 %s", dir, dir)
	default:
		f.OK, f.Text = true, dir
	}
	return f
}

func (a *app) examineService(ctx context.Context) []finding {
	f := finding{What: "service", OK: true}
	client, err := ebb.Dial(ctx, ebb.Options{System: a.system})
	if errors.Is(err, ebb.ErrUnavailable) {
		f.Text = "does not run; the first command that needs it starts it"
		return []finding{f}
	}
	if err != nil {
		return []finding{{What: "service", Text: err.Error()}}
	}
	defer client.Close()
	st, err := client.Status(ctx)
	switch {
	case err != nil:
		return []finding{{What: "service", Text: err.Error()}}
	case st.Version != a.Version:
		f.OK, f.Text = false, fmt.Sprintf("is version %s, this command is %s; run: ebb daemon stop", st.Version, a.Version)
	default:
		f.Text = "answers, version " + st.Version
	}
	return append([]finding{f}, examineSurroundings(st)...)
}

// examineSurroundings is what the service goes by: its configuration, and what the machine says.
func examineSurroundings(st ebb.Status) []finding {
	var out []finding
	if d := st.Daemon; d != nil {
		f := finding{What: "configuration", OK: d.ConfigProblem == "", Text: cmp.Or(d.ConfigProblem, d.ConfigFile)}
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
