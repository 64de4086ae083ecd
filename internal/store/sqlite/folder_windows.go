package sqlite

import (
	"errors"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

const errNotFolder = syscall.ENOTDIR

// isRemote goes by the type of the drive, or of the share for a UNC path.
func isRemote(dir string) (bool, error) {
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(dir) + `\`)
	if err != nil {
		return false, err
	}
	return windows.GetDriveType(root) == windows.DRIVE_REMOTE, nil
}

// syncFolder does nothing: NTFS keeps names durable by itself, and Windows has no call for it.
func syncFolder(string) error { return nil }

func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }
