-- Credentials that are kept at a server and used by the runs of many mailboxes, the consents that give some of them
-- their tokens, and profiles of servers as operators changed them.

ALTER TABLE endpoint_credentials ADD COLUMN grant_json TEXT NOT NULL DEFAULT ''; -- how tokens come; empty: not at all
ALTER TABLE endpoint_credentials ADD COLUMN status TEXT NOT NULL DEFAULT 'valid'
    CHECK (status IN ('valid', 'waiting', 'needs_consent', 'revoked'));
ALTER TABLE endpoint_credentials ADD COLUMN lease_id TEXT NOT NULL DEFAULT ''; -- who renews it at this moment
ALTER TABLE endpoint_credentials ADD COLUMN lease_until_ms BIGINT NOT NULL DEFAULT 0;

-- Ids of endpoint_credentials; empty: none is named.
ALTER TABLE migration_jobs ADD COLUMN source_credential_id TEXT NOT NULL DEFAULT '';
ALTER TABLE migration_jobs ADD COLUMN dest_credential_id TEXT NOT NULL DEFAULT '';
ALTER TABLE migration_mailboxes ADD COLUMN source_credential_id TEXT NOT NULL DEFAULT '';
ALTER TABLE migration_mailboxes ADD COLUMN dest_credential_id TEXT NOT NULL DEFAULT '';

ALTER TABLE migration_runs ADD COLUMN leases_expired BIGINT NOT NULL DEFAULT 0; -- workers that fell silent with it
ALTER TABLE migration_runs ADD COLUMN throttle_ms BIGINT NOT NULL DEFAULT 0; -- waited because a server asked for it

-- A consent that somebody was asked for. What was sent along to the provider is sealed, or kept as a digest.
CREATE TABLE oauth_flows (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    credential_id TEXT NOT NULL REFERENCES endpoint_credentials (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('auth_code', 'device_code')),
    state_hash TEXT NOT NULL DEFAULT '', -- of the state that comes back; empty: a device's
    session_id TEXT NOT NULL DEFAULT '', -- whose browser comes back
    actor TEXT NOT NULL DEFAULT '',
    secret_encrypted TEXT NOT NULL DEFAULT '', -- the verifier, or the device's code; empty once it was used
    redirect_uri TEXT NOT NULL DEFAULT '',
    mailboxes_json TEXT NOT NULL DEFAULT '[]', -- whose credential it becomes
    side TEXT NOT NULL DEFAULT 'source' CHECK (side IN ('source', 'destination')),
    interval_seconds BIGINT NOT NULL DEFAULT 0,
    next_poll_ms BIGINT NOT NULL DEFAULT 0,
    expires_ms BIGINT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'asking', 'done', 'refused', 'expired')),
    detail TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT malote_now(),
    updated_at TEXT NOT NULL DEFAULT malote_now()
);

CREATE INDEX idx_oauth_flows_state ON oauth_flows (state_hash);
CREATE INDEX idx_oauth_flows_credential ON oauth_flows (credential_id);

-- Every version of a profile that somebody wrote; the newest of a name holds. Empty text: the shipped one holds again.
CREATE TABLE provider_profiles (
    name TEXT NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    text TEXT NOT NULL,
    created_by TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT malote_now(),
    updated_at TEXT NOT NULL DEFAULT malote_now(),
    PRIMARY KEY (name, version)
);

CREATE TRIGGER trg_oauth_flows_updated_at BEFORE UPDATE ON oauth_flows FOR EACH ROW
    EXECUTE FUNCTION malote_touch();

CREATE TRIGGER trg_provider_profiles_updated_at BEFORE UPDATE ON provider_profiles FOR EACH ROW
    EXECUTE FUNCTION malote_touch();
