package ntlm

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The examples of MS-NLMP section 4.2. The names are those of the specification.
var (
	// 4.2.1 Common Values
	specIdentity         = Identity{User: "User", Domain: "Domain", Password: "Password"}
	specRandomSessionKey = bytes.Repeat([]byte{0x55}, 16)
	specClientChallenge  = [8]byte{0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa}
	specServerChallenge  = [8]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	specPlaintext        = utf16le("Plaintext")

	// 4.2.4.1.3 temp
	specTemp = unhex(`0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
		02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000`)

	// 4.2.4.3 Messages
	specChallenge = unhex(`4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000
		2400240044000000 060070170000000f 530065007200760065007200
		02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000`)
	specAuthenticate = unhex(`4e544c4d53535000 03000000 180018006c000000 5400540084000000 0c000c0048000000
		0800080054000000 100010005c000000 10001000d8000000 358288e2 0501280a0000000f
		44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200
		86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa
		68cd0ab851e51c96aabc927bebef6a1c 01010000000000000000000000000000 aaaaaaaaaaaaaaaa 00000000
		02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000
		c5dad2544fc9799094ce1ce90bc9d03e`)
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestKeysOfTheSpecification(t *testing.T) {
	t.Parallel()
	key := ntowfv2(specIdentity)
	info, err := parseChallenge(specChallenge)
	if err != nil {
		t.Fatal(err)
	}
	r := respond(key, specServerChallenge, specClientChallenge, 0, info.info.marshal())
	kex := uint32(flag128 | flagKeyExchange)
	for _, tc := range []struct {
		name string
		got  []byte
		want string
	}{
		{"4.2.4.1.1 NTOWFv2", key, "0c868a403bfd7a93a3001ef22ef02e3f"},
		{"4.2.4.1.2 session base key", r.sessionBaseKey, "8de40ccadbc14a82f15cb0ad0de95ca3"},
		{"4.2.4.2.1 LMv2 response", r.lm, "86c35097ac9cec102554764a57cccc19 aaaaaaaaaaaaaaaa"},
		{"4.2.4.2.2 NTLMv2 response", r.nt, "68cd0ab851e51c96aabc927bebef6a1c" + hex.EncodeToString(specTemp)},
		{"4.2.4.2.3 encrypted session key", encryptKey(r.sessionBaseKey, specRandomSessionKey), "c5dad2544fc9799094ce1ce90bc9d03e"},
		{"4.2.4.4 client's seal key", sealKey(specRandomSessionKey, kex, fromClient), "59f600973cc4960a25480a7c196e4c58"},
		{"4.2.4.4 client's sign key", signKey(specRandomSessionKey, fromClient), "4788dc861b4782f35d43fd98fe1a2d39"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(unhex(tc.want), tc.got); diff != "" {
				t.Errorf("(-specification +ours)\n%s", diff)
			}
		})
	}
}

// 4.2.4.4 seals the text and then signs it, with one RC4 stream; 4.2.3.4 does the same without key exchange, where
// the checksum stays as it is. A signature alone starts the stream at its beginning.
func TestSignaturesOfTheSpecification(t *testing.T) {
	t.Parallel()
	s := newSigner(specRandomSessionKey, flag128|flagKeyExchange, fromClient)
	sealed := make([]byte, len(specPlaintext))
	s.handle.XORKeyStream(sealed, specPlaintext)
	if diff := cmp.Diff(unhex("54e50165bf1936dc996020c1811b0f06fb5f"), sealed); diff != "" {
		t.Errorf("4.2.4.4 sealed text (-specification +ours)\n%s", diff)
	}
	if diff := cmp.Diff(unhex("01000000 7fb38ec5c55d4976 00000000"), s.sign(specPlaintext)); diff != "" {
		t.Errorf("4.2.4.4 signature (-specification +ours)\n%s", diff)
	}

	// The exported session key of 4.2.3.1.3, and a signature that is the plain HMAC with the key of 4.2.3.4.
	v1 := unhex("eb93429a8bd952f8b89c55b87f475edc")
	for _, tc := range []struct {
		name      string
		got, want []byte
	}{
		{"4.2.3.4 client's seal key of 56 bits", sealKey(v1, flag56, fromClient), unhex("04dd7f014d8504d265a25cc86a3a7c06")},
		{"4.2.3.4 client's sign key", signKey(v1, fromClient), unhex("60e799be5c72fc92922ae8ebe961fb8d")},
		{"4.2.3.4 signature", newSigner(v1, 0, fromClient).sign(specPlaintext), unhex("01000000 ff2aeb52f681793a 00000000")},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-specification +ours)\n%s", tc.name, diff)
		}
	}
}

// The specification's example has another VERSION, a workstation, and no pairs of the client's, so it is compared by
// field: what the same exchange makes here, less what the client adds.
func TestMessagesOfTheSpecification(t *testing.T) {
	t.Parallel()
	spec := readAuthenticate(t, specAuthenticate)
	r := respond(ntowfv2(specIdentity), specServerChallenge, specClientChallenge, 0, unhex(
		"02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000"))
	b, err := authenticateMessage{
		flags: spec.flags, domain: utf16le("Domain"), user: utf16le("User"), lm: r.lm, nt: r.nt,
		sessionKey: encryptKey(r.sessionBaseKey, specRandomSessionKey),
	}.marshal()
	if err != nil {
		t.Fatal(err)
	}
	ours := readAuthenticate(t, b)
	spec.workstation = ""
	if diff := cmp.Diff(spec, ours, cmp.AllowUnexported(authenticate{})); diff != "" {
		t.Errorf("AUTHENTICATE_MESSAGE of 4.2.4.3 (-specification +ours)\n%s", diff)
	}
	if want := len(specAuthenticate) - len(utf16le("COMPUTER")); len(b) != want {
		t.Errorf("%d bytes, want %d", len(b), want)
	}

	ch, err := parseChallenge(specChallenge)
	if err != nil {
		t.Fatal(err)
	}
	want := challenge{flags: 0xe28a8233, nonce: specServerChallenge, info: targetInfo{
		{2, utf16le("Domain")}, {1, utf16le("Server")},
	}}
	if diff := cmp.Diff(want, ch, cmp.AllowUnexported(challenge{}, avPair{})); diff != "" {
		t.Errorf("CHALLENGE_MESSAGE of 4.2.4.3 (-want +got)\n%s", diff)
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	want := unhex(`4e544c4d53535000 01000000 158288e2 0000000000000000 0000000000000000 0a0000000000000f`)
	c := New(specIdentity)
	got := c.Negotiate()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("NEGOTIATE_MESSAGE (-want +got)\n%s", diff)
	}
	clear(got)
	if diff := cmp.Diff(want, c.Negotiate()); diff != "" {
		t.Errorf("the caller can change it (-want +got)\n%s", diff)
	}
}

func TestFiletime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		when time.Time
		want uint64
	}{
		{time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 116444736000000000},
		{time.Date(2003, 6, 17, 10, 0, 0, 1234500, time.UTC), 127003176000012345},
	} {
		if got := filetime(tc.when); got != tc.want {
			t.Errorf("filetime(%v) = %d, want %d", tc.when, got, tc.want)
		}
	}
}
