// Package cli is the command line: flags become calls of package ebb, and what comes back
// becomes text for a person or JSON for a script. It reaches the service only through package ebb
// (or package local, for --standalone).
//
// One file per command or family of commands; args.go checks the command line; properties.go is the table of a job's
// settings, from which come flags, keys of set and rows of show, and field.go how their values are read and written;
// flags.go, auth.go, secrets.go and prompt.go are the other flags that make a job; progress.go the bars, output.go text and
// JSON, exit.go the exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/local"
)

// Program is what a command line runs with.
type Program struct {
	Name           string // that it was called by; bitsadmin is the command of that name
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Version        string
	Daemon         func(context.Context, DaemonOptions) error // runs the service until it ends
}

// DaemonOptions are the flags of `ebb daemon`.
type DaemonOptions struct {
	System, Auto    bool
	ForbidCleartext bool
	PassportNexus   string
	IdleExit        time.Duration
	Log             io.Writer // of a service that does not log to a file
}

// app is one run of the program.
type app struct {
	Program
	json       bool
	standalone bool
	system     bool
	broken     error // the first failure to write a result
}

// Main runs one command and returns its exit code.
func Main(ctx context.Context, p Program) int {
	if calledBitsadmin(p.Name, p.Args) {
		p.Args = append([]string{"bitsadmin"}, p.Args...)
	}
	// A command line that cannot be read is an object as well, if --json is anywhere in it.
	a := &app{Program: p, json: slices.Contains(p.Args, "--json")}
	root := a.root()
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.broken
	}
	return a.report(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "ebb",
		Short: "Transfer files in the background, with the bandwidth nobody else wants",
		Long: `ebb downloads files in the background: it survives crashes, reboots and network
changes, answers the authentication a server or proxy asks for, and gives files their
names only when they are whole.`,
		Example: `  ebb get https://example.com/image.iso
  ebb get --detach -d /srv/mirror https://example.com/a.tar https://example.com/b.tar
  ebb list
  ebb why 3f2a`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       a.Version,
	}
	root.SetFlagErrorFunc(flagError)
	fl := root.PersistentFlags()
	fl.BoolVar(&a.json, "json", a.json, "print one JSON object a line")
	fl.Lookup("json").DefValue = "false"
	fl.BoolVar(&a.standalone, "standalone", false, "run the transfers in this process, without a daemon")
	fl.BoolVar(&a.system, "system", false, "talk to the machine's service instead of your own")
	group(root,
		a.get(), a.create(), a.addFile(), a.addFiles(), a.file(), a.attach(),
		a.list(), a.show(), a.why(), a.watch(), a.events(),
		a.suspend(), a.resume(), a.cancel(), a.complete(), a.remove(),
		a.set(), a.credentials(), a.headers(), a.certificate(), a.takeOwnership(), a.bitsadmin(),
		a.daemon(), a.metrics(), a.doctor(), a.explain(), a.version(),
	)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			group(c)
		}
	}
	root.RunE = func(*cobra.Command, []string) error { return root.Help() }
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if a.standalone && a.system {
			return usage("--standalone and --system exclude each other")
		}
		if cmd.DisableFlagParsing { // bitsadmin has its own words for what it cannot use
			return nil
		}
		return checkLine(cmd, args)
	}
	return root
}

// session is a connection to a service, and how to let go of it.
type session struct {
	*ebb.Client
	close func() error
}

// connect returns the service: the daemon, started when there is none, or with --standalone this
// process. See peek for commands that must not start one.
func (a *app) connect(ctx context.Context) (*session, error) {
	if a.standalone {
		dir, err := local.StateDir()
		if err != nil {
			return nil, err
		}
		svc, err := local.Open(ctx, dir, local.UserConfig())
		if errors.Is(err, local.ErrInUse) {
			return nil, fmt.Errorf("%w; if that is the daemon, leave out --standalone or run: ebb daemon stop", err)
		}
		if err != nil {
			return nil, err
		}
		return &session{svc.Client, svc.Close}, nil
	}
	options := ebb.Options{System: a.system}
	if !a.system {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		options.Start = []string{self, "daemon", "--auto"}
	}
	client, err := ebb.Dial(ctx, options)
	if err != nil {
		return nil, err
	}
	return &session{client, func() error { client.Close(); return nil }}, nil
}

// with runs f with a service.
func (a *app) with(ctx context.Context, f func(*session) error) (err error) {
	s, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return f(s)
}
