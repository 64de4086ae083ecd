package httpauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// socksDialer opens connections through a SOCKS5 proxy (RFC 1928), with user and password (RFC 1929) where the
// Basic credentials for the proxy are set. Host names are resolved by the proxy.
type socksDialer struct {
	authority *authority // the proxy
	exposed   bool
	addr      string // of the proxy
	dial      dialFunc
	timeout   time.Duration
}

// The numbers of RFC 1928 and RFC 1929.
const (
	socksVersion     = 5
	socksNoAuth      = 0
	socksPassword    = 2
	socksNoneOfThese = 0xff
	socksConnect     = 1
	socksIPv4        = 1
	socksDomain      = 3
	socksIPv6        = 4
	socksAuthVersion = 1
)

// socksReplies are the reply codes of RFC 1928 section 6.
var socksReplies = [...]string{
	1: "general failure", 2: "connection not allowed by its rules", 3: "network unreachable", 4: "host unreachable",
	5: "connection refused", 6: "TTL expired", 7: "command not supported", 8: "address type not supported",
}

// DialContext connects to addr through the proxy. Refused credentials are an *Error.
func (d *socksDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.dial(ctx, network, d.addr)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", d.authority.origin, err)
	}
	handshake, cancel := context.WithTimeoutCause(ctx, d.timeout, timeoutError("timeout in the SOCKS handshake"))
	defer cancel()
	stop := onceCancelled(handshake, conn)
	err = d.connect(handshake, conn, addr)
	if cause := stop(); cause != nil {
		err = cause
	}
	if err == nil {
		return conn, nil
	}
	conn.Close()
	var refusal *Error
	if errors.As(err, &refusal) {
		return nil, err
	}
	return nil, fmt.Errorf("proxy %s: connecting to %s: %w", d.authority.origin, addr, err)
}

// connect runs the whole handshake on conn.
func (d *socksDialer) connect(ctx context.Context, conn net.Conn, addr string) error {
	basic, known := d.authority.schemes[Basic].(*basicScheme)
	greeting := []byte{socksVersion, 1, socksNoAuth}
	if known && !d.exposed {
		greeting = []byte{socksVersion, 2, socksNoAuth, socksPassword}
	}
	if _, err := conn.Write(greeting); err != nil {
		return err
	}
	var chosen [2]byte
	if _, err := io.ReadFull(conn, chosen[:]); err != nil {
		return fmt.Errorf("reading the SOCKS method: %w", err)
	}
	switch {
	case chosen[0] != socksVersion:
		return fmt.Errorf("this is not a SOCKS5 proxy: its first byte is %d", chosen[0])
	case chosen[1] == socksPassword && len(greeting) == 4:
		if err := d.logIn(ctx, conn, basic); err != nil {
			return err
		}
	case chosen[1] == socksNoneOfThese && known && d.exposed:
		return d.failure(fmt.Errorf("%w: SOCKS sends the password as it is; allow cleartext", ErrCleartext))
	case chosen[1] == socksNoneOfThese:
		return d.failure(ErrNoCredentials)
	case chosen[1] != socksNoAuth:
		return fmt.Errorf("the proxy chose SOCKS method %d, which was not offered", chosen[1])
	}
	return d.request(conn, addr)
}

// logIn is RFC 1929. Wrong credentials are tried once, as everywhere in this package.
func (d *socksDialer) logIn(ctx context.Context, conn net.Conn, c *basicScheme) error {
	for _, field := range []string{c.user, c.password} {
		if len(field) < 1 || len(field) > 255 {
			return d.failure(fmt.Errorf("%w: SOCKS takes a user and a password of 1 to 255 bytes each", ErrNoCredentials))
		}
	}
	s := d.authority.space(Basic, "")
	trying, err := s.enter(ctx)
	if err != nil {
		return d.failure(err)
	}
	if trying {
		defer s.leave()
	}
	b := []byte{socksAuthVersion, byte(len(c.user))}
	b = append(append(b, c.user...), byte(len(c.password)))
	if _, err := conn.Write(append(b, c.password...)); err != nil {
		return err
	}
	var status [2]byte
	if _, err := io.ReadFull(conn, status[:]); err != nil {
		return fmt.Errorf("reading the SOCKS log-in status: %w", err)
	}
	if status[1] != 0 {
		s.set(refused)
		return d.failure(ErrRefused)
	}
	s.set(proven)
	return nil
}

// request asks for the connection to addr and reads the reply to its end.
func (d *socksDialer) request(conn net.Conn, addr string) error {
	b, err := socksAddress([]byte{socksVersion, socksConnect, 0}, addr)
	if err != nil {
		return err
	}
	if _, err := conn.Write(b); err != nil {
		return err
	}
	var reply [5]byte // with the first byte of the bound address, which is its length if that is a name
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return fmt.Errorf("reading the SOCKS reply: %w", err)
	}
	if code := int(reply[1]); code != 0 {
		if code < len(socksReplies) {
			return fmt.Errorf("the SOCKS proxy says: %s", socksReplies[code])
		}
		return fmt.Errorf("the SOCKS proxy says: unknown reply %d", code)
	}
	rest := map[byte]int{socksIPv4: 3, socksIPv6: 15, socksDomain: int(reply[4])}[reply[3]] + 2
	if _, err := io.CopyN(io.Discard, conn, int64(rest)); err != nil {
		return fmt.Errorf("reading the SOCKS reply: %w", err)
	}
	return nil
}

// socksAddress appends addr to b in the form of RFC 1928 section 5.
func socksAddress(b []byte, addr string) ([]byte, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q is not a number from 0 to 65535", service)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		kind := byte(socksIPv6)
		if ip = ip.Unmap(); ip.Is4() {
			kind = socksIPv4
		}
		b = append(append(b, kind), ip.AsSlice()...)
	} else {
		if len(host) > 255 {
			return nil, fmt.Errorf("host name of %d bytes: SOCKS takes 255 at most", len(host))
		}
		b = append(append(b, socksDomain, byte(len(host))), host...)
	}
	return append(b, byte(port>>8), byte(port)), nil
}

func (d *socksDialer) failure(err error) error {
	e := &Error{Target: Proxy, Origin: d.authority.origin, Configured: d.authority.configured, Err: err}
	if errors.Is(err, ErrRefused) {
		e.Refused = Basic
	}
	return e
}
