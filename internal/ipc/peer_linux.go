package ipc

import "golang.org/x/sys/unix"

// readCredentials asks for SO_PEERCRED, see unix(7). A user of another user
// namespace that has no name in ours appears as the overflow user, 65534.
func readCredentials(fd int) (credentials, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return credentials{}, err
	}
	return credentials{uid: int(cred.Uid), pid: int(cred.Pid)}, nil
}
