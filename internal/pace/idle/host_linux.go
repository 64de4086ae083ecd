package idle

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// counters are those of the interfaces, asked of the kernel by rtnetlink: unlike /sys, that always means the network that the sockets
// are in.
type counters struct {
	fd   int // 0 before the first question, −1 when it cannot be asked
	buf  [1024]byte
	want [unix.NLMSG_HDRLEN + statsHeaderLen]byte
}

const (
	statsHeaderLen = 12 // struct if_stats_msg
	// rxBytesAt is where rx_bytes is in the answer, which tx_bytes follows: behind both headers, that of the attribute, and two
	// numbers of struct rtnl_link_stats64.
	rxBytesAt = unix.NLMSG_HDRLEN + statsHeaderLen + unix.SizeofNlAttr + 2*8
	txBytesAt = rxBytesAt + 8
)

// of is how many bytes came in on the interface, and how many went out; −1 when the kernel does not tell.
func (c *counters) of(index int) (in, out int64) {
	if c.fd == 0 {
		c.fd = openRoute()
	}
	if c.fd < 0 || index == 0 {
		return -1, -1
	}
	host := binary.NativeEndian
	msg := c.want[:]
	host.PutUint32(msg[0:], uint32(len(msg)))
	host.PutUint16(msg[4:], unix.RTM_GETSTATS)
	host.PutUint16(msg[6:], unix.NLM_F_REQUEST)
	host.PutUint32(msg[unix.NLMSG_HDRLEN+4:], uint32(index))
	host.PutUint32(msg[unix.NLMSG_HDRLEN+8:], 1<<(unix.IFLA_STATS_LINK_64-1))
	if _, err := unix.Write(c.fd, msg); err != nil {
		return -1, -1
	}
	n, err := unix.Read(c.fd, c.buf[:]) // the answer is there when Write returns
	if err != nil || n < txBytesAt+8 || host.Uint16(c.buf[4:]) != unix.RTM_NEWSTATS {
		return -1, -1
	}
	return int64(host.Uint64(c.buf[rxBytesAt:])), int64(host.Uint64(c.buf[txBytesAt:]))
}

// openRoute opens a socket to the kernel's routing tables; −1 when it cannot.
func openRoute() int {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return -1
	}
	return fd
}

func (c *counters) close() {
	if c.fd > 0 {
		_ = unix.Close(c.fd)
	}
	c.fd = -1
}
