//go:build integration && unix

package daemon_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// unwrappings undo what hides a secret in a text. Each returns all that may have been meant, or nothing.
var unwrappings = []func([]byte) []byte{unPercent, unPercentForm, unBackslash, unBase64, unHex}

// unPercent undoes URL escapes and leaves alone what is none.
func unPercent(text []byte) []byte {
	if !bytes.ContainsRune(text, '%') {
		return nil
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if b, err := strconv.ParseUint(string(text[i+1:i+3]), 16, 8); err == nil {
				out = append(out, byte(b))
				i += 2
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
}

// unPercentForm is unPercent where a plus sign is a space.
func unPercentForm(text []byte) []byte {
	if !bytes.ContainsRune(text, '+') {
		return nil
	}
	return unPercent(bytes.ReplaceAll(text, []byte("+"), []byte("%20")))
}

// unBackslash undoes the escapes of Go, JSON and quoted strings.
func unBackslash(text []byte) []byte {
	if !bytes.ContainsRune(text, '\\') {
		return nil
	}
	out := make([]byte, 0, len(text))
	rest := string(text)
	for {
		plain, after, found := strings.Cut(rest, `\`)
		out = append(out, plain...)
		if !found || after == "" {
			return out
		}
		switch r, wide, tail, err := strconv.UnquoteChar(`\`+after[:min(len(after), 9)], 0); {
		case err != nil: // of a quote, or of nothing
			out, rest = append(out, after[0]), after[1:]
		case wide:
			out, rest = utf8.AppendRune(out, r), after[min(len(after), 9)-len(tail):]
		default:
			out, rest = append(out, byte(r)), after[min(len(after), 9)-len(tail):]
		}
	}
}

const (
	hexDigits     = "0123456789ABCDEFabcdef"
	base64Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+/-_"
)

// runs yields the longest pieces of text that have these letters alone, and have enough of them.
func runs(text []byte, letters string, enough int) iter.Seq[[]byte] {
	var in [256]bool
	for _, c := range []byte(letters) {
		in[c] = true
	}
	return func(yield func([]byte) bool) {
		begin := 0
		for i := 0; i <= len(text); i++ {
			if i < len(text) && in[text[i]] {
				continue
			}
			if i-begin >= enough && !yield(text[begin:i]) {
				return
			}
			begin = i + 1
		}
	}
}

// unBase64 takes runs from each place that they may begin at: other text may be stuck to them.
func unBase64(text []byte) []byte {
	var out []byte
	for run := range runs(text, base64Letters, (shortest*4+2)/3) {
		letters := bytes.ReplaceAll(bytes.ReplaceAll(run, []byte("-"), []byte("+")), []byte("_"), []byte("/"))
		for from := range 4 {
			part := letters[from:]
			if len(part)%4 == 1 {
				part = part[:len(part)-1]
			}
			out, _ = base64.RawStdEncoding.AppendDecode(append(out, 0), part) // all letters are good
		}
	}
	return out
}

func unHex(text []byte) []byte {
	var out []byte
	for run := range runs(text, hexDigits, 2*shortest) {
		for from := range 2 {
			digits := run[from:]
			out, _ = hex.AppendDecode(append(out, 0), digits[:len(digits)&^1]) // all digits are good
		}
	}
	return out
}

// Whatever is done to a secret, it is found.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	passport := rig.User{Name: "alice@example.org", Password: `a,b%2C=c"d ü&+'`}
	domain := rig.User{Name: `RIG\alice`, Password: rig.NTLMAlice.Password}
	for _, u := range []rig.User{rig.Alice, rig.Juergen, rig.Bob, domain, passport} {
		var s secrets
		s.add(u)
		for how, text := range encodings(u) {
			around := []byte("somewhere/in=" + text + "&more")
			if found := s.find(around); len(found) == 0 {
				t.Errorf("%s's password %s is not found in %q", u.Name, how, around)
			}
		}
		nothing := []byte(`{"user":"` + u.Name + `","realm":"rig","password":"pa%73sword","url":"http://127.0.0.1/basic/"}`)
		if found := s.find(nothing); len(found) > 0 {
			t.Errorf("found where there is nothing: %q", found)
		}
	}
}

// encodings are what a careless program may make of a password.
func encodings(u rig.User) map[string]string {
	quoted, _ := json.Marshal(u.Password)
	everyByte := func(format string) string {
		var b strings.Builder
		for _, c := range []byte(u.Password) {
			fmt.Fprintf(&b, format, c)
		}
		return b.String()
	}
	wide := inUTF16(u.Password, binary.LittleEndian)
	out := map[string]string{
		"as it is":            u.Password,
		"decomposed":          norm.NFD.String(u.Password),
		"in UTF-16LE":         wide,
		"in JSON":             string(quoted),
		"in Go":               fmt.Sprintf("%q", u.Password),
		"in Go's ASCII":       fmt.Sprintf("%+q", u.Password),
		"in JSON in Go":       fmt.Sprintf("%+q", quoted),
		"in escaped bytes":    everyByte(`\x%02x`),
		"in a quoted string":  strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(u.Password),
		"in a query":          url.QueryEscape(u.Password),
		"in a path":           url.PathEscape(u.Password),
		"in escapes, large":   everyByte("%%%02X"),
		"in escapes, small":   everyByte("%%%02x"),
		"in a URL":            (&url.URL{Scheme: "http", User: url.UserPassword(u.Name, u.Password)}).String(),
		"in hex":              fmt.Sprintf("%x", u.Password),
		"in large hex":        fmt.Sprintf("%X", u.Password),
		"in UTF-16LE in hex":  fmt.Sprintf("%x", wide),
		"in Basic":            base64.StdEncoding.EncodeToString([]byte(u.Name + ":" + u.Password)),
		"in Digest's key":     fmt.Sprintf("%x", md5.Sum([]byte(u.Name+":rig:"+u.Password))),
		"in a query in Basic": base64.StdEncoding.EncodeToString([]byte(u.Name + ":" + url.QueryEscape(u.Password))),
	}
	for before := range 3 {
		for name, e := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "a URL's base64": base64.URLEncoding} {
			for how, text := range map[string]string{"UTF-8": u.Password, "UTF-16LE": wide} {
				out[fmt.Sprintf("in %s in %s after %d bytes", how, name, before)] = e.EncodeToString([]byte("xy:"[:before] + text + "."))
			}
		}
	}
	return out
}
