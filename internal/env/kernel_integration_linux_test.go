//go:build integration

package env

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sched"
)

// namespace is a network of the test's own, with the interface net0 that leads to net1.
type namespace struct {
	t    *testing.T
	name string
}

func newNamespace(t *testing.T) namespace {
	t.Helper()
	n := namespace{t, fmt.Sprintf("ebb-%s-%d", t.Name(), os.Getpid())}
	if out, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		lack(t, fmt.Sprintf("no network namespace can be made (iproute2, root): %v: %s", err, out))
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", n.name).Run() })
	n.ip("link set lo up")
	return n
}

func (n namespace) ip(command string) {
	n.t.Helper()
	argv := append([]string{"-n", n.name}, strings.Fields(command)...)
	if out, err := exec.Command("ip", argv...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", command, err, out)
	}
}

const inNamespace = "EBB_ENV_IN_NAMESPACE"

// watch runs Watch in the namespace, in a process of its own, since a namespace is a thread's.
func (n namespace) watch() *audience {
	n.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", n.name, os.Args[0], "-test.run=^TestWatchInNamespace$", "-test.timeout=120s")
	cmd.Env = append(os.Environ(), inNamespace+"=1", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	a := &audience{n.t, make(chan News, 100)}
	read := make(chan struct{})
	go func() { // ends with the process
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var news News
			if json.Unmarshal(lines.Bytes(), &news) == nil { // and not what the test framework prints
				a.told <- news
			}
		}
	}()
	n.t.Cleanup(func() {
		_ = in.Close() // ends the process
		<-read
		if err := cmd.Wait(); err != nil {
			n.t.Errorf("the watch in the namespace: %v", err)
		}
	})
	return a
}

// TestWatchInNamespace is not a test of its own: it is the process that watch starts.
func TestWatchInNamespace(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		t.Skip("for TestKernel")
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test closes it
		stop()
	}()
	out := json.NewEncoder(os.Stdout)
	Watch(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)), func(n News) {
		if err := out.Encode(n); err != nil {
			t.Error(err)
		}
	})
}

func TestKernel(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	a := n.watch()
	lost := sched.Facts{Offline: "no network interface is up"}
	a.expect("loopback alone is not offline", News{})

	n.ip("link add net0 type veth peer name net1")
	n.ip("address add 10.7.0.2/24 dev net0")
	n.ip("link set net1 up")
	n.ip("link set net0 up")
	a.expect("an address", News{Epoch: 1})

	n.ip("link set net1 down")
	a.expect("the cable is out", News{Facts: lost, Epoch: 1})
	n.ip("link set net1 up")
	a.expect("the cable is in", News{Epoch: 2})

	n.ip("address delete 10.7.0.2/24 dev net0")
	a.expect("the address is gone", News{Facts: lost, Epoch: 2})
	n.ip("address add 10.7.0.3/24 dev net0")
	a.expect("another address", News{Epoch: 3})

	n.ip("link set net0 down")
	a.expect("switched off", News{Facts: lost, Epoch: 3})
	n.ip("link set net0 up")
	a.expect("switched on", News{Epoch: 4})
	n.ip("link delete net0")
	a.expect("pulled out", News{Facts: lost, Epoch: 4})
}

// Each look is made in the namespace of the test's thread, which look's sockets belong to.
func TestLook(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	look := func() string {
		t.Helper()
		cmd := exec.Command("ip", "netns", "exec", n.name, os.Args[0], "-test.run=^TestLookInNamespace$")
		cmd.Env = append(os.Environ(), inNamespace+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		ways, _, _ := strings.Cut(string(out), "\nPASS")
		return strings.TrimSpace(ways)
	}
	expect := func(what, want string) {
		t.Helper()
		if got := look(); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
		}
	}
	expect("loopback", "")
	n.ip("link add net0 index 7 type veth peer name net1")
	n.ip("link set net0 up")
	n.ip("address add 10.7.0.2/24 dev net0")
	expect("no carrier", "")
	n.ip("link set net1 up")
	const address = "10.7.0.2/24 on 7"
	expect("carrier", address)
	n.ip("address add 169.254.1.1/16 scope link dev net0")
	n.ip("address add fd00:7::2/64 nodad dev net0")
	n.ip("route add 10.8.9.7/32 via 10.7.0.1")
	n.ip("route add unreachable 10.9.0.0/16")
	const addresses = address + "\nfd00:7::2/64 on 7"
	expect("addresses of the link, routes to machines, and to nowhere", addresses)
	n.ip("route add default via 10.7.0.1")
	n.ip("route add 10.8.0.0/16 via 10.7.0.9 table 77")
	n.ip("route add default via fd00:7::1 dev net0")
	const routes = "-/0 by 10.7.0.1 on 7\n-/0 by fd00:7::1 on 7\n10.7.0.2/24 on 7\n10.8.0.0/16 by 10.7.0.9 on 7\nfd00:7::2/64 on 7"
	expect("routes", routes)
	n.ip("link set net1 down")
	expect("dead routes", "")
}

// TestLookInNamespace is not a test of its own: it is the process that TestLook starts.
func TestLookInNamespace(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		t.Skip("for TestLook")
	}
	n, err := look()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(n.ways)
}
