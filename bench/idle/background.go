//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
	"github.com/ebb-transfer/ebb/job"
)

// contestant is a way to download in the background.
type contestant struct {
	Name  string
	start func(ctx context.Context, l load) (*background, error)
}

// load is what a contestant has to do.
type load struct {
	host *namespace
	url  string
	dir  string // its own
	path path
	ebb  string // the program
}

// contestants returns all, in the order of the tables.
func contestants() []contestant {
	return []contestant{
		{"curl", startCurl},
		{"aria2c -x16", startAria2},
		{"curl at 50 %", startLimited},
		{"ebb low", func(ctx context.Context, l load) (*background, error) { return startEbb(ctx, l, "low") }},
		{"ebb foreground", func(ctx context.Context, l load) (*background, error) { return startEbb(ctx, l, "foreground") }},
	}
}

// begin starts a contestant in a folder of its own.
func (b *bench) begin(ctx context.Context, s *stage, c contestant, l load) (*background, error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, err
	}
	l.dir, l.path, l.ebb = dir, s.path, b.ebb
	bg, err := c.start(ctx, l)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return bg, nil
}

// background is a contestant at work.
type background struct {
	cmd    *exec.Cmd
	out    strings.Builder // read it only after exited
	exited chan struct{}
}

// startProcess runs a program in a network namespace, with its own home folder.
func startProcess(host *namespace, home string, argv ...string) (*background, error) {
	p := &background{cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{})}
	p.cmd.Dir = home
	p.cmd.Env = environment(home)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := host.Start(p.cmd); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended shows in what it wrote
		close(p.exited)
	}()
	return p, nil
}

// environment leaves out proxies and settings that are for other programs of this user.
func environment(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "EBB_STATE_DIR=" + home, "EBB_SOCKET=" + filepath.Join(home, "ebb.sock")}
}

// running returns an error when the program has ended, which it should not while it is measured.
func (p *background) running() error {
	select {
	case <-p.exited:
		text := p.out.String()
		return fmt.Errorf("%s has ended before its time: %s", p.cmd.Path, text[max(0, len(text)-500):])
	default:
		return nil
	}
}

// end stops the program and removes what it has downloaded.
func (p *background) end() {
	p.stop()
	_ = os.RemoveAll(p.cmd.Dir) // what is left goes with the folder of the whole run
}

// stop ends the program, by force when it does not obey.
func (p *background) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

func startCurl(_ context.Context, l load) (*background, error) {
	return startProcess(l.host, l.dir, "curl", "-q", "-s", "-S", "--fail", "-o", "file", l.url)
}

// startLimited is what people do who want to leave something to others: half of the line, and no more.
func startLimited(_ context.Context, l load) (*background, error) {
	limit := fmt.Sprint(int64(l.path.capacity() / 2))
	return startProcess(l.host, l.dir, "curl", "-q", "-s", "-S", "--fail", "--limit-rate", limit, "-o", "file", l.url)
}

func startAria2(_ context.Context, l load) (*background, error) {
	p, err := startProcess(l.host, l.dir, "aria2c", "--no-conf", "--quiet", "-x16", "-s16", "-k1M", "--file-allocation=none", "-o", "file", l.url)
	if err != nil {
		return nil, fmt.Errorf("%w (install aria2)", err)
	}
	return p, nil
}

// startEbb starts a daemon and gives it a job.
func startEbb(ctx context.Context, l load, priority string) (*background, error) {
	return startJobs(ctx, l, []order{{priority, []string{l.url}}})
}

// order is a job to be.
type order struct {
	priority string
	urls     []string
}

// startJobs starts a daemon and gives it jobs, which it runs all at once.
func startJobs(ctx context.Context, l load, orders []order) (*background, error) {
	config := filepath.Join(l.dir, ".config/ebb/ebb.toml")
	text := fmt.Sprintf("[limits]\nbackground = %d\nper_host = %d\n", len(orders), max(len(orders), 8))
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	p, err := startProcess(l.host, l.dir, l.ebb, "daemon")
	if err != nil {
		return nil, err
	}
	err = p.listens(ctx)
	for _, o := range orders {
		if err == nil {
			_, err = p.ebb(ctx, append([]string{"get", "--detach", "--priority", o.priority, "-d", l.dir}, o.urls...)...)
		}
	}
	if err != nil {
		p.stop()
		return nil, errors.Join(err, fmt.Errorf("the daemon said: %s", p.out.String()))
	}
	return p, nil
}

// listens waits until the daemon answers.
func (p *background) listens(ctx context.Context) error {
	for tries := 0; ; tries++ {
		if _, err := os.Stat(filepath.Join(p.cmd.Dir, "ebb.sock")); err == nil {
			return nil
		}
		if err := errors.Join(p.running(), runner.Sleep(ctx, 10*time.Millisecond)); err != nil {
			return err
		}
		if tries == 1000 {
			return errors.New("ebb daemon has not opened its socket for 10 s")
		}
	}
}

// ebb gives the daemon a command and returns what it prints.
func (p *background) ebb(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.cmd.Path, args...)
	cmd.Env = p.cmd.Env
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ebb %s: %w: %s", args[0], err, said.String())
	}
	return out, nil
}

// jobs are those of the daemon that are not completed, in the order in which they were made.
func (p *background) jobs(ctx context.Context) ([]job.Snapshot, error) {
	out, err := p.ebb(ctx, "list", "--json")
	if err != nil {
		return nil, err
	}
	var jobs []job.Snapshot
	for lines := json.NewDecoder(bytes.NewReader(out)); ; {
		var s job.Snapshot
		if err := lines.Decode(&s); errors.Is(err, io.EOF) {
			return jobs, nil
		} else if err != nil {
			return nil, fmt.Errorf("ebb list: %w", err)
		}
		jobs = append(jobs, s)
	}
}
