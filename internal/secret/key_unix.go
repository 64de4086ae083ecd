//go:build unix

package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkPrivate refuses a key file that another user owns or that others can read or write.
func checkPrivate(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int64(stat.Uid) != int64(os.Geteuid()) {
		return fmt.Errorf("the key file %s belongs to user %d, but ebb runs as user %d; run it as the user who owns the state folder, or chown the file",
			path, stat.Uid, os.Geteuid())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("the key file %s can be used by others (mode %04o); run: chmod 600 %s", path, mode, path)
	}
	return nil
}

// protect returns the key as it is: the file's permissions protect it.
func protect(key []byte) ([]byte, error) { return append([]byte(nil), key...), nil }

func unprotect(blob []byte) ([]byte, error) { return append([]byte(nil), blob...), nil }

// syncDir makes the names in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
