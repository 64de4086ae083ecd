ALTER TABLE files ADD COLUMN answer BLOB; -- JSON of job.Answer; NULL when there was none

-- Properties that are new have in old jobs what new jobs have by default, and zero where that is absent.
UPDATE jobs SET data = CAST(json_set(CAST(data AS TEXT),
	'$.headers_write_only', json('true'),
	'$.min_notify_interval', '500ms',
	'$.resumed', json(iif(json_extract(CAST(data AS TEXT), '$.state') = 'suspended', 'false', 'true'))) AS BLOB)
WHERE NOT final;
