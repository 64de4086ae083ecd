package sink

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ebb-transfer/ebb/job"
)

// A cause is what an error number of the operating system means for a job. The table
// causes, one for each family of systems, has all that are expected.
type cause struct {
	code  job.Code
	class job.Class
	text  string // what is wrong, and what to do
}

// fail classes err, which stopped ebb from doing verb to the destination of t.
func (t Target) fail(verb string, err error) error {
	return t.failAt(verb, t.Local, err)
}

// failAt is fail for another file than the destination.
func (t Target) failAt(verb, name string, err error) error {
	var classed *job.Error
	if errors.As(err, &classed) {
		return classed
	}
	var errno syscall.Errno
	c, known := cause{}, false
	if errors.As(err, &errno) {
		c, known = causes[errno]
	}
	if !known {
		// Unknown trouble is tried again: the no-progress timeout ends that.
		c = cause{job.Unexpected, job.Transient, plain(err)}
	}
	return &job.Error{
		Context: job.ContextLocalFile, Code: c.code, Class: c.class, File: t.File,
		Text: fmt.Sprintf("cannot %s %q: %s", verb, name, c.text), Err: err,
	}
}

// plain is the text of err without the operation and the name of the partial file.
func plain(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// refuse is an error that the owner of the job can clear.
func (t Target) refuse(code job.Code, format string, args ...any) error {
	return &job.Error{
		Context: job.ContextLocalFile, Code: code, Class: job.NeedsAction, File: t.File,
		Text: fmt.Sprintf(format, args...),
	}
}

// reject is an error that trying again does not change.
func (t Target) reject(code job.Code, format string, args ...any) error {
	return &job.Error{
		Context: job.ContextLocalFile, Code: code, Class: job.Fatal, File: t.File,
		Text: fmt.Sprintf(format, args...),
	}
}
