package sink

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// BootID names the time since the system came up: another value means that the page cache
// was lost. It is "" where the system does not tell.
func BootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}

func umask() fs.FileMode { return setUmask() }

// preallocate takes room for size bytes. The length of the file stays what it is, for
// that is what proves how much is written.
func preallocate(f *os.File, size int64) error {
	fi, err := f.Stat()
	if err != nil || fi.Size() >= size {
		return err
	}
	store := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: size - fi.Size()}
	err = unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, &store)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// syncFile makes the bytes of f durable: Sync is F_FULLFSYNC here, for fsync leaves them
// in the cache of the disk.
func syncFile(f *os.File) error { return f.Sync() }

// syncFileSystem is not possible: sync(2) tells neither when nor whether it is done.
func syncFileSystem(*os.File) error { return errors.ErrUnsupported }

func lostWrite(*os.File) error { return nil }

// renameNew gives a file its final name if that is free.
func renameNew(from, to string) error {
	err := unix.RenamexNp(from, to, unix.RENAME_EXCL)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL) {
		return linkNew(from, to)
	}
	return err
}
