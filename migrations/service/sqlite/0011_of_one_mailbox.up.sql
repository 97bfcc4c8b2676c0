-- A mailbox's own schedule, which goes before its job's, what its runs waited because a server asked for it, and the
-- passes of a job: the runs that one act entered.

ALTER TABLE schedules ADD COLUMN mailbox_id INTEGER REFERENCES migration_mailboxes (id) ON DELETE CASCADE;
-- NULL: of whole jobs

CREATE UNIQUE INDEX idx_schedules_mailbox ON schedules (mailbox_id) WHERE mailbox_id IS NOT NULL;

-- Parts of the time in which a run waited. Each claim of a run writes rows of its own, which grow.
CREATE TABLE throttle_waits (
    run_id INTEGER NOT NULL REFERENCES migration_runs (id) ON DELETE CASCADE,
    fencing_token INTEGER NOT NULL, -- the claim that waited
    from_ms INTEGER NOT NULL, -- the beginning of ten minutes
    waited_ms INTEGER NOT NULL CHECK (waited_ms >= 0), -- by all folders together
    PRIMARY KEY (run_id, fencing_token, from_ms)
) STRICT;

CREATE INDEX idx_migration_runs_pass ON migration_runs (
    job_id,
    (run_type || '/' || CASE WHEN schedule_execution_id IS NOT NULL
             THEN 'f' || CAST(schedule_execution_id AS TEXT)
         WHEN triggered_by = 'worker' THEN 'w'
         ELSE triggered_by || substr(queued_at, 1, 16) END),
    id,
    status
);
