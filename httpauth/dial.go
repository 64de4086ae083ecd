package httpauth

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"time"
)

// readAhead is the buffer between a socket and crypto/tls, which without it makes two small reads for each
// 16 KiB record. It costs 256 KiB for each open TLS connection and a third less CPU time for bulk downloads.
const readAhead = 256 << 10

// dialFunc has the type of net.Dialer.DialContext.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// bufferedConn is a connection read through a large buffer. What is read of it as HTTP (the answer to CONNECT)
// and what TLS reads after that come from the same buffer, so nothing is lost between the two.
type bufferedConn struct {
	net.Conn
	r      *bufio.Reader
	budget *budget
}

func newBufferedConn(c net.Conn) *bufferedConn {
	b := &budget{Conn: c, left: math.MaxInt64}
	return &bufferedConn{Conn: c, r: bufio.NewReaderSize(b, readAhead), budget: b}
}

// NetConn returns the connection below, as that of tls.Conn does: through both, a caller finds the socket.
func (c *bufferedConn) NetConn() net.Conn { return c.Conn }

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// budget bounds what may be read from a connection while its peer is not trusted with more.
type budget struct {
	net.Conn
	left int64
}

var errTooLong = errors.New("the answer to CONNECT is too long")

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.Conn.Read(p)
	b.left -= int64(n)
	return n, err
}

// tlsDialer opens TLS connections on top of dial.
type tlsDialer struct {
	dial    dialFunc
	config  *tls.Config
	timeout time.Duration // of the handshake; 0 is none
	verify  verifyFunc    // nil: crypto/tls does it
}

// verifyFunc has the type of Config.VerifyServer.
type verifyFunc func(ctx context.Context, addr string, state tls.ConnectionState) error

// DialContext connects to addr and completes the handshake with the host in it.
func (d *tlsDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return d.client(ctx, conn, addr)
}

// client runs the handshake on conn. It closes conn if that fails.
func (d *tlsDialer) client(ctx context.Context, conn net.Conn, addr string) (*tls.Conn, error) {
	config := d.config.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			conn.Close()
			return nil, fmt.Errorf("TLS to %s: %w", addr, err)
		}
		config.ServerName = host
	}
	if d.verify != nil {
		config.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does it
		config.VerifyConnection = func(state tls.ConnectionState) error { return d.verify(ctx, addr, state) }
	}
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = d.limit(ctx, config)
		defer cancel()
	}
	if _, ok := conn.(*bufferedConn); !ok {
		conn = newBufferedConn(conn)
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("TLS handshake with %s: %w", addr, err)
	}
	return secure, nil
}

// limit returns ctx with the timeout of the handshake, which does not run during config.VerifyConnection: that may
// ask others.
func (d *tlsDialer) limit(ctx context.Context, config *tls.Config) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(d.timeout, func() { cancel(errHandshakeTimeout) })
	if verify := config.VerifyConnection; d.verify != nil {
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if !timer.Stop() {
				return errHandshakeTimeout
			}
			defer timer.Reset(d.timeout)
			return verify(state)
		}
	}
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}

// timeoutError is a net.Error that says it was a timeout.
type timeoutError string

func (e timeoutError) Error() string { return string(e) }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

const errHandshakeTimeout = timeoutError("TLS handshake timeout")

// onceCancelled makes all reads and writes of conn fail from the moment ctx is done until stop is called,
// which returns why ctx is done, if it is.
func onceCancelled(ctx context.Context, conn net.Conn) (stop func() error) {
	interrupted := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // of a closed connection it fails, and nothing is lost
		close(interrupted)
	})
	return func() error {
		if cancel() {
			return nil
		}
		<-interrupted
		return context.Cause(ctx)
	}
}
