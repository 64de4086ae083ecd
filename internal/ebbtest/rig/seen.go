package rig

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// SeenText returns what the server has logged of all requests it was sent, refused
// ones too: the request line and every header field, whole, as they were sent. It
// is for a search, not for parsing: each server has a format of its own, and nginx,
// lighttpd and squid log other things there as well. After AwaitLog it has
// all of the requests that are in the log. A SOCKS proxy has no such text.
func (p *process) SeenText() []byte {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "seen.log"))
	if err != nil {
		p.t.Fatalf("what %s saw: %v", p.name, err)
	}
	if escape := seenEscapes[p.name]; escape != nil {
		text = escape.ReplaceAllFunc(text, unescapeSeen)
	}
	return text
}

// seenEscapes are how the servers write a byte that would be in the way: Apache and
// lighttpd as hexadecimal digits, squid as in a quoted string. nginx has none.
var seenEscapes = map[string]*regexp.Regexp{
	"apache2":  regexp.MustCompile(`%[0-9a-f]{2}`),
	"lighttpd": regexp.MustCompile(`\\x[0-9a-f]{2}`),
	"squid":    regexp.MustCompile(`\\.`),
}

func unescapeSeen(escape []byte) []byte {
	switch s := string(escape); {
	case s == `\r`:
		return []byte("\r")
	case s == `\n`:
		return []byte("\n")
	case len(s) == 2:
		return escape[1:]
	default: // ends in two digits
		b, _ := strconv.ParseUint(s[len(s)-2:], 16, 8)
		return []byte{byte(b)}
	}
}
