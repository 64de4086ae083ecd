//go:build integration && linux

package daemon_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/ebbtest/netns"
)

// wire is a network namespace that is joined to this one by a cable that can be pulled.
type wire struct {
	*netns.Namespace
	t     testing.TB
	addr  string // of this side
	pulls int
}

// newWire makes one. Only root can. The cable goes with the namespace.
func newWire(t testing.TB) *wire {
	t.Helper()
	if os.Geteuid() != 0 {
		ebbtest.Lacks(t, "only root can make a network to cut")
	}
	there, err := netns.New("behind")
	if err != nil {
		ebbtest.Lacks(t, "%v", err)
	}
	t.Cleanup(there.Close)
	w := &wire{Namespace: there, t: t}
	here, host := fmt.Sprint("soak", os.Getpid()%1e6), os.Getpid()%(1<<14)*4 // four addresses of RFC 2544, for tests, each
	w.addr = fmt.Sprintf("198.18.%d.%d", host/256, host%256+1)
	for _, args := range [][]string{
		{"link", "add", here, "type", "veth", "peer", "name", "eth0", "netns", there.Path()},
		{"addr", "add", w.addr + "/30", "dev", here},
		{"link", "set", here, "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			ebbtest.Lacks(t, "ip %v: %v: %s", args, err, out)
		}
	}
	err = there.IP(t.Context(), "link set lo up", fmt.Sprintf("addr add 198.18.%d.%d/30 dev eth0", host/256, host%256+2))
	if err != nil {
		ebbtest.Lacks(t, "%v", err)
	}
	w.plug(true)
	return w
}

// plug joins or pulls the cable. The route goes with it and has to be set again, as a network manager would.
func (w *wire) plug(in bool) {
	w.t.Helper()
	commands := []string{"link set eth0 down"}
	if in {
		commands = []string{"link set eth0 up", "route replace default via " + w.addr}
	} else {
		w.pulls++
	}
	if err := w.IP(context.WithoutCancel(w.t.Context()), commands...); err != nil { // it is also for when the test is over
		w.t.Error(err)
	}
}

// wrap returns a program that runs another one behind the wire, in the same process.
func (w *wire) wrap(program string) string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "behind")
	text := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=%s %s \"$@\"\n", w.Path(), program)
	if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
		w.t.Fatal(err)
	}
	return name
}
