package httpauth

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/ebb-transfer/ebb/httpauth/internal/kerberos"
	"github.com/ebb-transfer/ebb/httpauth/internal/ntlm"
	"github.com/ebb-transfer/ebb/httpauth/internal/spnego"
)

// negotiateScheme is SPNEGO over HTTP (RFC 4559): Kerberos, which authenticates each request, or, where no
// ticket can be had and there is a password, NTLM, which authenticates the connection.
type negotiateScheme struct {
	tickets *kerberos.Identity
	user    *ntlm.Identity // nil without a password
	service string         // "" is HTTP/ and the host
	form    atomic.Int32   // of NTLM's messages, as far as it is known what the server takes
}

// The forms of NTLM inside Negotiate. Servers differ in what they take, and show it before anything secret is sent.
const (
	untried int32 = iota
	plain         // the messages as they are
	wrapped       // inside those of SPNEGO
)

func newNegotiate(c Credentials, k Kerberos) *negotiateScheme {
	n := &negotiateScheme{service: c.ServicePrincipal}
	cfg := kerberos.Config{ConfigFile: k.ConfigFile, UID: -1}
	if c.Implicit {
		cfg.CCache, cfg.Keytab = k.CCache, k.Keytab
		if k.UID != nil {
			cfg.UID = *k.UID
		}
	} else {
		user := ntlm.ParseUser(c.User, c.Password)
		n.user = &user
		cfg.User, cfg.Password = c.User, c.Password
	}
	n.tickets = kerberos.New(cfg)
	return n
}

func (*negotiateScheme) traits() traits { return traits{connection: true, legs: 10} }

func (*negotiateScheme) pick(offered []Challenge) (Challenge, error) { return offered[0], nil }
func (*negotiateScheme) covers(Challenge, string, string) []string   { return []string{"/"} }
func (n *negotiateScheme) session() session                          { return &negotiateSession{scheme: n} }

// servicePrincipal returns the name that a ticket is asked for: the host as the caller has it. DNS has no say in
// that, or whoever answers for it could choose another service.
func (n *negotiateScheme) servicePrincipal(host string) (string, error) {
	if n.service != "" {
		return n.service, nil
	}
	if net.ParseIP(host) != nil {
		return "", fmt.Errorf("%w: Kerberos knows services by name, and %s is an address", ErrNoIdentity, host)
	}
	return "HTTP/" + strings.ToLower(host), nil
}

// negotiateSession is on one connection.
type negotiateSession struct {
	scheme  *negotiateScheme
	client  *ntlm.Client // between NEGOTIATE and AUTHENTICATE
	wrapped bool         // the form of its messages
	ticket  error        // why there is none
	open    bool         // NTLM has authenticated the connection
	renewed bool         // a ticket was refused here, and another one asked for
}

// answer implements session.
func (s *negotiateSession) answer(ctx context.Context, m message, c *Challenge) (answer, error) {
	switch {
	case c == nil && s.open:
		return nil, nil
	case c != nil && c.Token != "" && s.client != nil:
		return s.authenticate(m, c.Token)
	case c != nil && s.client != nil && (s.wrapped || !s.scheme.wrap()):
		s.client = nil
		return nil, also(fmt.Errorf("%w: it does not go on with NTLM", ErrChallenge), s.ticket)
	}
	s.client, s.open = nil, false
	if s.scheme.user == nil || s.scheme.form.Load() == untried {
		a, err := s.kerberos(ctx, m)
		if err == nil || s.scheme.user == nil || s.renewed || errors.Is(err, ErrRefused) {
			return a, err // after a refusal nothing weaker follows
		}
		s.ticket = err
	}
	return s.openNTLM(), nil
}

// kerberos answers with a ticket.
func (s *negotiateSession) kerberos(ctx context.Context, m message) (answer, error) {
	service, err := s.scheme.servicePrincipal(m.host)
	if err != nil {
		return nil, err
	}
	sent, err := s.scheme.tickets.Initiate(ctx, service, channelBinding(m.certificate))
	if err != nil {
		return nil, ticketError(err)
	}
	return &kerberosAnswer{s, sent, spnego.Init([]spnego.OID{spnego.Kerberos}, sent.Token())}, nil
}

// ticketError says with the errors of this package why there is no ticket.
func ticketError(err error) error {
	switch {
	case errors.Is(err, kerberos.ErrRefused):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.Is(err, kerberos.ErrExpired):
		return noTicket{ErrExpired, err}
	default:
		return noTicket{ErrNoIdentity, err}
	}
}

// noTicket has the text of one error and the meaning of another.
type noTicket struct{ meaning, err error }

func (n noTicket) Error() string   { return n.err.Error() }
func (n noTicket) Unwrap() []error { return []error{n.meaning, n.err} }

