package daemon

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// idle knows when a daemon that started by itself is needed no more.
type idle struct {
	mu    sync.Mutex // guards all below
	conns int        // connections of clients
	since time.Time  // when the last one went
}

func newIdle() *idle { return &idle{since: time.Now()} }

// connState counts the clients (see http.Server.ConnState).
func (i *idle) connState(_ net.Conn, state http.ConnState) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch state {
	case http.StateNew:
		i.conns++
	case http.StateClosed, http.StateHijacked:
		i.conns--
		i.since = time.Now()
	case http.StateActive, http.StateIdle:
	}
}

// quiet reports whether no client has been here for that long.
func (i *idle) quiet(d time.Duration) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.conns == 0 && time.Since(i.since) >= d
}

// watch calls stop once there has been neither a client nor a job that can go on by itself for
// a while. It ends then, or with ctx.
func (i *idle) watch(ctx context.Context, p process, stop func()) {
	limit := p.cfg.IdleExit
	if limit == 0 {
		limit = defaultIdleExit
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(limit / 4):
		}
		busy, err := p.svc.busy(ctx)
		if err != nil || busy {
			i.touch()
			continue
		}
		if i.quiet(limit) {
			p.log.Info("nothing to do; ending until the next command")
			stop()
			return
		}
	}
}

func (i *idle) touch() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.since = time.Now()
}
