package ntlm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	domainPair = pair(2, wide("Domain"))
	stampPair  = pair(7, unhex("0090d336b734c301"))
	someHash   = bytes.Repeat([]byte{0xcb}, 16)
)

func answer(t *testing.T, a *acceptor, c *Client, p Params) (refusal string) {
	t.Helper()
	a.negotiate = c.Negotiate()
	b, err := c.Authenticate(a.challenge(), p)
	if err != nil {
		t.Fatal(err)
	}
	return a.accept(b)
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	noLM := make([]byte, 24)
	for _, tc := range []struct {
		name   string
		server func(*acceptor)
		pairs  [][]byte
		params Params
		want   map[uint16][]byte // pairs of the answer
		mic    bool
	}{
		{
			name: "the server's clock", pairs: [][]byte{domainPair, stampPair}, mic: true,
			want: map[uint16][]byte{2: wide("Domain"), 6: {2, 0, 0, 0}, 7: stampPair[4:], 9: {}, 10: make([]byte, 16)},
		},
		{
			name: "the client's clock", pairs: [][]byte{domainPair},
			want: map[uint16][]byte{2: wide("Domain"), 9: {}, 10: make([]byte, 16)},
		},
		{
			name: "bound to a channel and a name", pairs: [][]byte{stampPair}, mic: true,
			params: Params{TargetName: "HTTP/www.example.com", Binding: someHash},
			want:   map[uint16][]byte{6: {2, 0, 0, 0}, 7: stampPair[4:], 9: wide("HTTP/www.example.com"), 10: someHash},
		},
		{
			name: "flags are kept", pairs: [][]byte{pair(6, []byte{1, 0, 0, 9}), stampPair}, mic: true,
			want: map[uint16][]byte{6: {3, 0, 0, 9}, 7: stampPair[4:], 9: {}, 10: make([]byte, 16)},
		},
		{
			name: "the server does not speak for the client", pairs: [][]byte{pair(10, someHash), pair(9, wide("HTTP/evil")), pair(77, []byte{1})},
			params: Params{TargetName: "HTTP/good"},
			want:   map[uint16][]byte{9: wide("HTTP/good"), 10: make([]byte, 16), 77: {1}},
		},
		{
			name: "no MIC without the server's clock", pairs: [][]byte{pair(6, []byte{7, 0, 0, 0})},
			want: map[uint16][]byte{6: {5, 0, 0, 0}, 9: {}, 10: make([]byte, 16)},
		},
		{
			name: "no key exchange", pairs: [][]byte{stampPair}, mic: true,
			server: func(a *acceptor) { a.flags &^= flagKeyExchange },
			want:   map[uint16][]byte{6: {2, 0, 0, 0}, 7: stampPair[4:], 9: {}, 10: make([]byte, 16)},
		},
		{
			name:   "weak keys",
			server: func(a *acceptor) { a.flags &^= flag128 | flag56 },
			want:   map[uint16][]byte{9: {}, 10: make([]byte, 16)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := newAcceptor(t, tc.pairs...)
			if tc.server != nil {
				tc.server(a)
			}
			c := New(specIdentity)
			c.now = func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
			if refusal := answer(t, a, c, tc.params); refusal != "" {
				t.Fatal("refused:", refusal)
			}
			if diff := cmp.Diff(tc.want, a.sentPairs()); diff != "" {
				t.Errorf("pairs (-want +got)\n%s", diff)
			}
			when := filetime(c.now())
			if tc.mic {
				when = 127003176000000000 // stampPair
			}
			if got := binary.LittleEndian.Uint64(a.sent.nt[24:]); got != when {
				t.Errorf("time %d, want %d", got, when)
			}
			if tc.mic != bytes.Equal(a.sent.lm, noLM) {
				t.Errorf("LM response %x with MIC %v", a.sent.lm, tc.mic)
			}
			if want := a.flags & requested; a.sent.flags != want {
				t.Errorf("flags %08x, want the negotiated %08x", a.sent.flags, want)
			}
		})
	}
}

