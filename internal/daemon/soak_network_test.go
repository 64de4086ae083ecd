//go:build integration && linux

package daemon_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// wire is a network namespace that is joined to this one by a cable that can be pulled.
type wire struct {
	t     testing.TB
	name  string
	here  string // the end of the cable on this side
	addr  string // of this side
	pulls int
}

// newWire makes one. Only root can.
func newWire(t testing.TB) *wire {
	t.Helper()
	if os.Geteuid() != 0 {
		ebbtest.Lacks(t, "only root can make a network to cut")
	}
	w := &wire{t: t, name: fmt.Sprint("ebbsoak", os.Getpid()), here: fmt.Sprint("soak", os.Getpid()%1e6)}
	subnet := fmt.Sprintf("198.18.%d.%d", os.Getpid()/64%256, os.Getpid()%64*4) // of RFC 2544, for tests
	base := subnet[:len(subnet)-len(fmt.Sprint(os.Getpid()%64*4))]
	w.addr = fmt.Sprint(base, os.Getpid()%64*4+1)
	there := fmt.Sprint(base, os.Getpid()%64*4+2)
	t.Cleanup(func() { // takes the cable with it
		_ = exec.Command("ip", "link", "delete", w.here).Run()
		_ = exec.Command("ip", "netns", "delete", w.name).Run()
	})
	for _, args := range [][]string{
		{"netns", "add", w.name},
		{"link", "add", w.here, "type", "veth", "peer", "name", "eth0", "netns", w.name},
		{"addr", "add", w.addr + "/30", "dev", w.here},
		{"link", "set", w.here, "up"},
		{"-n", w.name, "link", "set", "lo", "up"},
		{"-n", w.name, "addr", "add", there + "/30", "dev", "eth0"},
		{"-n", w.name, "link", "set", "eth0", "up"},
		{"-n", w.name, "route", "add", "default", "via", w.addr},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			ebbtest.Lacks(t, "no network namespaces: ip %v: %v: %s", args, err, out)
		}
	}
	return w
}

// plug joins or pulls the cable. The route goes with it and has to be set again, as a network manager would.
func (w *wire) plug(in bool) {
	w.t.Helper()
	state := "down"
	if in {
		state = "up"
	} else {
		w.pulls++
	}
	if out, err := exec.Command("ip", "-n", w.name, "link", "set", "eth0", state).CombinedOutput(); err != nil {
		w.t.Errorf("ip link set %s: %v: %s", state, err, out)
	}
	if in {
		if out, err := exec.Command("ip", "-n", w.name, "route", "replace", "default", "via", w.addr).CombinedOutput(); err != nil {
			w.t.Errorf("ip route: %v: %s", err, out)
		}
	}
}

// wrap returns a program that runs another one behind the wire, in the same process.
func (w *wire) wrap(program string) string {
	w.t.Helper()
	name := filepath.Join(w.t.TempDir(), "behind")
	text := fmt.Sprintf("#!/bin/sh\nexec ip netns exec %s %s \"$@\"\n", w.name, program)
	if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
		w.t.Fatal(err)
	}
	return name
}
