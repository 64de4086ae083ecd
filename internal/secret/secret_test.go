package secret

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

const (
	jobA = job.ID("3f2a41c7-0000-4000-8000-00000000000a")
	jobB = job.ID("3f2a41c7-0000-4000-8000-00000000000b")
)

// sealedVersionOne is "user:pass" for jobA, credentials/server/basic, under testKey.
const sealedVersionOne = "01044da7c42c93a4eb173948700b004d10a8da0681d51c58d4c304a02b23" +
	"f486b7f2b15dbb7632974ccb7335ad457caf66df"

var testKey = []byte("0123456789abcdefghijklmnopqrstuv")

func testBox(t testing.TB) *Box {
	t.Helper()
	b, err := newBox(testKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seal(t testing.TB, b *Box, plain string) []byte {
	t.Helper()
	sealed, err := b.Seal(jobA, "credentials/server/basic", []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealedSecretOpens(t *testing.T) {
	t.Parallel()
	b := testBox(t)
	for _, plain := range []string{"", "x", "pässwörd\x00\xff", strings.Repeat("long", MaxSize/4)} {
		sealed := seal(t, b, plain)
		if plain != "" && plain != "x" && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("the sealed secret of %d bytes shows it", len(plain))
		}
		got, err := b.Open(jobA, "credentials/server/basic", sealed)
		if err != nil || string(got) != plain {
			t.Errorf("Open = %d bytes, %v; want the %d sealed ones", len(got), err, len(plain))
		}
	}
	if bytes.Equal(seal(t, b, "same"), seal(t, b, "same")) {
		t.Error("sealing twice gave the same bytes: the nonce repeats")
	}
}

func TestSealRefusesTooLong(t *testing.T) {
	t.Parallel()
	if _, err := testBox(t).Seal(jobA, "headers", make([]byte, MaxSize+1)); err == nil {
		t.Error("Seal took more than MaxSize bytes")
	}
}

func TestSealedSecretIsBoundToItsPlace(t *testing.T) {
	t.Parallel()
	b := testBox(t)
	sealed := seal(t, b, "secret")
	other, err := newBox([]byte("another key of exactly 32 bytes!"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		what string
		box  *Box
		id   job.ID
		name string
	}{
		{"another job", b, jobB, "credentials/server/basic"},
		{"another scheme", b, jobA, "credentials/server/digest"},
		{"another target", b, jobA, "credentials/proxy/basic"},
		{"no job", b, "", "credentials/server/basic"},
		{"the border moved", b, jobA + "c", "redentials/server/basic"},
		{"all in the name", b, "", string(jobA) + "credentials/server/basic"},
		{"another key", other, jobA, "credentials/server/basic"},
	}
	for _, tt := range tests {
		if got, err := tt.box.Open(tt.id, tt.name, sealed); !errors.Is(err, ErrSealed) || got != nil {
			t.Errorf("%s: Open = %q, %v; want ErrSealed", tt.what, got, err)
		}
	}
}

func TestTamperedSecretStaysShut(t *testing.T) {
	t.Parallel()
	b := testBox(t)
	sealed := seal(t, b, "secret")
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := b.Open(jobA, "credentials/server/basic", changed); !errors.Is(err, ErrSealed) {
				t.Errorf("byte %d bit %d flipped: error %v, want ErrSealed", i, bit, err)
			}
		}
		if _, err := b.Open(jobA, "credentials/server/basic", sealed[:i]); !errors.Is(err, ErrSealed) {
			t.Errorf("cut to %d bytes: error %v, want ErrSealed", i, err)
		}
	}
	if _, err := b.Open(jobA, "credentials/server/basic", append(sealed, 0)); !errors.Is(err, ErrSealed) {
		t.Errorf("one byte more: error %v, want ErrSealed", err)
	}
}

// The format is a promise to every state folder that exists.
func TestOpensVersionOne(t *testing.T) {
	t.Parallel()
	sealed, err := hex.DecodeString(sealedVersionOne)
	if err != nil {
		t.Fatal(err)
	}
	got, err := testBox(t).Open(jobA, "credentials/server/basic", sealed)
	if err != nil || string(got) != "user:pass" {
		t.Errorf("Open = %q, %v; want user:pass", got, err)
	}
}

func TestBoxShowsNoKey(t *testing.T) {
	t.Parallel()
	b := testBox(t)
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&shown, verb+"\n"+verb+"\n"+verb+"\n", b, *b, struct{ b any }{b})
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("opened", "box", b)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("opened", "box", b)
	text, err := json.Marshal(map[string]any{"box": b})
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	for _, key := range []string{
		string(testKey), hex.EncodeToString(testKey), fmt.Sprintf("%d", testKey), "48 49 50 51",
		fmt.Sprint(uint32(testKey[0]) | uint32(testKey[1])<<8 | uint32(testKey[2])<<16 | uint32(testKey[3])<<24),
	} {
		if strings.Contains(strings.ToLower(shown.String()), key) {
			t.Errorf("the key is shown as %q in:\n%s", key, shown.String())
		}
	}
}

func TestErrorShowsNoSecret(t *testing.T) {
	t.Parallel()
	_, err := testBox(t).Open(jobB, "webhook", seal(t, testBox(t), "hunter2"))
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "webhook") {
		t.Errorf("error %v; want one that names the secret and does not tell it", err)
	}
}

func TestWipe(t *testing.T) {
	t.Parallel()
	b := []byte("secret")
	Wipe(b[1:])
	Wipe(nil)
	if string(b) != "s\x00\x00\x00\x00\x00" {
		t.Errorf("after Wipe(b[1:]) b = %q", b)
	}
}

func FuzzOpen(f *testing.F) {
	b := testBox(f)
	f.Add(string(jobA), "credentials/server/basic", seal(f, b, "secret"))
	f.Add("", "", []byte{version})
	f.Add("a", "b", make([]byte, overhead))
	f.Fuzz(func(t *testing.T, id, name string, data []byte) {
		if _, err := b.Open(job.ID(id), name, data); err != nil && !errors.Is(err, ErrSealed) {
			t.Errorf("Open(%q, %q, %x): error %v is not ErrSealed", id, name, data, err)
		}
		sealed, err := b.Seal(job.ID(id), name, data)
		if err != nil {
			t.Skip("longer than a secret may be")
		}
		if got, err := b.Open(job.ID(id), name, sealed); err != nil || !bytes.Equal(got, data) {
			t.Errorf("Seal then Open(%q, %q) = %x, %v; want %x", id, name, got, err, data)
		}
	})
}
