package idle

import "golang.org/x/sys/unix"

// Of xnu's bsd/sys/socket.h and socket_private.h.
const (
	soTrafficClass    = 0x1086
	soNetServiceType  = 0x1116
	trafficBestEffort = 0
	trafficBackground = 100 // SO_TC_BK_SYS: LEDBAT++, whatever else the machine does
	serviceBestEffort = 0
	serviceBackground = 1 // NET_SERVICE_TYPE_BK: the same, but only while the machine itself uses the line for more
)

// prefer sets the traffic class. The kernel then sends by LEDBAT++ and bounds the receive window by rLEDBAT.
func prefer(fd uintptr, normal bool) error {
	class, service := trafficBackground, serviceBackground
	if normal {
		class, service = trafficBestEffort, serviceBestEffort
	}
	err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, soTrafficClass, class)
	if err != nil {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, soNetServiceType, service)
	}
	return err
}
