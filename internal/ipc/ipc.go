// Package ipc is the local endpoint of the daemon: a Unix socket or, on
// Windows, a named pipe, and who it is that speaks at the other end of it.
//
// Nobody logs in. The system itself says which user a local connection belongs
// to (SO_PEERCRED on Linux, LOCAL_PEERCRED on macOS and FreeBSD, the client's
// token on Windows), and that user is the [Actor] of every request made on it.
package ipc

import (
	"context"
	"errors"
	"net"
	"sync"
)

var (
	// ErrInUse means that a daemon already listens at the path, or is about to.
	ErrInUse = errors.New("a daemon is already listening there")

	// ErrNotRunning means that no daemon listens at the path.
	ErrNotRunning = errors.New("no daemon is listening there")

	// ErrUntrusted means that the folder of the socket, or the daemon that
	// answers there, may belong to somebody who must not have our jobs.
	ErrUntrusted = errors.New("not safe to use")
)

// An Actor is the user at the other end of a connection.
type Actor struct {
	ID    string // "uid:1000", on Windows a SID; equal for every connection of a user
	Name  string // the user's name, empty when the system does not know it; for people, not for decisions
	PID   int    // the process that connected, 0 when the system does not tell; for logs: it may have ended since
	Admin bool   // may act for everybody: root, or on Windows an elevated administrator or the system itself
}

// Peer returns who opened the other end of a connection that came from a
// listener of this package.
//
// On Windows the system knows that only after something was read from the
// connection; before, the error says so.
func Peer(conn net.Conn) (Actor, error) {
	if c, ok := conn.(*pipeConn); ok {
		return c.peer, nil
	}
	return peer(conn)
}

// Self returns the user of this process.
func Self() (Actor, error) { return self() }

type actorKey struct{}

// ConnContext is for the field of this name in [net/http.Server]: it makes the
// peer of conn known to [ActorFrom] in every request on that connection.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	// Asked at the first request, because Windows needs to have read something;
	// and only once, because the answer never changes.
	return context.WithValue(ctx, actorKey{}, sync.OnceValues(func() (Actor, error) { return Peer(conn) }))
}

// WithActor makes actor known to [ActorFrom], whatever the connection says: for listeners whose peers are
// found out in another way.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, func() (Actor, error) { return actor, nil })
}

// ActorFrom returns the peer of the connection that the request with this
// context came from. It reports false when that is not known: such a request
// must be refused.
func ActorFrom(ctx context.Context) (Actor, bool) {
	find, ok := ctx.Value(actorKey{}).(func() (Actor, error))
	if !ok {
		return Actor{}, false
	}
	actor, err := find()
	return actor, err == nil
}
