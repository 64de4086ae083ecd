package spnego_test

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/httpauth/internal/spnego"
)

// unhex reads lines of hex, each with a comment after a semicolon.
func unhex(lines string) []byte {
	var digits strings.Builder
	for line := range strings.Lines(lines) {
		code, _, _ := strings.Cut(line, ";")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		panic(err)
	}
	return b
}

func TestInit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		mechs []spnego.OID
		token []byte
		want  string
	}{
		{"one mechanism", []spnego.OID{spnego.NTLM}, []byte("NTLMSSP\x00"), `
			60 28                             ; [APPLICATION 0]
			06 06 2b 06 01 05 05 02           ;   SPNEGO
			a0 1e 30 1c                       ;   [0] NegTokenInit
			a0 0e 30 0c                       ;     [0] mechTypes
			06 0a 2b 06 01 04 01 82 37 02 02 0a ;     NTLM
			a2 0a 04 08 4e 54 4c 4d 53 53 50 00 ;   [2] mechToken`},
		{"three mechanisms, no token", []spnego.OID{spnego.Kerberos, spnego.MSKerberos, spnego.NTLM}, nil, `
			60 32                             ; [APPLICATION 0]
			06 06 2b 06 01 05 05 02           ;   SPNEGO
			a0 28 30 26                       ;   [0] NegTokenInit
			a0 24 30 22                       ;     [0] mechTypes
			06 09 2a 86 48 86 f7 12 01 02 02  ;       Kerberos
			06 09 2a 86 48 82 f7 12 01 02 02  ;       Kerberos of Windows 2000
			06 0a 2b 06 01 04 01 82 37 02 02 0a ;     NTLM`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(unhex(tc.want), spnego.Init(tc.mechs, tc.token)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestMechList(t *testing.T) {
	t.Parallel()
	want := unhex("30 17 06 09 2a 86 48 86 f7 12 01 02 02 06 0a 2b 06 01 04 01 82 37 02 02 0a")
	if diff := cmp.Diff(want, spnego.MechList([]spnego.OID{spnego.Kerberos, spnego.NTLM})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Tokens in the shapes that servers give them, with shortened contents.
func TestParseResponse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, token string
		want        spnego.Response
	}{
		{
			"IIS, Kerberos done", `
			a1 22 30 20                            ; [1] NegTokenResp
			a0 03 0a 01 00                         ;   [0] accept-completed
			a1 0b 06 09 2a 86 48 82 f7 12 01 02 02 ;   [1] Kerberos of Windows 2000
			a2 0c 04 0a 60 08 06 06 2a 86 48 82 f7 12 ;   [2] AP-REP`,
			spnego.Response{State: spnego.AcceptCompleted, Mech: spnego.MSKerberos, Token: unhex("60 08 06 06 2a 86 48 82 f7 12")},
		},
		{
			"MIT, Kerberos done with a MIC", `
			a1 1b 30 19
			a0 03 0a 01 00
			a1 0b 06 09 2a 86 48 86 f7 12 01 02 02
			a3 05 04 03 04 04 05`,
			spnego.Response{State: spnego.AcceptCompleted, Mech: spnego.Kerberos, MechListMIC: []byte{4, 4, 5}},
		},
		{
			"IIS, NTLM challenge", `
			a1 1f 30 1d
			a0 03 0a 01 01                         ; accept-incomplete
			a1 0c 06 0a 2b 06 01 04 01 82 37 02 02 0a
			a2 08 04 06 4e 54 4c 4d 02 00`,
			spnego.Response{State: spnego.AcceptIncomplete, Mech: spnego.NTLM, Token: unhex("4e544c4d0200")},
		},
		{
			"MIT, another mechanism than the first", `
			a1 15 30 13
			a0 03 0a 01 03                         ; request-mic
			a1 0c 06 0a 2b 06 01 04 01 82 37 02 02 0a`,
			spnego.Response{State: spnego.RequestMIC, Mech: spnego.NTLM},
		},
		{"Samba, last word of NTLM", "a1 07 30 05 a0 03 0a 01 00", spnego.Response{State: spnego.AcceptCompleted}},
		{"Heimdal, reject", "a1 07 30 05 a0 03 0a 01 02", spnego.Response{State: spnego.Reject}},
		{"no state", "a1 07 30 05 a2 03 04 01 07", spnego.Response{Token: []byte{7}}},
		{"nothing at all", "a1 02 30 00", spnego.Response{}},
		{"empty token", "a1 06 30 04 a2 02 04 00", spnego.Response{Token: []byte{}}},
		{"without the choice", "30 05 a0 03 0a 01 00", spnego.Response{State: spnego.AcceptCompleted}},
		{
			"with a GSS-API header", `
			60 11                                  ; [APPLICATION 0]
			06 06 2b 06 01 05 05 02
			a1 07 30 05 a0 03 0a 01 01`,
			spnego.Response{State: spnego.AcceptIncomplete},
		},
		{
			"Windows 2000, its token for a MIC", `
			a1 13 30 11 a0 03 0a 01 00
			a2 04 04 02 60 00
			a3 04 04 02 60 00`,
			spnego.Response{State: spnego.AcceptCompleted, Token: []byte{0x60, 0}},
		},
		{
			"lengths beyond 127", "a1 81 90 30 81 8d a2 81 8a 04 81 87" + strings.Repeat("5a", 135),
			spnego.Response{Token: []byte(strings.Repeat("Z", 135))},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := spnego.ParseResponse(unhex(tc.token))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRefusedResponses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, token, want string }{
		{"empty", "", "cannot be read"},
		{"cut off", "a1 07 30 05 a0 03 0a 01", "cannot be read"},
		{"trailing byte", "a1 07 30 05 a0 03 0a 01 00 00", "cannot be read"},
		{"trailing byte in the choice", "a1 08 30 05 a0 03 0a 01 00 00", "cannot be read"},
		{"trailing byte in the sequence", "a1 08 30 06 a0 03 0a 01 00 00", "cannot be read"},
		{"trailing byte in the state", "a1 08 30 06 a0 04 0a 01 00 00", "cannot be read"},
		{"trailing byte in the mechanism", "a1 08 30 06 a1 04 06 01 2a 00", "cannot be read"},
		{"trailing byte in the token", "a1 08 30 06 a2 04 04 01 00 00", "cannot be read"},
		{"state 4", "a1 07 30 05 a0 03 0a 01 04", "cannot be read"},
		{"state -1", "a1 07 30 05 a0 03 0a 01 ff", "cannot be read"},
		{"state is an integer", "a1 07 30 05 a0 03 02 01 00", "cannot be read"},
		{"broken mechanism", "a1 08 30 06 a1 04 06 02 2a 86", "cannot be read"},
		{"fields in the wrong order", "a1 0c 30 0a a2 03 04 01 07 a0 03 0a 01 00", "cannot be read"},
		{"field twice", "a1 0c 30 0a a0 03 0a 01 00 a0 03 0a 01 00", "cannot be read"},
		{"unknown field", "a1 07 30 05 a4 03 04 01 00", "cannot be read"},
		{"length longer than need be", "a1 81 07 30 05 a0 03 0a 01 00", "cannot be read"},
		{"indefinite length", "a1 80 30 05 a0 03 0a 01 00 00 00", "cannot be read"},
		{"bare NTLM", "4e 54 4c 4d 53 53 50 00 02 00 00 00", "cannot be read"},
		{"a NegTokenInit", "60 0e 06 06 2b 06 01 05 05 02 a0 04 30 02 a0 00", "began"},
		{"bare Kerberos", "60 0d 06 09 2a 86 48 86 f7 12 01 02 02 02 00", "1.2.840.113554.1.2.2"},
		{"header cut off", "60 0e 06 06 2b 06 01 05 05", "header"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := spnego.ParseResponse(unhex(tc.token))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v, %v; want an error with %q", got, err, tc.want)
			}
			if diff := cmp.Diff(spnego.Response{}, got); diff != "" {
				t.Errorf("something with an error: %s", diff)
			}
		})
	}
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		r    spnego.Response
		want string
	}{
		{"token", spnego.Response{Token: []byte{1, 2}}, "a1 08 30 06 a2 04 04 02 01 02"},
		{"empty token", spnego.Response{Token: []byte{}}, "a1 06 30 04 a2 02 04 00"},
		{"token and MIC", spnego.Response{Token: []byte{1}, MechListMIC: []byte{2}}, "a1 0c 30 0a a2 03 04 01 01 a3 03 04 01 02"},
		{"MIC alone", spnego.Response{MechListMIC: []byte{2}}, "a1 07 30 05 a3 03 04 01 02"},
	} {
		if diff := cmp.Diff(unhex(tc.want), tc.r.Marshal()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tc.name, diff)
		}
	}
}

