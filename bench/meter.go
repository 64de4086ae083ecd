//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is what a piece of work has cost.
type usage struct {
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"`         // user and system time of all processes of the program
	Peak int64         `json:"peak,omitempty"` // bytes of resident memory, of all processes
}

// measure runs a command to its end and returns what it cost. Its output is part of the error.
func measure(ctx context.Context, argv, env []string) (usage, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	u := usage{Wall: time.Since(began), Peak: peak()}
	if ctx.Err() != nil {
		return u, ctx.Err()
	}
	if err != nil {
		text := out.String()
		return u, fmt.Errorf("%s: %w: %s", argv[0], err, text[max(0, len(text)-500):])
	}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return u, nil
}

// watchPeak follows the peak of resident memory of a process until the function that it returns is called.
// The figure of wait4 is of no use: it begins with the memory of the program that started the process.
func watchPeak(pid int) func() int64 {
	done, result := make(chan struct{}), make(chan int64, 1)
	go func() {
		var peak int64
		for {
			peak = max(peak, memory(pid, "VmHWM:"))
			select {
			case <-done:
				result <- peak
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(done); return <-result }
}

// memory reads a figure of /proc/PID/status, in bytes; 0 when the process is gone.
func memory(pid int, field string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// resetPeak makes the peak of a process begin anew (proc(5), clear_refs).
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// process is something that runs beside the measurements: a server or a daemon.
type process struct {
	cmd    *exec.Cmd
	out    bytes.Buffer // read it only after exited
	exited chan struct{}
}

func start(argv, env []string) (*process, error) {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended shows in what it wrote
		close(p.exited)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process, by force when it does not obey.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// await calls ready until it succeeds.
func (p *process) await(ctx context.Context, ready func() error) error {
	deadline := time.After(30 * time.Second)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s has ended: %s", p.cmd.Path, p.out.String())
		case <-deadline:
			return fmt.Errorf("%s is not ready: %w", p.cmd.Path, err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
