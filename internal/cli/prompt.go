package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// errNoTerminal means that there is nobody to ask.
var errNoTerminal = errors.New("standard input is not a terminal")

// askPassword asks for a password on the terminal and does not show what is typed.
func (a *app) askPassword(prompt string) (string, error) {
	in, ok := a.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", errNoTerminal
	}
	fd := int(in.Fd())
	shown, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the state of the terminal: %w", err)
	}
	signals := make(chan os.Signal, 1) // a program that ends by itself would leave the terminal without echo
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	_, _ = fmt.Fprint(a.Stderr, prompt)
	go func() { // ends with the line, or with the program
		text, err := term.ReadPassword(fd)
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		_, _ = fmt.Fprintln(a.Stderr)
		if l.err != nil {
			return "", fmt.Errorf("read the password from the terminal: %w", l.err)
		}
		return string(l.text), nil
	case sig := <-signals:
		_ = term.Restore(fd, shown)
		_, _ = fmt.Fprintln(a.Stderr)
		if sig == syscall.SIGTERM {
			return "", &exitError{exitTerminated}
		}
		return "", &exitError{exitInterrupted}
	}
}
