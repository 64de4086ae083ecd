package idle

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Of mstcpip.h.
const (
	sioSetPriorityHint = 0x98000018
	priorityVeryLow    = 0 // LEDBAT
	priorityNormal     = 2
)

// priorityStatus is PRIORITY_STATUS of Windows 11 and Server 2022. Windows 10 (since 1709) takes the first field alone.
type priorityStatus struct{ sender, receiver uint32 }

// prefer sets the priority hint, from which Windows chooses LEDBAT or rLEDBAT.
func prefer(fd uintptr, normal bool) error {
	hint := priorityStatus{priorityVeryLow, priorityVeryLow}
	if normal {
		hint = priorityStatus{priorityNormal, priorityNormal}
	}
	set := func(size uintptr) error {
		var returned uint32
		return windows.WSAIoctl(windows.Handle(fd), sioSetPriorityHint,
			(*byte)(unsafe.Pointer(&hint)), uint32(size), nil, 0, &returned, nil, 0)
	}
	err := set(unsafe.Sizeof(hint))
	if err != nil {
		err = set(unsafe.Sizeof(hint.sender))
	}
	return err
}

// setDSCP does nothing: IP_TOS has no effect on Windows.
func setDSCP(uintptr, bool, bool) error { return windows.WSAEOPNOTSUPP }
