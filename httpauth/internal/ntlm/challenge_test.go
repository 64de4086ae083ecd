package ntlm

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

func TestRefusedChallenges(t *testing.T) {
	t.Parallel()
	set32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[at:], v)
			return b
		}
	}
	set16 := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte {
			binary.LittleEndian.PutUint16(b[at:], v)
			return b
		}
	}
	for _, tc := range []struct {
		name   string
		pairs  []byte // nil is a proper list
		change func([]byte) []byte
		want   string
	}{
		{"empty", nil, func([]byte) []byte { return nil }, "cut off at 0"},
		{"cut in the header", nil, func(b []byte) []byte { return b[:31] }, "cut off at 31"},
		{"cut before the target info", nil, func(b []byte) []byte { return b[:47] }, "cut off at 47"},
		{"cut in the payload", nil, func(b []byte) []byte { return b[:len(b)-1] }, "do not fit"},
		{"huge", nil, func(b []byte) []byte { return append(b, make([]byte, 64<<10)...) }, "more than 65536"},
		{"another protocol", nil, func(b []byte) []byte { b[0] = 'X'; return b }, "NTLMSSP"},
		{"a NEGOTIATE", nil, set32(8, 1), "type 1"},
		{"an AUTHENTICATE", nil, set32(8, 3), "type 3"},
		{"no Unicode", nil, set32(20, windowsFlags&^flagUnicode), "Unicode"},
		{"no extended session security", nil, set32(20, windowsFlags&^flagExtendedSessionSecurity), "only NTLMv1"},
		{"no target info", nil, set32(20, windowsFlags&^flagTargetInfo), "only NTLMv1"},
		{"NTLMv1, of 40 bytes", nil, func(b []byte) []byte { return set32(20, 0x8201)(b)[:40] }, "only NTLMv1"},
		{"name outside", nil, set32(16, 1<<20), "target name"},
		{"info inside the header", nil, set32(44, 47), "do not fit"},
		{"info outside", nil, set32(44, 0xffffffff), "do not fit"},
		{"info too long", nil, set16(40, 0xffff), "do not fit"},
		{"info empty", nil, set16(40, 0), "no end"},
		{"info without an end", pair(2, wide("D")), nil, "no end"},
		{"info with half a pair", append(pair(2, wide("D")), 0, 0, 0), nil, "no end"},
		{"pair cut off", append(pair(2, wide("D")), 1, 0, 5, 0, 0, 0), nil, "pair 1"},
		{"pair twice", bytes.Join([][]byte{domainPair, domainPair, {0, 0, 0, 0}}, nil), nil, "pair 2 of the target info comes twice"},
		{"time of 7 bytes", append(pair(7, make([]byte, 7)), 0, 0, 0, 0), nil, "pair 7 of the target info has 7"},
		{"flags of 8 bytes", append(pair(6, make([]byte, 8)), 0, 0, 0, 0), nil, "pair 6 of the target info has 8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := newAcceptor(t, domainPair, stampPair)
			if tc.pairs != nil {
				a.pairs = tc.pairs
			}
			b := a.challenge()
			if tc.change != nil {
				b = tc.change(b)
			}
			got, err := New(specIdentity).Authenticate(b, Params{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %x, %v; want an error with %q", got, err, tc.want)
			}
		})
	}
}

// A list may be followed by padding, and the payload may begin right after the header without a VERSION.
func TestToleratedChallenges(t *testing.T) {
	t.Parallel()
	padded := newAcceptor(t, domainPair)
	padded.pairs = append(padded.pairs, 0, 0, 0, 0)
	if refusal := answer(t, padded, New(specIdentity), Params{}); refusal != "" {
		t.Error("padding: refused:", refusal)
	}
	short := newAcceptor(t)
	short.flags &^= flagVersion
	b := short.challenge()
	b = append(b[:48:48], 0, 0, 0, 0)
	clear(b[12:20])
	binary.LittleEndian.PutUint32(b[44:], 48)
	m, err := New(specIdentity).Authenticate(b, Params{})
	if err != nil {
		t.Fatal("no VERSION:", err)
	}
	if refusal := short.accept(m); refusal != "" {
		t.Error("no VERSION: refused:", refusal)
	}
}

// Whatever the server sends: an answer that a server takes, or an error.
func FuzzChallenge(f *testing.F) {
	f.Add(specChallenge)
	f.Add(newAcceptor(f, domainPair, stampPair).challenge())
	f.Add(newAcceptor(f, pair(6, make([]byte, 4)), stampPair, pair(10, someHash), pair(9, nil)).challenge())
	f.Add(newAcceptor(f, pair(6, []byte{2, 0, 0, 0})).challenge())
	f.Add([]byte("NTLMSSP\x00\x02\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := New(specIdentity)
		m, err := c.Authenticate(b, Params{TargetName: "HTTP/localhost", Binding: someHash})
		if err != nil {
			if m != nil || !strings.HasPrefix(err.Error(), "ntlm: ") {
				t.Fatalf("%x with %v", m, err)
			}
			return
		}
		a := newAcceptor(t)
		a.nonce = b[24:32]
		a.negotiate = c.Negotiate()
		a.received = b
		if refusal := a.accept(m); refusal != "" {
			t.Fatal("refused:", refusal)
		}
		pairs := a.sentPairs()
		if !bytes.Equal(pairs[10], someHash) || !bytes.Equal(pairs[9], wide("HTTP/localhost")) {
			t.Fatalf("binding %x, name %q", pairs[10], pairs[9])
		}
	})
}
