-- Jobs whose schedule somebody removed: their deltas run by hand, and nobody gives them a schedule unasked.

ALTER TABLE migration_jobs ADD COLUMN is_by_hand BIGINT NOT NULL DEFAULT 0 CHECK (is_by_hand IN (0, 1));