// wrap changes the form, after a message that was plain was not understood, unless such messages have been.
func (n *negotiateScheme) wrap() bool {
	return n.form.CompareAndSwap(untried, wrapped) || n.form.Load() == wrapped
}

// openNTLM begins NTLM in the form that the server is known or hoped to take.
func (s *negotiateSession) openNTLM() answer {
	s.client, s.wrapped = ntlm.New(*s.scheme.user), s.scheme.form.Load() == wrapped
	token := s.client.Negotiate()
	if s.wrapped {
		token = spnego.Init([]spnego.OID{spnego.NTLM}, token)
	}
	return &negotiateNTLM{ntlmLeg: ntlmLeg{token, true}, session: s}
}

// authenticate ends NTLM in the form that it was begun in.
func (s *negotiateSession) authenticate(m message, challenge string) (answer, error) {
	client := s.client
	s.client = nil
	if !s.wrapped {
		token, err := authenticate(client, challenge, m)
		if err != nil {
			return nil, err
		}
		return &negotiateNTLM{ntlmLeg{token, false}, s, client}, nil
	}
	resp, err := readNegotiate(challenge)
	if err != nil {
		return nil, err
	}
	token, err := authenticate(client, base64.StdEncoding.EncodeToString(resp.Token), m)
	if err != nil {
		return nil, err
	}
	// Whoever sends a MIC in AUTHENTICATE has to sign the list of mechanisms, too (MS-SPNG section 3.3.5.1).
	end := spnego.Response{Token: token, MechListMIC: client.Sign(ntlmMechs)}
	return &negotiateNTLM{ntlmLeg{end.Marshal(), false}, s, client}, nil
}

var ntlmMechs = spnego.MechList([]spnego.OID{spnego.NTLM})

// readNegotiate decodes what a server sends after the name Negotiate.
func readNegotiate(token string) (spnego.Response, error) {
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return spnego.Response{}, fmt.Errorf("%w: the token of Negotiate is not base64: %w", ErrChallenge, err)
	}
	resp, err := spnego.ParseResponse(b)
	if err != nil {
		return resp, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	return resp, nil
}

// finalToken returns what the server sends along with a response that lets the request through; ok is false
// if it sends nothing. Some put it into the field of the challenge, some into the other.
func finalToken(resp *http.Response, f fields) (token string, ok bool) {
	for _, name := range []string{f.challenge, f.info} {
		offered, _ := ParseChallenges(resp.Header[name])
		for _, c := range offered {
			if c.Scheme == Negotiate && c.Token != "" {
				return c.Token, true
			}
		}
	}
	return "", false
}

func negotiateValue(token []byte) string {
	return "Negotiate " + base64.StdEncoding.EncodeToString(token)
}

// kerberosAnswer is one request's proof of identity.
type kerberosAnswer struct {
	session *negotiateSession
	sent    *kerberos.Context
	token   []byte
}

func (a *kerberosAnswer) value() string { return negotiateValue(a.token) }

// judge finds in a KRB-ERROR why the ticket was refused. A kept ticket may only be too old for the service's key, so
// there is one more answer with a new one.
func (a *kerberosAnswer) judge(c Challenge) (verdict, error) {
	var why error
	if resp, err := readNegotiate(c.Token); err == nil && len(resp.Token) > 0 {
		why = a.sent.Verify(resp.Token)
	}
	if a.session.renewed {
		return wrong, why
	}
	a.session.renewed = true
	a.sent.Discard()
	return another, nil
}

// confirm checks that the server could read the ticket (RFC 4121 section 4.1.2), if it says so. A response
// without that is let through: HTTP does not oblige servers to prove themselves.
func (a *kerberosAnswer) confirm(resp *http.Response, f fields) error {
	a.session.renewed = false
	token, ok := finalToken(resp, f)
	if !ok {
		return nil
	}
	reply, err := readNegotiate(token)
	if err == nil && len(reply.Token) > 0 {
		err = a.sent.Verify(reply.Token)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServerProof, err)
	}
	return nil
}

// negotiateNTLM is one message of NTLM.
type negotiateNTLM struct {
	ntlmLeg
	session *negotiateSession
	client  *ntlm.Client // of AUTHENTICATE
}

func (a *negotiateNTLM) value() string { return negotiateValue(a.token) }

// confirm checks the server's signature of the list of mechanisms, if there is one. Even a message that only
// opens may be enough, where nobody asks for more.
func (a *negotiateNTLM) confirm(resp *http.Response, f fields) error {
	a.session.client, a.session.open = nil, true
	if a.opens {
		return nil
	}
	a.session.scheme.form.CompareAndSwap(untried, plain)
	token, ok := finalToken(resp, f)
	if !ok || !a.session.wrapped {
		return nil
	}
	reply, err := readNegotiate(token)
	if err == nil && len(reply.MechListMIC) > 0 {
		err = a.client.Verify(ntlmMechs, reply.MechListMIC)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrServerProof, err)
	}
	return nil
}
