-- Takes back 0012. Entries of the audit log that name a job no longer match their hashes then: the chain is to be
-- verified before.

ALTER TABLE audit_logs DROP COLUMN job_id;

-- The gate takes counts for measured under whatever options.

ALTER TABLE migration_mailboxes DROP COLUMN delta_selection;
ALTER TABLE migration_mailboxes DROP COLUMN counted_selection;
ALTER TABLE migration_runs DROP COLUMN selection;
