// Package ntlm is the client side of NTLM as MS-NLMP describes it, from the messages down to the keys, without a
// network. Only NTLMv2 is spoken: no server gets an LM or NTLMv1 response, whatever it offers.
//
// Section numbers are those of [MS-NLMP].
//
// [MS-NLMP]: https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp
package ntlm

import (
	"bytes"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// bindingSize is the length of an MD5 hash.
const bindingSize = 16

// Client is one authentication on one connection:
//
//	Negotiate  ->  the server's challenge  ->  Authenticate
//
// It is not for concurrent use. It keeps no password, only a key made of it, until Authenticate or Wipe.
type Client struct {
	user, domain string
	responseKey  []byte // nil once it has been used
	negotiate    []byte
	sent, server *signer // nil unless signatures were negotiated

	rand io.Reader
	now  func() time.Time
}

// New returns a Client for one authentication as id.
func New(id Identity) *Client {
	return &Client{
		user: id.User, domain: id.Domain,
		responseKey: ntowfv2(id),
		negotiate:   negotiateMessage(),
		rand:        rand.Reader,
		now:         time.Now,
	}
}

// Negotiate returns the NEGOTIATE_MESSAGE, 40 bytes, always the same.
func (c *Client) Negotiate() []byte { return bytes.Clone(c.negotiate) }

// Params is what the client asserts about the server that it talks to.
type Params struct {
	// TargetName is the service principal name of the server, such as HTTP/www.example.com, for MsvAvTargetName;
	// "" asserts nothing.
	TargetName string
	// Binding is the MD5 hash of the gss_channel_bindings (RFC 2744 section 3.11, RFC 5929 section 4), 16 bytes, for
	// MsvAvChannelBindings; nil is a connection without TLS.
	Binding []byte
}

// Authenticate returns the AUTHENTICATE_MESSAGE that answers the server's CHALLENGE_MESSAGE. It can be called once.
//
// If the challenge tells the server's time, that time is used, no LMv2 response is sent and the three messages are
// protected by a MIC; otherwise the time is that of this machine and there is an LMv2 response and no MIC (section
// 3.1.5.1.2).
//
// The errors say what is wrong with the challenge, with p or with the identity; nothing of the secret was sent.
func (c *Client) Authenticate(challenge []byte, p Params) ([]byte, error) {
	if c.responseKey == nil {
		return nil, errors.New("ntlm: a client answers one challenge, and this one has")
	}
	defer c.wipeResponseKey()
	if c.user == "" {
		return nil, errors.New("ntlm: no user name, and anonymous logons are never made")
	}
	if p.Binding != nil && len(p.Binding) != bindingSize {
		return nil, fmt.Errorf("ntlm: a channel binding has %d bytes, not %d", bindingSize, len(p.Binding))
	}
	ch, err := parseChallenge(challenge)
	if err != nil {
		return nil, err
	}
	var nonce [8]byte
	if _, err := io.ReadFull(c.rand, nonce[:]); err != nil {
		return nil, fmt.Errorf("ntlm: no random bytes: %w", err)
	}
	when := filetime(c.now())
	stamp, mic := ch.info.get(avTimestamp)
	if mic {
		when = binary.LittleEndian.Uint64(stamp)
	}
	r := respond(c.responseKey, ch.nonce, nonce, when, ch.info.answer(p).marshal())
	defer clear(r.sessionBaseKey)
	if mic {
		clear(r.lm) // 24 zero bytes take its place
	}
	return c.finish(challenge, authenticateMessage{
		flags:  ch.flags & requested,
		domain: utf16le(c.domain), user: utf16le(c.user),
		lm: r.lm, nt: r.nt, mic: mic,
	}, r.sessionBaseKey)
}

// finish adds the session key and the MIC to m, and readies the signatures.
func (c *Client) finish(challenge []byte, m authenticateMessage, sessionBaseKey []byte) ([]byte, error) {
	exported := bytes.Clone(sessionBaseKey)
	defer clear(exported)
	if m.flags&flagKeyExchange != 0 {
		if _, err := io.ReadFull(c.rand, exported); err != nil {
			return nil, fmt.Errorf("ntlm: no random bytes: %w", err)
		}
		m.sessionKey = encryptKey(sessionBaseKey, exported)
	}
	b, err := m.marshal()
	if err != nil {
		return nil, err
	}
	if m.mic {
		copy(b[micOffset:], hmacMD5(exported, c.negotiate, challenge, b))
	}
	if m.flags&flagSign != 0 {
		c.sent = newSigner(exported, m.flags, fromClient)
		c.server = newSigner(exported, m.flags, fromServer)
	}
	return b, nil
}

// encryptKey is the EncryptedRandomSessionKey of section 3.1.5.1.2. With NTLMv2 the KeyExchangeKey is the session
// base key (section 3.4.5.1).
func encryptKey(sessionBaseKey, exported []byte) []byte {
	out := make([]byte, len(exported))
	handle, _ := rc4.NewCipher(sessionBaseKey) // fails only for a key that is not of 1 to 256 bytes
	handle.XORKeyStream(out, exported)
	return out
}

// Sign returns the client's signature of message, 16 bytes, as GSS_GetMIC would: SPNEGO's mechListMIC. Signatures are
// counted from 0 and are valid in this order only. It returns nil if signatures were not negotiated, or before
// Authenticate: then there is no mechListMIC.
func (c *Client) Sign(message []byte) []byte {
	if c.sent == nil {
		return nil
	}
	return c.sent.sign(message)
}

// Verify checks the server's signature of message, in the order in which the server made them. After an error the
// client has lost its place in that order: the authentication has failed.
func (c *Client) Verify(message, sig []byte) error {
	if c.server == nil {
		return errors.New("ntlm: the server signed, but signatures were not negotiated")
	}
	if !c.server.verify(message, sig) {
		return errors.New("ntlm: the server's signature is wrong: the messages were changed on the way")
	}
	return nil
}

// Wipe overwrites the keys that the client holds. Sign and Verify are then of no more use.
func (c *Client) Wipe() {
	c.wipeResponseKey()
	for _, s := range []*signer{c.sent, c.server} {
		if s != nil {
			s.wipe()
		}
	}
	c.sent, c.server = nil, nil
}

func (c *Client) wipeResponseKey() {
	clear(c.responseKey)
	c.responseKey = nil
}
