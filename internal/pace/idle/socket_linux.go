package idle

import (
	"time"

	"golang.org/x/sys/unix"
)

// windowed says that this package can hold receive windows here.
const windowed = true

// unclamped is the window clamp of a connection that has none: 65535 << 14, the largest that TCP can offer.
const unclamped = 65535 << 14

const optionTimestamps = 1 // TCPI_OPT_TIMESTAMPS

// read asks for TCP_INFO.
func (r *reading) read(fd uintptr) error {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return err
	}
	*r = reading{
		received: int64(info.Bytes_received), segments: info.Segs_in, data: info.Data_segs_in, disorder: info.Rcv_ooopack,
		mss: int(info.Rcv_mss), ssthresh: int(info.Rcv_ssthresh), window: int(info.Rcv_wnd),
		stamped: info.Options&optionTimestamps != 0,
		rtt:     time.Duration(info.Rcv_rtt) * time.Microsecond,
		silence: time.Duration(info.Last_data_recv) * time.Millisecond,
		out: outgoing{
			sent: int64(info.Bytes_sent), arrived: int64(info.Bytes_acked) + int64(info.Sacked)*int64(info.Snd_mss),
			segments: info.Segs_out, acks: info.Segs_in - info.Data_segs_in, again: info.Total_retrans, mss: int(info.Snd_mss),
			rtt: time.Duration(info.Rtt) * time.Microsecond, least: time.Duration(info.Min_rtt) * time.Microsecond,
		},
	}
	r.unread, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	return err
}

// setWindow bounds the window that the connection offers, in bytes, [leastWindow] at least. What has been offered stays
// so: that the window shrinks as data arrive is the kernel's doing (RFC 9293 section 3.8.6).
func setWindow(fd uintptr, window int64) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_WINDOW_CLAMP, int(min(window, unclamped)))
}

// shrinkBuffer makes the receive buffer as small as it can be, and returns the size that it had in the kernel's care: bytes, of which
// half is for data.
func shrinkBuffer(fd uintptr) (size int, err error) {
	if err := careForBuffers(fd); err != nil {
		return 0, err // before Linux 5.14 what is set stays set: better not
	}
	if size, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil {
		return 0, err
	}
	return size, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
}

// growBuffer gives the receive buffer back into the kernel's care, with a size from [shrinkBuffer] if the system allows so much.
func growBuffer(fd uintptr, size int) error {
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, size/2); err != nil {
		return err
	}
	return careForBuffers(fd)
}

// careForBuffers has the kernel adapt the sizes of the buffers to the connection, as if none had ever been set.
func careForBuffers(fd uintptr) error {
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BUF_LOCK, 0)
}

// setLot says how many bytes have to be there for the reader to be woken; fewer are read all the same. With those that are there
// already, it is woken at once.
func setLot(fd uintptr, bytes int) error {
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes)
}

func openWindow(fd uintptr) error { return setWindow(fd, unclamped) }

// read asks for what is queued.
func (q *backlog) read(fd uintptr) (err error) {
	if q.unconfirmed, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err != nil {
		return err
	}
	q.unsent, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQNSD)
	return err
}

// cork has the kernel send nothing but full packets, for 200 ms at most.
func cork(fd uintptr, on bool) error {
	value := 0
	if on {
		value = 1
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, value)
}

// prefer does nothing: a sender's congestion control would not help a receiver, nor does Linux have one that every user may choose.
func prefer(uintptr, bool) error { return unix.ENOTSUP }
