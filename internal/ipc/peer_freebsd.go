package ipc

import "golang.org/x/sys/unix"

// readCredentials asks for LOCAL_PEERCRED, see unix(4). The process id of
// struct xucred is not in its Go form.
func readCredentials(fd int) (credentials, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return credentials{}, err
	}
	return credentials{uid: int(cred.Uid)}, nil
}
