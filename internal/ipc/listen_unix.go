//go:build unix

package ipc

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen makes the socket at path for a daemon of one user. Only this user and
// root can connect, by the mode of the socket (0600) and by a look at the
// credentials of each who does.
//
// The folder is made (0700) when missing, and refused with [ErrUntrusted] when
// it is a symbolic link, belongs to another user or can be written by others. A
// socket left by a daemon that ended is replaced. When one is alive the error
// wraps [ErrInUse]; of any number of processes that call Listen at once,
// exactly one gets the socket. It holds the lock file path + ".lock" until the
// listener is closed, and that file stays behind.
func Listen(path string) (net.Listener, error) {
	return listen(path, access{folder: 0o700, socket: 0o600, admit: admitOwner})
}

// ListenSystem is like [Listen] for a daemon of all users: anybody can connect
// (folder 0755, socket 0666), and [Peer] tells who did.
func ListenSystem(path string) (net.Listener, error) {
	return listen(path, access{folder: 0o755, socket: 0o666, admit: admitAll})
}

// access is who may use a socket.
type access struct {
	folder fs.FileMode
	socket fs.FileMode
	admit  func(net.Conn) bool
}

func admitAll(net.Conn) bool { return true }

func admitOwner(conn net.Conn) bool {
	who, err := credentialsOf(conn)
	return err == nil && (who.uid == 0 || who.uid == os.Geteuid())
}

func listen(path string, a access) (l net.Listener, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("listen on %s: %w", path, err)
		}
	}()
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if err := prepareFolder(filepath.Dir(path), a.folder); err != nil {
		return nil, err
	}
	lock, err := takeLock(path + ".lock")
	if err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, errors.Join(cause(err), lock.Close())
	}
	if err := os.Chmod(path, a.socket); err != nil {
		return nil, errors.Join(err, socket.Close(), lock.Close())
	}
	return &listener{UnixListener: socket, admit: a.admit, lock: lock}, nil
}

// A listener admits whom it shall, and holds the lock that keeps its path.
type listener struct {
	*net.UnixListener
	admit func(net.Conn) bool
	lock  *os.File
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.UnixListener.Accept()
		if err != nil || l.admit(conn) {
			return conn, err
		}
		_ = conn.Close() // not one of ours: hang up
	}
}

// Close removes the socket, and only then the lock, so that nobody finds the
// path free while the socket is still to be removed.
func (l *listener) Close() error {
	err := l.UnixListener.Close()
	_ = l.lock.Close()
	return err
}

// maxPath is the longest path of a socket in bytes: sun_path without its final NUL.
const maxPath = len(unix.RawSockaddrUnix{}.Path) - 1

func checkPath(path string) error {
	if !filepath.IsAbs(path) {
		return errors.New("not an absolute path: set EBB_SOCKET to one")
	}
	if strings.ContainsRune(path, 0) {
		return errors.New("the path contains a NUL: set EBB_SOCKET to another one")
	}
	if len(path) > maxPath {
		return fmt.Errorf("the path has %d bytes and a socket's can have %d: set EBB_SOCKET to a shorter one", len(path), maxPath)
	}
	return nil
}

// prepareFolder makes the folder, or makes sure that nobody else can replace
// what is in it.
func prepareFolder(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(dir), mode); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, mode); {
	case err == nil:
		return os.Chmod(dir, mode) // whatever the umask took away
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	var flaw string
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		flaw = "is a symbolic link"
	case !info.IsDir():
		flaw = "is not a folder"
	case ownerOf(info) != os.Geteuid():
		flaw = fmt.Sprintf("belongs to %s", userID(ownerOf(info)))
	case info.Mode().Perm()&0o022 != 0:
		flaw = fmt.Sprintf("can be written by others (mode %04o)", info.Mode().Perm())
	default:
		return nil
	}
	return fmt.Errorf("%w: the folder %s %s: set EBB_SOCKET to a path in a folder that is yours alone", ErrUntrusted, dir, flaw)
}

func ownerOf(info fs.FileInfo) int {
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// takeLock locks the file at path until it is closed or the process ends.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case err == nil:
		return file, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return nil, errors.Join(ErrInUse, file.Close())
	default:
		return nil, errors.Join(fmt.Errorf("lock %s: %w: set EBB_SOCKET to a path on a local disk", path, err), file.Close())
	}
}

// removeStale makes way at path, when what is there is a socket on which nobody
// listens. The caller holds the lock, so it is nobody's that follows our rules;
// but a socket that answers is somebody's all the same.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something is there that is not a socket: remove it, or set EBB_SOCKET to another path")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		return errors.Join(ErrInUse, conn.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	default:
		return cause(err)
	}
}
