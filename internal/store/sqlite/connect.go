package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	driver "modernc.org/sqlite" // registers itself as "sqlite"
	lib "modernc.org/sqlite/lib"
)

// pragmas are those of every connection; none outlives it, so they are part of the DSN. The
// journal mode is not among them: it is a property of the file, and setting it from several
// connections at once fails (see useWAL).
var pragmas = []string{
	"busy_timeout(10000)", // ms; a backup tool may hold a lock for a moment
	"synchronous(FULL)",
	"fullfsync(1)", // macOS: fsync alone leaves the data in the disk's cache
	"checkpoint_fullfsync(1)",
	"foreign_keys(1)",
	"temp_store(MEMORY)",           // a statement that fails is undone from memory
	"journal_size_limit(33554432)", // what a huge batch made of the log is given back
}

// dsn is the driver's name for the database at path.
func dsn(path string, params ...string) string {
	path = filepath.ToSlash(path)
	if runtime.GOOS == "windows" {
		path = "/" + path // file:///C:/…
	}
	for _, p := range pragmas {
		params = append(params, "_pragma="+url.QueryEscape(p))
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(append(params, "_dqs=0", "_error_rc=1"), "&")}
	return u.String()
}

// createDatabase makes an empty file that only its owner can read: SQLite would leave that to
// the umask, and gives its log the mode of the database. It runs before SQLite opens the file,
// because closing it later would drop SQLite's locks.
func createDatabase(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// useWAL makes the write-ahead log the journal of the database, for good.
func useWAL(ctx context.Context, c *sql.Conn) error {
	var mode string
	err := retryBusy(ctx, func() error {
		return c.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
	})
	if err == nil && mode != "wal" {
		err = errors.New("the file system does not support SQLite's write-ahead log; choose a state folder on a local disk (EBB_STATE_DIR)")
	}
	return err
}

// retryBusy repeats op for as long as another process recovers the database or holds a lock
// that busy_timeout does not cover (SQLITE_BUSY_RECOVERY is one), for 10 s at most.
func retryBusy(ctx context.Context, op func() error) error {
	const pause, tries = 50 * time.Millisecond, 200
	for n := 1; ; n++ {
		err := op()
		if resultCode(err) != lib.SQLITE_BUSY || n == tries {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// resultCode is SQLite's primary result code, 0 when err is not SQLite's.
func resultCode(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
