package httpauth

import (
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// lane is a pool of one connection that serves one request at a time, until its response is read. Schemes that
// authenticate the connection need it: their legs must meet on one connection, and no one else's request may use it.
type lane struct {
	route     route
	transport *http.Transport

	// sessions belong to the request that has the lane.
	sessions map[*space]*bound
}

// bound is a session and the connection that its legs go over; nil before the first one.
type bound struct {
	session session
	conn    net.Conn
}

// session returns the conversation of s on the lane's connection.
func (l *lane) session(s *space) session {
	if l.sessions[s] == nil {
		l.sessions[s] = &bound{session: s.scheme.session()}
	}
	return l.sessions[s].session
}

// carried notes that conn carried the last request. What was begun on another connection is lost with that.
func (l *lane) carried(conn net.Conn) {
	for s, b := range l.sessions {
		switch b.conn {
		case nil:
			b.conn = conn
		case conn:
		default:
			delete(l.sessions, s)
		}
	}
}

// send makes one leg on the lane's connection.
func (l *lane) send(req *http.Request) (*http.Response, error) {
	var mu sync.Mutex // guards conn: net/http may tell it from another goroutine
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		mu.Lock()
		defer mu.Unlock()
		conn = info.Conn
	}}
	resp, err := l.transport.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	mu.Lock()
	defer mu.Unlock()
	l.carried(conn)
	return resp, err
}

// take returns a free lane of r, the one used last, or a new one. Its connections speak HTTP/1.1.
func (p *pools) take(r route, build func(*http.Protocols) *http.Transport) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	if free := p.lanes[r]; len(free) > 0 {
		p.lanes[r] = free[:len(free)-1]
		return free[len(free)-1]
	}
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &lane{route: r, transport: build(http1), sessions: map[*space]*bound{}}
}

func (p *pools) put(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes[l.route] = append(p.lanes[l.route], l)
}

// laneBody gives the lane back when the response has been read or closed: its connection is free then.
type laneBody struct {
	io.ReadCloser
	put func()
}

func newLaneBody(body io.ReadCloser, p *pools, l *lane) *laneBody {
	return &laneBody{body, sync.OnceFunc(func() { p.put(l) })}
}

func (b *laneBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.put()
	}
	return n, err
}

func (b *laneBody) Close() error {
	err := b.ReadCloser.Close()
	b.put()
	return err
}
