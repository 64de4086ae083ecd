// Package spnego encodes and decodes the tokens of SPNEGO (RFC 4178) as a client needs them: how client and server
// agree on Kerberos or NTLM inside the HTTP scheme Negotiate (RFC 4559). It makes no decisions.
//
// A server whose only mechanism is NTLM may answer with a bare NTLMSSP message, or take one; such a token does not
// come here.
package spnego

import (
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// OID names a mechanism.
type OID = asn1.ObjectIdentifier

// The mechanisms.
var (
	Kerberos = OID{1, 2, 840, 113554, 1, 2, 2} // RFC 4121
	// MSKerberos is how Windows 2000 spelled Kerberos, one digit being lost in 16 bits; servers still answer with it
	// (MS-SPNG section 1.9). The mechanism is the same.
	MSKerberos = OID{1, 2, 840, 48018, 1, 2, 2}
	NTLM       = OID{1, 3, 6, 1, 4, 1, 311, 2, 2, 10} // MS-NLMP section 1.9
)

var spnego = OID{1, 3, 6, 1, 5, 5, 2}

// The tags of RFC 4178 section 4.2. The fields of NegTokenInit and NegTokenResp are numbered from 0 in each.
var (
	tagGSS          = tags.Tag(0).Constructed() | 0x40 // [APPLICATION 0], RFC 2743 section 3.1
	tagNegTokenInit = field(0)
	tagNegTokenResp = field(1)
)

func field(n uint8) tags.Tag { return tags.Tag(n).ContextSpecific().Constructed() }

// Init returns the client's first token: a NegTokenInit in a GSS-API header. mechs are in order of preference, and
// mechToken is the first token of the first of them; nil leaves it out.
func Init(mechs []OID, mechToken []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tagGSS, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(spnego)
		b.AddASN1(tagNegTokenInit, func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(field(0), func(b *cryptobyte.Builder) { b.AddBytes(MechList(mechs)) })
				addOctets(b, 2, mechToken)
			})
		})
	})
	return b.BytesOrPanic() // panics for an impossible OID
}

// MechList returns the MechTypeList of Init as it is on the wire, which is what both mechListMICs are made of
// (RFC 4178 section 5).
func MechList(mechs []OID) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, m := range mechs {
			b.AddASN1ObjectIdentifier(m)
		}
	})
	return b.BytesOrPanic() // panics for an impossible OID
}

// State is the negState of a NegTokenResp.
type State int

// The states of RFC 4178 section 4.2.2. A server leaves it out only after its first answer, a client always.
const (
	Absent           State = iota
	AcceptCompleted        // the client is authenticated, if the mechanism thinks so too
	AcceptIncomplete       // another token is due
	Reject                 // no mechanism in common, or the one chosen failed
	RequestMIC             // as AcceptIncomplete, and the mechListMICs must be exchanged
)

// String returns the name of RFC 4178.
func (s State) String() string {
	switch s {
	case Absent:
		return "absent"
	case AcceptCompleted:
		return "accept-completed"
	case AcceptIncomplete:
		return "accept-incomplete"
	case Reject:
		return "reject"
	case RequestMIC:
		return "request-mic"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

// Response is a NegTokenResp: every token after the client's first, from either side.
type Response struct {
	State       State
	Mech        OID    // what the server chose, nil if it does not say
	Token       []byte // of the mechanism; nil if there is none
	MechListMIC []byte // nil if there is none
}

// ParseResponse reads the server's token. It also reads one with a GSS-API header in front, which old servers send,
// and one without the tag of the choice. It keeps nothing of b.
//
// The error means that b is no NegTokenResp, or not in DER.
func ParseResponse(b []byte) (Response, error) {
	var r Response
	in := cryptobyte.String(b)
	if in.PeekASN1Tag(tagGSS) {
		var mech OID
		if !unwrap(&in, tagGSS) || !in.ReadASN1ObjectIdentifier(&mech) {
			return r, errors.New("spnego: the server's token has a damaged GSS-API header")
		}
		if !mech.Equal(spnego) {
			return r, fmt.Errorf("spnego: the server's token is of mechanism %v, not SPNEGO", mech)
		}
	}
	if in.PeekASN1Tag(tagNegTokenInit) {
		return r, errors.New("spnego: the server began a negotiation where an answer is due")
	}
	if in.PeekASN1Tag(tagNegTokenResp) && !unwrap(&in, tagNegTokenResp) || !unwrap(&in, tags.SEQUENCE) || !r.read(in) {
		return Response{}, errors.New("spnego: the server's token cannot be read")
	}
	// Windows 2000 repeated its token in place of the MIC.
	if string(r.MechListMIC) == string(r.Token) {
		r.MechListMIC = nil
	}
	return r, nil
}

// read reads the fields of a NegTokenResp, each of which may be missing.
func (r *Response) read(in cryptobyte.String) bool {
	var f cryptobyte.String
	var there bool
	if !in.ReadOptionalASN1(&f, &there, field(0)) {
		return false
	}
	if there {
		var n int
		if !f.ReadASN1Enum(&n) || !f.Empty() || n < 0 || n > int(RequestMIC-AcceptCompleted) {
			return false
		}
		r.State = AcceptCompleted + State(n)
	}
	if !in.ReadOptionalASN1(&f, &there, field(1)) || there && (!f.ReadASN1ObjectIdentifier(&r.Mech) || !f.Empty()) {
		return false
	}
	return readOctets(&in, 2, &r.Token) && readOctets(&in, 3, &r.MechListMIC) && in.Empty()
}

// Marshal returns r as it is on the wire, with the tag of the choice and without a GSS-API header.
func (r Response) Marshal() []byte {
	var b cryptobyte.Builder
	b.AddASN1(tagNegTokenResp, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			if r.State != Absent {
				b.AddASN1(field(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(r.State - AcceptCompleted)) })
			}
			if r.Mech != nil {
				b.AddASN1(field(1), func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(r.Mech) })
			}
			addOctets(b, 2, r.Token)
			addOctets(b, 3, r.MechListMIC)
		})
	})
	return b.BytesOrPanic() // panics for an impossible OID
}

// unwrap replaces in by the contents of its only element, which has the tag.
func unwrap(in *cryptobyte.String, tag tags.Tag) bool {
	var contents cryptobyte.String
	if !in.ReadASN1(&contents, tag) || !in.Empty() {
		return false
	}
	*in = contents
	return true
}

func addOctets(b *cryptobyte.Builder, n uint8, v []byte) {
	if v != nil {
		b.AddASN1(field(n), func(b *cryptobyte.Builder) { b.AddASN1OctetString(v) })
	}
}

// readOctets reads the optional field n; an empty string is there, and not nil.
func readOctets(in *cryptobyte.String, n uint8, out *[]byte) bool {
	var f, octets cryptobyte.String
	var there bool
	if !in.ReadOptionalASN1(&f, &there, field(n)) {
		return false
	}
	if !there {
		return true
	}
	if !f.ReadASN1(&octets, tags.OCTET_STRING) || !f.Empty() {
		return false
	}
	*out = append([]byte{}, octets...)
	return true
}
