// Package netns makes network namespaces, for tests and benchmarks: networks of their own, which nothing outside notices.
//
//	client, err := netns.New("client")
//	server, err := netns.New("server")
//	err = client.IP(ctx, "link add net0 type veth peer name net0 netns "+server.Path())
//	err = server.Do(func() (err error) { ln, err = net.Listen("tcp4", "10.0.0.1:80"); return err })
//	err = client.Start(exec.Command("curl", "http://10.0.0.1/"))
//
// They have no names in the file system, so that the kernel takes them away, with all that is in them, once this program and its
// children have ended, however they end. Only root can make one.
package netns

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace. Its methods may be called by several goroutines.
type Namespace struct {
	name string
	file *os.File
}

// New makes a namespace that has nothing but a loopback interface, which is down. The name is for messages. It fails where
// this program is not root, or the kernel has no namespaces.
func New(name string) (*Namespace, error) {
	n := &Namespace{name: name}
	err := inOwnThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace (are you root?): %w", err)
		}
		n.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Inherited is the namespace that the parent process has handed to this one as a file: see [Namespace.File].
func Inherited(name string, fd uintptr) *Namespace {
	return &Namespace{name: name, file: os.NewFile(fd, name)}
}

// String is the name for messages.
func (n *Namespace) String() string { return n.name }

// File is what keeps the namespace, to be handed to a child process.
func (n *Namespace) File() *os.File { return n.file }

// Path names the namespace to ip(8), nsenter(1) and the like, as long as this program runs.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Close forgets the namespace. It is gone when no process and no socket is left in it.
func (n *Namespace) Close() { _ = n.file.Close() }

// Do calls f within the namespace. Sockets that f opens and processes that it starts stay there; goroutines do not.
func (n *Namespace) Do(f func() error) error {
	return inOwnThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace %s: %w", n.name, err)
		}
		return f()
	})
}

// inOwnThread calls f in a thread that is back in the first network namespace afterwards. If it cannot go back, it ends.
// It is not left to end in every case, as children whose parent thread ends would get their death signal.
func inOwnThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			result <- err
			return
		}
		defer func() { _ = home.Close() }()
		err = f()
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		result <- err
	}()
	return <-result
}

// Start starts a process in the namespace, which is killed when this program ends. The caller has to wait for it.
func (n *Namespace) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return n.Do(cmd.Start)
}

// IP gives commands to ip(8), one a line.
func (n *Namespace) IP(ctx context.Context, commands ...string) error {
	return n.run(ctx, strings.Join(commands, "\n"), "ip", "-batch", "-")
}

// Run runs a short command in the namespace. Its output is in the error if it fails.
func (n *Namespace) Run(ctx context.Context, argv ...string) error { return n.run(ctx, "", argv...) }

func (n *Namespace) run(ctx context.Context, stdin string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := n.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s in the network namespace %s (install iproute2?): %w: %s", strings.Join(argv, " "), n.name, err, strings.TrimSpace(out.String()))
	}
	return nil
}

// Set writes settings of the kernel that each namespace has for itself: "ipv4/ip_forward 1" is 1 in /proc/sys/net/ipv4/ip_forward.
func (n *Namespace) Set(settings ...string) error {
	return n.Do(func() error {
		for _, s := range settings {
			name, value, _ := strings.Cut(s, " ")
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644); err != nil {
				return fmt.Errorf("in the network namespace %s: %w", n.name, err)
			}
		}
		return nil
	})
}
