package ipc

import "golang.org/x/sys/unix"

// readCredentials asks for LOCAL_PEERCRED and LOCAL_PEERPID, see unix(4) and
// sys/un.h. The user counts; the process is only for logs.
func readCredentials(fd int) (credentials, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return credentials{}, err
	}
	pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		pid = 0
	}
	return credentials{uid: int(cred.Uid), pid: pid}, nil
}
