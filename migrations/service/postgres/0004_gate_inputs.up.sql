-- What the gate is told beside the counts: what a verification measured, the destination's room, the source's
-- generations, and the addresses that the source is known to have.

ALTER TABLE mailbox_folders ADD COLUMN uidvalidity_first BIGINT NOT NULL DEFAULT 0; -- at the first copy; 0: none
ALTER TABLE mailbox_folders ADD COLUMN uidvalidity_changes BIGINT NOT NULL DEFAULT 0
    CHECK (uidvalidity_changes >= 0); -- generations since then

ALTER TABLE migration_jobs ADD COLUMN inventory_at TEXT NOT NULL DEFAULT ''; -- empty: none was given

-- One row for each mailbox that was measured. A time that is empty says that this was not measured.
CREATE TABLE mailbox_measures (
    mailbox_id BIGINT NOT NULL PRIMARY KEY REFERENCES migration_mailboxes (id) ON DELETE CASCADE,
    run_id BIGINT REFERENCES migration_runs (id) ON DELETE SET NULL, -- the last that measured
    sampled_at TEXT NOT NULL DEFAULT '',
    sample_compared BIGINT NOT NULL DEFAULT 0 CHECK (sample_compared >= 0),
    sample_rewritten BIGINT NOT NULL DEFAULT 0 CHECK (sample_rewritten >= 0),
    sample_different BIGINT NOT NULL DEFAULT 0 CHECK (sample_different >= 0),
    bytes_at TEXT NOT NULL DEFAULT '',
    bytes_source BIGINT NOT NULL DEFAULT 0 CHECK (bytes_source >= 0), -- of matched messages
    bytes_dest BIGINT NOT NULL DEFAULT 0 CHECK (bytes_dest >= 0), -- likewise
    duplicates_at TEXT NOT NULL DEFAULT '',
    duplicates BIGINT NOT NULL DEFAULT 0 CHECK (duplicates >= 0), -- at the destination, by content
    quota_at TEXT NOT NULL DEFAULT '',
    quota_kind TEXT NOT NULL DEFAULT 'unknown' CHECK (quota_kind IN ('unknown', 'endless', 'limited')),
    quota_limit BIGINT NOT NULL DEFAULT 0 CHECK (quota_limit >= 0), -- octets
    quota_used BIGINT NOT NULL DEFAULT 0 CHECK (quota_used >= 0), -- octets
    merkle_root TEXT NOT NULL DEFAULT '', -- over the content keys of the ledger, sha256:…; empty: not computed
    created_at TEXT NOT NULL DEFAULT malote_now(),
    updated_at TEXT NOT NULL DEFAULT malote_now()
);

-- The addresses of the source. One that no mailbox of the job has is decided once somebody says why it is left out.
CREATE TABLE mailbox_inventory (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    job_id BIGINT NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    address TEXT NOT NULL, -- in small letters
    excluded_reason TEXT NOT NULL DEFAULT '',
    created_by TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT malote_now(),
    updated_at TEXT NOT NULL DEFAULT malote_now(),
    UNIQUE (job_id, address)
);

CREATE TRIGGER trg_mailbox_measures_updated_at BEFORE UPDATE ON mailbox_measures FOR EACH ROW
    EXECUTE FUNCTION malote_touch();

CREATE TRIGGER trg_mailbox_inventory_updated_at BEFORE UPDATE ON mailbox_inventory FOR EACH ROW
    EXECUTE FUNCTION malote_touch();

CREATE TRIGGER trg_mailbox_inventory_audit_insert AFTER INSERT ON mailbox_inventory FOR EACH ROW
    EXECUTE FUNCTION malote_audit(1, 'id', 'job_id', 'address', 'excluded_reason', 'created_by');

CREATE TRIGGER trg_mailbox_inventory_audit_update AFTER UPDATE ON mailbox_inventory FOR EACH ROW
    WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.job_id IS DISTINCT FROM OLD.job_id
          OR NEW.address IS DISTINCT FROM OLD.address OR NEW.excluded_reason IS DISTINCT FROM OLD.excluded_reason
          OR NEW.created_by IS DISTINCT FROM OLD.created_by)
    EXECUTE FUNCTION malote_audit(1, 'id', 'job_id', 'address', 'excluded_reason', 'created_by');

CREATE TRIGGER trg_mailbox_inventory_audit_delete AFTER DELETE ON mailbox_inventory FOR EACH ROW
    EXECUTE FUNCTION malote_audit(1, 'id', 'job_id', 'address', 'excluded_reason', 'created_by');
