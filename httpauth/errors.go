package httpauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The reasons found in Error.Err, by errors.Is.
var (
	// ErrNoCredentials means that there are no credentials for a scheme that was offered, at this origin.
	ErrNoCredentials = errors.New("no credentials for a scheme that is offered")
	// ErrRefused means that credentials were sent and refused, by this request or by an earlier one of the
	// same Transport: wrong credentials are tried once for each origin, scheme and realm.
	ErrRefused = errors.New("credentials refused")
	// ErrCleartext means that the only usable scheme would send the secret over a network in the clear.
	ErrCleartext = errors.New("refusing to send the secret in the clear")
	// ErrNoIdentity means that there is no Kerberos ticket for the server, or no implicit credentials at all. Nothing
	// secret was sent.
	ErrNoIdentity = errors.New("no usable ticket")
	// ErrExpired means that there is a Kerberos ticket and its time is over: whoever owns it has to renew it.
	ErrExpired = errors.New("the Kerberos ticket has expired")
	// ErrReplay means that the request must be sent again but its body cannot be: Request.GetBody is nil.
	ErrReplay = errors.New("the request body cannot be sent a second time")
	// ErrChallenge means that the challenges cannot be read or ask for what no client could do.
	ErrChallenge = errors.New("unusable challenge")
	// ErrServerProof means that the answer came with a proof of the server's identity that is wrong (rspauth, RFC 7616
	// section 3.5; AP-REP, RFC 4121): it is not from that server, or was changed on the way.
	ErrServerProof = errors.New("the answer does not prove the server's identity")
	// ErrConnect means that a proxy answered CONNECT with a status other than 200 and 407.
	ErrConnect = errors.New("the proxy refused the tunnel")
)

// Error says why a request was not authenticated, or not let through by a proxy. Failure finds it.
type Error struct {
	// Target is who refused.
	Target Target
	// Origin is the address of the server or proxy that refused: scheme://host:port.
	Origin string
	// Status is the HTTP status: 401, 407, or another one that a proxy gave to CONNECT.
	// It is 0 when SOCKS refused, and 200 to 599 with ErrServerProof.
	Status int
	// Offered are the schemes that were offered, each once, in the order of the challenges.
	Offered []Scheme
	// Configured are the schemes that there are credentials for at this target, whatever their origin.
	Configured []Scheme
	// Refused is the scheme whose credentials were refused; "" if none were sent.
	Refused Scheme
	// Header is the header of the answer; nil if it was not HTTP.
	Header http.Header
	// Err is one of the reasons above, perhaps wrapped with details.
	Err error
}

// Error returns one line: who refused, what it offers, what we have and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Target, e.Origin)
	if e.Status != 0 {
		fmt.Fprintf(&b, " answered %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			b.WriteString(" " + text)
		}
	}
	if len(e.Offered) > 0 {
		fmt.Fprintf(&b, ", offering %s", join(e.Offered))
	}
	b.WriteString(": ")
	switch {
	case errors.Is(e.Err, ErrRefused):
		fmt.Fprintf(&b, "it refused the %s credentials: set other ones", e.Refused)
		if why := strings.TrimLeft(strings.TrimPrefix(e.Err.Error(), ErrRefused.Error()), ":; "); why != "" {
			fmt.Fprintf(&b, " (%s)", why)
		}
	case e.Err == ErrNoCredentials && len(e.Configured) == 0: //nolint:errorlint // the wrapped form brings its own text
		fmt.Fprintf(&b, "there are no credentials for this %s: set some for one of these schemes", e.Target)
	case e.Err == ErrNoCredentials: //nolint:errorlint // the wrapped form brings its own text
		fmt.Fprintf(&b, "there are credentials for %s only: set some for one of the schemes offered", join(e.Configured))
	default:
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

func join(schemes []Scheme) string {
	names := make([]string, len(schemes))
	for i, s := range schemes {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// failureKey is the key of the *Error in the context of Response.Request.
type failureKey struct{}

// Failure returns why authentication failed, or nil if it did not. Give it both results of RoundTrip or of
// Client.Do. A 401 or 407 that has come as a response is returned as one, as http.RoundTripper demands, with
// the reason attached; what has no response (CONNECT refused, SOCKS refused) is the error itself.
func Failure(resp *http.Response, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if resp != nil && resp.Request != nil {
		e, _ = resp.Request.Context().Value(failureKey{}).(*Error)
	}
	return e
}

// attach ties e to resp, whose request is req.
func attach(resp *http.Response, req *http.Request, e *Error) {
	resp.Request = req.WithContext(context.WithValue(req.Context(), failureKey{}, e))
}
