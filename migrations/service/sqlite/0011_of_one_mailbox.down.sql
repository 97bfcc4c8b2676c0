-- Takes back 0011: schedules of single mailboxes are lost, which then go by their jobs', and so is when runs waited.

DROP INDEX idx_migration_runs_pass;
DROP TABLE throttle_waits;
DELETE FROM schedules WHERE mailbox_id IS NOT NULL;
DROP INDEX idx_schedules_mailbox;
ALTER TABLE schedules DROP COLUMN mailbox_id;
