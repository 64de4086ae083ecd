// Package sqlite is the store on disk: one SQLite database in the state folder.
//
// One goroutine writes. Commits that come in while it waits for the disk go into its next
// transaction together, so the cost of a sync is shared (group commit). Readers have
// connections of their own and, thanks to the write-ahead log, wait for nobody.
//
// With synchronous=FULL a transaction is on the disk when COMMIT returns
// (https://www.sqlite.org/pragma.html#pragma_synchronous). The write-ahead log needs shared
// memory, hence a local disk (https://www.sqlite.org/wal.html); a folder elsewhere is refused.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
)

const (
	databaseName = "ebb.db"
	lockName     = "ebb.lock"

	readers = 4 // connections
)

// Options change how a folder is opened. The zero value is fit for use.
type Options struct {
	// Log is told of migrations and backups; nil for nobody.
	Log *slog.Logger
}

// Store is a [store.Store] in a folder.
type Store struct {
	path   string // of the database
	lock   *os.File
	write  *writer
	readDB *sql.DB

	mu     sync.Mutex // guards closed, and calls.Add against calls.Wait
	closed bool
	calls  sync.WaitGroup // calls in progress
}

var _ store.Store = (*Store)(nil)

// Open opens the state folder dir, which it makes with mode 0700 when there is none, and
// takes it for this process alone. An older database is migrated, after a backup.
//
// It returns store.ErrLocked when another process has the folder, store.ErrNewer when a newer
// version wrote it, and a *job.Error when the folder cannot be used: it cannot be written, the
// disk is full, it is on a network file system, the database is damaged. It never deletes a
// database. ctx bounds only the opening.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	lock, err := takeFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{path: filepath.Join(dir, databaseName), lock: lock}
	if err := s.open(ctx, opts); err != nil {
		return nil, errors.Join(s.explain(err), lock.Close())
	}
	return s, nil
}

// takeFolder makes the folder, sees that it is fit and locks it.
func takeFolder(dir string) (*os.File, error) {
	if err := makeFolder(dir); err != nil {
		return nil, explainFolder(dir, err)
	}
	if err := checkLocal(dir); err != nil {
		return nil, err
	}
	return lockFolder(filepath.Join(dir, lockName))
}

func (s *Store) open(ctx context.Context, opts Options) error {
	if err := checkVersion(ctx, s.path); err != nil {
		return err
	}
	w, err := openWriter(ctx, s.path, opts.log())
	if err != nil {
		return err
	}
	s.write = w
	s.readDB = openDB(dsn(s.path, "mode=ro"))
	s.readDB.SetMaxOpenConns(readers)
	s.readDB.SetMaxIdleConns(readers)
	s.readDB.SetConnMaxIdleTime(time.Minute) // an idle daemon is a small one
	return nil
}

func (o Options) log() *slog.Logger {
	if o.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Log
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.calls.Wait()
	// The last connection to close checkpoints the log, so it is the writer's.
	err := errors.Join(s.readDB.Close(), s.write.close())
	if err != nil {
		err = s.explain(err)
	}
	return errors.Join(err, s.lock.Close())
}

// enter begins a call that Close waits for; leave ends it.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	s.calls.Add(1)
	return s.calls.Done, nil
}

// openDB does not connect yet.
func openDB(dsn string) *sql.DB {
	db, err := sql.Open("sqlite", dsn)
	if err != nil { // only for a driver that is not registered
		panic(fmt.Sprintf("sqlite: %v", err))
	}
	return db
}