func TestWrongPasswordAndChangedMessages(t *testing.T) {
	t.Parallel()
	a := newAcceptor(t, stampPair)
	c := New(Identity{User: "User", Domain: "Domain", Password: "password"})
	if got := answer(t, a, c, Params{}); got != "wrong password" {
		t.Errorf("with the wrong password: %q", got)
	}
	for _, at := range []int{12, 68, 72} { // of NEGOTIATE, and the VERSION and the MIC of AUTHENTICATE
		a := newAcceptor(t, stampPair)
		c := New(specIdentity)
		a.negotiate = c.Negotiate()
		b, err := c.Authenticate(a.challenge(), Params{})
		if err != nil {
			t.Fatal(err)
		}
		if at == 12 {
			a.negotiate[at] ^= 1
		} else {
			b[at] ^= 1
		}
		if got := a.accept(b); got != "wrong MIC" {
			t.Errorf("with byte %d changed: %q", at, got)
		}
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	message := []byte("0\x0c\x06\n+\x06\x01\x04\x01\x827\x02\x02\n") // a MechTypeList
	for _, tc := range []struct {
		name  string
		flags uint32
	}{
		{"with key exchange", windowsFlags},
		{"without key exchange", windowsFlags &^ flagKeyExchange},
		{"56 bits", windowsFlags &^ flag128},
		{"40 bits", windowsFlags &^ (flag128 | flag56)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := newAcceptor(t, stampPair)
			a.flags = tc.flags
			c := New(specIdentity)
			if c.Sign(message) != nil {
				t.Error("signed before there is a key")
			}
			if refusal := answer(t, a, c, Params{}); refusal != "" {
				t.Fatal("refused:", refusal)
			}
			if diff := cmp.Diff(a.signature(message, "client-to-server"), c.Sign(message)); diff != "" {
				t.Errorf("the client's signature (-want +got)\n%s", diff)
			}
			if second := c.Sign(message); !bytes.HasSuffix(second, []byte{1, 0, 0, 0}) {
				t.Errorf("the second signature is not counted: %x", second)
			}
			if err := c.Verify(message, a.signature(message, "server-to-client")); err != nil {
				t.Error("the server's signature:", err)
			}
			if err := c.Verify(message, a.signature(message, "server-to-client")); err == nil {
				t.Error("the same signature was taken twice")
			}
		})
	}
	t.Run("reflected", func(t *testing.T) {
		t.Parallel()
		a := newAcceptor(t)
		c := New(specIdentity)
		answer(t, a, c, Params{})
		if err := c.Verify(message, a.signature(message, "client-to-server")); err == nil {
			t.Error("the client's own signature was taken for the server's")
		}
	})
	t.Run("not negotiated", func(t *testing.T) {
		t.Parallel()
		a := newAcceptor(t)
		a.flags &^= flagSign
		c := New(specIdentity)
		answer(t, a, c, Params{})
		if sig := c.Sign(message); sig != nil {
			t.Errorf("signed: %x", sig)
		}
		if err := c.Verify(message, a.signature(message, "server-to-client")); err == nil {
			t.Error("verified")
		}
	})
}

func TestAuthenticateOnce(t *testing.T) {
	t.Parallel()
	a := newAcceptor(t)
	c := New(specIdentity)
	key := c.responseKey
	answer(t, a, c, Params{})
	if !bytes.Equal(key, make([]byte, 16)) {
		t.Errorf("the key is still there: %x", key)
	}
	if _, err := c.Authenticate(a.challenge(), Params{}); err == nil {
		t.Error("answered a second challenge")
	}
	sent := c.sent.key
	c.Wipe()
	if !bytes.Equal(sent, make([]byte, 16)) || c.Sign(nil) != nil {
		t.Errorf("after Wipe: key %x", sent)
	}
}

func TestRefusedParameters(t *testing.T) {
	t.Parallel()
	broken := New(specIdentity)
	broken.rand = iotest.ErrReader(errors.New("out of entropy"))
	for _, tc := range []struct {
		name   string
		client *Client
		params Params
		want   string
	}{
		{"anonymous", New(Identity{}), Params{}, "anonymous"},
		{"anonymous of a domain", New(ParseUser(`DOM\`, "")), Params{}, "anonymous"},
		{"short binding", New(specIdentity), Params{Binding: make([]byte, 15)}, "15"},
		{"empty binding", New(specIdentity), Params{Binding: []byte{}}, "not 0"},
		{"endless target name", New(specIdentity), Params{TargetName: strings.Repeat("x", 1<<15)}, "NT response"},
		{"endless user name", New(Identity{User: strings.Repeat("x", 1<<15)}), Params{}, "user name"},
		{"no entropy", broken, Params{}, "out of entropy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b, err := tc.client.Authenticate(newAcceptor(t).challenge(), tc.params)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %x, %v; want an error with %q", b, err, tc.want)
			}
		})
	}
}

func TestParseUser(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in, user, domain string
	}{
		{`DOM\user`, "user", "DOM"},
		{`DOM\us\er`, `us\er`, "DOM"},
		{`\user`, "user", ""},
		{"user@realm.example", "user@realm.example", ""},
		{"user", "user", ""},
		{"jürgen", "jürgen", ""},
		{"", "", ""},
	} {
		want := Identity{User: tc.user, Domain: tc.domain, Password: "p"}
		if diff := cmp.Diff(want, ParseUser(tc.in, "p")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tc.in, diff)
		}
	}
}

func TestPasswordStaysInside(t *testing.T) {
	t.Parallel()
	id := Identity{User: "user", Domain: "DOM", Password: "Wonderland1"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "id", id)
	text, err := json.Marshal(map[string]any{"id": id})
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprint(id) + fmt.Sprintf("%v %+v %#v %q", id, id, id, id) + log.String() + string(text)
	out += fmt.Sprintf("%+v %#v", New(id), New(id))
	if strings.Contains(out, "Wonderland1") || !strings.Contains(out, `DOM\user`) {
		t.Errorf("printed: %s", out)
	}
}

// What Windows's table does, where it differs from strings.ToUpper.
func TestUpperCase(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"user.Name-1": "USER.NAME-1",
		"jürgen":      "JÜRGEN",
		"strauß":      "STRAUß",
		"ışık":        "ıŞıK",
		"µſ":          "µſ",
		"γιώργος":     "ΓΙΏΡΓΟς",
		"ива́н":       "ИВА́Н",
		"ÿ":           "Ÿ",
		"ǅǆ":          "ǅǄ",
		"ɐ":           "Ɐ",
		"ᾳ":           "ᾼ",
		"გიორგი":      "გიორგი",
		"𐐨":           "𐐨",
	} {
		if got := upperCase(in); got != want {
			t.Errorf("upperCase(%q) = %q, want %q", in, got, want)
		}
	}
}
