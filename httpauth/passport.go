package httpauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/net/publicsuffix"

	"github.com/ebb-transfer/ebb/httpauth/internal/passport"
)

// defaultNexus is the configuration server of MS-PASS.
const defaultNexus = "https://nexus.passport.com/rdr/pprdr.asp"

// passportScheme is MS-PASS. The server with the file, called the partner, sends us to a login server, which
// alone sees the password; the login server gives us a ticket for the partner, and the partner gives cookies for it.
type passportScheme struct {
	user, password string
	nexus          *url.URL
	via            http.RoundTripper // to the nexus and the login servers
}

// newPassport returns the scheme for c. An empty nexus is defaultNexus.
func newPassport(c Credentials, nexus string, via http.RoundTripper) (scheme, error) {
	override(&nexus, nexus == "", defaultNexus)
	if c.Target != Server {
		return nil, errors.New("passport is for servers: a proxy does not ask for it")
	}
	if c.User == "" || c.Password == "" {
		return nil, errors.New("passport needs a user and a password")
	}
	u, err := url.Parse(nexus)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("the Passport configuration server must be a URL of the form https://host/path: it says where passwords are sent")
	}
	// A partner that is its own nexus would have the request for it wait for itself.
	if origin, err := Origin(u); err != nil || origin == c.Origin {
		return nil, fmt.Errorf("%s cannot be both the server and the Passport configuration server", c.Origin)
	}
	return &passportScheme{user: c.User, password: c.Password, nexus: u, via: via}, nil
}

// traits: a ticket is as good as the password at this one server, so it does not cross a network in the clear. The
// most legs are old cookies, the cookies that another request has got meanwhile, and a ticket.
func (s *passportScheme) traits() traits { return traits{cleartext: true, legs: 3} }

func (s *passportScheme) pick(offered []Challenge) (Challenge, error) {
	if err := passport.Check(offered[0].Token); err != nil {
		return Challenge{}, fmt.Errorf("%w: passport: %w", ErrChallenge, err)
	}
	return offered[0], nil
}

// covers: the partner's cookies have paths of their own.
func (s *passportScheme) covers(Challenge, string, string) []string { return []string{"/"} }

func (s *passportScheme) session() session {
	return &passportSession{
		turn:  make(chan struct{}, 1),
		login: &passportLogin{scheme: s, cookies: newJar()},
	}
}

// passportSession is what one partner has given us, and our conversation with the login server about it.
type passportSession struct {
	// turn is held by the one request that talks to nexus and login server. It guards login.
	turn  chan struct{}
	login *passportLogin

	mu      sync.Mutex     // guards cookies
	cookies *cookiejar.Jar // the partner's, for its origin only; nil without a sign-in that is good
}

// answer gives the cookies if there are some, and else a ticket of the login server.
func (s *passportSession) answer(ctx context.Context, m message, c *Challenge) (answer, error) {
	if c == nil {
		if jar := s.partner(); jar != nil {
			return &passportAnswer{session: s, url: m.url, jar: jar}, nil
		}
		return nil, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	jar := s.partner()
	if jar != nil && len(jar.Cookies(m.url)) > 0 { // those that were refused are gone, so these are new
		return &passportAnswer{session: s, url: m.url, jar: jar}, nil
	}
	override(&jar, jar == nil, newJar())
	ticket, err := s.login.ticket(ctx, passport.Request{Method: m.method, URL: m.url, Challenge: c.Token})
	if err != nil {
		return nil, err
	}
	at, err := returnURL(m.url, ticket.Return)
	if err != nil {
		return nil, fmt.Errorf("%w %w", errSent, err)
	}
	return &passportAnswer{session: s, url: at, jar: jar, ticket: ticket.FromPP}, nil
}

// returnURL returns requested with the path and the query of ru. The ticket is for no other origin.
func returnURL(requested *url.URL, ru string) (*url.URL, error) {
	if ru == "" {
		return requested, nil
	}
	u, err := url.Parse(ru)
	if err != nil {
		return nil, fmt.Errorf("%w: the ru that the login server names is not a URL", ErrChallenge)
	}
	to, err := Origin(u)
	if err != nil {
		return nil, fmt.Errorf("%w: the ru that the login server names: %w", ErrChallenge, err)
	}
	if from, err := Origin(requested); err != nil || from != to {
		return nil, fmt.Errorf("%w: the login server sends the ticket for %s to %s", ErrChallenge, from, to)
	}
	at := *requested
	at.Path, at.RawPath, at.RawQuery, at.ForceQuery = u.Path, u.RawPath, u.RawQuery, u.ForceQuery
	return &at, nil
}

// partner returns the cookies of the partner, or nil.
func (s *passportSession) partner() *cookiejar.Jar {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cookies
}

// replace makes jar the partner's cookies if they are still old.
func (s *passportSession) replace(old, jar *cookiejar.Jar) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cookies == old {
		s.cookies = jar
	}
}

// passportAnswer is the partner's cookies, and with a ticket the First Authenticated Request.
type passportAnswer struct {
	session *passportSession
	url     *url.URL
	jar     *cookiejar.Jar
	ticket  string // from-PP
	sent    bool   // there were cookies for url
}

func (a *passportAnswer) value() string {
	if a.ticket == "" {
		return ""
	}
	return passport.FromPP(a.ticket)
}

// shape sets the URL that the ticket is for, and our cookies in place of the caller's of the same name: those may be older.
func (a *passportAnswer) shape(out *http.Request) {
	out.URL = a.url
	ours := a.jar.Cookies(a.url)
	replaced := func(c *http.Cookie) bool {
		return slices.ContainsFunc(ours, func(o *http.Cookie) bool { return o.Name == c.Name })
	}
	if callers := out.Cookies(); slices.ContainsFunc(callers, replaced) {
		out.Header.Del("Cookie")
		for _, c := range slices.DeleteFunc(callers, replaced) {
			out.AddCookie(c)
		}
	}
	for _, c := range ours {
		out.AddCookie(c)
	}
	a.sent = len(ours) > 0
}

// judge: cookies run out, and without cookies for its path a request proves nothing; but a ticket is fresh.
func (a *passportAnswer) judge(Challenge) (verdict, error) {
	if a.ticket != "" {
		return wrong, errors.New("the login server accepts them, but this server does not accept its ticket")
	}
	if a.sent {
		a.session.replace(a.jar, nil)
	}
	return doubtful, nil
}

// confirm takes the cookies of the Set Token message, and those that later answers replace them by.
func (a *passportAnswer) confirm(resp *http.Response, _ fields) error {
	if set := resp.Cookies(); len(set) > 0 {
		a.jar.SetCookies(a.url, set)
		if a.ticket != "" {
			a.session.replace(nil, a.jar)
		}
	}
	return nil
}

func newJar() *cookiejar.Jar {
	jar, err := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	if err != nil {
		panic(err) // it never fails, and says so
	}
	return jar
}
