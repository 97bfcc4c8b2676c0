-- What leaves the house: the ticket's hook with its outbox and deliveries, and the customer's links by name, so that
-- each can be taken back.

-- One row at most: where the desk's ticket system takes events.
CREATE TABLE ticket_hooks (
    id TEXT NOT NULL PRIMARY KEY CHECK (id = 'ticket'),
    url TEXT NOT NULL,
    public_url TEXT NOT NULL DEFAULT '', -- where people reach this service; addresses in events begin with it
    networks_json TEXT NOT NULL DEFAULT '[]', -- networks that an administrator allowed
    secret_sealed TEXT NOT NULL,
    secret_before_sealed TEXT NOT NULL DEFAULT '', -- signs too until it ends
    before_until_ms INTEGER NOT NULL DEFAULT 0,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    disabled_reason TEXT NOT NULL DEFAULT '',
    changed_by TEXT NOT NULL DEFAULT '',
    changed_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Events that are to be told once each; the id is the receiver's proof against doubles.
CREATE TABLE hook_outbox (
    id TEXT NOT NULL PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    body TEXT NOT NULL, -- the octets that are signed; the same at each try
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_ms INTEGER NOT NULL, -- the next try; while one is under way, when it is given up for dead
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX idx_hook_outbox_due ON hook_outbox (state, due_ms);
CREATE INDEX idx_hook_outbox_job ON hook_outbox (job_id, created_ms);

CREATE TABLE hook_deliveries (
    outbox_id TEXT NOT NULL REFERENCES hook_outbox (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    status INTEGER NOT NULL DEFAULT 0, -- 0: no answer
    error TEXT NOT NULL DEFAULT '',
    at_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (outbox_id, attempt)
) STRICT;

-- The customer's links. The link itself is kept nowhere.
CREATE TABLE share_links (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    created_by TEXT NOT NULL DEFAULT '',
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL DEFAULT 0, -- last; 0: never
    uses INTEGER NOT NULL DEFAULT 0 CHECK (uses >= 0),
    revoked_ms INTEGER NOT NULL DEFAULT 0,
    revoked_by TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX idx_share_links_job ON share_links (job_id, created_ms);
