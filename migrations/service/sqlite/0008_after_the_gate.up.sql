-- After the gate: what name servers were seen to say of a domain's mail exchangers, how the change of DNS was
-- confirmed, and where the final passes began. Times, 0 and the empty string mean what 0001 says.

-- One row for each time that a name server was asked. They are forgotten after two days, but for those that a change of
-- phase rests on.
CREATE TABLE dns_sightings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    resolver TEXT NOT NULL, -- ADDRESS:PORT
    hosts_json TEXT NOT NULL DEFAULT '[]', -- the preferred first
    ttl_seconds INTEGER NOT NULL DEFAULT 0 CHECK (ttl_seconds >= 0), -- the largest of the answer; 0: none told
    error TEXT NOT NULL DEFAULT '', -- why there was no answer; then the hosts mean nothing
    is_evidence INTEGER NOT NULL DEFAULT 0 CHECK (is_evidence IN (0, 1)), -- a change of phase rests on it
    at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_dns_sightings_job ON dns_sightings (job_id, at_ms);

-- One row for each job whose change of DNS was confirmed.
CREATE TABLE job_cutovers (
    job_id INTEGER NOT NULL PRIMARY KEY REFERENCES migration_jobs (id) ON DELETE CASCADE,
    expected_json TEXT NOT NULL, -- the mail exchangers that the domain is to have, and no others
    before_json TEXT NOT NULL DEFAULT '[]', -- those that it was last seen to have before
    vouched_reason TEXT NOT NULL DEFAULT '', -- why somebody's word stood in the place of what was seen
    confirmed_by TEXT NOT NULL,
    confirmed_ms INTEGER NOT NULL,
    old_ttl_seconds INTEGER NOT NULL CHECK (old_ttl_seconds >= 0), -- how long others may still know the old ones
    is_old_ttl_known INTEGER NOT NULL DEFAULT 0 CHECK (is_old_ttl_known IN (0, 1)), -- 0: taken for an hour
    runs_before INTEGER NOT NULL DEFAULT -1, -- the newest run as the final passes began; -1: they did not begin
    accepted_run INTEGER NOT NULL DEFAULT 0, -- up to this run, missing copies were accepted
    accepted_by TEXT NOT NULL DEFAULT '',
    accepted_reason TEXT NOT NULL DEFAULT '',
    report_json TEXT NOT NULL DEFAULT '', -- the job's report as it was when all was verified
    frozen_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TRIGGER trg_job_cutovers_audit_insert AFTER INSERT ON job_cutovers FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('job_cutovers', NEW.job_id, 'insert', '', json_object(
        'job_id', NEW.job_id, 'expected_json', NEW.expected_json, 'vouched_reason', NEW.vouched_reason,
        'confirmed_by', NEW.confirmed_by, 'confirmed_ms', NEW.confirmed_ms, 'runs_before', NEW.runs_before,
        'accepted_run', NEW.accepted_run, 'accepted_by', NEW.accepted_by,
        'accepted_reason', NEW.accepted_reason));
END;

CREATE TRIGGER trg_job_cutovers_audit_update AFTER UPDATE ON job_cutovers FOR EACH ROW
WHEN NEW.job_id IS DISTINCT FROM OLD.job_id OR NEW.expected_json IS DISTINCT FROM OLD.expected_json
     OR NEW.vouched_reason IS DISTINCT FROM OLD.vouched_reason
     OR NEW.confirmed_by IS DISTINCT FROM OLD.confirmed_by OR NEW.confirmed_ms IS DISTINCT FROM OLD.confirmed_ms
     OR NEW.runs_before IS DISTINCT FROM OLD.runs_before OR NEW.accepted_run IS DISTINCT FROM OLD.accepted_run
     OR NEW.accepted_by IS DISTINCT FROM OLD.accepted_by
     OR NEW.accepted_reason IS DISTINCT FROM OLD.accepted_reason
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('job_cutovers', NEW.job_id, 'update', json_object(
        'job_id', OLD.job_id, 'expected_json', OLD.expected_json, 'vouched_reason', OLD.vouched_reason,
        'confirmed_by', OLD.confirmed_by, 'confirmed_ms', OLD.confirmed_ms, 'runs_before', OLD.runs_before,
        'accepted_run', OLD.accepted_run, 'accepted_by', OLD.accepted_by,
        'accepted_reason', OLD.accepted_reason), json_object(
        'job_id', NEW.job_id, 'expected_json', NEW.expected_json, 'vouched_reason', NEW.vouched_reason,
        'confirmed_by', NEW.confirmed_by, 'confirmed_ms', NEW.confirmed_ms, 'runs_before', NEW.runs_before,
        'accepted_run', NEW.accepted_run, 'accepted_by', NEW.accepted_by,
        'accepted_reason', NEW.accepted_reason));
END;

CREATE TRIGGER trg_job_cutovers_audit_delete AFTER DELETE ON job_cutovers FOR EACH ROW
BEGIN
    INSERT INTO audit_row_changes (table_name, row_id, operation, before_json, after_json)
    VALUES ('job_cutovers', OLD.job_id, 'delete', json_object(
        'job_id', OLD.job_id, 'expected_json', OLD.expected_json, 'vouched_reason', OLD.vouched_reason,
        'confirmed_by', OLD.confirmed_by, 'confirmed_ms', OLD.confirmed_ms, 'runs_before', OLD.runs_before,
        'accepted_run', OLD.accepted_run, 'accepted_by', OLD.accepted_by,
        'accepted_reason', OLD.accepted_reason), '');
END;
