//go:build unix

package idle

import "golang.org/x/sys/unix"

// lowerEffort is the DSCP 000001 of RFC 8622 in its place above the bits of ECN.
const lowerEffort = 0x04

// setDSCP sets the mark of what the connection sends, or clears it.
func setDSCP(fd uintptr, v6, on bool) error {
	class := 0
	if on {
		class = lowerEffort
	}
	if v6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_TCLASS, class)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TOS, class)
}
