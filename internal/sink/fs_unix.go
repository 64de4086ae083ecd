//go:build unix

package sink

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// createFile makes a new partial file that only its owner may read until it is whole.
// It follows no symbolic link that somebody put in its place.
func createFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
}

func openFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // a pipe must not block us
}

// writeAt is os.File.WriteAt, but it also tells how much was written before an error,
// which on a full disk is worth keeping.
func writeAt(f *os.File, b []byte, off int64) (n int, err error) {
	for n < len(b) {
		m, err := unix.Pwrite(int(f.Fd()), b[n:min(len(b), n+maxWrite)], off+int64(n))
		n += max(m, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return n, &os.PathError{Op: "write", Path: f.Name(), Err: err}
		case m == 0:
			return n, io.ErrShortWrite
		}
	}
	return n, nil
}

// maxWrite is less than the most that any system takes in one call.
const maxWrite = 1 << 30

// An identity is what tells a file from others.
type identity struct {
	regular bool
	size    int64
	links   uint64 // names that the file has; file systems that do not count say 0
	volume  uint64 // the file system that it is on
}

func identify(f *os.File) (identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return identity{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return identity{
		regular: st.Mode&unix.S_IFMT == unix.S_IFREG,
		size:    st.Size,
		links:   uint64(st.Nlink), //nolint:unconvert // its type differs by system
		volume:  uint64(st.Dev),   //nolint:unconvert // its type differs by system
	}, nil
}

// writable reports whether files may be created in a folder.
func writable(folder string) error {
	return unix.Faccessat(unix.AT_FDCWD, folder, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

// stamp gives f, which is open under name, the mode and the modification time of the
// published file.
func stamp(f *os.File, name string, mode fs.FileMode, modified time.Time) error {
	if err := f.Chmod(mode); err != nil || modified.IsZero() {
		return err
	}
	ts, err := unix.TimeToTimespec(modified)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// allowHoles has nothing to do: a gap that a write leaves takes no room.
func allowHoles(*os.File) {}

// syncFolder makes the names in a folder durable, where the file system can do that and
// the folder may be read.
func syncFolder(folder string) error {
	f, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only synced
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// renameOver gives a file its final name, whatever has it now. A symbolic link there is
// replaced, not followed.
func renameOver(from, to string) error { return os.Rename(from, to) }

// linkNew gives a file its final name if that is free, where the system or the file system
// cannot do so in one step.
func linkNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// BUG: a file system without links either, such as FAT, can lose a file that somebody
	// creates under the final name between these two steps.
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return &os.PathError{Op: "rename", Path: to, Err: unix.EEXIST}
	}
	return os.Rename(from, to)
}

// umaskMu keeps two goroutines from reading the value that the other one set.
var umaskMu sync.Mutex

// setUmask reads the umask by setting it, for there is no other call. A file that somebody
// else creates at this very moment gets a mode that is too strict, not too lax.
func setUmask() fs.FileMode {
	umaskMu.Lock()
	defer umaskMu.Unlock()
	mask := unix.Umask(0o077)
	unix.Umask(mask)
	return fs.FileMode(mask)
}
