package bitsadmin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"unicode"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// The exit codes. A failure is 1, and on Windows the HRESULT itself, as with BITS's tool: elsewhere eight bits are all
// that a program can return, which is not enough for one.
const (
	exitDone          = 0
	exitFailed        = 1
	exitNotApplicable = 69 // EX_UNAVAILABLE of sysexits.h, as of ebb itself
	exitInterrupted   = 130
)

// Codes of Windows for what goes wrong on this side of the service.
const (
	codeFailed    job.Code = 0x80004005 // E_FAIL
	codeNoFile    job.Code = 0x80070002 // ERROR_FILE_NOT_FOUND
	codeNoService job.Code = 0x800706BA // RPC_S_SERVER_UNAVAILABLE
)

// usageError is a command line that cannot be understood.
type usageError struct{ command, text string }

func (e *usageError) Error() string { return e.text }

// usage is the error for a wrong use of a command; "" when it is not known which was meant.
func usage(command, format string, args ...any) error {
	return &usageError{command, fmt.Sprintf(format, args...)}
}

// failure is what could not be done, and why.
type failure struct {
	what string
	err  error
}

func (e *failure) Error() string { return "Unable to " + e.what + ": " + e.err.Error() }
func (e *failure) Unwrap() error { return e.err }

// unable says what err has kept from being done; nil when there is no error.
func unable(what string, err error) error {
	if err == nil {
		return nil
	}
	return &failure{what, err}
}

// notApplicable is a switch that has no meaning here.
type notApplicable struct{ text string }

func (e *notApplicable) Error() string { return e.text }

// missing says that an argument does not name one job. Its text may have several lines.
type missing struct{ text string }

func (e *missing) Error() string { return e.text }

// told is a failure that has been told already.
type told struct{ code job.Code }

func (e *told) Error() string { return e.code.String() }

// report tells an error on standard error, as BITS's tool words it, and returns the exit code.
func (t *tool) report(err error) int {
	var wrong *usageError
	var foreign *notApplicable
	var done *told
	var none *missing
	var unable *failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &done):
		return exitStatus(runtime.GOOS, done.code)
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &none):
		_, _ = fmt.Fprintf(t.Stderr, "%s\n", none.text)
		return exitFailed
	case errors.As(err, &foreign):
		_, _ = fmt.Fprintf(t.Stderr, "%s\n", foreign.text)
		return exitNotApplicable
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(t.Stderr, "%s\n", oneLine(wrong.text))
		if syntax := syntaxOf(wrong.command); wrong.command != "" && syntax != "" {
			_, _ = fmt.Fprintf(t.Stderr, "USAGE: BITSADMIN %s\n", syntax)
		} else {
			_, _ = fmt.Fprintf(t.Stderr, "USAGE: BITSADMIN [/RAWRETURN] [/WRAP | /NOWRAP] command; see BITSADMIN /?\n")
		}
		return exitFailed
	case errors.As(err, &unable):
		code := codeOf(unable.err)
		_, _ = fmt.Fprintf(t.Stderr, "Unable to %s - %s\n%s\n", unable.what, hex(code), oneLine(unable.err.Error()))
		return exitStatus(runtime.GOOS, code)
	}
	_, _ = fmt.Fprintf(t.Stderr, "%s\n", oneLine(err.Error()))
	return exitFailed
}

// exitStatus is what a program on that system returns for a failure.
func exitStatus(goos string, code job.Code) int {
	if goos == "windows" {
		return int(int32(code)) //nolint:gosec // the bits are what counts
	}
	return exitFailed
}

// codeOf is the HRESULT for an error.
func codeOf(err error) job.Code {
	var known *job.Error
	switch {
	case errors.As(err, &known):
		return known.Code
	case errors.Is(err, ebb.ErrUnavailable):
		return codeNoService
	case errors.Is(err, fs.ErrNotExist):
		return codeNoFile
	}
	return codeFailed
}

// hex is a code as BITS's tool prints it: in small letters.
func hex(c job.Code) string { return strings.ToLower(c.Hex()) }

// oneLine is text as a terminal may show it: in one line and without control characters, which could come from a
// server or from a program that created a job.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
