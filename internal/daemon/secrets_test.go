//go:build integration && unix

package daemon_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"golang.org/x/crypto/md4" //nolint:staticcheck // the hash of NT passwords; there is no other
	"golang.org/x/text/unicode/norm"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// secrets are what must not be found: passwords, and all that serves in their place. The zero value has none. It is
// safe for concurrent use.
type secrets struct {
	mu     sync.Mutex                     // guards all below
	count  int                            // of texts
	starts [1 << 18]uint64                // a bit for each three bytes that a text begins with
	texts  map[[shortest]byte][][2]string // text and what it is, by the first bytes
}

// shortest is how many bytes a secret has at least: less is found everywhere.
const shortest = 8

// digestRealms are those of the rig's servers, and of the strict ones.
var digestRealms = []string{"rig", "rig MD5", "rig SHA-256", "rig userhash", `a "realm" \ of its own`}

// add takes in a password, and the keys that are made of it. The user may be one of a domain: DOMAIN\name.
func (s *secrets) add(u rig.User) {
	s.addToken(u.Name+"'s password", u.Password)
	for _, realm := range digestRealms {
		for name, algorithm := range map[string]func() hash.Hash{"MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256} {
			h := algorithm()
			h.Write([]byte(u.Name + ":" + realm + ":" + u.Password))
			s.put(u.Name+"'s key for Digest "+name+" of "+realm, string(h.Sum(nil)))
		}
	}
	nt := md4.New()
	nt.Write([]byte(inUTF16(u.Password, binary.LittleEndian)))
	key := nt.Sum(nil)
	s.put(u.Name+"'s NT hash", string(key))
	domain, name, found := strings.Cut(u.Name, `\`)
	if !found {
		domain, name = "", u.Name
	}
	v2 := hmac.New(md5.New, key)
	v2.Write([]byte(inUTF16(strings.ToUpper(name)+domain, binary.LittleEndian)))
	s.put(u.Name+"'s key for NTLMv2", string(v2.Sum(nil)))
}

// addKerberos takes in the long-term keys of a user of a realm (RFC 3961, string-to-key).
func (s *secrets) addKerberos(t *testing.T, u rig.User, realm string) {
	t.Helper()
	for _, id := range []int32{
		etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96,
		etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128,
	} {
		e, err := crypto.GetEtype(id)
		if err != nil {
			t.Fatal(err)
		}
		key, err := e.StringToKey(u.Password, realm+u.Name, e.GetDefaultStringToKeyParams())
		if err != nil {
			t.Fatal(err)
		}
		s.put(fmt.Sprintf("%s's Kerberos key of type %d", u.Name, id), string(key))
	}
}

// addToken takes in a secret that no key is made of.
func (s *secrets) addToken(what, token string) {
	for _, form := range [][2]string{{"", token}, {" composed", norm.NFC.String(token)}, {" decomposed", norm.NFD.String(token)}} {
		s.put(what+form[0], form[1])
		s.put(what+form[0]+" in UTF-16LE", inUTF16(form[1], binary.LittleEndian))
		s.put(what+form[0]+" in UTF-16BE", inUTF16(form[1], binary.BigEndian))
	}
}

func inUTF16(text string, order binary.AppendByteOrder) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// put takes in a text. If it is known already, it keeps its name.
func (s *secrets) put(what, text string) {
	if len(text) < shortest {
		panic(what + " is too short to look for")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts == nil {
		s.texts = map[[shortest]byte][][2]string{}
	}
	key := [shortest]byte([]byte(text))
	if slices.ContainsFunc(s.texts[key], func(known [2]string) bool { return known[0] == text }) {
		return
	}
	s.count++
	word, bit := start([]byte(text))
	s.starts[word] |= bit
	s.texts[key] = append(s.texts[key], [2]string{text, what})
}

// start is where starts has the first bytes of text.
func start(text []byte) (word int, bit uint64) {
	n := int(text[0])<<16 | int(text[1])<<8 | int(text[2])
	return n >> 6, 1 << (n & 63)
}

// search demands that no secret is in text, and that the search does find what is there.
func (s *secrets) search(t *testing.T, where string, text []byte, there string) {
	t.Helper()
	if !bytes.Contains(text, []byte(there)) {
		t.Errorf("%s: %q is not found, which is there for sure", where, there)
	}
	for _, what := range s.find(text) {
		t.Errorf("%s: %s", where, what)
	}
}

// find returns which secrets are in text, as they are or wrapped twice at most, and what is before them.
func (s *secrets) find(text []byte) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]string{}
	s.look(text, 2, found)
	var out []string
	for _, what := range slices.Sorted(maps.Keys(found)) {
		out = append(out, fmt.Sprintf("%s is there, after %q", what, found[what]))
	}
	return out
}

// look is find for text and all that is wrapped in it, so many times.
func (s *secrets) look(text []byte, wrapped int, found map[string]string) {
	for i := 0; i+shortest <= len(text); i++ {
		if word, bit := start(text[i:]); s.starts[word]&bit == 0 {
			continue
		}
		for _, secret := range s.texts[[shortest]byte(text[i:])] {
			if bytes.HasPrefix(text[i:], []byte(secret[0])) {
				found[secret[1]] = string(text[max(0, i-60):i])
			}
		}
	}
	if wrapped == 0 {
		return
	}
	for _, unwrap := range unwrappings {
		s.look(unwrap(text), wrapped-1, found)
	}
}
