package ntlm

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	signature = "NTLMSSP\x00"

	typeNegotiate    = 1
	typeChallenge    = 2
	typeAuthenticate = 3
)

// The NEGOTIATE flags of section 2.2.2.5.
const (
	flagUnicode                 = 1 << 0
	flagRequestTarget           = 1 << 2
	flagSign                    = 1 << 4
	flagNTLM                    = 1 << 9
	flagAlwaysSign              = 1 << 15
	flagExtendedSessionSecurity = 1 << 19
	flagTargetInfo              = 1 << 23
	flagVersion                 = 1 << 25
	flag128                     = 1 << 29
	flagKeyExchange             = 1 << 30
	flag56                      = 1 << 31
)

// requested is what the client offers; what the server repeats of it is negotiated. Signing is for SPNEGO's
// mechListMIC, and a signature wants a key of its own, hence the key exchange.
const requested uint32 = flagUnicode | flagRequestTarget | flagSign | flagNTLM | flagAlwaysSign |
	flagExtendedSessionSecurity | flagTargetInfo | flagVersion | flag128 | flagKeyExchange | flag56

// version is the VERSION of section 2.2.2.10, which is for debugging only: Windows 10.0 without a build, and
// NTLMSSP_REVISION_W2K3. It is sent because some servers (gss-ntlmssp) refuse a NEGOTIATE_MESSAGE without it.
var version = [8]byte{10, 0, 0, 0, 0, 0, 0, 15}

// negotiateMessage is the NEGOTIATE_MESSAGE of section 2.2.1.1, with neither domain nor workstation.
func negotiateMessage() []byte {
	b := make([]byte, 0, 40)
	b = append(b, signature...)
	b = binary.LittleEndian.AppendUint32(b, typeNegotiate)
	b = binary.LittleEndian.AppendUint32(b, requested)
	b = append(b, make([]byte, 16)...) // domain and workstation
	return append(b, version[:]...)
}

const (
	micOffset = 72
	micSize   = 16
)

// authenticateMessage is the AUTHENTICATE_MESSAGE of section 2.2.1.3. The workstation, a name that the server
// has no use for, stays empty.
type authenticateMessage struct {
	flags        uint32
	domain, user []byte // UTF-16
	lm, nt       []byte
	sessionKey   []byte // encrypted; nil without key exchange
	mic          bool   // leave 16 zero bytes at micOffset
}

func (m authenticateMessage) marshal() ([]byte, error) {
	header := micOffset
	if m.mic {
		header += micSize
	}
	b := make([]byte, header)
	copy(b, signature)
	binary.LittleEndian.PutUint32(b[8:], typeAuthenticate)
	binary.LittleEndian.PutUint32(b[60:], m.flags)
	if m.flags&flagVersion != 0 {
		copy(b[64:], version[:])
	}
	for _, field := range []struct {
		name  string
		at    int
		value []byte
	}{
		{"domain", 28, m.domain},
		{"user name", 36, m.user},
		{"workstation", 44, nil},
		{"LM response", 12, m.lm},
		{"NT response", 20, m.nt},
		{"session key", 52, m.sessionKey},
	} {
		if len(field.value) > math.MaxUint16 {
			return nil, fmt.Errorf("ntlm: the %s has %d bytes, more than fit into a message", field.name, len(field.value))
		}
		binary.LittleEndian.PutUint16(b[field.at:], uint16(len(field.value)))
		binary.LittleEndian.PutUint16(b[field.at+2:], uint16(len(field.value)))
		binary.LittleEndian.PutUint32(b[field.at+4:], uint32(len(b)))
		b = append(b, field.value...)
	}
	return b, nil
}
