// Command ebb transfers files in the background. `ebb help` says how.
package main

import (
	"context"
	"os"

	"github.com/ebb-transfer/ebb/internal/cli"
	"github.com/ebb-transfer/ebb/internal/daemon"
	"github.com/ebb-transfer/ebb/internal/version"
)

func main() {
	os.Exit(cli.Main(context.Background(), cli.Program{
		Name: os.Args[0], Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Version: version.String(), Daemon: runDaemon,
	}))
}

// runDaemon is `ebb daemon`: the command line itself knows the service only from outside.
func runDaemon(ctx context.Context, o cli.DaemonOptions) error {
	return daemon.Run(ctx, daemon.Config{
		System: o.System, Auto: o.Auto, IdleExit: o.IdleExit, Log: o.Log,
		ForbidCleartext: o.ForbidCleartext, PassportNexus: o.PassportNexus,
	})
}
