package idle

import (
	"context"
	"net"
	"sync"
	"time"
)

// Sender is a request whose body a flow sends.
type Sender struct {
	manager *Manager
	link    *link // nil for what is none of the flow's business
	release func()
}

// Send is [Flow.Use] for a request with a body: what goes out is held back, not what comes in. Who writes the body asks for
// [Sender.Room] before each part of it, and calls [Sender.Close] behind the last one.
func (f *Flow) Send(conn net.Conn) *Sender {
	l := f.take(end{tcpOf(conn), true})
	return &Sender{f.manager, l, sync.OnceFunc(func() { f.release(l) })}
}

// Room waits until something can be sent, and returns how many of n bytes, of which there is one at least, to write now. Its only error is
// that of ctx, which may end while the line is somebody else's. One goroutine at a time may call it.
func (s *Sender) Room(ctx context.Context, n int) (int, error) {
	for {
		room, wait := s.room(n)
		if wait == 0 {
			return room, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// room is how many bytes may be written now, or how long to wait before the next question.
func (s *Sender) room(n int) (room int, wait time.Duration) {
	l := s.link
	if l == nil {
		return n, 0
	}
	s.manager.mu.Lock()
	defer s.manager.mu.Unlock()
	if l.path == nil || l.path.prober != nil {
		return n, 0
	}
	l.cork(true)
	var q backlog
	if err := l.set(q.read); err != nil {
		return n, 0 // to write will say why
	}
	return l.gate.room(s.manager.now(), q, n)
}

// Close says that the body has been written. It may be called again.
func (s *Sender) Close() {
	if s.link == nil {
		return
	}
	s.manager.mu.Lock()
	s.link.cork(false)
	s.manager.mu.Unlock()
	s.release()
}

// cork says whether only full packets are sent: a receiver takes its time to acknowledge less, which looks like a queue.
func (l *link) cork(on bool) {
	if on != l.corked {
		l.corked = on
		_ = l.set(func(fd uintptr) error { return cork(fd, on) }) // it is a wish
	}
}
