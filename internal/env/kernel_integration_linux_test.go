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
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/sched"
)

// namespace is a network of the test's own, with the interface net0 that leads to net1.
type namespace struct {
	t    *testing.T
	name string
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
}

func newNamespace(t *testing.T) namespace {
	t.Helper()
	needRoot(t)
	n := namespace{t, fmt.Sprintf("ebb-%s-%d", t.Name(), os.Getpid())}
	if out, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		lack(t, fmt.Sprintf("no network namespace can be made (iproute2): %v: %s", err, out))
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

// leave puts the test's thread, which ends with it, into a network of its own. It returns what runs ip there.
func leave(t *testing.T) (ip func(commands ...string)) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lack(t, fmt.Sprintf("no network namespace can be made: %v", err))
	}
	return func(commands ...string) {
		t.Helper()
		cmd := exec.Command("ip", "-batch", "-")
		cmd.Stdin = strings.NewReader(strings.Join(commands, "\n"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ip %q: %v: %s", commands, err, out)
		}
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	ip := leave(t)
	expect := func(what string, ways ...string) {
		t.Helper()
		got, err := look()
		for deadline := time.Now().Add(5 * time.Second); got.ways != strings.Join(ways, "\n") && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond) // the carrier takes its time
			got, err = look()
		}
		if diff := cmp.Diff(strings.Join(ways, "\n"), got.ways); err != nil || !got.known || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	ip("link set lo up")
	expect("loopback")
	ip("link add net0 index 7 type veth peer name net1", "link set net0 up", "address add 10.7.0.2/24 dev net0")
	expect("no carrier")
	ip("link set net1 up")
	expect("carrier", "10.7.0.2/24 on 7")
	ip("address add 169.254.1.1/16 scope link dev net0", "address add fd00:7::2/64 nodad dev net0",
		"route add 10.8.9.7/32 via 10.7.0.1", "route add unreachable 10.9.0.0/16")
	expect("addresses of the link, routes to machines and to nowhere", "10.7.0.2/24 on 7", "fd00:7::2/64 on 7")
	ip("route add default via 10.7.0.1", "route add 10.8.0.0/16 via 10.7.0.9 table 77", "route add default via fd00:7::1 dev net0")
	expect("routes", "-/0 by 10.7.0.1 on 7", "-/0 by fd00:7::1 on 7", "10.7.0.2/24 on 7", "10.8.0.0/16 by 10.7.0.9 on 7", "fd00:7::2/64 on 7")
	ip("link set net1 down")
	expect("dead routes")
}

// A socket that cannot hold all changes has lost some, but a look has not.
func TestAwaitTooManyChanges(t *testing.T) {
	t.Parallel()
	ip := leave(t)
	changes, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	defer changes.Close()
	var addresses []string
	for i := range 2000 {
		addresses = append(addresses, fmt.Sprintf("address add 10.7.%d.%d/24 dev lo", i/250, 1+i%250))
	}
	ip(addresses...)
	if err := awaitChange(changes, time.Millisecond); err != nil {
		t.Errorf("the first wait: %v", err)
	}
	ip("address add 10.8.0.1/24 dev lo")
	if err := awaitChange(changes, time.Millisecond); err != nil {
		t.Errorf("the next wait: %v", err)
	}
}
