package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ebb-transfer/ebb/job"
)

// makeFolder makes dir, private to its owner, and what is missing above it. A folder that
// exists keeps its mode. What was made outlives a power cut.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "open", Path: dir, Err: errNotFolder}
		}
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(parent)
}

// checkLocal refuses folders on a network file system, where SQLite's write-ahead log and the
// lock of the folder do not work (https://www.sqlite.org/wal.html).
func checkLocal(dir string) error {
	remote, err := isRemote(dir)
	if err != nil {
		return explainFolder(dir, err)
	}
	if remote {
		return needsAction(job.UnsupportedConfiguration, nil,
			"the state folder %s is on a network file system, where a database is not safe; choose one on a local disk with EBB_STATE_DIR", dir)
	}
	return nil
}
