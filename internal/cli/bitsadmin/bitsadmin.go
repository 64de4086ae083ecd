// Package bitsadmin speaks the command line of BITS's own tool: the same switches, the same lines of output, so that
// scripts written for it work with ebb. docs/bitsadmin.md says for each switch what ebb does.
//
// table.go is the one table of switches; the other files hold what they do, by family. What BITS's help and manual leave
// open is decided there and in docs/adr/0016.
package bitsadmin

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ebb-transfer/ebb"
)

// Program is what one run needs.
type Program struct {
	Args           []string // without the name of the program
	Stdout, Stderr io.Writer
	Version        string // of ebb
	Width          int    // columns of the terminal that Stdout is; 0 when it is none
	// Connect returns the service, and how to let go of it. It is called at most once, and not by commands that need no
	// service.
	Connect func(context.Context) (*ebb.Client, func() error, error)
}

// tool is one run.
type tool struct {
	Program
	raw     bool // /RAWRETURN: values and lists alone
	wrapAt  int  // the columns to wrap at; 0 for never
	client  *ebb.Client
	release func() error
	broken  error // the first failure to write a result
}

// Main runs one command line and returns its exit code (see [exitStatus]). When ctx ends it stops waiting: the jobs go
// on.
func Main(ctx context.Context, p Program) int {
	t := &tool{Program: p}
	err := t.run(ctx)
	if t.release != nil {
		if released := t.release(); err == nil {
			err = released
		}
	}
	if err == nil {
		err = t.broken
	}
	return t.report(err)
}

// defaultWidth is what /WRAP wraps at without a terminal.
const defaultWidth = 80

// run obeys the switches that come first, and then the command.
func (t *tool) run(ctx context.Context) error {
	args, wrap := t.Args, ""
	for ; len(args) > 0; args = args[1:] {
		switch name := strings.ToUpper(args[0]); name {
		case "/RAWRETURN":
			t.raw = true
			continue
		case "/WRAP", "/NOWRAP":
			if wrap != "" && wrap != name {
				return usage("", "/WRAP and /NOWRAP exclude each other.")
			}
			wrap = name
			continue
		}
		break
	}
	if !t.raw {
		t.printf("\nBITSADMIN version 3.0 [ ebb %s ]\nBITS administration utility.\nServed by ebb, the background transfer service.\n\n", t.Version)
	}
	if len(args) == 0 {
		return t.help(commands(), "")
	}
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return usage("", "Invalid argument, it is not UTF-8: %q", arg)
		}
	}
	c, args, err := find(commands(), "", args)
	if err != nil {
		return err
	}
	switch {
	case wrap == "/WRAP" && t.Width == 0:
		t.wrapAt = defaultWidth
	case wrap == "/WRAP", wrap == "" && c.name != "/MONITOR":
		t.wrapAt = t.Width
	}
	return c.run(ctx, t, args)
}

// service connects, the first time that a command needs it.
func (t *tool) service(ctx context.Context) (*ebb.Client, error) {
	if t.client != nil {
		return t.client, nil
	}
	client, release, err := t.Connect(ctx)
	if err != nil {
		return nil, unable("connect to BITS", err)
	}
	t.client, t.release = client, release
	return client, nil
}

// printf prints whole lines of a result.
func (t *tool) printf(format string, args ...any) {
	_, err := io.WriteString(t.Stdout, wrapped(fmt.Sprintf(format, args...), t.wrapAt))
	if err != nil && t.broken == nil {
		t.broken = unable("write to standard output", err)
	}
}

// value prints what was asked for; with /RAWRETURN nothing but that, and no line break.
func (t *tool) value(v string) {
	if t.raw {
		t.printf("%s", v)
		return
	}
	t.printf("%s\n", v)
}

// tell says what was done, which /RAWRETURN leaves out.
func (t *tool) tell(format string, args ...any) {
	if !t.raw {
		t.printf(format+"\n", args...)
	}
}

// warn tells a person something that is no result.
func (t *tool) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(t.Stderr, "bitsadmin: "+format+"\n", args...) // nowhere to tell that it failed
}
