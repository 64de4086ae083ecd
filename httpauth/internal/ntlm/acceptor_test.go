package ntlm

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/crypto/md4" //nolint:staticcheck // the hash of NT passwords; there is no other
)

// acceptor is the server's side of NTLMv2, written from MS-NLMP and from nothing in this package.
type acceptor struct {
	t         testing.TB
	flags     uint32
	pairs     []byte // target info with its end
	password  string
	nonce     []byte
	negotiate []byte
	received  []byte // instead of the challenge of the fields above

	exported []byte // after accept
	sent     authenticate
}

// The flags of a Windows server, less what no client of ours asks for.
const windowsFlags = 0xe28a8215

func newAcceptor(t testing.TB, pairs ...[]byte) *acceptor {
	return &acceptor{
		t: t, flags: windowsFlags, password: "Password", nonce: unhex("0123456789abcdef"),
		pairs: append(bytes.Join(pairs, nil), 0, 0, 0, 0),
	}
}

func pair(id uint16, value []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, id)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

func (a *acceptor) challenge() []byte {
	if a.received != nil {
		return a.received
	}
	name := []byte("S\x00R\x00V\x00")
	b := []byte("NTLMSSP\x00\x02\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = binary.LittleEndian.AppendUint32(b, 56)
	b = binary.LittleEndian.AppendUint32(b, a.flags)
	b = append(b, a.nonce...)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(a.pairs)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(a.pairs)))
	b = binary.LittleEndian.AppendUint32(b, uint32(56+len(name)))
	b = append(b, 10, 0, 0x61, 0x58, 0, 0, 0, 15)
	return append(append(b, name...), a.pairs...)
}

// authenticate is an AUTHENTICATE_MESSAGE taken apart.
type authenticate struct {
	flags                     uint32
	domain, user, workstation string
	lm, nt, sessionKey        []byte
}

func readAuthenticate(t testing.TB, b []byte) authenticate {
	t.Helper()
	if len(b) < 72 || string(b[:12]) != "NTLMSSP\x00\x03\x00\x00\x00" {
		t.Fatalf("not an AUTHENTICATE_MESSAGE: %x", b)
	}
	field := func(at int) []byte {
		size, offset := int(binary.LittleEndian.Uint16(b[at:])), int(binary.LittleEndian.Uint32(b[at+4:]))
		if offset < 72 || offset+size > len(b) {
			t.Fatalf("field at %d: %d bytes at %d of %d", at, size, offset, len(b))
		}
		return b[offset : offset+size]
	}
	text := func(at int) string {
		var units []uint16
		for raw := field(at); len(raw) >= 2; raw = raw[2:] {
			units = append(units, binary.LittleEndian.Uint16(raw))
		}
		return string(utf16.Decode(units))
	}
	flags := binary.LittleEndian.Uint32(b[60:])
	if negotiated := flags&(1<<25) != 0; negotiated != (b[71] == 15) || !negotiated && !bytes.Equal(b[64:72], make([]byte, 8)) {
		t.Errorf("VERSION %x with flags %08x", b[64:72], flags)
	}
	return authenticate{
		flags: flags, domain: text(28), user: text(36), workstation: text(44),
		lm: field(12), nt: field(20), sessionKey: field(52),
	}
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	h.Write(bytes.Join(parts, nil))
	return h.Sum(nil)
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// accept checks the client's answer as section 3.2.5.1.2 says, and reports what a server would refuse.
func (a *acceptor) accept(b []byte) (refusal string) {
	m := readAuthenticate(a.t, b)
	a.sent = m
	nt := md4.New()
	nt.Write(wide(a.password))
	key := mac(nt.Sum(nil), wide(strings.ToUpper(m.user)), wide(m.domain))
	if len(m.nt) < 48 {
		return "no NTLMv2 response"
	}
	proof := mac(key, a.nonce, m.nt[16:])
	if !bytes.Equal(proof, m.nt[:16]) {
		return "wrong password"
	}
	if len(m.lm) != 24 {
		return "wrong size of the LM response"
	}
	client := m.nt[32:40]
	if none := make([]byte, 24); !bytes.Equal(m.lm, none) && !bytes.Equal(m.lm, append(mac(key, a.nonce, client), client...)) {
		return "wrong LMv2 response"
	}
	a.exported = mac(key, proof)
	if m.flags&(1<<30) != 0 {
		if len(m.sessionKey) != 16 {
			return "no session key"
		}
		c, _ := rc4.NewCipher(a.exported)
		c.XORKeyStream(a.exported, m.sessionKey)
	} else if len(m.sessionKey) != 0 {
		return "a session key that was not negotiated"
	}
	if flags := a.sentPairs()[6]; len(flags) == 4 && flags[0]&2 != 0 {
		zeroed := append(bytes.Clone(b[:72]), make([]byte, 16)...)
		zeroed = append(zeroed, b[88:]...)
		if !bytes.Equal(b[72:88], mac(a.exported, a.negotiate, a.challenge(), zeroed)) {
			return "wrong MIC"
		}
	}
	return ""
}

// sentPairs are the pairs of the client's response, which it must end in order and name once each.
func (a *acceptor) sentPairs() map[uint16][]byte {
	pairs := map[uint16][]byte{}
	rest := a.sent.nt[44:]
	for len(rest) >= 4 {
		id, size := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint16(rest[2:])
		if id == 0 {
			if !bytes.Equal(rest, make([]byte, 8)) {
				a.t.Errorf("the pairs end with %x", rest)
			}
			return pairs
		}
		if _, twice := pairs[id]; twice {
			a.t.Errorf("pair %d comes twice", id)
		}
		pairs[id], rest = rest[4:4+size], rest[4+size:]
	}
	a.t.Error("the pairs have no end")
	return pairs
}

// signature is the server's GSS_GetMIC of its first message.
func (a *acceptor) signature(message []byte, direction string) []byte {
	sum := func(key []byte, magic string) []byte {
		s := md5.Sum(append(bytes.Clone(key), "session key to "+direction+magic...))
		return s[:]
	}
	check := mac(sum(a.exported, " signing key magic constant\x00"), make([]byte, 4), message)[:8]
	if flags := a.sent.flags; flags&(1<<30) != 0 {
		size := 5
		if flags&(1<<29) != 0 {
			size = 16
		} else if flags&(1<<31) != 0 {
			size = 7
		}
		c, _ := rc4.NewCipher(sum(a.exported[:size], " sealing key magic constant\x00"))
		c.XORKeyStream(check, check)
	}
	return bytes.Join([][]byte{{1, 0, 0, 0}, check, {0, 0, 0, 0}}, nil)
}
