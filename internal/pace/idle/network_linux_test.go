//go:build integration

package idle

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inNetwork names the server's network to the process that runs in the client's.
const inNetwork = "EBB_IDLE_SERVER_NETWORK"

const serverAddr = "10.71.2.2"

// onLine runs the test in a process of its own, in a network that a router connects with the server's: by a line of 20 Mbit/s towards
// here with a buffer of 100 ms. It reports false to the test that has started that process, which then has nothing left to do.
func onLine(t *testing.T) (server string, here bool) {
	t.Helper()
	if server = os.Getenv(inNetwork); server != "" {
		return server, true
	}
	if os.Getuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
	base := fmt.Sprintf("ebb-%s-%d-", strings.ToLower(t.Name()), os.Getpid())
	client, router, server := base+"client", base+"router", base+"server"
	for _, name := range []string{client, router, server} {
		run(t, "ip netns add "+name)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", name).Run() })
	}
	for _, command := range []string{
		"ip -n CLIENT link set lo up",
		"ip -n ROUTER link add home gso_max_segs 1 type veth peer name net0 gso_max_segs 1 netns CLIENT",
		"ip -n ROUTER link add far gso_max_segs 1 type veth peer name net0 gso_max_segs 1 netns SERVER",
		"ip -n CLIENT address add 10.71.1.2/24 dev net0",
		"ip -n ROUTER address add 10.71.1.1/24 dev home",
		"ip -n ROUTER address add 10.71.2.1/24 dev far",
		"ip -n SERVER address add 10.71.2.2/24 dev net0",
		"ip -n CLIENT link set net0 up",
		"ip -n ROUTER link set home up",
		"ip -n ROUTER link set far up",
		"ip -n SERVER link set net0 up",
		"ip -n CLIENT route add default via 10.71.1.1",
		"ip -n SERVER route add default via 10.71.2.1",
		"ip netns exec ROUTER sysctl -q -w net.ipv4.ip_forward=1",
		// The default, cubic, leaves slow start long before the buffer is full on a line as short as this.
		"ip netns exec SERVER sysctl -q -w net.ipv4.tcp_congestion_control=reno",
		"tc -n ROUTER qdisc add dev home root tbf rate 20mbit burst 5kb latency 100ms",
	} {
		run(t, strings.NewReplacer("CLIENT", client, "ROUTER", router, "SERVER", server).Replace(command))
	}
	cmd := exec.Command("ip", "netns", "exec", client, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=120s", "-test.v")
	cmd.Env = append(os.Environ(), inNetwork+"="+server)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in the network: %v", err)
	}
	return "", false
}

func run(t *testing.T, command string) {
	t.Helper()
	argv := strings.Fields(command)
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", command, err, out)
	}
}

// listenIn listens in another network. The thread that has been there ends.
func listenIn(t *testing.T, network string) net.Listener {
	t.Helper()
	type result struct {
		l   net.Listener
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		fd, err := unix.Open("/run/netns/"+network, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err != nil {
			done <- result{err: err}
			return
		}
		l, err := net.Listen("tcp4", serverAddr+":0")
		done <- result{l, err}
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { _ = r.l.Close() })
	return r.l
}
