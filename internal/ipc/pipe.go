package ipc

import (
	"context"
	"net"
	"sync"
)

// A DialFunc opens a connection to one certain listener.
type DialFunc func(ctx context.Context) (net.Conn, error)

// Pipe returns a listener that lives in the memory of this process, and the
// only way to connect to it. Its [Peer] is this process's own [Actor]. An
// engine inside a program serves its API on it as a daemon does on a socket.
//
// Dialing a closed listener is an error that wraps [net.ErrClosed].
func Pipe() (net.Listener, DialFunc, error) {
	actor, err := Self()
	if err != nil {
		return nil, nil, err
	}
	l := &pipeListener{actor: actor, conns: make(chan net.Conn), closed: make(chan struct{})}
	return l, l.dial, nil
}

type pipeListener struct {
	actor  Actor
	conns  chan net.Conn // from dial to Accept
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "pipe", Err: net.ErrClosed}
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	var err error
	select {
	case l.conns <- &pipeConn{Conn: far, peer: l.actor}:
		return &pipeConn{Conn: near, peer: l.actor}, nil
	case <-l.closed:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: "pipe", Err: err}
}

// A pipeConn is one end of a connection within this process.
type pipeConn struct {
	net.Conn
	peer Actor
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "in this process" }
