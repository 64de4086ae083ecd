package kerberos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// The flags of the context that is asked for (RFC 4121 section 4.1.1.1): mutual
// authentication, replay and sequence detection, integrity. There is no delegation.
const contextFlags = 2 | 4 | 8 | 32

// The kinds of tokens (RFC 4121 section 4.1).
var (
	tokenAPReq = []byte{1, 0}
	tokenAPRep = []byte{2, 0}
	tokenError = []byte{3, 0}
)

var mechanism = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2} // Kerberos 5

// A Context is one authentication to a service. Its methods may be called by several
// goroutines at once.
type Context struct {
	identity *Identity
	ticket   *ticket
	key      types.EncryptionKey // the ticket's; a copy, which Identity.Close does not overwrite
	sent     time.Time           // in the authenticator, to the microsecond
	token    []byte
}

// newContext makes the token of a fresh authenticator for the ticket.
func newContext(id *Identity, t *ticket, k types.EncryptionKey, binding []byte) (*Context, error) {
	c := &Context{identity: id, ticket: t, key: k, sent: id.now().UTC().Truncate(time.Microsecond)}
	err := decode("the ticket", func() error {
		auth := authenticator(t, types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: contextChecksum(binding)}, c.sent)
		req, err := messages.NewAPReq(t.raw, k, auth)
		if err != nil {
			return err
		}
		types.SetFlag(&req.APOptions, flags.APOptionMutualRequired)
		message, err := req.Marshal()
		if err != nil {
			return err
		}
		c.token, err = wrapToken(tokenAPReq, message)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTicket, err)
	}
	return c, nil
}

// contextChecksum is the "checksum" of type 0x8003: the length of the binding, the
// binding (zeros for none) and the flags, all little-endian (RFC 4121 section 4.1.1).
func contextChecksum(binding []byte) []byte {
	sum := make([]byte, 24)
	binary.LittleEndian.PutUint32(sum, 16)
	copy(sum[4:20], binding)
	binary.LittleEndian.PutUint32(sum[20:], contextFlags)
	return sum
}

// Token returns the token for the service: the mechanism's, to be put into SPNEGO's
// NegTokenInit (RFC 4178). The service takes it once. The caller must not change it.
func (c *Context) Token() []byte { return c.token }

// Service returns the name in the ticket, HTTP/host@REALM, and Client the user's.
func (c *Context) Service() string {
	return principal{c.ticket.service.name, c.ticket.raw.Realm}.String()
}

// Client returns the name that the service sees: user@REALM.
func (c *Context) Client() string { return c.ticket.client.String() }

// Discard drops the ticket, so that the next Initiate gets a new one. It is for a
// service that has refused the token: its key may have changed since.
func (c *Context) Discard() { c.identity.discard(c.ticket) }

// Verify checks the service's answer, the mechanism's token from SPNEGO's
// responseToken: that the service could open the ticket and the authenticator (RFC
// 4120 section 3.2.5). It returns ErrNotProven when it could not; ErrClockSkew,
// ErrExpired or ErrRejected when the answer is an error, which nothing proves to be
// the service's either. An expired or rejected ticket is discarded.
func (c *Context) Verify(token []byte) error {
	kind, message, err := unwrapToken(token)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	switch {
	case bytes.Equal(kind, tokenAPRep):
		return c.verifyReply(message)
	case bytes.Equal(kind, tokenError):
		return c.explain(message)
	}
	return fmt.Errorf("%w: a token of kind %x", ErrNotProven, kind)
}

func (c *Context) verifyReply(message []byte) error {
	var part messages.EncAPRepPart
	err := decode("the reply", func() error {
		var rep messages.APRep
		if err := rep.Unmarshal(message); err != nil {
			return err
		}
		if rep.EncPart.EType != c.key.KeyType {
			return errors.New("it is encrypted with another key")
		}
		plain, err := crypto.DecryptEncPart(rep.EncPart, c.key, keyusage.AP_REP_ENCPART)
		if err != nil {
			return err
		}
		defer clear(plain)
		return part.Unmarshal(plain)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	clear(part.Subkey.KeyValue)
	if !part.CTime.Equal(c.sent.Truncate(time.Second)) || part.Cusec != c.sent.Nanosecond()/1000 {
		return fmt.Errorf("%w: the reply answers another token", ErrNotProven)
	}
	return nil
}

// explain says what an error of the service means (RFC 4120 section 3.2.3).
func (c *Context) explain(message []byte) error {
	var e messages.KRBError
	if err := decode("the service's error", func() error { return e.Unmarshal(message) }); err != nil {
		return fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	switch e.ErrorCode {
	case errorcode.KRB_AP_ERR_SKEW, errorcode.KRB_AP_ERR_TKT_NYV:
		return skewError(c.Service(), e.STime, c.identity.now())
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		c.Discard()
		return expiredError(c.ticket)
	case errorcode.KRB_AP_ERR_BADKEYVER, errorcode.KRB_AP_ERR_NOKEY, errorcode.KRB_AP_ERR_NOT_US, errorcode.KRB_AP_ERR_BAD_INTEGRITY, errorcode.KRB_AP_ERR_MODIFIED:
		c.Discard()
		return fmt.Errorf("%w: the keytab of %s does not fit the KDC's key: %s", ErrRejected, c.Service(), describe(e))
	}
	c.Discard()
	return fmt.Errorf("%w: %s: %s", ErrRejected, c.Service(), describe(e))
}

// wrapToken puts the header of the GSS-API in front (RFC 2743 section 3.1).
func wrapToken(kind, message []byte) ([]byte, error) {
	oid, err := asn1.Marshal(mechanism)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{
		Class: asn1.ClassApplication, Tag: 0, IsCompound: true,
		Bytes: bytes.Join([][]byte{oid, kind, message}, nil),
	})
}

// unwrapToken takes the header off again.
func unwrapToken(token []byte) (kind, message []byte, err error) {
	err = decode("the token", func() error {
		var outer asn1.RawValue
		rest, err := asn1.Unmarshal(token, &outer)
		if err != nil {
			return err
		}
		if len(rest) > 0 || outer.Class != asn1.ClassApplication || outer.Tag != 0 || !outer.IsCompound {
			return errors.New("it has not the form of the GSS-API")
		}
		var oid asn1.ObjectIdentifier
		rest, err = asn1.Unmarshal(outer.Bytes, &oid)
		if err != nil {
			return err
		}
		if !oid.Equal(mechanism) || len(rest) < 2 {
			return errors.New("it is not of Kerberos")
		}
		kind, message = rest[:2], rest[2:]
		return nil
	})
	return kind, message, err
}
