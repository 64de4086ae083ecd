//go:build unix

package ipc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
)

// credentials are what the kernel noted about a process when it connected, or,
// seen from the client, when it began to listen.
type credentials struct {
	uid int
	pid int // 0 when the system does not tell
}

func (c credentials) actor() Actor {
	actor := Actor{ID: userID(c.uid), PID: c.pid, Admin: c.uid == 0}
	if u, err := user.LookupId(strconv.Itoa(c.uid)); err == nil {
		actor.Name = u.Username
	}
	return actor
}

func userID(uid int) string { return "uid:" + strconv.Itoa(uid) }

func self() (Actor, error) {
	return credentials{uid: os.Geteuid(), pid: os.Getpid()}.actor(), nil
}

func peer(conn net.Conn) (Actor, error) {
	c, err := credentialsOf(conn)
	if err != nil {
		return Actor{}, err
	}
	return c.actor(), nil
}

func credentialsOf(conn net.Conn) (c credentials, err error) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return c, fmt.Errorf("credentials of the peer: %T is not a local connection", conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return c, fmt.Errorf("credentials of the peer: %w", err)
	}
	var asked error
	err = raw.Control(func(fd uintptr) { c, asked = readCredentials(int(fd)) })
	if err = errors.Join(err, asked); err != nil {
		return credentials{}, fmt.Errorf("credentials of the peer: %w", err)
	}
	return c, nil
}
