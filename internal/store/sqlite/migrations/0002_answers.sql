ALTER TABLE files ADD COLUMN answer BLOB; -- JSON of job.Answer; NULL when there was none
