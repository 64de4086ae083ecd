package httpauth

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/text/unicode/norm"
)

// Target says who asks for credentials. The two are independent: one request may have to satisfy both.
type Target int

const (
	// Server is the origin server: 401, WWW-Authenticate, Authorization (RFC 9110 section 11.6).
	Server Target = iota
	// Proxy is the proxy on the way to it: 407, Proxy-Authenticate, Proxy-Authorization (RFC 9110 section 11.7).
	Proxy
)

// String returns "server" or "proxy".
func (t Target) String() string {
	if t == Proxy {
		return "proxy"
	}
	return "server"
}

// Scheme is the lower-case name of an authentication scheme. Values other than the constants
// occur only in what a server offers (Challenge.Scheme, Error.Offered).
type Scheme string

// The schemes that credentials may be set for.
const (
	Basic     Scheme = "basic"     // RFC 7617
	Digest    Scheme = "digest"    // RFC 7616, RFC 2069
	Bearer    Scheme = "bearer"    // RFC 6750
	NTLM      Scheme = "ntlm"      // MS-NTHT, MS-NLMP: NTLMv2 only
	Negotiate Scheme = "negotiate" // RFC 4559, MS-N2HT: Kerberos or NTLM
	Passport  Scheme = "passport"  // MS-PASS: Passport 1.4, servers only
)

// ParseScheme returns the scheme of that name, ignoring case. It knows the six constants only.
func ParseScheme(name string) (Scheme, error) {
	switch s := Scheme(strings.ToLower(name)); s {
	case Basic, Digest, Bearer, NTLM, Negotiate, Passport:
		return s, nil
	default:
		return "", fmt.Errorf("unknown authentication scheme %q: use basic, digest, bearer, ntlm, negotiate or passport", name)
	}
}

// Credentials are the secret for one scheme at one place. They are sent to Origin only: same scheme, same
// host, same port. String, GoString, LogValue and MarshalJSON leave the password out.
type Credentials struct {
	Target Target
	Scheme Scheme

	// Origin is the place they are for, "https://host:port" without a path; the default port may be left
	// out. For a proxy it is the proxy's own address, with the scheme http, https or socks5.
	Origin string

	// User is the account name, without control characters; for Basic also without a colon
	// (RFC 7617 section 2). It is sent as UTF-8 in Unicode normalization form C. Bearer has none.
	User string

	// Password is the password or, for Bearer, the token (RFC 6750 section 2.1).
	Password string

	// Implicit asks for the identity of the process instead of User and Password. Only NTLM and Negotiate know one.
	Implicit bool

	// ServicePrincipal is the Kerberos principal that Negotiate asks a ticket for, for servers that are known to the
	// realm by another name: HTTP/host or HTTP/host@REALM. The default "" is HTTP/ and the host of the URL in
	// lower case, which is never looked up in the DNS.
	ServicePrincipal string
}

// String returns the credentials without the password.
func (c Credentials) String() string {
	return fmt.Sprintf("%s credentials for %s %s, user %q, password redacted", c.Scheme, c.Target, c.Origin, c.User)
}

// GoString returns the same as String, so that %#v does not print the password.
func (c Credentials) GoString() string { return c.String() }

// LogValue returns the credentials without the password.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes the credentials without the password.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"target": c.Target.String(), "scheme": c.Scheme, "origin": c.Origin, "user": c.User, "implicit": c.Implicit,
	})
}

// Origin returns the origin of u as Credentials.Origin has it: scheme, ASCII host in lower case, port.
func Origin(u *url.URL) (string, error) {
	scheme := strings.ToLower(u.Scheme)
	port := u.Port()
	if port == "" {
		switch scheme {
		case "http":
			port = "80"
		case "https":
			port = "443"
		case "socks5", "socks5h":
			port = "1080"
		default:
			return "", fmt.Errorf("%q is not an origin: the scheme must be http, https or, for a proxy, socks5", u.Redacted())
		}
	}
	if scheme == "socks5h" { // both send the host name to the proxy
		scheme = "socks5"
	}
	if u.Hostname() == "" {
		return "", fmt.Errorf("%q is not an origin: it names no host", u.Redacted())
	}
	host, err := httpguts.PunycodeHostPort(u.Hostname())
	if err != nil {
		return "", fmt.Errorf("%q is not an origin: the host is not a valid name: %w", u.Redacted(), err)
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(host), port), nil
}

// normalize checks c and returns it with its origin, user and password in the form they are used in.
func (c Credentials) normalize() (Credentials, error) {
	if _, err := ParseScheme(string(c.Scheme)); err != nil {
		return c, err
	}
	u, err := url.Parse(c.Origin)
	if err != nil {
		return c, fmt.Errorf("origin %q: not a URL of the form https://host:port", c.Origin)
	}
	if u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return c, fmt.Errorf("origin %q: give only scheme, host and port", u.Redacted())
	}
	if c.Origin, err = Origin(u); err != nil {
		return c, err
	}
	if c.Target == Server && u.Scheme != "http" && u.Scheme != "https" {
		return c, fmt.Errorf("origin %q: a server is reached by http or https", c.Origin)
	}
	if c.Implicit && c.Scheme != NTLM && c.Scheme != Negotiate {
		return c, fmt.Errorf("%s needs a user and a password: only ntlm and negotiate have implicit credentials", c.Scheme)
	}
	if c.ServicePrincipal != "" && c.Scheme != Negotiate {
		return c, fmt.Errorf("%s has no service principal: only negotiate asks for tickets", c.Scheme)
	}
	for _, s := range []string{c.User, c.Password, c.ServicePrincipal} {
		if !utf8.ValidString(s) {
			return c, fmt.Errorf("the %s credentials are not valid UTF-8", c.Scheme)
		}
		if strings.ContainsFunc(s, isControl) {
			return c, fmt.Errorf("the %s credentials contain a control character (RFC 7617 section 2 forbids it)", c.Scheme)
		}
	}
	if c.Scheme != Bearer {
		c.User, c.Password = norm.NFC.String(c.User), norm.NFC.String(c.Password)
	}
	return c, nil
}

// isControl reports whether r is a control character in the sense of RFC 5234 appendix B.1.
func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
