//go:build unix && !linux && !darwin

package sink

import (
	"errors"
	"io/fs"
	"os"
)

// BootID names the time since the system came up: another value means that the page cache
// was lost. It is "" where the system does not tell, as here.
func BootID() string { return "" }

func umask() fs.FileMode { return setUmask() }

// preallocate does nothing: posix_fallocate changes the length of the file, which is
// what proves how much is written.
func preallocate(*os.File, int64) error { return nil }

func syncFile(f *os.File) error { return f.Sync() }

// syncFileSystem is not possible: sync(2) tells neither when nor whether it is done.
func syncFileSystem(*os.File) error { return errors.ErrUnsupported }

func lostWrite(*os.File) error { return nil }

func renameNew(from, to string) error { return linkNew(from, to) }
