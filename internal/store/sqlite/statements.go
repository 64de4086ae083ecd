package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/ebb-transfer/ebb/internal/store"
)

// statements are those of the writer, prepared on its connection.
type statements struct {
	all []*sql.Stmt // to be closed

	begin, commit, rollback *sql.Stmt

	putJob, putFile *upsert
	jobKey          *sql.Stmt
	putNotice       *sql.Stmt
	putSecret       *sql.Stmt
	deleteSecret    *sql.Stmt
	deleteSecrets   *sql.Stmt
	forget          *sql.Stmt
	putUsage        *sql.Stmt
	prune           *sql.Stmt
	delivered       *sql.Stmt
	undelivered     *sql.Stmt
	deleteKey       *sql.Stmt
}

// waits selects the notices of the job of a secret that wait to be delivered.
const waits = "SELECT 1 FROM outbox WHERE job = secrets.job AND pending"

// bulk is how many rows the large form of an upsert has. It halves the cost of a row; more
// brings nothing.
const bulk = 64

// upsert is a statement for one row and the same for bulk rows.
type upsert struct {
	columns   int
	one, many *sql.Stmt
}

// exec stores rows, whose columns follow each other in args.
func (u *upsert) exec(ctx context.Context, args []any) error {
	for len(args) > 0 {
		stmt, n := u.many, bulk*u.columns
		if len(args) < n {
			stmt, n = u.one, u.columns
		}
		if _, err := stmt.ExecContext(ctx, args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}

const (
	jobColumns  = 5
	fileColumns = 4
)

// close must come before that of the connection: database/sql does not close what was prepared
// on a single connection, and SQLite keeps its files open for a statement that is left.
func (s *statements) close() error {
	var err error
	for _, stmt := range s.all {
		err = errors.Join(err, stmt.Close())
	}
	return err
}

// prepare makes the statements.
func prepare(ctx context.Context, c *sql.Conn) (*statements, error) {
	var all []*sql.Stmt
	var failed error
	stmt := func(text string) *sql.Stmt {
		s, err := c.PrepareContext(ctx, text)
		if err != nil {
			failed = errors.Join(failed, err)
			return nil
		}
		all = append(all, s)
		return s
	}
	put := func(insert string, columns int, onConflict string) *upsert {
		row := "(?" + strings.Repeat(", ?", columns-1) + ")"
		return &upsert{
			columns: columns,
			one:     stmt(insert + " VALUES " + row + onConflict),
			many:    stmt(insert + " VALUES " + row + strings.Repeat(", "+row, bulk-1) + onConflict),
		}
	}
	s := &statements{
		begin:    stmt("BEGIN IMMEDIATE"),
		commit:   stmt("COMMIT"),
		rollback: stmt("ROLLBACK"),

		putJob: put("INSERT INTO jobs (seq, id, final, modified, data)", jobColumns,
			" ON CONFLICT (id) DO UPDATE SET final = excluded.final, modified = excluded.modified, data = excluded.data"),
		putFile: put("INSERT INTO files (job, id, data, answer)", fileColumns,
			" ON CONFLICT DO UPDATE SET data = excluded.data, answer = coalesce(excluded.answer, answer)"),

		jobKey:    stmt("SELECT seq, final FROM jobs WHERE id = ?"),
		putNotice: stmt("INSERT INTO outbox (job, pending, attempts, next, data) VALUES (?, ?, ?, ?, ?)"),
		putSecret: stmt("INSERT INTO secrets (job, name, sealed) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sealed = excluded.sealed"),

		deleteSecret:  stmt("DELETE FROM secrets WHERE name = ? AND job = (SELECT seq FROM jobs WHERE id = ?)"),
		deleteSecrets: stmt("DELETE FROM secrets WHERE job = ?1 AND (name <> '" + store.SecretWebhook + "' OR NOT EXISTS (" + waits + "))"),
		forget:        stmt("DELETE FROM jobs WHERE id = ? AND final"),
		putUsage:      stmt("INSERT INTO usage (owner, since, bytes) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET since = excluded.since, bytes = excluded.bytes"),
		prune: stmt(`DELETE FROM jobs WHERE seq IN (
				SELECT seq FROM jobs INDEXED BY jobs_final
				WHERE final AND seq > ? AND (seq <= ? OR modified < ?)
				  AND NOT EXISTS (SELECT 1 FROM outbox WHERE job = jobs.seq AND pending)
				ORDER BY seq LIMIT ?)
			RETURNING seq`),

		delivered: stmt("UPDATE outbox SET pending = 0 WHERE id = ? AND pending"),
		deleteKey: stmt("DELETE FROM secrets WHERE job = (SELECT seq FROM jobs WHERE final AND seq = (SELECT job FROM outbox WHERE id = ?))" +
			" AND NOT EXISTS (" + waits + ")"),
		undelivered: stmt("UPDATE outbox SET attempts = attempts + 1, next = ? WHERE id = ? AND pending"),
	}
	s.all = all
	return s, failed
}
