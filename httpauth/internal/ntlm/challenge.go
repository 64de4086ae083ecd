package ntlm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// maxMessage is far above any real CHALLENGE_MESSAGE, and bounds what a hostile server can make us hash.
const maxMessage = 64 << 10

// challenge is a CHALLENGE_MESSAGE (section 2.2.1.2), checked.
type challenge struct {
	flags uint32
	nonce [8]byte
	info  targetInfo
}

func parseChallenge(b []byte) (challenge, error) {
	var c challenge
	switch {
	case len(b) > maxMessage:
		return c, fmt.Errorf("ntlm: the server's challenge has %d bytes, more than %d", len(b), maxMessage)
	case len(b) < 32:
		return c, fmt.Errorf("ntlm: the server's challenge is cut off at %d bytes", len(b))
	case string(b[:8]) != signature:
		return c, errors.New("ntlm: the server's challenge does not begin with NTLMSSP")
	case binary.LittleEndian.Uint32(b[8:]) != typeChallenge:
		return c, fmt.Errorf("ntlm: the server sent message type %d where a challenge is due", binary.LittleEndian.Uint32(b[8:]))
	}
	c.flags = binary.LittleEndian.Uint32(b[20:])
	c.nonce = [8]byte(b[24:])
	if c.flags&flagUnicode == 0 {
		return c, errors.New("ntlm: the server does not speak Unicode, which NTLMv2 needs")
	}
	if c.flags&flagExtendedSessionSecurity == 0 || c.flags&flagTargetInfo == 0 {
		return c, errors.New("ntlm: the server offers only NTLMv1, which is never used")
	}
	if len(b) < 48 {
		return c, fmt.Errorf("ntlm: the server's challenge is cut off at %d bytes", len(b))
	}
	if _, err := payload(b, 12); err != nil {
		return c, fmt.Errorf("ntlm: target name of the server's challenge: %w", err)
	}
	info, err := payload(b, 40)
	if err != nil {
		return c, fmt.Errorf("ntlm: target info of the server's challenge: %w", err)
	}
	c.info, err = parseTargetInfo(info)
	return c, err
}

// payload returns what the length and offset at position at of the message b point to.
func payload(b []byte, at int) ([]byte, error) {
	const header = 48
	size := uint64(binary.LittleEndian.Uint16(b[at:]))
	offset := uint64(binary.LittleEndian.Uint32(b[at+4:]))
	if size == 0 {
		return nil, nil
	}
	if offset < header || offset+size > uint64(len(b)) {
		return nil, fmt.Errorf("%d bytes at offset %d do not fit into a message of %d", size, offset, len(b))
	}
	return b[offset : offset+size], nil
}

// The AV_PAIR identifiers of section 2.2.2.1 that mean something to a client.
const (
	avEOL             = 0
	avFlags           = 6
	avTimestamp       = 7
	avTargetName      = 9
	avChannelBindings = 10
)

// avFlagMIC in an avFlags pair says that the AUTHENTICATE_MESSAGE carries a MIC.
const avFlagMIC = 0x2

// targetInfo is a list of AV_PAIRs without its terminator; no identifier comes twice.
type targetInfo []avPair

type avPair struct {
	id    uint16
	value []byte
}

func parseTargetInfo(b []byte) (targetInfo, error) {
	var info targetInfo
	for len(b) >= 4 {
		id, size := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		b = b[4:]
		if size > len(b) {
			return nil, fmt.Errorf("ntlm: the server's challenge: pair %d of the target info is cut off", id)
		}
		value := b[:size]
		b = b[size:]
		_, twice := info.get(id)
		switch {
		case id == avEOL:
			return info, nil
		case twice:
			return nil, fmt.Errorf("ntlm: the server's challenge: pair %d of the target info comes twice", id)
		case id == avTimestamp && size != 8, id == avFlags && size != 4:
			return nil, fmt.Errorf("ntlm: the server's challenge: pair %d of the target info has %d bytes", id, size)
		}
		info = append(info, avPair{id, value})
	}
	return nil, errors.New("ntlm: the server's challenge: the target info has no end")
}

func (info targetInfo) get(id uint16) ([]byte, bool) {
	for _, p := range info {
		if p.id == id {
			return p.value, true
		}
	}
	return nil, false
}

// with returns info with one pair set: in its place if the server sent it, else at the end.
func (info targetInfo) with(id uint16, value []byte) targetInfo {
	out := append(targetInfo(nil), info...)
	for i := range out {
		if out[i].id == id {
			out[i].value = value
			return out
		}
	}
	return append(out, avPair{id, value})
}

// answer is the target info of the response: the server's own, and what section 3.1.5.1.2 has the client add. What
// only a client has to say about the MIC, the binding and the target name is replaced if the server said it.
func (info targetInfo) answer(p Params) targetInfo {
	_, mic := info.get(avTimestamp)
	if sent, ok := info.get(avFlags); ok || mic {
		flags := make([]byte, 4)
		copy(flags, sent)
		flags[0] &^= avFlagMIC
		if mic {
			flags[0] |= avFlagMIC
		}
		info = info.with(avFlags, flags)
	}
	binding := p.Binding
	if binding == nil {
		binding = make([]byte, bindingSize)
	}
	return info.with(avChannelBindings, binding).with(avTargetName, utf16le(p.TargetName))
}

// marshal appends the terminator.
func (info targetInfo) marshal() []byte {
	var b bytes.Buffer
	for _, p := range append(info[:len(info):len(info)], avPair{id: avEOL}) {
		var head [4]byte
		binary.LittleEndian.PutUint16(head[:], p.id)
		binary.LittleEndian.PutUint16(head[2:], uint16(len(p.value)))
		b.Write(head[:])
		b.Write(p.value)
	}
	return b.Bytes()
}
