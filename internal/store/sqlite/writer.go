package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
)

// maxGroup bounds the rows of one transaction, so that nobody waits long for it. A batch that
// is larger has a transaction to itself.
const maxGroup = 4096

// writer owns the one connection that writes.
type writer struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts *statements

	tasks   chan *task // without a buffer: what was sent is being carried out
	stopped chan struct{}
}

// task is one caller's part of a transaction.
type task struct {
	rows int
	// do may be called twice: see serve.
	do   func(context.Context, *statements) error
	done chan error
}

// errUnknown marks a transaction that may be stored although COMMIT failed.
var errUnknown = errors.New("the outcome is unknown")

// openWriter connects, migrates and starts the writing goroutine, which close stops.
func openWriter(ctx context.Context, path string, log *slog.Logger) (*writer, error) {
	steps, err := migrations()
	if err != nil {
		return nil, err
	}
	if err := createDatabase(path); err != nil {
		return nil, err
	}
	w := &writer{
		db:      openDB(dsn(path, "_txlock=immediate")),
		tasks:   make(chan *task),
		stopped: make(chan struct{}),
	}
	w.db.SetMaxOpenConns(1)
	if err := w.connect(ctx, path, steps, log); err != nil {
		return nil, errors.Join(err, w.disconnect())
	}
	go w.run(context.WithoutCancel(ctx))
	return w, nil
}

func (w *writer) connect(ctx context.Context, path string, steps []string, log *slog.Logger) (err error) {
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err := useWAL(ctx, w.conn); err != nil {
		return err
	}
	if err := migrate(ctx, w.conn, path, steps, log); err != nil {
		return err
	}
	w.stmts, err = prepare(ctx, w.conn)
	return err
}

// close ends the goroutine. No call of submit may be in progress or follow.
func (w *writer) close() error {
	close(w.tasks)
	<-w.stopped
	return w.disconnect()
}

func (w *writer) disconnect() error {
	var err error
	if w.stmts != nil {
		err = w.stmts.close()
	}
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close())
	}
	return errors.Join(err, w.db.Close())
}

// submit has do carried out in a transaction, together with what others submit, and returns
// once it is durable. ctx counts until the writer takes it; after that the outcome is certain.
func (w *writer) submit(ctx context.Context, rows int, do func(context.Context, *statements) error) error {
	t := &task{rows: rows, do: do, done: make(chan error, 1)}
	select {
	case w.tasks <- t:
		return <-t.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run commits groups of tasks until the channel is closed.
func (w *writer) run(ctx context.Context) {
	defer close(w.stopped)
	for first := range w.tasks {
		w.serve(ctx, w.gather(first))
	}
}

// serve commits a group and answers each of it. When a task fails, the group is rolled back and
// each of its tasks is tried alone, so that it takes no innocent one with it. When COMMIT fails
// the outcome is unknown, and all are told so.
func (w *writer) serve(ctx context.Context, group []*task) {
	err := w.commit(ctx, group)
	for i, t := range group {
		if err != nil && len(group) > 1 && !errors.Is(err, errUnknown) {
			t.done <- w.commit(ctx, group[i:i+1])
			continue
		}
		t.done <- err
	}
}

// gather returns first and whoever else waits by now.
func (w *writer) gather(first *task) []*task {
	group, rows := []*task{first}, first.rows
	for rows < maxGroup {
		select {
		case t, ok := <-w.tasks:
			if !ok {
				return group
			}
			group, rows = append(group, t), rows+t.rows
		default:
			return group
		}
	}
	return group
}

func (w *writer) commit(ctx context.Context, group []*task) error {
	if _, err := w.stmts.begin.ExecContext(ctx); err != nil {
		return err
	}
	for _, t := range group {
		if err := t.do(ctx, w.stmts); err != nil {
			return w.rollback(ctx, err)
		}
	}
	if _, err := w.stmts.commit.ExecContext(ctx); err != nil {
		return w.rollback(ctx, fmt.Errorf("%w: %w", errUnknown, err))
	}
	return nil
}

// rollback returns cause. Its own failure means that SQLite has rolled back already, as it
// does when the disk is full.
func (w *writer) rollback(ctx context.Context, cause error) error {
	_, _ = w.stmts.rollback.ExecContext(ctx)
	return cause
}