// The structures of RFC 4178 section 4.2 for encoding/asn1.
type negTokenInit struct {
	MechTypes []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	MechToken []byte                  `asn1:"explicit,optional,omitempty,tag:2"`
}

type negTokenResp struct {
	NegState      asn1.Enumerated       `asn1:"explicit,optional,tag:0,default:-1"`
	SupportedMech asn1.ObjectIdentifier `asn1:"explicit,optional,tag:1"`
	ResponseToken []byte                `asn1:"explicit,optional,omitempty,tag:2"`
	MechListMIC   []byte                `asn1:"explicit,optional,omitempty,tag:3"`
}

// TestAgainstEncodingASN1 compares with the codec of the standard library, both ways.
func TestAgainstEncodingASN1(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 127, 128, 255, 256, 4096} {
		token := []byte(strings.Repeat("t", size))
		mechs := []spnego.OID{spnego.Kerberos, spnego.NTLM}
		var outer, choice asn1.RawValue
		var mech asn1.ObjectIdentifier
		var init negTokenInit
		if _, err := asn1.Unmarshal(spnego.Init(mechs, token), &outer); err != nil {
			t.Fatal(size, err)
		}
		rest, err := asn1.Unmarshal(outer.Bytes, &mech)
		if err != nil {
			t.Fatal(size, err)
		}
		if _, err = asn1.Unmarshal(rest, &choice); err == nil {
			_, err = asn1.Unmarshal(choice.Bytes, &init)
		}
		if diff := cmp.Diff(negTokenInit{mechs, token}, init); err != nil || diff != "" {
			t.Errorf("Init with %d bytes: %v (-want +got)\n%s", size, err, diff)
		}

		for state := range asn1.Enumerated(4) {
			seq, err := asn1.Marshal(negTokenResp{state, spnego.NTLM, token, []byte("mic")})
			if err != nil {
				t.Fatal(err)
			}
			b, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: seq})
			if err != nil {
				t.Fatal(err)
			}
			want := spnego.Response{State: spnego.AcceptCompleted + spnego.State(state), Mech: spnego.NTLM, Token: token, MechListMIC: []byte("mic")}
			got, err := spnego.ParseResponse(b)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%d bytes, state %d: %v (-want +got)\n%s", size, state, err, diff)
			}
			if diff := cmp.Diff(b, want.Marshal()); diff != "" {
				t.Errorf("%d bytes, state %d: Marshal (-want +got)\n%s", size, state, diff)
			}
		}
	}
}

