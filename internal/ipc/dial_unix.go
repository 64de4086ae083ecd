//go:build unix

package ipc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// Dial connects to the daemon at path.
//
// The error wraps [ErrNotRunning] when none listens there, and [ErrUntrusted]
// when the one that does is neither ours nor root's and stands where anybody
// could have put it: it would learn the credentials of our jobs.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := dial(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return conn, nil
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, cause(err)
	}
	if err := checkDaemon(conn, path); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// checkDaemon trusts a daemon that runs as this user or as root, and any other
// one in a place that only its owner can have given to it.
func checkDaemon(conn net.Conn, path string) error {
	daemon, err := credentialsOf(conn)
	if err != nil {
		return err
	}
	if daemon.uid == 0 || daemon.uid == os.Geteuid() {
		return nil
	}
	folder := filepath.Dir(path)
	for _, dir := range []string{folder, filepath.Dir(folder)} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o002 != 0 {
			return fmt.Errorf("%w: the daemon there runs as %s, and anybody can write in %s: set EBB_SOCKET to a path in a folder that is yours alone",
				ErrUntrusted, userID(daemon.uid), dir)
		}
	}
	return nil
}

// cause drops what net says about the addresses: our own message says it.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
