package job

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// ErrState is returned by [Next] for an event that the job's state does not allow
// (BG_E_INVALID_STATE). The job is unchanged.
var ErrState = errors.New("not allowed in this state")

// Class says what an error means for the job.
type Class int

// The classes of an error.
const (
	Transient   Class = 0 // passes by itself: the job is tried again
	Fatal       Class = 1 // trying again changes nothing
	NeedsAction Class = 2 // the owner can clear it: credentials, disk space, a taken name
)

var classNames = []string{"transient", "fatal", "needs_action"}

// String returns the class's name.
func (c Class) String() string { return nameOf(classNames, int(c), "Class") }

// MarshalText returns the class's name.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText accepts a class's name.
func (c *Class) UnmarshalText(b []byte) error { return parseName(classNames, b, "class", (*int)(c)) }

// Context says where an error happened (BG_ERROR_CONTEXT).
type Context int

// The contexts of an error.
const (
	ContextNone         Context = 0
	ContextUnknown      Context = 1
	ContextQueueManager Context = 2 // GENERAL_QUEUE_MANAGER
	ContextNotification Context = 3 // QUEUE_MANAGER_NOTIFICATION
	ContextLocalFile    Context = 4
	ContextRemoteFile   Context = 5
	ContextTransport    Context = 6 // GENERAL_TRANSPORT
	ContextApplication  Context = 7 // REMOTE_APPLICATION
	ContextCertificate  Context = 8 // SERVER_CERTIFICATE_CALLBACK
)

var contextNames = []string{
	"none", "unknown", "queue_manager", "notification", "local_file", "remote_file",
	"transport", "remote_application", "server_certificate",
}

// String returns the context's name.
func (c Context) String() string { return nameOf(contextNames, int(c), "Context") }

// MarshalText returns the context's name.
func (c Context) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText accepts a context's name.
func (c *Context) UnmarshalText(b []byte) error {
	return parseName(contextNames, b, "context", (*int)(c))
}

// Text says in one sentence where an error with the context happened.
func (c Context) Text() string {
	if c < 0 || int(c) >= len(contextCodes) {
		return ""
	}
	return contextCodes[c].Text()
}

// Error is the one error type of ebb. It is classed once, at the boundary where it
// happens; nobody above looks at strings, errno values or status codes again.
type Error struct {
	Context Context `json:"context"`
	Code    Code    `json:"code"`
	Class   Class   `json:"class"`
	// RetryAfter is how long the other side asked us to stay away; 0 when it did not.
	RetryAfter time.Duration `json:"retry_after,omitzero"`
	// File is the file it happened to, 0 when it concerns the whole job.
	File FileID `json:"file,omitzero"`
	// Text is one sentence for a person: what happened, where, and what to do.
	// It never holds a secret.
	Text string `json:"text"`
	// Schemes are the authentication schemes a refusing server or proxy offered.
	Schemes []string `json:"schemes,omitempty"`
	// Refused is the scheme that was tried and refused.
	Refused string `json:"refused,omitempty"`
	// Answer is what the server said, when it said something.
	Answer *Answer `json:"answer,omitempty"`
	// Err is the cause, for errors.Is and errors.As. It is not stored.
	Err error `json:"-"`
}

// Error returns the text; without one the cause's text, without either the code's name.
func (e *Error) Error() string {
	switch {
	case e.Text != "":
		return e.Text
	case e.Err != nil:
		return e.Err.Error()
	}
	return e.Code.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// final is a copy of e that says that the job is not tried again.
func (e *Error) final() *Error {
	f := *e
	if f.Class == Transient {
		f.Class = Fatal
	}
	return &f
}

// The bounds of what a job keeps of an error, in bytes.
const (
	maxErrorText     = 1 << 10
	maxAnswerHeaders = 8 << 10
	maxAnswerBody    = 1 << 10
)

// bounded is a copy of e that is not too large to be kept. Its cause is not stored, but its text is.
func (e *Error) bounded() *Error {
	b := *e
	b.Text = cut(e.Error(), maxErrorText)
	if e.Answer != nil {
		a := *e.Answer
		size := 0
		if i := slices.IndexFunc(a.Headers, func(h Header) bool {
			size += len(h.Name) + len(h.Value)
			return size > maxAnswerHeaders
		}); i >= 0 {
			a.Headers = a.Headers[:i]
		}
		a.Body = cut(a.Body, maxAnswerBody)
		b.Answer = &a
	}
	return &b
}

// cut shortens a text without cutting a character in two.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// Invalid returns the error for a request that cannot be carried out as it is:
// code E_INVALIDARG or one of BITS's own, class Fatal.
func Invalid(code Code, format string, args ...any) *Error {
	return &Error{Context: ContextQueueManager, Code: code, Class: Fatal, Text: fmt.Sprintf(format, args...)}
}

// Answer is an answer of a server, for people who look for a cause. It holds no secret: fields of authentication and cookies
// are left out.
type Answer struct {
	At      time.Time     `json:"at"`
	Status  int           `json:"status"`            // of HTTP
	Headers []Header      `json:"headers,omitempty"` // in alphabetical order, at most 8 KiB
	Body    string        `json:"body,omitempty"`    // the first KiB of the body of an error
	Address string        `json:"address,omitempty"` // of the server or proxy, with its port
	Took    time.Duration `json:"took,omitzero"`     // until the answer began
}

// MaxFailures bounds Job.Failures.
const MaxFailures = 8

// Failure is one error of a job.
type Failure struct {
	At   time.Time `json:"at"`
	File FileID    `json:"file,omitzero"`
	Code Code      `json:"code"`
	Text string    `json:"text"`
}
