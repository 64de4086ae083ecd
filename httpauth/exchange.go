package httpauth

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// exchange is the conversation of one request with one authority. It belongs to the goroutine of that request.
type exchange struct {
	authority *authority
	fields    fields
	exposed   bool // a secret sent as it is could be read on the way, and may not be
	// bind moves the request to a lane, if the connection is to be authenticated; it returns the same one
	// each time, and whether that was taken only now. It is nil where the exchange has the connection to itself.
	bind func(Scheme) (l *lane, taken bool)
	own  session // for a scheme bound to its connection, where bind is nil
	lost bool    // the connection of own ends with the response at hand

	choice  choice
	space   *space            // being answered; nil before the first answer
	session session           // that made answer
	answer  answer            // sent or about to be; nil when the next request goes without
	bound   *x509.Certificate // what answer is bound to
	ahead   bool              // answer was made before any challenge
	trying  bool              // this request holds space.turn
	legs    int               // challenges answered
	offered []Scheme          // in all legs
}

func newExchange(a *authority, exposed bool) *exchange {
	return &exchange{authority: a, fields: fieldsOf(a.target), exposed: exposed}
}

// write puts into out the answer to the last challenge, or what can be sent ahead of one.
func (x *exchange) write(ctx context.Context, out *http.Request, m message) error {
	if x.answer == nil {
		if err := x.prepare(ctx, m); err != nil {
			return err
		}
	}
	if x.answer == nil {
		return nil
	}
	if value := x.answer.value(); value != "" {
		out.Header.Set(x.fields.credentials, value)
	}
	if s, ok := x.answer.(shaper); ok {
		s.shape(out)
	}
	return nil
}

// prepare makes the answer that goes ahead of a challenge, if there is one.
func (x *exchange) prepare(ctx context.Context, m message) error {
	s := x.authority.covering(m.path)
	if s == nil {
		s = x.unasked()
	}
	if s == nil || (s.scheme.traits().cleartext && x.exposed) {
		return nil
	}
	x.release()
	trying, err := s.enter(ctx)
	if errors.Is(err, ErrRefused) {
		return nil // go without; the challenge that comes back will be told apart from this refusal
	}
	if err != nil {
		return err
	}
	x.trying, x.space, x.ahead = trying, s, true
	x.choice = choice{name: s.name, scheme: s.scheme}
	if err := x.make(ctx, m, nil); err != nil || x.answer == nil {
		x.release() // go without; if that is not enough, the challenge will lead to the same error
		x.space, x.answer = nil, nil
	}
	return context.Cause(ctx)
}

// make has the answer to c made in x.space; c is nil ahead of a challenge.
func (x *exchange) make(ctx context.Context, m message, c *Challenge) error {
	if m.certificate == nil {
		m.certificate = x.authority.met()
	}
	if x.lost {
		x.own, x.lost = nil, false
		if c != nil && x.space.scheme.traits().connection {
			c = &Challenge{Scheme: c.Scheme, Params: c.Params} // the token went on from what is lost
		}
	}
	var err error
	var taken bool
	x.bound = m.certificate
	if x.session, taken = x.sessionOf(x.space); taken {
		c = nil // it came by another connection, and this one may be open already
	}
	x.answer, err = x.session.answer(ctx, m, c)
	if errors.Is(err, ErrRefused) {
		x.space.set(refused)
	}
	return err
}

// sessionOf returns the one to answer with in s, and whether its connection was taken only now.
func (x *exchange) sessionOf(s *space) (_ session, taken bool) {
	switch {
	case !s.scheme.traits().connection:
		return s.session, false
	case x.bind != nil:
		l, taken := x.bind(s.name)
		return l.session(s), taken
	case x.own == nil:
		x.own = s.scheme.session()
	}
	return x.own, false
}

// moved reports whether the last answer went over another connection than the one that it was made for, or to
// another certificate: it could not be understood there.
func (x *exchange) moved(m message) bool {
	if !x.space.scheme.traits().connection {
		return false
	}
	now, _ := x.sessionOf(x.space)
	return now != x.session || !m.certificate.Equal(x.bound)
}

// reconnect forgets what was begun on a connection that broke before an answer came.
func (x *exchange) reconnect() {
	if x.own != nil {
		x.own, x.answer = nil, nil
	}
}

// unasked returns the space of a scheme that does not wait for a challenge.
func (x *exchange) unasked() *space {
	for name, s := range x.authority.schemes {
		if s.traits().unasked {
			return x.authority.space(name, "")
		}
	}
	return nil
}

// challenged takes the 401 or 407 resp and makes the answer for the next request. The error says why there is none.
func (x *exchange) challenged(ctx context.Context, m message, resp *http.Response) error {
	offered, malformed := ParseChallenges(resp.Header[x.fields.challenge])
	x.note(offered)
	err := x.next(ctx, m, offered)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrNoCredentials) && malformed != nil {
		err = fmt.Errorf("%w: %w", ErrChallenge, malformed)
	}
	x.abandon()
	if ctx.Err() != nil && !errors.Is(err, ErrRefused) {
		return err
	}
	return x.failure(resp, err)
}

