// Package homeline is a home line to the Internet in network namespaces, for tests of who gets how much of it.
//
//	l, here := homeline.Behind(t)
//	if !here {
//		return
//	}
//	server := l.Listen(t)
//	go homeline.Pour(server)
//	… download from server.Addr(), which is behind a line of homeline.Rate
//
// Only root can make one. Tests share the cores with others, so they ask for shares and for what comes about, never for times.
package homeline

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// Rate is what the line carries towards the client, in bytes per second of TCP payload: 20 Mbit/s less the headers.
const Rate = 20_000_000 / 8 * 1448 / 1514

// inside names the server's namespace to the process in the client's.
const inside = "EBB_HOMELINE_SERVER"

// topology is client ── router ── server, with the line between client and router. Its buffer holds 100 ms.
const topology = `
ip -n CLIENT link set lo up
ip -n ROUTER link add home gso_max_segs 1 type veth peer name net0 gso_max_segs 1 netns CLIENT
ip -n ROUTER link add far gso_max_segs 1 type veth peer name net0 gso_max_segs 1 netns SERVER
ip -n CLIENT address add 10.71.1.2/24 dev net0
ip -n ROUTER address add 10.71.1.1/24 dev home
ip -n ROUTER address add 10.71.2.1/24 dev far
ip -n SERVER address add 10.71.2.2/24 dev net0
ip -n CLIENT link set net0 up
ip -n ROUTER link set home up
ip -n ROUTER link set far up
ip -n SERVER link set net0 up
ip -n CLIENT route add default via 10.71.1.1
ip -n SERVER route add default via 10.71.2.1
ip netns exec ROUTER sysctl -q -w net.ipv4.ip_forward=1
ip netns exec SERVER sysctl -q -w net.ipv4.tcp_congestion_control=reno
tc -n ROUTER qdisc add dev home root tbf rate 20mbit burst 5kb latency 100ms`

// Reno, because cubic leaves slow start long before the buffer is full on a line as short as this.

const serverAddr = "10.71.2.2"

// Line is the line as the client has it.
type Line struct{ server string }

// Behind runs the test once more in a process of its own, which is behind the line. It reports false to the test that has
// started that process, which then has nothing left to do.
func Behind(t *testing.T) (l *Line, here bool) {
	t.Helper()
	if server := os.Getenv(inside); server != "" {
		return &Line{server}, true
	}
	if os.Getuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
	base := fmt.Sprintf("ebb-homeline-%d-", os.Getpid())
	client, router, server := base+"client", base+"router", base+"server"
	for _, name := range []string{client, router, server} {
		run(t, "ip netns add "+name)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	}
	for command := range strings.Lines(topology[1:]) {
		run(t, strings.NewReplacer("CLIENT", client, "ROUTER", router, "SERVER", server).Replace(command))
	}
	cmd := exec.Command("ip", "netns", "exec", client, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=180s", "-test.v")
	cmd.Env = append(os.Environ(), inside+"="+server)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", bytes.TrimSpace(out))
	if err != nil {
		t.Errorf("behind the line: %v", err)
	}
	return nil, false
}

func run(t *testing.T, command string) {
	t.Helper()
	argv := strings.Fields(command)
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		ebbtest.Lacks(t, "%s: %v: %s", command, err, out)
	}
}

// Listen listens at the far end of the line until the test ends.
func (l *Line) Listen(t *testing.T) net.Listener {
	t.Helper()
	type result struct {
		net.Listener
		error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine, and with it its namespace
		fd, err := unix.Open("/run/netns/"+l.server, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			_ = unix.Close(fd)
		}
		if err != nil {
			done <- result{error: err}
			return
		}
		ln, err := net.Listen("tcp4", serverAddr+":0")
		done <- result{ln, err}
	}()
	r := <-done
	if r.error != nil {
		t.Fatal(r.error)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r.Listener
}

// Pour sends without end to all who connect, until the listener is closed.
func Pour(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() { // ends with the connection
			defer conn.Close()
			for buf := make([]byte, 64<<10); err == nil; {
				_, err = conn.Write(buf)
			}
		}()
	}
}

// HasAll waits until a count of bytes has had the line for a second, but for a little, and reports whether that has come about. A
// busy machine may take a while.
func HasAll(count func() int64) bool {
	for range 30 {
		if moved(time.Second, count)[0] > Rate*8/10 {
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
