package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ebb-transfer/ebb/internal/store"
)

// errHeld is what tryLock returns when another has the lock.
var errHeld = errors.New("the lock is held")

// lockFolder locks the file at path for as long as it is open. The system lets go when the
// process ends, however it ends, so a lock is never stale. The file holds the process ID of the
// last holder and is never deleted: that would let two processes lock two files of one name.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, explainFolder(filepath.Dir(path), err)
	}
	if err := tryLock(f); err != nil {
		if errors.Is(err, errHeld) {
			err = fmt.Errorf("%s: %w%s", filepath.Dir(path), store.ErrLocked, holder(f))
		}
		return nil, errors.Join(err, f.Close())
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(explainFolder(filepath.Dir(path), err), f.Close())
	}
	return f, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that has the lock, "" when it cannot be told.
func holder(f *os.File) string {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
