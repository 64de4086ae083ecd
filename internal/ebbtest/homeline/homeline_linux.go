// Package homeline is a home line to the Internet in network namespaces, for tests of who gets how much of it.
//
//	l, here := homeline.Behind(t)
//	if !here {
//		return
//	}
//	server := l.Listen(t)
//	go homeline.Pour(server)
//	… download from server.Addr(), which is behind a line of homeline.Rate, or upload to one that drains
//
// Only root can make one. Tests share the cores with others, so they ask for shares and for what comes about, never for times.
package homeline

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/netns"
)

// Rate is what the line carries each way, in bytes per second of TCP payload: 20 Mbit/s less the headers.
const Rate = 20_000_000 / 8 * 1448 / 1514

// inside tells the process behind the line that it is there.
const inside = "EBB_HOMELINE"

const serverAddr = "10.71.2.2"

// Line is the line as the client has it.
type Line struct{ server *netns.Namespace }

// Behind runs the test once more in a process of its own, which is behind the line. It reports false to the test that has
// started that process, which then has nothing left to do.
func Behind(t *testing.T) (l *Line, here bool) {
	t.Helper()
	if os.Getenv(inside) != "" {
		return &Line{netns.Inherited("server", 3)}, true
	}
	if os.Getuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
	var all [3]*netns.Namespace
	for i, name := range []string{"client", "router", "server"} {
		n, err := netns.New(name)
		if err != nil {
			ebbtest.Lacks(t, "%v", err)
		}
		t.Cleanup(n.Close)
		all[i] = n
	}
	client, router, server := all[0], all[1], all[2]
	if err := connect(t.Context(), client, router, server); err != nil {
		ebbtest.Lacks(t, "%v", err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=180s", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=yes")
	cmd.ExtraFiles = []*os.File{server.File()}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := client.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	t.Logf("%s", bytes.TrimSpace(out.Bytes()))
	if err != nil {
		t.Errorf("behind the line: %v", err)
	}
	return nil, false
}

// connect makes client ── router ── server. The router is the line: each way, its buffer holds 100 ms.
func connect(ctx context.Context, client, router, server *netns.Namespace) error {
	return cmp.Or(
		router.IP(ctx,
			"link add home gso_max_segs 1 type veth peer name net0 gso_max_segs 1 netns "+client.Path(),
			"link add far gso_max_segs 1 type veth peer name net0 gso_max_segs 1 netns "+server.Path(),
			"address add 10.71.1.1/24 dev home", "address add 10.71.2.1/24 dev far", "link set home up", "link set far up"),
		client.IP(ctx, "link set lo up", "address add 10.71.1.2/24 dev net0", "link set net0 up", "route add default via 10.71.1.1"),
		server.IP(ctx, "address add "+serverAddr+"/24 dev net0", "link set net0 up", "route add default via 10.71.2.1"),
		router.Set("ipv4/ip_forward 1"),
		// Cubic leaves slow start long before the buffer is full on a line as short as this.
		server.Set("ipv4/tcp_congestion_control reno"),
		client.Set("ipv4/tcp_congestion_control reno"),
		router.Run(ctx, "tc", "qdisc", "add", "dev", "home", "root", "tbf", "rate", "20mbit", "burst", "5kb", "latency", "100ms"),
		router.Run(ctx, "tc", "qdisc", "add", "dev", "far", "root", "tbf", "rate", "20mbit", "burst", "5kb", "latency", "100ms"),
	)
}

// Listen listens at the far end of the line until the test ends.
func (l *Line) Listen(t *testing.T) (ln net.Listener) {
	t.Helper()
	err := l.server.Do(func() (err error) {
		ln, err = net.Listen("tcp4", serverAddr+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// Pour sends without end to all who connect, until the listener is closed.
func Pour(l net.Listener) { serve(l, net.Conn.Write) }

// Drain takes all that those who connect send, until the listener is closed.
func Drain(l net.Listener) { serve(l, net.Conn.Read) }

// serve does the same again and again with each connection.
func serve(l net.Listener, do func(net.Conn, []byte) (int, error)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // ends with the connection
			defer conn.Close()
			for buf := make([]byte, 64<<10); err == nil; {
				_, err = do(conn, buf)
			}
		}()
	}
}

// HasAll waits until a count of bytes has had the line for a second, but for a little, and reports whether that has come about. A
// busy machine may take a while.
func HasAll(count func() int64) bool { return Has(0.8, count) }

// Has is HasAll for a part of the line.
func Has(part float64, count func() int64) bool {
	for range 30 {
		if moved(time.Second, count)[0] > part*Rate {
			return true
		}
	}
	return false
}

// Share is the first count's part of what two counts of bytes have had together in the time that passes until it returns.
func Share(span time.Duration, first, second func() int64) float64 {
	had := moved(span, first, second)
	return had[0] / max(had[0]+had[1], 1)
}

// moved is how far counts rise in a second, over a span.
func moved(span time.Duration, counts ...func() int64) []float64 {
	before := make([]int64, len(counts))
	for i, count := range counts {
		before[i] = count()
	}
	start := time.Now()
	time.Sleep(span)
	elapsed := time.Since(start).Seconds()
	rates := make([]float64, len(counts))
	for i, count := range counts {
		rates[i] = float64(count()-before[i]) / elapsed
	}
	return rates
}
