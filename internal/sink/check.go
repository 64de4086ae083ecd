package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ebb-transfer/ebb/job"
)

// Check reports whether t can be written, as far as that can be told before a byte is
// fetched: its folder exists and may be written to, its name is one that the file system
// takes, and nothing is there that must not be replaced. It changes nothing.
func (s *Sink) Check(t Target) error {
	folder, name := filepath.Split(t.Local)
	switch {
	case !filepath.IsAbs(t.Local):
		return t.refuse(job.BadName, "%q is not an absolute name; write it from the root on", t.Local)
	case name == "":
		return t.refuse(job.IsDirectory, "%q is the name of a folder; add a file name", t.Local)
	case !filepath.IsLocal(name):
		return t.refuse(job.BadName, "%q cannot be the name of a file; choose another name", t.Local)
	}
	fi, err := os.Stat(folder)
	if err == nil && !fi.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = writable(folder)
	}
	if err != nil {
		return t.fail("create", err)
	}
	return checkDestination(t)
}

// checkDestination reports whether the final name of t is free, or may be replaced.
func checkDestination(t Target) error {
	fi, err := os.Lstat(t.Local)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return t.fail("create", err)
	case fi.IsDir():
		return t.refuse(job.IsDirectory, "%q is a folder; choose another name, or add a file name", t.Local)
	case !t.Overwrite:
		return t.refuse(job.FileExists, "%q exists already; rename it, or allow it to be overwritten", t.Local)
	case !fi.Mode().IsRegular() && fi.Mode()&fs.ModeSymlink == 0:
		return t.refuse(job.FileExists, "%q is a device, pipe or socket and is not replaced; choose another name", t.Local)
	}
	return nil
}
