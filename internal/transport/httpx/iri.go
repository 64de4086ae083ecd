package httpx

import (
	"net/url"
	"strings"

	"golang.org/x/net/idna"

	"github.com/ebb-transfer/ebb/job"
)

// parseURL reads a URL or IRI (RFC 3987 section 3.1). The host becomes ASCII by IDNA; in path and query
// what a URL may not hold is percent-encoded, and everything else stays as given: what is encoded
// already, and dots and slashes.
func parseURL(raw string) (*url.URL, error) {
	raw, _, _ = strings.Cut(raw, "#")
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return nil, job.Invalid(job.InvalidArg, "%q is not a URL; write it like https://example.com/file", redact(raw))
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	u, err := url.Parse(strings.ToLower(scheme) + "://" + rest[:end] + escape(rest[end:]))
	if err != nil || u.Hostname() == "" {
		return nil, job.Invalid(job.InvalidArg, "%q is not a URL; write it like https://example.com/file", redact(raw))
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, job.Invalid(job.UnsupportedConfiguration, "%s: URLs are not supported; use http or https", u.Scheme)
	}
	return u, toASCII(u)
}

// resolve is the target of a redirect (RFC 9110 section 10.2.2) without user and password, which no
// server has a right to give us.
func resolve(from *url.URL, location string) (*url.URL, error) {
	location, _, _ = strings.Cut(location, "#")
	head, path := "", location
	if at := strings.Index(location, "//"); at == 0 || (at > 0 && location[at-1] == ':' && !strings.ContainsAny(location[:at], "/?")) {
		end := len(location)
		if slash := strings.IndexAny(location[at+2:], "/?"); slash >= 0 {
			end = at + 2 + slash
		}
		head, path = location[:end], location[end:]
	}
	u, err := from.Parse(head + escape(path))
	if err != nil {
		return nil, err
	}
	u.User = nil
	return u, toASCII(u)
}

func toASCII(u *url.URL) error {
	if isASCII(u.Host) {
		return nil
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil {
		return job.Invalid(job.InvalidArg, "%q is not a host name", u.Hostname())
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7e }) < 0
}

// escape percent-encodes the bytes that neither path nor query may hold, and a "%" that encodes nothing.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		stray := c == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]))
		if c > 0x20 && c < 0x7f && strings.IndexByte("\"<>\\^`{|}", c) < 0 && !stray {
			b.WriteByte(c)
			continue
		}
		b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// redact cuts everything a URL may hide a secret in: user, password and query.
func redact(raw string) string {
	raw, _, _ = strings.Cut(raw, "?")
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		scheme, rest = "", raw
	}
	authority, path, slash := strings.Cut(rest, "/")
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	out := authority
	if ok {
		out = scheme + "://" + out
	}
	if slash {
		out += "/" + path
	}
	return out
}

// display is u for error texts: without its query, which may hold a signature.
func display(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }
