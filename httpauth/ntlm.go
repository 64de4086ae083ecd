package httpauth

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"

	"github.com/ebb-transfer/ebb/httpauth/internal/ntlm"
)

// ntlmScheme is NTLM over HTTP (MS-NTHT), with NTLMv2 only.
type ntlmScheme struct{ identity *ntlm.Identity } // nil without a password

func newNTLM(c Credentials) *ntlmScheme {
	identity := ntlm.ParseUser(c.User, c.Password)
	return &ntlmScheme{&identity}
}

// legs: a challenge and the one that continues it, and twice as many again for connections lost between them.
func (*ntlmScheme) traits() traits { return traits{connection: true, legs: 6} }

func (*ntlmScheme) pick(offered []Challenge) (Challenge, error) { return offered[0], nil }
func (*ntlmScheme) covers(Challenge, string, string) []string   { return []string{"/"} }
func (n *ntlmScheme) session() session                          { return &ntlmSession{identity: n.identity} }

// ntlmSession is on one connection.
type ntlmSession struct {
	identity *ntlm.Identity
	client   *ntlm.Client // between NEGOTIATE and AUTHENTICATE
	open     bool         // the connection is authenticated
}

// answer implements session. A challenge with a token continues what was begun on this connection; if nothing
// was, another connection's is lost.
func (s *ntlmSession) answer(_ context.Context, m message, c *Challenge) (answer, error) {
	switch {
	case c == nil && s.open:
		return nil, nil
	case s.identity == nil:
		return nil, fmt.Errorf("%w: this system keeps none for NTLM; give a user and a password", ErrNoIdentity)
	case s.client == nil || c == nil:
		s.client, s.open = ntlm.New(*s.identity), false
		return &ntlmAnswer{ntlmLeg{s.client.Negotiate(), true}, s}, nil
	}
	client := s.client
	s.client = nil
	if c.Token == "" {
		return nil, fmt.Errorf("%w: it does not go on with NTLM", ErrChallenge)
	}
	token, err := authenticate(client, c.Token, m)
	if err != nil {
		return nil, err
	}
	return &ntlmAnswer{ntlmLeg{token, false}, s}, nil
}

// authenticate answers an NTLM CHALLENGE in base64.
func authenticate(client *ntlm.Client, challenge string, m message) ([]byte, error) {
	received, err := base64.StdEncoding.DecodeString(challenge)
	if err != nil {
		return nil, fmt.Errorf("%w: the NTLM challenge is not base64: %w", ErrChallenge, err)
	}
	token, err := client.Authenticate(received, ntlm.Params{TargetName: "HTTP/" + m.host, Binding: channelBinding(m.certificate)})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	return token, nil
}

// ntlmLeg is one message of NTLM, however it is wrapped: NEGOTIATE, which holds no secret and needs no body, or
// AUTHENTICATE.
type ntlmLeg struct {
	token []byte
	opens bool // NEGOTIATE
}

func (l ntlmLeg) shape(out *http.Request) {
	if l.opens {
		out.Body = http.NoBody
	}
}

func (l ntlmLeg) judge(Challenge) (verdict, error) { //nolint:unparam // the interface is answer's
	if l.opens {
		return begun, nil
	}
	return wrong, nil
}

// ntlmAnswer is one message of the client.
type ntlmAnswer struct {
	ntlmLeg
	session *ntlmSession
}

func (a *ntlmAnswer) value() string { return "NTLM " + base64.StdEncoding.EncodeToString(a.token) }

// confirm: even a message that only opens may be enough, where nobody asks for more.
func (a *ntlmAnswer) confirm(*http.Response, fields) error {
	a.session.client, a.session.open = nil, true
	return nil
}
