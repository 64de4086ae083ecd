CREATE TABLE usage (
	owner TEXT    NOT NULL PRIMARY KEY,
	since TEXT    NOT NULL, -- the first day of the period, such as 2026-12-01
	bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
