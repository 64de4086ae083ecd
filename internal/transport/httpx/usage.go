package httpx

import (
	"context"
	"net"
	"sync"
)

// usage tells of the connection that carries a fetch's requests, one at a time.
type usage struct {
	begin func(net.Conn) (release func()) // transport.Source.Conn

	mu      sync.Mutex // guards all below: net/http tells of connections from goroutines of its own
	release func()     // the latest connection
	over    bool
}

// newUsage tells begin of connections until ctx is done. Nil stands for nobody who wants to know.
func newUsage(ctx context.Context, begin func(net.Conn) func()) *usage {
	if begin == nil {
		return nil
	}
	u := &usage{begin: begin}
	context.AfterFunc(ctx, u.end)
	return u
}

// got is told that conn carries the next request.
func (u *usage) got(conn net.Conn) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over {
		return
	}
	release := u.begin(conn) // before the old one goes, which may be the same connection
	if u.release != nil {
		u.release()
	}
	u.release = release
}

func (u *usage) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	if u.release != nil {
		u.release()
	}
}