func TestStateNames(t *testing.T) {
	t.Parallel()
	want := []string{"absent", "accept-completed", "accept-incomplete", "reject", "request-mic", "State(5)"}
	for i, name := range want {
		if got := spnego.State(i).String(); got != name {
			t.Errorf("State(%d) is %q, want %q", i, got, name)
		}
	}
}

// What is read is read again from what Marshal makes of it.
func FuzzResponse(f *testing.F) {
	for _, token := range []string{
		"a1 07 30 05 a0 03 0a 01 00",
		"a1 13 30 11 a0 03 0a 01 00 a2 04 04 02 60 00 a3 04 04 02 60 00",
		"60 11 06 06 2b 06 01 05 05 02 a1 07 30 05 a0 03 0a 01 01",
		"a1 1f 30 1d a0 03 0a 01 01 a1 0c 06 0a 2b 06 01 04 01 82 37 02 02 0a a2 08 04 06 4e 54 4c 4d 02 00",
		"30 05 a0 03 0a 01 00",
	} {
		f.Add(unhex(token))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := spnego.ParseResponse(b)
		if err != nil {
			return
		}
		twice, err := spnego.ParseResponse(once.Marshal())
		if diff := cmp.Diff(once, twice); err != nil || diff != "" {
			t.Errorf("%x: %v (-once +twice)\n%s", b, err, diff)
		}
	})
}
