//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/ebbtest/netns"
)

// namespace is a network namespace with what a bed needs in it.
type namespace struct{ *netns.Namespace }

func newNamespace(name string) (*namespace, error) {
	n, err := netns.New(name)
	if err != nil {
		return nil, err
	}
	return &namespace{n}, nil
}

// dial connects to a numeric address from within the namespace.
func (n *namespace) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return n.dialBy(ctx, &net.Dialer{}, network, address)
}

func (n *namespace) dialBy(ctx context.Context, d *net.Dialer, network, address string) (c net.Conn, err error) {
	d.Timeout = 20 * time.Second
	err = n.Do(func() error {
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// single has an interface send and hand on single packets, as they are on the wire, rather than several of them in one piece.
func (n *namespace) single(device string) error {
	const sgso, sgro, stso = 0x24, 0x2c, 0x1f // of linux/ethtool.h
	return n.Do(func() error {
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
				return fmt.Errorf("offloading of %s in namespace %s: %w", device, n, e)
			}
		}
		return nil
	})
}

// tun makes a TUN device with one packet per read and write.
func (n *namespace) tun(device string) (f *os.File, err error) {
	err = n.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("/dev/net/tun: %w", err)
		}
		f = os.NewFile(uintptr(fd), "tun "+device)
		request, err := unix.NewIfreq(device)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return fmt.Errorf("make the TUN device %s in namespace %s: %w", device, n, err)
		}
		return nil
	})
	return f, err
}
