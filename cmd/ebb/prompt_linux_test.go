package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// prompted is a command at a terminal of its own that has asked for a password.
type prompted struct {
	*exec.Cmd
	control, terminal *os.File
	shown             []byte
}

// prompt runs ebb until it has asked.
func prompt(t *testing.T, want string, args ...string) *prompted {
	t.Helper()
	home := t.TempDir()
	control, terminal := openTerminal(t)
	t.Cleanup(func() { _ = terminal.Close() })
	p := &prompted{Cmd: exec.CommandContext(t.Context(), "ebb", args...), control: control, terminal: terminal}
	p.Dir = home
	p.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "EBB_STATE_DIR=" + home + "/state", "TERM=xterm"}
	p.Stdin, p.Stdout, p.Stderr = terminal, terminal, terminal
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.until(t, want)
	for end := time.Now().Add(time.Minute); p.echoes(t); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("what is typed at the prompt is shown")
		}
	}
	return p
}

// until reads what is shown until want is in it.
func (p *prompted) until(t *testing.T, want string) {
	t.Helper()
	buf := make([]byte, 1024)
	if err := p.control.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for !bytes.Contains(p.shown, []byte(want)) {
		n, err := p.control.Read(buf)
		if p.shown = append(p.shown, buf[:n]...); err != nil {
			t.Fatalf("no %q in %q: %v", want, p.shown, err)
		}
	}
}

// echoes reports whether the terminal shows what is typed.
func (p *prompted) echoes(t *testing.T) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(p.terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func (p *prompted) enter(t *testing.T, keys string) {
	t.Helper()
	if _, err := p.control.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// TestPasswordPrompt: a person is asked for the password that the command line does not have, and nobody sees it.
func TestPasswordPrompt(t *testing.T) {
	t.Parallel()
	files := ebbtest.NewServer(t, ebbtest.Size(100_000), ebbtest.BasicAuth("alice", "hunter2"))
	p := prompt(t, "Password for alice: ", "get", "--standalone", "--user", "alice", "-o", "a.iso", files.Base+"/a.iso")
	p.enter(t, "hunter2\n")
	p.until(t, "saved ")
	if err := p.Wait(); err != nil {
		t.Errorf("%v: %s", err, p.shown)
	}
	if strings.Contains(string(p.shown), "hunter2") || !p.echoes(t) {
		t.Errorf("the password is shown, or nothing else any more: %q", p.shown)
	}
}

// TestProxyPasswordPrompt: the proxy's is asked for as such. An empty one is taken for a mistake.
func TestProxyPasswordPrompt(t *testing.T) {
	t.Parallel()
	p := prompt(t, "Proxy password for bob: ", "get", "--standalone", "--proxy", "http://127.0.0.1:9", "--proxy-user", "bob", "http://127.0.0.1:9/a")
	p.enter(t, "\n")
	p.until(t, "the proxy's password is empty")
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("%v: %s", err, p.shown)
	}
}

// TestInterruptedPrompt: Ctrl-C at the prompt ends the command, and the terminal is as before.
func TestInterruptedPrompt(t *testing.T) {
	t.Parallel()
	p := prompt(t, "Password for alice: ", "credentials", "set", "3f2a", "--user", "alice")
	p.enter(t, "hunt\x03")
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("%v: %s", err, p.shown)
	}
	if !p.echoes(t) {
		t.Error("the terminal is left without echo")
	}
	if _, err := os.Stat(p.Dir + "/state"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a service was started before the question was answered: %v", err)
	}
}
