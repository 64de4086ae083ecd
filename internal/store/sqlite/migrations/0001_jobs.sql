CREATE TABLE jobs (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- AUTOINCREMENT keeps the highest ever used
	id       TEXT    NOT NULL UNIQUE,
	final    INTEGER NOT NULL,
	modified INTEGER NOT NULL,                  -- microseconds since 1970
	data     BLOB    NOT NULL                   -- JSON of job.Job
) STRICT;

CREATE INDEX jobs_final ON jobs (seq) WHERE final;

CREATE TABLE files (
	job  INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
	id   INTEGER NOT NULL,
	data BLOB    NOT NULL,                      -- JSON of job.File
	PRIMARY KEY (job, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
	job    INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
	name   TEXT    NOT NULL,
	sealed BLOB    NOT NULL,
	PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
	id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, even when its row is gone
	job      INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
	pending  INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	next     INTEGER NOT NULL,                  -- microseconds since 1970
	data     BLOB    NOT NULL                   -- JSON of store.Notice
) STRICT;

CREATE INDEX outbox_job ON outbox (job);
CREATE INDEX outbox_pending ON outbox (id) WHERE pending;
