-- Takes back 0010: a job whose schedule was removed is given one again after its first copies.

ALTER TABLE migration_jobs DROP COLUMN is_by_hand;
