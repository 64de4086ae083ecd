package httpx

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// witness is who wants to know of connections.
type witness struct {
	t    *testing.T
	seen func() int // requests that servers have had

	mu     sync.Mutex // guards all below
	conns  []net.Conn // the sockets, one for each request
	before []int      // what seen was then
	open   int        // that have not been released
}

func (u *witness) use(conn net.Conn) func() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for {
		above, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = above.NetConn()
	}
	if _, ok := conn.(*net.TCPConn); !ok {
		u.t.Errorf("below the connection there is a %T, want the socket", conn)
	}
	u.conns, u.before = append(u.conns, conn), append(u.before, u.seen())
	u.open++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.open--
	}
}

// released waits until no connection is in use.
func (u *witness) released() {
	u.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		u.mu.Lock()
		open := u.open
		u.mu.Unlock()
		if open == 0 {
			return
		}
	}
	u.t.Errorf("%d connections are still said to be in use", u.open)
}

func TestConnIsToldBeforeEachRequest(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name    string
		tunnel  bool
		options []ebbtest.Option
		before  []int // requests that the server has had, at the calls
		fails   bool
	}{
		{"http", false, nil, []int{0}, false},
		{"https", false, []ebbtest.Option{ebbtest.TLS()}, []int{0}, false},
		{"http2", false, []ebbtest.Option{ebbtest.HTTP2Only()}, []int{0}, false},
		{"tunnel", true, []ebbtest.Option{ebbtest.TLS()}, []int{0}, false},
		{"redirects", false, []ebbtest.Option{ebbtest.Redirects(2, 302)}, []int{0, 1, 2}, false},
		{"failure", false, []ebbtest.Option{ebbtest.EveryStatus(404)}, []int{0}, true},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, append(way.options, ebbtest.Size(1<<20))...)
			u := &witness{t: t, seen: func() int { return len(srv.Requests()) }}
			src := transport.Source{URL: srv.URL, Conn: u.use}
			if strings.HasPrefix(srv.URL, "https") {
				src.Network.CACert = srv.CACert()
			}
			if way.tunnel {
				src.Network.Proxy = ebbtest.NewProxy(t, "", "").URL
			}
			d := newDownloader(t)
			body, _, err := d.Open(t.Context(), src, 0, job.Validator{})
			if (err != nil) != way.fails {
				t.Fatal(err)
			}
			if !way.fails {
				u.mu.Lock()
				if u.open != 1 {
					t.Errorf("while the body is read, %d connections are in use, want 1", u.open)
				}
				u.mu.Unlock()
				if _, err := io.Copy(io.Discard, body); err != nil {
					t.Error(err)
				}
				body.Close()
			}
			u.released()
			if diff := cmp.Diff(way.before, slices.Compact(u.before)); diff != "" {
				t.Errorf("requests that the server had had (-want +got):\n%s", diff)
			}
		})
	}
}

// Sources that share a connection, one after the other, each tell of it.
func TestConnIsToldOfPooledConnections(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	d := newDownloader(t)
	u := &witness{t: t, seen: func() int { return 0 }}
	for range 2 {
		body, _, err := d.Open(t.Context(), transport.Source{URL: srv.URL, Conn: u.use}, 0, job.Validator{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatal(err)
		}
		body.Close()
	}
	u.released()
	if len(u.conns) != 2 || u.conns[0] != u.conns[1] {
		t.Errorf("the connections are %v, want one twice", u.conns)
	}
}
