package httpauth

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"syscall"

	"github.com/alexbrainman/sspi"
)

// logonScheme is NTLM or Negotiate with the credentials of the logged-on user, which Windows keeps and never
// shows: its Security Support Provider Interface makes the tokens.
type logonScheme struct {
	name    Scheme
	service string // "" is HTTP/ and the host
}

// newImplicit returns the scheme with the credentials of the logged-on user.
func newImplicit(c Credentials, _ Kerberos) scheme { return &logonScheme{c.Scheme, c.ServicePrincipal} }

func (*logonScheme) traits() traits                              { return traits{connection: true, legs: 10} }
func (*logonScheme) pick(offered []Challenge) (Challenge, error) { return offered[0], nil }
func (*logonScheme) covers(Challenge, string, string) []string   { return []string{"/"} }
func (l *logonScheme) session() session                          { return &logonSession{scheme: l} }

// logonSession is on one connection.
type logonSession struct {
	scheme  *logonScheme
	context *logonContext // nil before the first leg and after the last
	open    bool          // the connection is authenticated
}

func (s *logonSession) answer(_ context.Context, m message, c *Challenge) (answer, error) {
	if c == nil && s.open {
		return nil, nil
	}
	var token []byte
	if c == nil || c.Token == "" || s.context == nil {
		s.open = false
		service := s.scheme.service
		override(&service, service == "", "HTTP/"+strings.ToLower(m.host))
		var err error
		if s.context, err = newLogonContext(string(s.scheme.name), service, m.certificate); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoIdentity, err)
		}
	} else {
		var err error
		if token, err = base64.StdEncoding.DecodeString(c.Token); err != nil {
			return nil, fmt.Errorf("%w: the token of %s is not base64: %w", ErrChallenge, s.scheme.name, err)
		}
	}
	out, err := s.context.next(token)
	if err != nil {
		s.context = nil
		return nil, fmt.Errorf("%w: %w", ErrNoIdentity, err)
	}
	return &logonAnswer{session: s, token: out, opens: token == nil}, nil
}

// logonAnswer is one token.
type logonAnswer struct {
	session *logonSession
	token   []byte
	opens   bool
}

func (a *logonAnswer) value() string {
	name := "NTLM "
	if a.session.scheme.name == Negotiate {
		name = "Negotiate "
	}
	return name + base64.StdEncoding.EncodeToString(a.token)
}

// ntlmNegotiate begins every first message of NTLM; what is not one may be a ticket, which needs no second leg.
const ntlmNegotiate = "NTLMSSP\x00\x01"

func (a *logonAnswer) shape(out *http.Request) {
	if a.opens && strings.HasPrefix(string(a.token), ntlmNegotiate) {
		out.Body = http.NoBody
	}
}

func (a *logonAnswer) judge(c Challenge) (verdict, error) {
	if c.Token != "" {
		return another, nil
	}
	return wrong, nil
}

// confirm lets Windows check the server's own proof, if there is one.
func (a *logonAnswer) confirm(resp *http.Response, f fields) error {
	s := a.session
	s.open = true
	if token, ok := finalToken(resp, f); ok && s.context != nil && s.context.unfinished {
		b, err := base64.StdEncoding.DecodeString(token)
		if err == nil {
			_, err = s.context.next(b)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrServerProof, err)
		}
	}
	s.context = nil
	return nil
}

// logonContext is a security context of Windows. It is freed when nothing refers to it any more.
type logonContext struct {
	handle     *sspi.Context
	service    *uint16
	bindings   []byte
	tokenSize  uint32
	unfinished bool
}

func newLogonContext(pkg, service string, certificate *x509.Certificate) (*logonContext, error) {
	info, err := sspi.QueryPackageInfo(pkg)
	if err != nil {
		return nil, fmt.Errorf("Windows has no %s: %w", pkg, err)
	}
	credentials, err := sspi.AcquireCredentials("", info.Name, sspi.SECPKG_CRED_OUTBOUND, nil)
	if err != nil {
		return nil, fmt.Errorf("no credentials of the logged-on user: %w", err)
	}
	c := &logonContext{tokenSize: info.MaxToken, bindings: secChannelBindings(certificate)}
	if c.service, err = syscall.UTF16PtrFromString(service); err != nil {
		_ = credentials.Release()
		return nil, fmt.Errorf("service %q: %w", service, err)
	}
	c.handle = sspi.NewClientContext(credentials, sspi.ISC_REQ_CONNECTION|sspi.ISC_REQ_MUTUAL_AUTH)
	runtime.AddCleanup(c, func(h *sspi.Context) {
		if h.Handle != nil {
			_ = h.Release()
		}
		_ = h.Cred.Release()
	}, c.handle)
	return c, nil
}

// next returns the token that answers in, which is nil at the beginning.
func (c *logonContext) next(in []byte) ([]byte, error) {
	out := make([]byte, c.tokenSize)
	var outBuffers [1]sspi.SecBuffer
	outBuffers[0].Set(sspi.SECBUFFER_TOKEN, out)
	var inBuffers []sspi.SecBuffer
	add := func(kind uint32, b []byte) {
		if len(b) > 0 {
			inBuffers = append(inBuffers, sspi.SecBuffer{})
			inBuffers[len(inBuffers)-1].Set(kind, b)
		}
	}
	add(sspi.SECBUFFER_TOKEN, in)
	add(sspi.SECBUFFER_CHANNEL_BINDINGS, c.bindings)
	var inDesc *sspi.SecBufferDesc
	if len(inBuffers) > 0 {
		inDesc = sspi.NewSecBufferDesc(inBuffers)
	}
	outDesc := sspi.NewSecBufferDesc(outBuffers[:])
	result := c.handle.Update(c.service, outDesc, inDesc)
	c.unfinished = result == sspi.SEC_I_CONTINUE_NEEDED || result == sspi.SEC_I_COMPLETE_AND_CONTINUE
	switch result {
	case sspi.SEC_E_OK, sspi.SEC_I_CONTINUE_NEEDED:
	case sspi.SEC_I_COMPLETE_NEEDED, sspi.SEC_I_COMPLETE_AND_CONTINUE:
		if done := sspi.CompleteAuthToken(c.handle.Handle, outDesc); done != sspi.SEC_E_OK {
			return nil, done
		}
	default:
		return nil, result
	}
	if outBuffers[0].BufferSize == 0 && c.unfinished {
		return nil, errors.New("Windows made an empty token")
	}
	return out[:outBuffers[0].BufferSize], nil
}

// secChannelBindings returns the structure SEC_CHANNEL_BINDINGS: eight words, of which only the last two are in
// use, and the data.
func secChannelBindings(c *x509.Certificate) []byte {
	if c == nil {
		return nil
	}
	const header = 32
	data := endPoint(c)
	b := make([]byte, header-8, header+len(data))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, header)
	return append(b, data...)
}
