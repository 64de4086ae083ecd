-- A database as schema 2 was written. It stays as it is, whatever later versions do.
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE jobs (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- AUTOINCREMENT keeps the highest ever used
	id       TEXT    NOT NULL UNIQUE,
	final    INTEGER NOT NULL,
	modified INTEGER NOT NULL,                  -- microseconds since 1970
	data     BLOB    NOT NULL                   -- JSON of job.Job
) STRICT;

CREATE INDEX jobs_final ON jobs (seq) WHERE final;

CREATE TABLE files (
	job    INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
	id     INTEGER NOT NULL,
	data   BLOB    NOT NULL,                    -- JSON of job.File
	answer BLOB,                                -- JSON of job.Answer; NULL when there was none
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

INSERT INTO jobs (seq, id, final, modified, data) VALUES
(3, '3b241101-e2bb-4255-8caf-4136c566a962', 0, 1782907200000000, CAST('{"id":"3b241101-e2bb-4255-8caf-4136c566a962","seq":3,"owner":"uid:1000","type":"download","name":"two files","priority":"high","retry_delay":"10m0s","no_progress_timeout":"336h0m0s","max_download_time":"2160h0m0s","inactivity_timeout":"2160h0m0s","notify_flags":3,"notify_command":["/usr/bin/logger","done"],"credentials":[{"target":"server","scheme":"basic"}],"state":"transient_error","totals":{"files":2,"files_done":0,"bytes":2097152,"filled":1048576,"unknown":1},"error":{"context":"remote_file","code":"0x801901F7","class":"transient","retry_after":30000000000,"file":2,"text":"the server is busy"},"error_count":1,"retry_at":"2026-07-01T12:00:30Z","attempts":1,"failing_since":"2026-07-01T12:00:00Z","created":"2026-07-01T11:00:00.123456789Z","modified":"2026-07-01T12:00:00Z","headers_write_only":true,"min_notify_interval":"500ms","resumed":true}' AS BLOB)),
(4, '00000000-0000-4000-8000-000000000004', 0, 1782907200000000, CAST('{"id":"00000000-0000-4000-8000-000000000004","seq":4,"owner":"uid:0","type":"download","priority":"normal","retry_delay":"10m0s","no_progress_timeout":"0s","max_download_time":"2160h0m0s","inactivity_timeout":"2160h0m0s","notify_flags":0,"state":"suspended","totals":{"files":0,"files_done":0,"bytes":0,"filled":0,"unknown":0},"created":"2026-07-01T12:00:00Z","modified":"2026-07-01T12:00:00Z","headers_write_only":true,"min_notify_interval":"500ms","resumed":false}' AS BLOB)),
(5, 'f0000000-0000-4000-8000-000000000005', 1, 1782907200000000, CAST('{"id":"f0000000-0000-4000-8000-000000000005","seq":5,"owner":"uid:0","type":"download","priority":"foreground","retry_delay":"10m0s","no_progress_timeout":"336h0m0s","max_download_time":"2160h0m0s","inactivity_timeout":"2160h0m0s","auto_complete":true,"notify_flags":3,"state":"acknowledged","totals":{"files":0,"files_done":0,"bytes":0,"filled":0,"unknown":0},"created":"2026-07-01T12:00:00Z","modified":"2026-07-01T12:00:00Z"}' AS BLOB));

INSERT INTO files (job, id, data, answer) VALUES
(3, 1, CAST('{"id":1,"url":"https://example.com/a","local":"/srv/a","size":-1}' AS BLOB), NULL),
(3, 2, CAST('{"id":2,"url":"https://example.com/b","local":"/srv/b","digest":"md5=d41d8cd98f00b204e9800998ecf8427e","size":2097152,"filled":"0-1048575","boot":"boot","validator":{"etag":"\"x\"","last_modified":"Wed, 01 Jul 2026 12:00:00 GMT"},"modified":"2026-07-01T12:00:00Z"}' AS BLOB), CAST('{"at":"2026-07-01T12:00:00Z","status":503}' AS BLOB));

INSERT INTO secrets (job, name, sealed) VALUES (3, 'credentials/server/basic', CAST('sealed' AS BLOB));

INSERT INTO outbox (id, job, pending, attempts, next, data) VALUES
(12, 5, 1, 2, 1782907260000000, CAST('{"id":0,"at":"2026-07-01T12:00:00Z","kind":"acknowledged","job":{"id":"f0000000-0000-4000-8000-000000000005","seq":5,"owner":"uid:0","type":"download","priority":"foreground","retry_delay":"10m0s","no_progress_timeout":"336h0m0s","max_download_time":"2160h0m0s","inactivity_timeout":"2160h0m0s","notify_flags":3,"state":"acknowledged","totals":{"files":0,"files_done":0,"bytes":0,"filled":0,"unknown":0},"created":"2026-07-01T12:00:00Z","modified":"2026-07-01T12:00:00Z","rev":9,"transferred":0,"size":0,"rate":0}}' AS BLOB));

UPDATE sqlite_sequence SET seq = 7 WHERE name = 'jobs';
PRAGMA user_version = 2;
COMMIT;
