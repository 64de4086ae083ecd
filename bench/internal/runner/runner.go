//go:build linux

// Package runner is what every benchmark needs to run: the ebb to measure, what to say of the machine, a wait, and what
// a process costs.
package runner

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Ebb returns the absolute path of the program to measure: given, or if that is "" one built into dir as it is released. The working
// directory is the root of the module then.
func Ebb(ctx context.Context, given, dir string) (string, error) {
	if given != "" {
		path, err := exec.LookPath(given)
		if err != nil {
			return "", err
		}
		return filepath.Abs(path)
	}
	built := filepath.Join(dir, "ebb")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", built, "./cmd/ebb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ebb (run this in the root of the module, or give -ebb): %w\n%s", err, out)
	}
	return built, nil
}

// Describe says in one line what this runs on, and how busy it is.
func Describe() string {
	cpu := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%d cores of %s, Linux %s, %s, load at the start %s",
		runtime.NumCPU(), cpu, strings.TrimSpace(string(kernel)), runtime.Version(), strings.Fields(string(load) + " ?")[0])
}

// CPUTime is the time that all threads of a process have run, to the nanosecond (clock_getcpuclockid(3)).
func CPUTime(pid int) (time.Duration, error) {
	const perProcessSched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|perProcessSched), &ts); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// Sleep waits for a time, or with the error of ctx until that ends.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
