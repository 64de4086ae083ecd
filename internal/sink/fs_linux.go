package sink

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// BootID names the time since the system came up: another value means that the page cache
// was lost. It is "" where the system does not tell.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// umask returns the umask of the process.
func umask() fs.FileMode {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return setUmask()
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "Umask:"); ok {
			if mask, err := strconv.ParseUint(strings.TrimSpace(value), 8, 32); err == nil {
				return fs.FileMode(mask)
			}
		}
	}
	return setUmask()
}

// preallocate takes room for size bytes. The length of the file stays what it is, for
// that is what proves how much is written.
func preallocate(f *os.File, size int64) error {
	err := retry(func() error { return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size) })
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}

// syncFile makes the bytes of f durable, and of its metadata only the length.
func syncFile(f *os.File) error {
	return retry(func() error { return unix.Fdatasync(int(f.Fd())) })
}

// syncFileSystem makes everything durable on the file system that f is on, if it is one where
// syncfs does all that fsync does. On others it leaves the bytes in the cache of the disk (FAT),
// of the server (CIFS, 9p) or of the process (FUSE) behind the file system.
func syncFileSystem(f *os.File) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return err
	}
	const zfs = 0x2fc12fc1
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, unix.TMPFS_MAGIC, zfs:
		return unix.Syncfs(int(f.Fd()))
	}
	return errors.ErrUnsupported
}

// lostWrite returns the error of a write to f that failed on its way to the disk.
// syncfs does not tell which file it happened to, and nothing at all before Linux 5.8. After
// it there is nothing to wait for here.
func lostWrite(f *os.File) error {
	const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	err := unix.SyncFileRange(int(f.Fd()), 0, 0, wait)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// renameNew gives a file its final name if that is free.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL) {
		return linkNew(from, to)
	}
	return err
}

// retry calls f until no signal interrupts it.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