// signIn reports whether resp, a redirect, is the challenge of a scheme that sends browsers to a login page
// (MS-PASS section 2.2) and that there are credentials for. Without them it is an ordinary redirect.
func (x *exchange) signIn(resp *http.Response) bool {
	if resp.StatusCode != http.StatusFound || x.authority.schemes[Passport] == nil {
		return false
	}
	offered, _ := ParseChallenges(resp.Header[x.fields.challenge])
	return slices.ContainsFunc(offered, func(c Challenge) bool { return c.Scheme == Passport })
}

// note keeps what is offered: some servers repeat only the scheme that was tried.
func (x *exchange) note(offered []Challenge) {
	for _, c := range offered {
		if !slices.Contains(x.offered, c.Scheme) {
			x.offered = append(x.offered, c.Scheme)
		}
	}
}

func (x *exchange) failure(resp *http.Response, err error) *Error {
	e := &Error{
		Target: x.authority.target, Origin: x.authority.origin, Status: resp.StatusCode,
		Offered: x.offered, Configured: x.authority.configured, Header: resp.Header, Err: err,
	}
	if errors.Is(err, ErrRefused) {
		e.Refused = x.choice.name
	}
	return e
}

// next decides between another leg, a refusal and a first answer.
func (x *exchange) next(ctx context.Context, m message, offered []Challenge) error {
	usable, err := choose(x.authority, offered, x.exposed)
	if x.answer == nil {
		if err != nil {
			return err
		}
		return x.first(ctx, m, usable)
	}
	again, ok := x.find(usable)
	if !ok && (x.opening() || x.ahead && len(usable) > 0) { // nothing secret was sent, or it was for another space
		if err != nil {
			return err
		}
		return x.first(ctx, m, usable)
	}
	meaning, reason := wrong, error(nil)
	switch {
	case ok && x.moved(m):
		meaning = another
	case ok:
		meaning, reason = x.answer.judge(again.challenge)
	}
	switch meaning {
	case wrong:
		x.space.set(refused)
		return also(ErrRefused, reason)
	case doubtful:
		x.space.set(unproven) // one request finds out, the others wait for it
	case another, begun:
	}
	if limit := again.scheme.traits().legs; x.legs >= limit {
		return fmt.Errorf("%w: still not content after %d answers by %s", ErrChallenge, limit, again.name)
	}
	if meaning != begun {
		usable = nil
	}
	return x.first(ctx, m, append([]choice{again}, weaker(usable, again)...))
}

// opening reports whether the answer holds nothing secret.
func (x *exchange) opening() bool {
	meaning, _ := x.answer.judge(Challenge{})
	return meaning == begun
}

// weaker returns those of usable that come after c.
func weaker(usable []choice, c choice) []choice {
	at := slices.IndexFunc(usable, func(u choice) bool { return u.name == c.name })
	return usable[at+1:]
}

// find returns the challenge for the scheme and space that were answered last.
func (x *exchange) find(usable []choice) (choice, bool) {
	for _, c := range usable {
		if c.name == x.space.name && realmOf(c.challenge) == x.space.realm {
			return c, true
		}
	}
	return choice{}, false
}

// first answers with the best of usable. It goes down the list only while nothing secret was sent.
func (x *exchange) first(ctx context.Context, m message, usable []choice) error {
	if m.spent {
		return fmt.Errorf("%w: set Request.GetBody", ErrReplay)
	}
	var why error
	for _, c := range usable {
		s := x.authority.space(c.name, realmOf(c.challenge))
		if x.space != s {
			x.release()
		}
		x.choice, x.space, x.ahead, x.answer = c, s, false, nil
		if !x.trying {
			var err error
			if x.trying, err = s.enter(ctx); err != nil {
				return err
			}
		}
		err := x.make(ctx, m, &c.challenge)
		if err == nil {
			if x.answer != nil { // not where the connection is open already
				x.legs++
			}
			return nil
		}
		x.release()
		if errors.Is(err, ErrRefused) || errors.Is(err, errSent) {
			return err
		}
		why = also(why, fmt.Errorf("%s: %w", c.name, err))
	}
	return why
}

// accepted is called when resp shows that the authority let the request through.
func (x *exchange) accepted(resp *http.Response, path string) error {
	if x.answer == nil {
		return nil
	}
	a := x.answer
	x.answer, x.legs = nil, 0
	defer x.release()
	if err := a.confirm(resp, x.fields); err != nil {
		return x.failure(resp, err)
	}
	// An error may have come before anyone looked at the credentials: it proves nothing. But what passed a
	// proxy and is refused by the server has passed the proxy.
	if resp.StatusCode < 400 || resp.StatusCode == http.StatusUnauthorized {
		x.space.prove(x.prefixes(path))
	}
	return nil
}

// prefixes returns what the accepted answer is good for; at a proxy that is everything.
func (x *exchange) prefixes(path string) []string {
	switch {
	case x.authority.target == Proxy:
		return []string{""}
	case x.ahead && !x.choice.scheme.traits().unasked:
		return nil // it was sent because they are known
	}
	return x.choice.scheme.covers(x.choice.challenge, x.authority.origin, path)
}

// abandon gives up without an outcome: the next request may try.
func (x *exchange) abandon() {
	x.release()
	x.answer = nil
}

func (x *exchange) release() {
	if x.trying {
		x.trying = false
		x.space.leave()
	}
}
