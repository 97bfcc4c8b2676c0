-- Under which selection a run was done and a mailbox was counted: folders, times, sizes, folder map, source and
-- destination, as one digest. Whoever changes the options of a job changes what its counts would be. The empty string,
-- in rows from before: nobody knows, so the gate asks for a new delta.

ALTER TABLE migration_runs ADD COLUMN selection TEXT NOT NULL DEFAULT '';
ALTER TABLE migration_mailboxes ADD COLUMN counted_selection TEXT NOT NULL DEFAULT '';
ALTER TABLE migration_mailboxes ADD COLUMN delta_selection TEXT NOT NULL DEFAULT '';

-- To which job an entry of the audit log belongs, so that whoever is denied a job is not told of it there. NULL, in
-- entries from before and in those of no job: whoever is denied any job sees of them only their own.

ALTER TABLE audit_logs ADD COLUMN job_id BIGINT;
