package kerberos

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
)

const (
	tcpLimit = 3 * time.Second // for one KDC to take the connection and to answer
	udpLimit = time.Second     // before a request that may be lost is sent by TCP
	maxReply = 1 << 20         // bytes; a ticket with a large PAC has some 64 KiB
)

// kdcsOf returns the addresses of the KDCs of a realm, host:port: the one that
// answered last, then those of krb5.conf or of DNS in their order.
func (c *realmConfig) kdcsOf(ctx context.Context, realm string) ([]string, error) {
	addrs, err := c.listedKDCs(ctx, realm)
	if i := slices.Index(addrs, c.answered[realm]); i > 0 {
		addrs = slices.Concat(addrs[i:i+1], addrs[:i], addrs[i+1:])
	}
	return addrs, err
}

func (c *realmConfig) listedKDCs(ctx context.Context, realm string) ([]string, error) {
	if addrs := c.kdcs[realm]; len(addrs) > 0 {
		return addrs, nil
	}
	if !c.lookupKDC {
		return nil, fmt.Errorf("%w: %s names no KDC of %s", ErrNoTicket, c.files, realm)
	}
	_, records, err := c.resolver.LookupSRV(ctx, "kerberos", "tcp", realm)
	if err != nil {
		_, records, err = c.resolver.LookupSRV(ctx, "kerberos", "udp", realm)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: neither %s nor DNS names a KDC of %s: %w", ErrNoTicket, c.files, realm, err)
	}
	var addrs []string
	for _, r := range records {
		if r.Target != "." { // "there is none" (RFC 2782)
			addrs = append(addrs, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), fmt.Sprint(r.Port)))
		}
	}
	if addrs == nil {
		return nil, fmt.Errorf("%w: DNS says that %s has no KDC", ErrNoTicket, realm)
	}
	return addrs, nil
}

// A request is a message to a KDC, encoded.
type request struct {
	message []byte
	// proof: it proves the password. It goes to one KDC only and is never sent twice:
	// each time it arrives may count as an attempt.
	proof bool
}

// ask sends a request to the KDCs, one after the other, until one answers. It
// returns the answer and who gave it.
func (c *realmConfig) ask(ctx context.Context, addrs []string, realm string, r request) (reply []byte, from string, err error) {
	var failures []string
	for _, addr := range addrs {
		reply, sent, err := c.askOne(ctx, addr, r)
		if err == nil && !unavailable(reply) {
			c.answered[realm] = addr
			return reply, addr, nil
		}
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		if err == nil {
			err = fmt.Errorf("%s: it is not in service", addr)
		}
		failures = append(failures, err.Error())
		if sent && r.proof {
			break
		}
	}
	return nil, "", fmt.Errorf("%w for %s: %s", errSilence, realm, strings.Join(failures, "; "))
}

// askOne asks one KDC, by UDP and TCP in the order of RFC 4120 section 7.2. sent
// says that the request may have arrived.
func (c *realmConfig) askOne(ctx context.Context, addr string, r request) (reply []byte, sent bool, err error) {
	if !r.proof && len(r.message) <= c.udpLimit {
		reply, err := askUDP(ctx, addr, r.message)
		if err == nil && !tooBig(reply) {
			return reply, true, nil
		}
	}
	reply, sent, err = askTCP(ctx, addr, r.message)
	if err == nil || sent || c.udpLimit == 1 || len(r.message) <= c.udpLimit && !r.proof {
		return reply, sent, err
	}
	if reply, udpErr := askUDP(ctx, addr, r.message); udpErr == nil && !tooBig(reply) {
		return reply, true, nil
	}
	return nil, true, err
}

func askUDP(ctx context.Context, addr string, message []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, udpLimit)
	defer cancel()
	conn, done, err := dial(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	defer done()
	if _, err := conn.Write(message); err != nil {
		return nil, err
	}
	reply := make([]byte, 64<<10) // the most a datagram can have
	n, err := conn.Read(reply)
	return reply[:n], err
}

// askTCP sends and receives with the length in front (RFC 4120 section 7.2.2).
func askTCP(ctx context.Context, addr string, message []byte) (reply []byte, sent bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tcpLimit)
	defer cancel()
	conn, done, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, false, err
	}
	defer done()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)); err != nil {
		return nil, true, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, true, fmt.Errorf("%s: no answer: %w", addr, err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxReply {
		return nil, true, fmt.Errorf("%s: an answer of %d bytes, more than %d", addr, n, maxReply)
	}
	reply = make([]byte, n)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, true, fmt.Errorf("%s: half an answer: %w", addr, err)
	}
	return reply, true, nil
}

// dial connects. What waits on the connection ends when ctx does; done closes it.
func dial(ctx context.Context, network, addr string) (conn net.Conn, done func(), err error) {
	var d net.Dialer
	if conn, err = d.DialContext(ctx, network, addr); err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() { stop(); conn.Close() }, nil
}

// kdcError returns the error that a reply of a KDC is, if it is one (RFC 4120 section 5.9.1).
func kdcError(reply []byte) (e messages.KRBError, ok bool) {
	const application30 = 0x7e
	if len(reply) == 0 || reply[0] != application30 {
		return e, false
	}
	return e, decode("the KDC's error", func() error { return e.Unmarshal(reply) }) == nil
}

func unavailable(reply []byte) bool {
	e, ok := kdcError(reply)
	return ok && e.ErrorCode == errorcode.KDC_ERR_SVC_UNAVAILABLE
}

func tooBig(reply []byte) bool {
	e, ok := kdcError(reply)
	return ok && e.ErrorCode == errorcode.KRB_ERR_RESPONSE_TOO_BIG
}
