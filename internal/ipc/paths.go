package ipc

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
)

// An Env is what the places of the daemon follow from.
type Env struct {
	Getenv func(string) string // the environment, usually [os.Getenv]
	System bool                // the one daemon for all users of the machine, and not the user's own
}

// StateDir returns the folder of the daemon's state, an absolute path; it makes
// nothing. In this order:
//
//   - EBB_STATE_DIR
//   - system mode: /var/lib/ebb; on FreeBSD /var/db/ebb, on macOS
//     /Library/Application Support/ebb, on Windows %ProgramData%\ebb
//   - $XDG_STATE_HOME/ebb, when that is an absolute path (not on Windows)
//   - ~/.local/state/ebb; on macOS ~/Library/Application Support/ebb, on Windows
//     %LocalAppData%\ebb
//
// It fails when the variable that would name the user's folder is missing.
func StateDir(env Env) (string, error) {
	if dir := env.Getenv("EBB_STATE_DIR"); dir != "" {
		return absolute("EBB_STATE_DIR", dir)
	}
	if env.System {
		return systemStateDir(env)
	}
	return userStateDir(env)
}

// SocketPath returns where the daemon listens, for [Listen] and [Dial]; it
// makes nothing. In this order:
//
//   - EBB_SOCKET
//   - when EBB_STATE_DIR is set, ebb.sock in that folder, so that two state
//     folders never share a daemon. When this path is too long for a socket, a
//     short name made from it, in one of the folders below or in /tmp/ebb-UID.
//   - system mode: /run/ebb/ebb.sock; on FreeBSD and macOS /var/run/ebb/ebb.sock
//   - $XDG_RUNTIME_DIR/ebb/ebb.sock, when that folder is there and is ours, as
//     the XDG Base Directory Specification demands
//   - ebb.sock in the folder that [StateDir] returns
//
// On Windows EBB_SOCKET is the name of a pipe, and the other cases give
// \\.\pipe\ebb for the system, or else \\.\pipe\ebb- and a short name made from
// the state folder.
func SocketPath(env Env) (string, error) {
	if path := env.Getenv("EBB_SOCKET"); path != "" {
		return explicitSocket(path)
	}
	if env.Getenv("EBB_STATE_DIR") == "" {
		if path := standardSocket(env); path != "" {
			return path, nil
		}
	}
	dir, err := StateDir(env)
	if err != nil {
		return "", err
	}
	return socketOf(env, dir), nil
}

func absolute(variable, path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("%s is %q, and the current folder it counts from is not known: %w", variable, path, err)
	}
	return abs, nil
}

// folderFrom returns the folder below the one that the variable names.
func folderFrom(env Env, variable, below string) (string, error) {
	base := env.Getenv(variable)
	if !filepath.IsAbs(base) {
		return "", errors.New("no place for the state: " + variable + " is not an absolute path: set EBB_STATE_DIR")
	}
	return filepath.Join(base, below), nil
}

// shortName returns 16 hexadecimal digits that stand for the path.
func shortName(path string) string {
	sum := sha256.Sum256([]byte(path))
	return hex.EncodeToString(sum[:8])
}
