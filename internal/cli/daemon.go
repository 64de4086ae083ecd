package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
)

func (a *app) daemon() *cobra.Command {
	var o DaemonOptions
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Run the service in the foreground; other commands start it by themselves",
		Long: `Run the service in the foreground until SIGTERM, Ctrl-C or ebb daemon stop. Other commands start
one by themselves when none runs; that one ends when it has had nothing to do for a while.`,
		Example: `  ebb daemon
  ebb daemon --system --forbid-cleartext
  ebb daemon status`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.IdleExit <= 0 {
				return usage("--idle-exit must be more than 0")
			}
			o.System = a.system
			o.Log = a.Stderr
			return a.Daemon(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Auto, "auto", false, "log to a file, and end when there has been nothing to do for a while")
	cmd.Flags().DurationVar(&o.IdleExit, "idle-exit", time.Minute, "with --auto: how long that while is")
	cmd.Flags().BoolVar(&o.ForbidCleartext, "forbid-cleartext", false, "refuse --allow-cleartext to every job")
	cmd.Flags().StringVar(&o.PassportNexus, "passport-nexus", "", "`URL` of the server that names Passport's login server (default Microsoft's)")
	cmd.AddCommand(a.daemonStop(), a.daemonStatus())
	return cmd
}

// peek connects to the service only if it runs.
func (a *app) peek(cmd *cobra.Command) (*ebb.Client, error) {
	return ebb.Dial(cmd.Context(), ebb.Options{System: a.system})
}

func (a *app) daemonStop() *cobra.Command {
	return &cobra.Command{
		Use:   "stop",
		Short: "End the daemon; its jobs go on when it starts again",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.peek(cmd)
			if errors.Is(err, ebb.ErrNotRunning) {
				a.notef("the daemon is not running")
				return nil
			}
			if err != nil {
				return err
			}
			defer client.Close()
			if err := client.Stop(cmd.Context()); err != nil {
				return err
			}
			return awaitEnd(cmd.Context(), client)
		},
	}
}

// stopTime bounds the wait for a daemon that was asked to stop.
const stopTime = 15 * time.Second

func awaitEnd(ctx context.Context, client *ebb.Client) error {
	ctx, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	for {
		if _, err := client.Status(ctx); errors.Is(err, ebb.ErrUnavailable) {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the daemon was asked to stop but still runs; its log, ebb.log in the state folder, may say why")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (a *app) daemonStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether the daemon runs, and since when",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.peek(cmd)
			if err != nil {
				return err
			}
			defer client.Close()
			st, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				a.printJSON(st)
				return nil
			}
			a.printf("ebb %s, %s/s\n", st.Version, bytesText(st.Rate))
			if d := st.Daemon; d != nil {
				a.printf("process %d since %s\nstate in %s\nsocket %s\n", d.PID, d.Started, d.StateDir, d.Socket)
			}
			return nil
		},
	}
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				a.printJSON(map[string]string{"version": a.Version})
				return nil
			}
			a.printf("ebb %s\n", a.Version)
			return nil
		},
	}
}
