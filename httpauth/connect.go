package httpauth

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxDrain is how much of a 401 or 407 body is read to keep its connection; a longer one costs a new connection.
	maxDrain = 64 << 10
	// drainTime is how long that may take.
	drainTime = 5 * time.Second
	// maxRounds bounds how often one request is sent, whatever server and proxy ask for between them.
	maxRounds = 16
	// connectTimeout is for one CONNECT and its answer where Config sets no ResponseHeaderTimeout.
	connectTimeout = time.Minute
	// maxConnectHeader is for the answer to CONNECT where Config sets no MaxResponseHeaderBytes.
	maxConnectHeader = 1 << 20
)

// tunneler opens connections through an HTTP proxy by CONNECT (RFC 9110 section 9.3.6). Several legs of
// authentication run on one connection while the proxy keeps it open; if it does not, a new one is opened.
type tunneler struct {
	authority *authority // the proxy
	exposed   bool
	addr      string   // of the proxy
	dial      dialFunc // to the proxy, including TLS if that is an https one
	header    func(ctx context.Context, addr string) (http.Header, error)
	timeout   time.Duration
	maxHeader int64
}

// DialContext opens a tunnel to addr. A refusal by the proxy is an *Error.
func (t *tunneler) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	x := newExchange(t.authority, t.exposed)
	defer x.abandon()
	host, _, _ := net.SplitHostPort(t.addr) // an origin has both
	m := message{method: http.MethodConnect, uri: addr, host: host, body: noBody}
	var conn *bufferedConn
	hungUp := false
	for range maxRounds {
		fresh := conn == nil
		if fresh {
			raw, err := t.dial(ctx, network, t.addr)
			if err != nil {
				return nil, fmt.Errorf("proxy %s: %w", t.authority.origin, err)
			}
			conn = newBufferedConn(raw)
			if secure, ok := raw.(*tls.Conn); ok {
				m.certificate = secure.ConnectionState().PeerCertificates[0]
			}
		}
		resp, err := t.leg(ctx, conn, x, m)
		switch {
		case err != nil && !fresh && !hungUp && ctx.Err() == nil:
			conn.Close() // the proxy hung up between the legs without a word
			conn, hungUp = nil, true
			x.reconnect()
			continue
		case err != nil:
			conn.Close()
			return nil, fmt.Errorf("proxy %s: CONNECT %s: %w", t.authority.origin, addr, err)
		case resp.StatusCode/100 == 2:
			return t.opened(conn, x, resp)
		case resp.StatusCode != http.StatusProxyAuthRequired:
			conn.Close()
			return nil, x.failure(resp, fmt.Errorf("%w to %s", ErrConnect, addr))
		}
		if !t.drain(ctx, conn, resp) {
			conn.Close()
			conn, x.lost = nil, true
		}
		if err := x.challenged(ctx, m, resp); err != nil {
			if conn != nil {
				conn.Close()
			}
			return nil, err
		}
	}
	if conn != nil {
		conn.Close()
	}
	return nil, fmt.Errorf("proxy %s: CONNECT %s: %w: no end of them", t.authority.origin, addr, ErrChallenge)
}

// opened returns the tunnel that resp has opened on conn.
func (t *tunneler) opened(conn *bufferedConn, x *exchange, resp *http.Response) (net.Conn, error) {
	resp.Body = http.NoBody // what follows is the tunnel
	if err := x.accepted(resp, ""); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// leg sends one CONNECT and reads the header of its answer.
func (t *tunneler) leg(ctx context.Context, conn *bufferedConn, x *exchange, m message) (*http.Response, error) {
	header, err := t.header(ctx, m.uri)
	if err != nil {
		return nil, err
	}
	header.Del(x.fields.credentials)
	req := &http.Request{Method: m.method, URL: &url.URL{Opaque: m.uri}, Host: m.uri, Header: header}
	if err := x.write(ctx, req, m); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, timeoutError("timeout awaiting the answer to CONNECT"))
	defer cancel()
	stop := onceCancelled(ctx, conn)
	conn.budget.left = t.maxHeader
	err = req.Write(conn)
	var resp *http.Response
	if err == nil {
		resp, err = http.ReadResponse(conn.r, req)
	}
	if cause := stop(); cause != nil {
		return nil, cause
	}
	conn.budget.left = math.MaxInt64
	return resp, err
}

// drain reads the body of a 407 and reports whether another CONNECT can go on the same connection.
func (t *tunneler) drain(ctx context.Context, conn *bufferedConn, resp *http.Response) bool {
	chunked := len(resp.TransferEncoding) > 0
	if resp.Close || (resp.ContentLength < 0 && !chunked) || resp.ContentLength > maxDrain {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	stop := onceCancelled(ctx, conn)
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxDrain+1))
	return stop() == nil && err == nil && n <= maxDrain
}

// noBody is the body of a request that has none.
func noBody() (io.ReadCloser, error) { return http.NoBody, nil }
