-- Takes back 0012: the gate takes counts for measured under whatever options.

ALTER TABLE migration_mailboxes DROP COLUMN delta_selection;
ALTER TABLE migration_mailboxes DROP COLUMN counted_selection;
ALTER TABLE migration_runs DROP COLUMN selection;
