package ntlm

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Identity is an account and its password. String, GoString, LogValue and MarshalJSON leave the password out.
type Identity struct {
	User     string // as typed; never empty: anonymous logons are refused
	Domain   string // as typed, "" if none was
	Password string
}

// ParseUser splits a name in one of the forms that people type:
//
//	DOMAIN\user   an account of a domain or, if the server has none of that name, of the server itself
//	user@realm    a user principal name: the whole is the user, and the server finds the domain
//	user          an account of whatever domain the server takes for its own
//
// A bare name keeps an empty domain, as with curl. Filling in the TargetName of the challenge instead would let the
// server choose what is hashed, and breaks the logon when that is not the account's domain.
func ParseUser(user, password string) Identity {
	if domain, name, ok := strings.Cut(user, `\`); ok {
		return Identity{User: name, Domain: domain, Password: password}
	}
	return Identity{User: user, Password: password}
}

// String returns the name in the form that ParseUser reads.
func (id Identity) String() string {
	if id.Domain == "" {
		return id.User
	}
	return id.Domain + `\` + id.User
}

// GoString is for %#v.
func (id Identity) GoString() string { return fmt.Sprintf("ntlm.Identity{%q}", id.String()) }

// LogValue is for log/slog.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }

// MarshalText is for encoding/json.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// utf16le encodes s as MS-NLMP wants every string: UTF-16, little-endian, without a terminator. The capacity is
// enough from the start, so that encoding a password leaves no copies behind.
func utf16le(s string) []byte {
	out := make([]byte, 0, 2*len(s))
	var units [2]uint16
	for _, r := range s {
		for _, unit := range utf16.AppendRune(units[:0], r) {
			out = binary.LittleEndian.AppendUint16(out, unit)
		}
	}
	return out
}

// upperCase is RtlUpcaseUnicodeString, which is what a Windows server applies to the user's name: section 3.1.5.3 of
// MS-UCODEREF. Its table looks at one UTF-16 unit at a time and is older and smaller than Unicode's: nothing beyond
// the first plane, no letter whose capital has another small letter (ß, ı, ſ, µ, ς), and no capitals for modern
// Georgian.
func upperCase(s string) string {
	return strings.Map(func(r rune) rune {
		upper := unicode.ToUpper(r)
		if r > 0xFFFF || unicode.ToLower(upper) != r || 'ა' <= r && r <= 'ჿ' {
			return r
		}
		return upper
	}, s)
}
