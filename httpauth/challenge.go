package httpauth

import (
	"errors"
	"fmt"
	"strings"
)

// Param is one parameter of a challenge, its value unquoted and unescaped.
type Param struct{ Name, Value string }

// Challenge is one challenge of WWW-Authenticate or Proxy-Authenticate (RFC 9110 section 11.3).
type Challenge struct {
	// Scheme is the name in lower case; "passport" whatever the version.
	Scheme Scheme
	// Token is the token68, if there is one instead of parameters. For Passport it is the rest of the
	// field, byte for byte: its list must be echoed unchanged (MS-PASS section 2.2).
	Token string
	// Params are the parameters in their order.
	Params []Param
}

// Get returns the first parameter of that name, ignoring case, and whether there is one.
func (c Challenge) Get(name string) (string, bool) {
	for _, p := range c.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// String returns c as a field value, every parameter quoted. ParseChallenges reads it back.
func (c Challenge) String() string {
	var b strings.Builder
	if c.Scheme == Passport {
		b.WriteString("Passport1.4")
	} else {
		b.WriteString(string(c.Scheme))
	}
	if c.Token != "" {
		b.WriteString(" " + c.Token)
	}
	for i, p := range c.Params {
		sep := ", "
		if i == 0 {
			sep = " "
		}
		b.WriteString(sep + p.Name + "=" + quote(p.Value))
	}
	return b.String()
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quote returns s as a quoted-string (RFC 9110 section 5.6.4).
func quote(s string) string { return `"` + escaper.Replace(s) + `"` }

// ParseChallenges reads the values of WWW-Authenticate or Proxy-Authenticate: several fields, several
// challenges in one field, or both. Beyond the grammar it takes unquoted values that are not tokens, as
// servers in use send them. A field that cannot be read to its end gives the challenges before the fault;
// the fields after it are still read, and the first fault is returned beside all challenges found.
func ParseChallenges(fields []string) ([]Challenge, error) {
	var all []Challenge
	var first error
	for _, field := range fields {
		p := challengeParser{rest: field}
		if err := p.field(); err != nil && first == nil {
			first = fmt.Errorf("challenge at byte %d of its field: %w", len(field)-len(p.rest), err)
		}
		all = append(all, p.found...)
	}
	return all, first
}

// challengeParser reads one field value from its start; rest is what is still unread.
type challengeParser struct {
	rest  string
	found []Challenge
}

func (p *challengeParser) field() error {
	for {
		p.skip(" \t,")
		if p.rest == "" {
			return nil
		}
		name := p.take(isToken)
		if name == "" {
			return errors.New("a scheme or parameter name is missing")
		}
		if value, ok, err := p.value(); err != nil {
			return err
		} else if ok {
			if err := p.param(name, value); err != nil {
				return err
			}
			continue
		}
		p.open(name)
	}
}

// open starts the challenge of the scheme called name, and takes its token68 if one follows.
func (p *challengeParser) open(name string) {
	scheme := Scheme(strings.ToLower(name))
	c := Challenge{Scheme: scheme}
	switch {
	case strings.HasPrefix(string(scheme), string(Passport)):
		c.Scheme, c.Token, p.rest = Passport, strings.Trim(p.rest, " \t"), ""
	default:
		before := p.rest
		p.skip(" \t")
		token := p.take(isToken68)
		token += p.take(func(b byte) bool { return b == '=' })
		after := p.rest
		p.skip(" \t")
		if token != "" && len(before) > len(after)+len(token) && (p.rest == "" || p.rest[0] == ',') {
			c.Token = token
		} else {
			p.rest = before
			p.skip(" \t")
		}
	}
	p.found = append(p.found, c)
}

// param adds a parameter to the challenge that is open.
func (p *challengeParser) param(name, value string) error {
	if len(p.found) == 0 {
		return errors.New("a parameter without a scheme")
	}
	last := &p.found[len(p.found)-1]
	if last.Token != "" {
		return errors.New("a parameter after a token68")
	}
	last.Params = append(last.Params, Param{name, value})
	return nil
}

// value reads "= value" if that comes next; if not, it reads nothing and ok is false.
func (p *challengeParser) value() (value string, ok bool, err error) {
	trimmed := strings.TrimLeft(p.rest, " \t")
	if !strings.HasPrefix(trimmed, "=") {
		return "", false, nil
	}
	p.rest = strings.TrimLeft(trimmed[1:], " \t")
	if !strings.HasPrefix(p.rest, `"`) {
		value = p.take(isBare)
	} else if value, err = p.quoted(); err != nil {
		return "", false, err
	}
	p.skip(" \t")
	if p.rest != "" && p.rest[0] != ',' {
		return "", false, errors.New("a comma is missing after a parameter")
	}
	return value, true, nil
}

// quoted reads a quoted-string and undoes its escapes.
func (p *challengeParser) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		c := p.rest[i]
		if c == '"' {
			p.rest = p.rest[i+1:]
			return b.String(), nil
		}
		if c == '\\' && i+1 < len(p.rest) {
			i++
			c = p.rest[i]
		}
		if isControl(rune(c)) && c != '\t' {
			return "", errors.New("a control character in a quoted string")
		}
		b.WriteByte(c)
	}
	return "", errors.New("a quoted string does not end")
}

func (p *challengeParser) skip(chars string) { p.rest = strings.TrimLeft(p.rest, chars) }

func (p *challengeParser) take(ok func(byte) bool) string {
	n := 0
	for n < len(p.rest) && ok(p.rest[n]) {
		n++
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func isAlphaNum(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// isToken: RFC 9110 section 5.6.2.
func isToken(b byte) bool { return isAlphaNum(b) || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0 }

// isToken68: RFC 9110 section 11.2, without the padding.
func isToken68(b byte) bool { return isAlphaNum(b) || strings.IndexByte("-._~+/", b) >= 0 }

// isBare: what an unquoted value may hold.
func isBare(b byte) bool { return b > ' ' && b != 0x7f && b != ',' && b != '"' }
