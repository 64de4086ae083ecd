package rig

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit = 30 * time.Second // squid on a busy machine
	stopLimit  = time.Second      // Apache waits for busy connections
)

// A process is one server, in the foreground, and the ports it answers on.
type process struct {
	t     testing.TB
	name  string
	dir   string // its state, and the working directory
	argv  []string
	env   []string // beside PATH and LANG
	ports []int
	kill  bool // SIGTERM is too slow

	cmd    *exec.Cmd     // nil while stopped
	exited chan struct{} // closed when cmd has ended
}

// launch starts a server that ends with the test. It listens on ports, and has env
// in its environment beside what all servers have.
func launch(t testing.TB, name, dir string, argv []string, ports []int, env ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, dir: dir, argv: argv, env: env, ports: ports}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			p.showLogs()
		}
	})
	p.Start()
	return p
}

// Start starts the server, on the same ports as before, and returns when it
// answers. It does nothing while the server runs.
func (p *process) Start() {
	p.t.Helper()
	if p.cmd != nil {
		return
	}
	out, err := os.OpenFile(filepath.Join(p.dir, "output.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close()

	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"}, p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = processAttributes(p.t)

	started, exited := make(chan error, 1), make(chan struct{})
	go func() { // ends with the server
		// The kernel ends the server when the thread that started it ends (so that a
		// killed test leaves no server behind); this thread stays until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // a stopped server's status says nothing
		}
	}()
	if err := <-started; err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	p.cmd, p.exited = cmd, exited
	p.awaitAnswer()
}

// awaitAnswer returns when all ports accept connections.
func (p *process) awaitAnswer() {
	p.t.Helper()
	deadline := time.After(startLimit)
	for _, port := range p.ports {
		for {
			conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-p.exited:
				p.t.Fatalf("%s ended at once: %s", p.name, p.cmd.ProcessState)
			case <-deadline:
				p.t.Fatalf("%s did not answer within %v: %v", p.name, startLimit, err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// Stop ends the server at once, breaking its connections, and returns when it has
// ended. It does nothing while the server is stopped.
func (p *process) Stop() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	limit := stopLimit
	if p.kill {
		limit = 0
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-p.exited:
	case <-time.After(limit):
		killGroup(p.cmd.Process.Pid)
		<-p.exited
	}
	p.cmd = nil
}

// Restart stops the server and starts it again: connections break, and what it
// kept in memory (Digest nonces) is gone.
func (p *process) Restart() {
	p.t.Helper()
	p.Stop()
	p.Start()
}

// showLogs puts the end of every log of the server into the test's output.
func (p *process) showLogs() {
	const most = 8 << 10
	logs, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil || len(text) == 0 {
			continue
		}
		p.t.Logf("%s of %s:\n%s", filepath.Base(name), p.name, text[max(0, len(text)-most):])
	}
}
