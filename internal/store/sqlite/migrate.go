package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ebb-transfer/ebb/internal/store"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the steps from an empty file to the current schema. The n-th makes version n
// of what was version n−1; its file name begins with its number.
func migrations() ([]string, error) { return readMigrations(migrationFiles) }

func readMigrations(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(names))
	for i, name := range names {
		if want := fmt.Sprintf("migrations/%04d_", i+1); len(name) < len(want) || name[:len(want)] != want {
			return nil, fmt.Errorf("%s: the name does not begin with %s", name, want)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		steps[i] = string(text)
	}
	return steps, nil
}

// checkVersion returns store.ErrNewer for a database that this program is too old for. It
// reads and leaves the file as it is.
func checkVersion(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && info.Size() == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	steps, err := migrations()
	if err != nil {
		return err
	}
	db := openDB(dsn(path, "mode=ro"))
	var version int
	err = retryBusy(ctx, func() error {
		return db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("%s: %w (schema %d, this one knows %d); install that version, or choose another folder with EBB_STATE_DIR",
			path, store.ErrNewer, version, len(steps))
	}
	return nil
}

// migrate brings the database to the newest schema, all steps in one transaction. What was
// there before is kept in a backup beside it.
func migrate(ctx context.Context, c *sql.Conn, path string, steps []string, log *slog.Logger) error {
	var version int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version == len(steps) {
		return nil
	}
	if version > 0 {
		name, err := backup(ctx, c, path, version)
		if err != nil {
			return fmt.Errorf("backup before the migration to schema %d: %w", len(steps), err)
		}
		log.InfoContext(ctx, "migrating the database", "from", version, "to", len(steps), "backup", name)
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	for i, step := range steps[version:] {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return fmt.Errorf("migration to schema %d: %w", version+i+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(steps))); err != nil {
		return err
	}
	return tx.Commit()
}

// backup copies the database to a file named for its version, which is whole or not there.
func backup(ctx context.Context, c *sql.Conn, path string, version int) (name string, err error) {
	name = fmt.Sprintf("%s.v%d.backup", path, version)
	temp := name + ".part"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := createDatabase(temp); err != nil {
		return "", err
	}
	if _, err := c.ExecContext(ctx, "VACUUM INTO ?", temp); err != nil {
		return "", errors.Join(err, os.Remove(temp))
	}
	if err := syncFile(temp); err != nil {
		return "", err
	}
	if err := os.Rename(temp, name); err != nil {
		return "", err
	}
	return name, syncFolder(filepath.Dir(name))
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
