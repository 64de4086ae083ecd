//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace. It has no name in the file system, so that the kernel takes it away with all that is in it
// once this program and its children have ended, however they end.
type namespace struct {
	name string
	file *os.File
}

func newNamespace(name string) (*namespace, error) {
	n := &namespace{name: name}
	err := inOwnThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace (are you root?): %w", err)
		}
		n.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return n, err
}

// path names the namespace to ip(8).
func (n *namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

func (n *namespace) close() { _ = n.file.Close() }

// do calls f within the namespace. Sockets that f opens and processes that it starts stay there.
func (n *namespace) do(f func() error) error {
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

// start starts a process in the namespace, which ends with this program.
func (n *namespace) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return n.do(cmd.Start)
}

// ip gives commands to ip(8), one a line.
func (n *namespace) ip(ctx context.Context, commands string) error {
	return n.run(ctx, commands, "ip", "-batch", "-")
}

// run runs a short command in the namespace.
func (n *namespace) run(ctx context.Context, stdin string, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := n.start(cmd); err != nil {
		return fmt.Errorf("%w (install iproute2)", err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s in namespace %s: %w: %s", strings.Join(argv, " "), n.name, err, strings.TrimSpace(out.String()))
	}
	return nil
}

// set writes settings of the kernel that each namespace has for itself: "name value", below /proc/sys/net.
func (n *namespace) set(settings ...string) error {
	return n.do(func() error {
		for _, s := range settings {
			name, value, _ := strings.Cut(s, " ")
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// dial connects to a numeric address from within the namespace.
func (n *namespace) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = n.do(func() error {
		d := net.Dialer{Timeout: 20 * time.Second}
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// single has an interface send and hand on single packets, as they are on the wire, rather than several of them in one piece.
func (n *namespace) single(device string) error {
	const sgso, sgro, stso = 0x24, 0x2c, 0x1f // of linux/ethtool.h
	return n.do(func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(s) }()
		for _, what := range []uint32{sgso, sgro, stso} {
			value := struct{ cmd, data uint32 }{cmd: what}
			request := struct {
				name [unix.IFNAMSIZ]byte
				data *struct{ cmd, data uint32 }
				_    [16]byte
			}{data: &value}
			copy(request.name[:unix.IFNAMSIZ-1], device)
			if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); e != 0 {
				return fmt.Errorf("offloading of %s in namespace %s: %w", device, n.name, e)
			}
		}
		return nil
	})
}

// tun makes a TUN device with one packet per read and write.
func (n *namespace) tun(device string) (f *os.File, err error) {
	err = n.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("/dev/net/tun: %w", err)
		}
		f = os.NewFile(uintptr(fd), "tun "+n.name)
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return fmt.Errorf("make the TUN device %s in namespace %s: %w", device, n.name, err)
		}
		return nil
	})
	return f, err
}
