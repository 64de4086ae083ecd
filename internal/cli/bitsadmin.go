package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/cli/bitsadmin"
)

func (a *app) bitsadmin() *cobra.Command {
	return &cobra.Command{
		Use:   "bitsadmin [--system] /SWITCH...",
		Short: "Speak the command line of BITS's own tool",
		Long: `Understand the switches of bitsadmin, for scripts that were written for it and people who know it. A copy of
this program, or a link to it, that is called bitsadmin does the same. docs/bitsadmin.md says what each switch does.`,
		Example: `  ebb bitsadmin /transfer nightly https://example.com/a.tar /srv/a.tar
  ebb bitsadmin /list /verbose
  ebb bitsadmin /?`,
		DisableFlagParsing: true, // switches begin with a slash, and are theirs to read
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := a.runBitsadmin(cmd.Context(), args); code != exitDone {
				return &exitError{code}
			}
			return nil
		},
	}
}

// runBitsadmin obeys the flags that say which service, before the first switch, and hands over the rest.
func (a *app) runBitsadmin(ctx context.Context, args []string) int {
	for ; len(args) > 0 && strings.HasPrefix(args[0], "--"); args = args[1:] {
		switch args[0] {
		case "--system":
			a.system = true
		default:
			return a.report(usage("ebb bitsadmin has no flag %s; its switches begin with a slash, see ebb bitsadmin /?", args[0]))
		}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return bitsadmin.Main(ctx, bitsadmin.Program{
		Args: args, Stdout: a.Stdout, Stderr: a.Stderr, Version: a.Version, Width: bitsadmin.Columns(a.Stdout),
		Connect: func(ctx context.Context) (*ebb.Client, func() error, error) {
			s, err := a.connect(ctx)
			if err != nil {
				return nil, nil, err
			}
			return s.Client, s.close, nil
		},
	})
}

// calledBitsadmin reports whether a program of that name is to be bitsadmin. A copy of it starts itself as the daemon.
func calledBitsadmin(name string, args []string) bool {
	base := strings.ToLower(filepath.Base(name))
	return (base == "bitsadmin" || base == "bitsadmin.exe") && (len(args) == 0 || args[0] != "daemon")
}
