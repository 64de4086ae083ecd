//go:build !linux

package rig

import (
	"os"
	"syscall"
	"testing"
)

func processAttributes(testing.TB) *syscall.SysProcAttr { return nil }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

func stateDir(t testing.TB) string {
	t.Helper()
	return t.TempDir()
}

func reachable(testing.TB, string) {}

func own(testing.TB, string) {}
