package ebbtest

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
)

// Cutter is a TCP relay in front of a server, which cuts all connections once. It stops when its test ends, or by Close.
// It is safe for concurrent use.
type Cutter struct {
	Addr string // where it listens, 127.0.0.1:port

	to       string
	listener net.Listener
	after    int64
	running  sync.WaitGroup // the loop that accepts, and both directions of each connection

	mu       sync.Mutex // guards all below
	closed   bool
	cut      bool
	open     map[net.Conn]bool // both ends of each connection
	received int64
	ports    []int
}

// NewCutter starts a relay to the TCP address to. When it has passed on that many bytes from the server, it closes all
// connections; later ones stay. With 0 it never does. When several connections have data at once, it may be some more.
func NewCutter(t testing.TB, to string, after int64) *Cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cutter{Addr: ln.Addr().String(), to: to, listener: ln, after: after, cut: after == 0, open: map[net.Conn]bool{}}
	c.running.Go(c.accept) // ends with Close
	t.Cleanup(c.Close)
	return c
}

// Received is how many bytes the relay has passed on from the server, those of headers and of TLS with them. The last
// megabyte of a connection is counted when it ends: Close first.
func (c *Cutter) Received() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received
}

// Cut reports whether the connections have been cut.
func (c *Cutter) Cut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.after > 0 && c.cut
}

// Ports are what the server sees its client at, one for each connection. No two relays have one in common, as long as
// the process runs.
func (c *Cutter) Ports() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ports)
}

func (c *Cutter) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := dialUnused(c.to)
		if err != nil || !c.add(near, far) { // a server that cannot be reached looks like one that hangs up
			_ = near.Close()
			continue
		}
		c.running.Go(func() { // ends when either end closes
			_, _ = io.Copy(far, near)
			c.drop(near, far)
		})
		c.running.Go(func() { // likewise
			c.relay(near, far)
			c.drop(near, far)
		})
	}
}

// maxPiece is how many bytes are passed on before they are counted.
const maxPiece = 1 << 20

// relay passes on what comes from the server. The kernel moves the bytes where it can.
func (c *Cutter) relay(near io.Writer, far io.Reader) {
	for {
		n, err := io.CopyN(near, far, c.piece())
		if c.count(n) {
			c.closeAll()
		}
		if err != nil {
			return
		}
	}
}

// piece is how many bytes may pass now: no more than those before the cut.
func (c *Cutter) piece() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if left := c.after - c.received; !c.cut && left < maxPiece {
		return left
	}
	return maxPiece
}

// count adds n bytes and reports whether it is time to cut.
func (c *Cutter) count(n int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received += n
	if c.cut || c.received < c.after {
		return false
	}
	c.cut = true
	return true
}

func (c *Cutter) add(near, far net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = far.Close()
		return false
	}
	c.open[near], c.open[far] = true, true
	c.ports = append(c.ports, far.LocalAddr().(*net.TCPAddr).Port)
	return true
}

func (c *Cutter) drop(ends ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		_ = end.Close()
		delete(c.open, end)
	}
}

// closeAll closes the connections, but for what is still on its way to the client.
func (c *Cutter) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for end := range c.open {
		_ = end.Close()
	}
}

// Close ends all connections and returns when nothing of the relay runs any more.
func (c *Cutter) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	_ = c.listener.Close()
	c.closeAll()
	c.running.Wait()
}

var (
	portsMu sync.Mutex           // guards ports
	ports   = map[int]struct{}{} // that a Cutter has connected from
)

var errPorts = errors.New("every port has been used")

// dialUnused connects to addr from a port that no Cutter has used before.
func dialUnused(addr string) (net.Conn, error) {
	for range 1000 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		port := conn.LocalAddr().(*net.TCPAddr).Port
		portsMu.Lock()
		_, used := ports[port]
		ports[port] = struct{}{}
		portsMu.Unlock()
		if !used {
			return conn, nil
		}
		_ = conn.Close()
	}
	return nil, errPorts
}
