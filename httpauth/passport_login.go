package httpauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"github.com/ebb-transfer/ebb/httpauth/internal/passport"
)

// maxLoginHops bounds how many login servers one message is handed on to.
const maxLoginHops = 5

// errSent means that a login server has got the password or gives a ticket without it, but that nothing good has come
// of it: no weaker scheme may follow.
var errSent = errors.New("the sign-in was tried, but")

// passportLogin is our conversation with the nexus and the login servers. It belongs to one goroutine at a time.
type passportLogin struct {
	scheme  *passportScheme
	cookies *cookiejar.Jar // the login servers'; no one else gets them
	config  *passport.Configuration
	newest  uint64 // the ConfigVersion announced last, 0 if nothing was
	refused bool
}

// ticket gets a ticket for r: by the login server's cookies or else by the password. ErrRefused means that
// the password is wrong; it is not sent again.
func (l *passportLogin) ticket(ctx context.Context, r passport.Request) (*passport.Ticket, error) {
	if l.refused {
		return nil, ErrRefused
	}
	at, reply, err := l.request(ctx, r)
	if err != nil || reply.Ticket != nil {
		return reply.Ticket, err
	}
	if reply.Challenge == nil {
		return nil, fmt.Errorf("%w: the login server %s has signed the user out", ErrChallenge, at.Host)
	}
	if err := l.mayAnswer(reply.Challenge); err != nil {
		return nil, fmt.Errorf("%w: the login server %s %w", ErrChallenge, at.Host, err)
	}
	signIn := r.SignIn(l.scheme.user, l.scheme.password, reply.Challenge.Custom)
	at, reply, err = l.ask(ctx, at, signIn)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w %w", errSent, err)
	case reply.Ticket != nil:
		return reply.Ticket, nil
	case reply.Challenge != nil:
		l.refused = true
		return nil, fmt.Errorf("%w: by the login server %s", ErrRefused, at.Host)
	}
	return nil, fmt.Errorf("%w the login server %s has signed the user out", errSent, at.Host)
}

// request sends the Token Request, which has no password. It does so again if it learns that it was too early
// for the password: where to send it has changed, or the cookies were those of a user who has signed out.
func (l *passportLogin) request(ctx context.Context, r passport.Request) (at *url.URL, reply passport.Reply, err error) {
	for range 2 {
		if err := l.configure(ctx); err != nil {
			return nil, reply, err
		}
		at, reply, err = l.ask(ctx, l.config.Login, r.Token())
		outdated := l.newest > l.config.Version
		if err != nil || reply.Ticket != nil || !outdated && reply.Challenge != nil {
			break
		}
	}
	return at, reply, err
}

// mayAnswer says why the password may not be sent in answer to c.
func (l *passportLogin) mayAnswer(c *passport.Challenge) error {
	switch {
	case c.Final:
		return errors.New("does not take a sign-in for this server (failed-noretry)")
	case c.Realm != l.config.Realm:
		return fmt.Errorf("asks for the password of the realm %q, but is trusted for %q", c.Realm, l.config.Realm)
	case c.Prompt:
		return errors.New("demands that the user is asked in person (prompt)")
	}
	return nil
}

// configure asks the nexus where to sign in: once, and again when a login server has announced a higher version.
func (l *passportLogin) configure(ctx context.Context) error {
	if l.config != nil && l.newest <= l.config.Version {
		return nil
	}
	status, header, err := l.get(ctx, l.scheme.nexus, "", nil)
	var fetched *passport.Configuration
	if err == nil {
		if fetched, err = passport.ParseConfiguration(header); err != nil {
			err = unreadable(status, err)
		}
	}
	switch {
	case l.config == nil && err != nil:
		return fmt.Errorf("the Passport configuration server %s: %w", l.scheme.nexus.Host, err)
	case l.config == nil || err == nil && fetched.Version > l.config.Version:
		l.config = fetched
	}
	if err == nil {
		l.newest = 0 // what was announced is what we have, or is not there yet
	}
	return nil
}

// ask sends one message to the login server at, and to those that it is handed on to. It returns the one that answered.
func (l *passportLogin) ask(ctx context.Context, at *url.URL, authorization string) (*url.URL, passport.Reply, error) {
	for range maxLoginHops {
		status, header, err := l.get(ctx, at, authorization, l.cookies)
		var reply passport.Reply
		if err == nil {
			if reply, err = passport.ParseReply(at, status, header); err != nil {
				err = unreadable(status, err)
			}
		}
		if err != nil {
			return at, reply, fmt.Errorf("the login server %s: %w", at.Host, err)
		}
		l.newest = max(l.newest, reply.Version)
		if reply.LoggedOut {
			l.cookies = newJar()
		}
		l.cookies.SetCookies(at, (&http.Response{Header: header}).Cookies())
		if reply.Redirect == nil {
			return at, reply, nil
		}
		at = reply.Redirect
	}
	return at, passport.Reply{}, fmt.Errorf("%w: the login servers hand us on without end (%d times)", ErrChallenge, maxLoginHops)
}

// unreadable is the error for an answer that is not of Passport. A server that is out of order will be back some time.
func unreadable(status int, err error) error {
	if status >= http.StatusInternalServerError {
		return fmt.Errorf("it answered %d %s", status, http.StatusText(status))
	}
	return fmt.Errorf("%w: %w", ErrChallenge, err)
}

// get makes one request beside the one that is answered, with the cookies of jar if there is one.
func (l *passportLogin) get(ctx context.Context, at *url.URL, authorization string, jar *cookiejar.Jar) (int, http.Header, error) {
	req, err := http.NewRequestWithContext(aside{ctx}, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	if jar != nil {
		for _, c := range jar.Cookies(at) {
			req.AddCookie(c)
		}
	}
	resp, err := l.scheme.via.RoundTrip(req)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if resp != nil {
		_ = readHead(resp.Body)
		resp.Body.Close()
	}
	if err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, resp.Header, nil
}

// aside is a context without its values: what the caller traces is not for requests that it does not know of.
type aside struct{ context.Context }

// Value returns nil.
func (aside) Value(any) any { return nil }
