//go:build unix

package ipc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// nobody is a user that is not us, for tests that run as root.
const nobody = 65534

func TestMain(m *testing.M) {
	if role := os.Getenv("IPC_TEST_ROLE"); role != "" {
		os.Exit(play(role, os.Getenv("IPC_TEST_PATH")))
	}
	goleak.VerifyTestMain(m)
}

// play is what a copy of the test program does in place of the tests: it says
// in one line how its role went, and lives on until its standard input ends.
func play(role, path string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var held io.Closer
	var err error
	switch role {
	case "dial":
		held, err = Dial(ctx, path)
	case "dial-bare":
		var d net.Dialer
		held, err = d.DialContext(ctx, "unix", path)
	case "listen":
		held, err = Listen(path)
	case "listen-system-umask":
		syscall.Umask(0o077)
		held, err = ListenSystem(path)
	case "listen-system":
		held, err = ListenSystem(path)
	default:
		err = fmt.Errorf("no role %q", role)
	}
	answer := reply{PID: os.Getpid()}
	if err != nil {
		answer.Error = err.Error()
		answer.InUse = errors.Is(err, ErrInUse)
		answer.Untrusted = errors.Is(err, ErrUntrusted)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err == nil {
		_ = held.Close()
	}
	return 0
}

// A reply is the line that play says.
type reply struct {
	PID              int
	Error            string
	InUse, Untrusted bool
}

// A process is a copy of the test program that plays a role.
type process struct {
	reply
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

// start runs a role as the user uid, and returns once it has replied.
func start(t *testing.T, uid int, role, path string) *process {
	t.Helper()
	p := launch(t, uid, role, path)
	p.await(t)
	return p
}

// launch runs a role as the user uid. It ends with the test at the latest.
func launch(t *testing.T, uid int, role, path string) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if uid != os.Geteuid() {
		program = copyProgram(t, program)
	}
	cmd := exec.Command(program)
	cmd.Dir = "/"
	cmd.Env = []string{"IPC_TEST_ROLE=" + role, "IPC_TEST_PATH=" + path}
	cmd.Stderr = os.Stderr
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
	t.Cleanup(p.stop)
	return p
}

// await reads the reply.
func (p *process) await(t *testing.T) {
	t.Helper()
	line, err := p.stdout.ReadBytes('\n')
	if err != nil {
		t.Fatalf("process %d said nothing: %v", p.cmd.Process.Pid, err)
	}
	if err := json.Unmarshal(line, &p.reply); err != nil {
		t.Fatal(err)
	}
}

// stop lets the process end by itself.
func (p *process) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// copyProgram returns a copy of the file at path that every user can run.
func copyProgram(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(openFolder(t), "program")
	if err := os.WriteFile(program, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// shortFolder returns a folder of our own with a path short enough for a socket.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ebb-ipc-") //nolint:usetesting // the name of the test would make it too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// openFolder is a shortFolder in which everybody can look.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := shortFolder(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to act as two users")
	}
}

// oneLine fails the test unless err is a message of one line with all the words in it.
func oneLine(t *testing.T, message string, words ...string) {
	t.Helper()
	if strings.Contains(message, "\n") {
		t.Errorf("more than one line: %q", message)
	}
	for _, word := range words {
		if !strings.Contains(message, word) {
			t.Errorf("%q does not mention %q", message, word)
		}
	}
}
