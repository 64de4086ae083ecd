package env

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watchKernel sends the network that there is, and each that takes its place, until ctx ends.
func watchKernel(ctx context.Context, log *slog.Logger, to chan<- network) {
	for {
		err := followKernel(ctx, to)
		if ctx.Err() != nil {
			return
		}
		log.Warn("changes of the network go unnoticed for a minute", "err", err)
		send(ctx, to, network{})
		wait(ctx, time.Minute)
	}
}

// settle is how long a change of the network takes: links, addresses and routes come one after the other.
const settle = time.Second

func followKernel(ctx context.Context, to chan<- network) error {
	changes, err := listen()
	if err != nil {
		return fmt.Errorf("listen to rtnetlink: %w", err)
	}
	closed := context.AfterFunc(ctx, func() { _ = changes.Close() })
	defer func() {
		if closed() {
			_ = changes.Close()
		}
	}()
	for {
		began := time.Now()
		n, err := look()
		if err != nil {
			return fmt.Errorf("ask rtnetlink: %w", err)
		}
		send(ctx, to, n)
		// A look at the routes of a big router takes its time; that must not be most of it.
		if err := awaitChange(changes, max(settle, 10*time.Since(began))); err != nil {
			return fmt.Errorf("read from rtnetlink: %w", err)
		}
	}
}

// listen opens a socket that tells of every change of links, addresses and routes.
func listen() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	groups := &unix.SockaddrNetlink{
		Family: unix.AF_NETLINK,
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE,
	}
	if err := unix.Bind(fd, groups); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "rtnetlink"), nil
}

// awaitChange returns a while after the next change, and leaves none unread that came in that time. What the changes are
// does not matter: a look tells more than they do, and misses none.
func awaitChange(changes *os.File, while time.Duration) error {
	unread := make([]byte, 64<<10)
	for deadline := (time.Time{}); ; {
		if err := changes.SetReadDeadline(deadline); err != nil {
			return err
		}
		_, err := changes.Read(unread)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil && !errors.Is(err, unix.ENOBUFS): // too many changes for the socket are changes
			return err
		case deadline.IsZero():
			deadline = time.Now().Add(while)
		}
	}
}

// look asks the kernel for the network as it is.
func look() (network, error) {
	var answers [3][]syscall.NetlinkMessage
	for i, question := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR, unix.RTM_GETROUTE} {
		data, err := syscall.NetlinkRIB(question, unix.AF_UNSPEC)
		if err != nil {
			return network{}, err
		}
		if answers[i], err = syscall.ParseNetlinkMessage(data); err != nil {
			return network{}, err
		}
	}
	up := map[uint32]bool{}
	for _, m := range answers[0] {
		if index, is := outward(m); is {
			up[index] = true
		}
	}
	ways := []string{}
	for _, m := range answers[1] {
		ways = appendAddress(ways, m, up)
	}
	for _, m := range answers[2] {
		ways = appendRoute(ways, m)
	}
	slices.Sort(ways)
	return network{true, strings.Join(slices.Compact(ways), "\n")}, nil
}

// outward returns the index of a link that is up and leads beyond the machine.
func outward(m syscall.NetlinkMessage) (index uint32, is bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return 0, false
	}
	index, flags := binary.NativeEndian.Uint32(m.Data[4:]), binary.NativeEndian.Uint32(m.Data[8:])
	const carries = unix.IFF_UP | unix.IFF_RUNNING
	return index, flags&carries == carries && flags&unix.IFF_LOOPBACK == 0
}

// appendAddress adds an address that others can answer to. Temporary ones (RFC 8981) come and go on one network.
func appendAddress(ways []string, m syscall.NetlinkMessage, up map[uint32]bool) []string {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return ways
	}
	family, length, flags, scope := m.Data[0], m.Data[1], m.Data[2], m.Data[3]
	index := binary.NativeEndian.Uint32(m.Data[4:])
	passing := byte(unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED)
	if family == unix.AF_INET6 {
		passing |= unix.IFA_F_TEMPORARY
	}
	if scope != unix.RT_SCOPE_UNIVERSE || flags&passing != 0 || !up[index] {
		return ways
	}
	address := attributes(m)[unix.IFA_ADDRESS]
	return append(ways, fmt.Sprintf("%s/%d on %d", ip(address), length, index))
}

// The longest prefixes of routes that count. Those to fewer machines come and go with containers.
const (
	maxLength4 = 24
	maxLength6 = 64
)

// appendRoute adds a route that somebody has made to somewhere else. Those that the kernel makes follow from the addresses.
func appendRoute(ways []string, m syscall.NetlinkMessage) []string {
	if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg {
		return ways
	}
	family, length, protocol, kind := m.Data[0], m.Data[1], m.Data[5], m.Data[7]
	flags := binary.NativeEndian.Uint32(m.Data[8:])
	longest := map[byte]byte{unix.AF_INET: maxLength4, unix.AF_INET6: maxLength6}
	most, known := longest[family]
	const useless = unix.RTNH_F_DEAD | unix.RTNH_F_LINKDOWN | unix.RTM_F_CLONED
	if !known || length > most || protocol == unix.RTPROT_KERNEL || kind != unix.RTN_UNICAST || flags&useless != 0 {
		return ways
	}
	a := attributes(m)
	var link uint32
	if oif := a[unix.RTA_OIF]; len(oif) == 4 {
		link = binary.NativeEndian.Uint32(oif)
	}
	return append(ways, fmt.Sprintf("%s/%d by %s on %d", ip(a[unix.RTA_DST]), length, ip(a[unix.RTA_GATEWAY]), link))
}

// attributes are those of a message, by type.
func attributes(m syscall.NetlinkMessage) map[uint16][]byte {
	out := map[uint16][]byte{}
	list, _ := syscall.ParseNetlinkRouteAttr(&m) // what cannot be read is not there
	for _, a := range list {
		out[a.Attr.Type] = a.Value
	}
	return out
}

// ip is an address in words; "-" for none.
func ip(b []byte) string {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return "-"
	}
	return a.String()
}

func send[T any](ctx context.Context, to chan<- T, v T) {
	select {
	case to <- v:
	case <-ctx.Done():
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
