package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	lib "modernc.org/sqlite/lib"

	"github.com/ebb-transfer/ebb/job"
)

// errDamaged means that the database holds what this program never writes.
var errDamaged = errors.New("a record cannot be read")

// elsewhere is the way out of a folder that does not work.
const elsewhere = "or choose another folder with EBB_STATE_DIR"

// explain turns what SQLite or the system says into what the owner can do. It passes on nil
// and errors that explain themselves.
func (s *Store) explain(err error) error {
	dir := filepath.Dir(s.path)
	switch resultCode(err) {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return damaged(s.path, err)
	case lib.SQLITE_FULL:
		return diskFull(dir, err)
	case lib.SQLITE_READONLY:
		return notWritable(dir, "the file system or the database is read-only", job.WriteProtect, err)
	case lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		return notWritable(dir, "its files cannot be opened", job.AccessDenied, err)
	case lib.SQLITE_IOERR:
		return needsAction(job.WriteFault, err, "the disk under the state folder %s fails: %v; check it, %s", dir, err, elsewhere)
	case lib.SQLITE_BUSY:
		return needsAction(job.DestinationLocked, err, "another program holds a lock on %s; close it and try again", s.path)
	}
	if errors.Is(err, errDamaged) {
		return damaged(s.path, err)
	}
	return explainFolder(dir, err)
}

// explainFolder does the same for errors of the system.
func explainFolder(dir string, err error) error {
	switch {
	case isDiskFull(err):
		return diskFull(dir, err)
	case isReadOnly(err):
		return notWritable(dir, "the file system is read-only", job.WriteProtect, err)
	case errors.Is(err, fs.ErrPermission):
		return notWritable(dir, "permission denied", job.AccessDenied, err)
	case errors.Is(err, syscall.ENOTDIR):
		return needsAction(job.PathNotFound, err, "the state folder %s cannot be made: a part of the path is a file; move it away, %s", dir, elsewhere)
	}
	return err
}

func damaged(path string, err error) error {
	return needsAction(job.DatabaseCorrupt, err,
		"the database %s is damaged (%v); it was left as it is: put a backup in its place, or move it away to begin with an empty one", path, err)
}

func diskFull(dir string, err error) error {
	return needsAction(job.DiskFull, err, "the disk of the state folder %s is full; free some space, %s", dir, elsewhere)
}

func notWritable(dir, why string, code job.Code, err error) error {
	return needsAction(code, err, "cannot write to the state folder %s: %s; make it writable for this user, %s", dir, why, elsewhere)
}

func needsAction(code job.Code, cause error, format string, args ...any) error {
	return &job.Error{
		Context: job.ContextQueueManager, Code: code, Class: job.NeedsAction,
		Text: fmt.Sprintf(format, args...), Err: cause,
	}
}
