package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
	"github.com/ebb-transfer/ebb/local"
)

// The exit codes. They are part of the interface: docs/cli.md lists them, and a test holds both together.
// Those from 64 to 78 mean what they mean in sysexits.h.
const (
	exitDone        = 0
	exitFailed      = 1   // the transfer failed, or the service refused the command
	exitUsage       = 2   // the command line is wrong; nothing was created
	exitData        = 65  // bad data: the digest does not match
	exitNoInput     = 66  // there is no such job or remote file
	exitUnavailable = 69  // not supported, or the service does not answer
	exitCantCreate  = 73  // the local file cannot be created or written
	exitTempFail    = 75  // another process has the state folder; it may work later
	exitDenied      = 77  // credentials or permission refused
	exitTimeout     = 124 // --timeout
	exitInterrupted = 130 // Ctrl-C
	exitTerminated  = 143 // SIGTERM
)

// usageError is a command line that cannot be understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// exitError carries an exit code for an outcome that has been told already.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }

// report tells the error, in one line, and returns its exit code.
func (a *app) report(err error) int {
	if err == nil {
		return exitDone
	}
	var told *exitError
	if errors.As(err, &told) {
		return told.code
	}
	code, text := exitCode(err), oneLine(err.Error())
	switch {
	case a.json:
		_ = writeJSON(a.Stderr, errorJSON(text, code, err)) // nowhere to tell that it failed
	case code == exitInterrupted:
		a.notef("interrupted")
	default:
		a.notef("%s", text)
	}
	return code
}

func errorJSON(text string, code int, err error) any {
	out := struct {
		Error string    `json:"error"`
		Exit  int       `json:"exit"`
		Code  *job.Code `json:"code,omitempty"`
	}{Error: text, Exit: code}
	var known *job.Error
	if errors.As(err, &known) {
		out.Code = &known.Code
	}
	return out
}

// exitCode is the one table from errors to exit codes.
func exitCode(err error) int {
	var u *usageError
	var known *job.Error
	switch {
	case errors.As(err, &u), strings.HasPrefix(err.Error(), "unknown command"): // the latter from cobra's own commands
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, ebb.ErrNotFound):
		return exitNoInput
	case errors.Is(err, local.ErrInUse):
		return exitTempFail
	case errors.Is(err, ebb.ErrUnavailable):
		return exitUnavailable
	case errors.As(err, &known):
		return codeExit(known.Code)
	}
	return exitFailed
}

func codeExit(c job.Code) int {
	switch c {
	case job.InvalidArg, job.StringTooLong, job.InvalidHashAlgorithm, job.InvalidProxyInfo, job.InvalidAuthScheme, job.InvalidAuthTarget,
		job.UsernameTooLarge, job.PasswordTooLarge, job.ProxyListTooLarge, job.ProxyBypassListTooLarge, job.MaxDownloadSizeInvalid,
		job.OverlappingRanges:
		return exitUsage
	case job.ValidationFailed:
		return exitData
	case job.HTTPStatus(404), job.HTTPStatus(410), job.NotFound, job.FileNotFound:
		return exitNoInput
	case job.NotImplemented, job.UnsupportedConfiguration, job.DownloadOnlyProperty, job.NotSupportedWithMethod, job.RandomAccess:
		return exitUnavailable
	case job.FileExists, job.DiskFull, job.PathNotFound, job.IsDirectory, job.NameTooLong, job.BadName, job.WriteProtect, job.WriteFault:
		return exitCantCreate
	case job.HTTPStatus(401), job.HTTPStatus(403), job.HTTPStatus(407), job.AccessDenied, job.InvalidCredentials, job.BlockedByPolicy:
		return exitDenied
	case job.Timeout:
		return exitTimeout
	default:
		return exitFailed
	}
}
