package netns_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/netns"
)

func pair(t *testing.T) (a, b *netns.Namespace) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may make network namespaces")
	}
	var out [2]*netns.Namespace
	for i, name := range []string{"a", "b"} {
		n, err := netns.New(name)
		if err != nil {
			ebbtest.Lacks(t, "%v", err)
		}
		t.Cleanup(n.Close)
		out[i] = n
	}
	return out[0], out[1]
}

// TestNobodySeesInside: what is in a namespace is not seen from outside, and the other way round.
func TestNobodySeesInside(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	if err := a.IP(t.Context(), "link set lo up", "link add net0 type veth peer name net0 netns "+b.Path()); err != nil {
		ebbtest.Lacks(t, "%v", err)
	}
	links := func(do func(func() error) error) (names []string) {
		err := do(func() error {
			all, err := net.Interfaces()
			for _, i := range all {
				names = append(names, i.Name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if in, there := strings.Join(links(a.Do), " "), strings.Join(links(b.Do), " "); in != "lo net0" || there != "lo net0" {
		t.Errorf("one has %s, the other %s", in, there)
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = a.Do(func() error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp4", ln.Addr().String())
		if err == nil {
			c.Close()
		}
		return err
	})
	if err == nil {
		t.Error("a port of outside answers inside")
	}
}

// TestProcessesInside: a process is in the namespace that it was started in, and can be handed another one.
func TestProcessesInside(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	cmd := exec.Command("readlink", "/proc/self/ns/net", "/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{b.File()}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := a.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(identity(t, a.Path())+"\n"+identity(t, b.Path())+"\n", out.String()); diff != "" {
		t.Errorf("where the process is, and what it was handed (-want +got):\n%s", diff)
	}
}

func identity(t *testing.T, path string) string {
	t.Helper()
	name, err := os.Readlink(path)
	if err != nil {
		t.Error(err)
	}
	return name
}

// TestThreadsComeBack looks at all threads, so that no other test may have one in a namespace.
func TestThreadsComeBack(t *testing.T) {
	a, b := pair(t)
	home := identity(t, "/proc/self/ns/net")
	var all sync.WaitGroup
	for i := range 50 {
		n := []*netns.Namespace{a, b}[i%2]
		all.Go(func() {
			err := n.Do(func() error {
				if got := identity(t, "/proc/thread-self/ns/net"); got != identity(t, n.Path()) {
					return fmt.Errorf("in %s instead of %s", got, n.Path())
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	threads, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(threads) == 0 {
		t.Fatal(len(threads), err)
	}
	for _, thread := range threads {
		if name, err := os.Readlink(thread); err == nil && name != home { // else it has ended
			t.Errorf("%s is in %s, not in %s", thread, name, home)
		}
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	a, _ := pair(t)
	for what, err := range map[string]error{
		"nonsense":     a.IP(t.Context(), "link set lo up", "nonsense"),
		"no-such-tool": a.Run(t.Context(), "no-such-tool"),
		"no_such":      a.Set("ipv4/no_such 1"),
	} {
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "namespace a") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
