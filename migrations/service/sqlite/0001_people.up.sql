-- Who may do what, and who did it. Times in columns that end with _ms are milliseconds since 1970 in UTC; those that
-- end with _at are RFC 3339 with milliseconds and Z. 0 and the empty string mean "none" unless said otherwise.
-- Hashes are SHA-256; no secret stands here in clear.

CREATE TABLE tenants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE tickets_ref (
    id INTEGER PRIMARY KEY, -- the desk's own number
    tenant_id INTEGER REFERENCES tenants (id) ON DELETE SET NULL,
    title TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT '', -- the desk's own word
    synced_at TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36), -- a UUID
    name TEXT NOT NULL, -- what is typed at login
    display_name TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    locale TEXT NOT NULL DEFAULT 'pt-BR' CHECK (locale IN ('pt-BR', 'en')),
    password_hash TEXT NOT NULL DEFAULT '', -- Argon2id in PHC form
    password_changed_ms INTEGER NOT NULL DEFAULT 0,
    must_change_password INTEGER NOT NULL DEFAULT 0 CHECK (must_change_password IN (0, 1)),
    is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    sees_all_tenants INTEGER NOT NULL DEFAULT 0 CHECK (sees_all_tenants IN (0, 1)),
    last_login_ms INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE UNIQUE INDEX idx_users_name ON users (lower(name));

CREATE TABLE user_tenants (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, tenant_id)
) STRICT;

CREATE TABLE roles (
    id TEXT NOT NULL PRIMARY KEY, -- a system role's own name, else a UUID
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    is_system INTEGER NOT NULL DEFAULT 0 CHECK (is_system IN (0, 1)),
    requires_mfa INTEGER NOT NULL DEFAULT 0 CHECK (requires_mfa IN (0, 1)),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE permissions (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE role_permissions (
    role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    permission TEXT NOT NULL REFERENCES permissions (name) ON DELETE CASCADE,
    PRIMARY KEY (role_id, permission)
) STRICT;

CREATE TABLE user_roles (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    granted_by TEXT NOT NULL DEFAULT '',
    granted_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (user_id, role_id)
) STRICT;

CREATE INDEX idx_user_roles_role ON user_roles (role_id);

CREATE TABLE access_scopes (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    role_id TEXT REFERENCES roles (id) ON DELETE CASCADE,
    effect TEXT NOT NULL CHECK (effect IN ('allow', 'deny')), -- deny wins
    resource_kind TEXT NOT NULL CHECK (resource_kind IN ('tenant', 'job', 'repository')),
    resource_id TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    CHECK ((user_id IS NULL) <> (role_id IS NULL))
) STRICT;

CREATE INDEX idx_access_scopes_user ON access_scopes (user_id);
CREATE INDEX idx_access_scopes_role ON access_scopes (role_id);

CREATE TABLE auth_sessions (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf_key BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('mfa_required', 'open', 'revoked')),
    created_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL, -- however busy the session is
    stepped_up_ms INTEGER NOT NULL DEFAULT 0, -- the last proof of identity within the session
    ip TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    revoked_reason TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX idx_auth_sessions_user ON auth_sessions (user_id);
CREATE INDEX idx_auth_sessions_expires ON auth_sessions (expires_ms);

CREATE TABLE user_totp (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret_encrypted TEXT NOT NULL,
    confirmed_ms INTEGER NOT NULL DEFAULT 0,
    last_step INTEGER NOT NULL DEFAULT 0, -- the newest time step whose code was taken: none is taken twice
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE user_recovery_codes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    used_ms INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (user_id, code_hash)
) STRICT;

CREATE TABLE login_throttle (
    subject TEXT NOT NULL PRIMARY KEY, -- account:NAME or ip:ADDRESS
    failures INTEGER NOT NULL DEFAULT 0,
    first_failure_ms INTEGER NOT NULL DEFAULT 0,
    last_failure_ms INTEGER NOT NULL DEFAULT 0,
    blocked_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE setup_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY CHECK (length(token_hash) = 32),
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE service_tokens (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    name TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    scopes_json TEXT NOT NULL DEFAULT '[]',
    tenant_id INTEGER REFERENCES tenants (id) ON DELETE CASCADE, -- NULL: every tenant
    allowed_networks_json TEXT NOT NULL DEFAULT '[]', -- empty: from anywhere
    expires_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL DEFAULT 0,
    last_used_ip TEXT NOT NULL DEFAULT '',
    revoked_ms INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE idempotency_keys (
    actor TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('working', 'done')),
    status_code INTEGER NOT NULL DEFAULT 0,
    headers_json TEXT NOT NULL DEFAULT '{}',
    body BLOB NOT NULL DEFAULT x'',
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (actor, idempotency_key)
) STRICT;

CREATE INDEX idx_idempotency_keys_expires ON idempotency_keys (expires_ms);

CREATE TABLE system_settings (
    key TEXT NOT NULL PRIMARY KEY,
    value_json TEXT NOT NULL,
    updated_by TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE TABLE approval_requests (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    action TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    payload_json TEXT NOT NULL DEFAULT '{}',
    reason TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'approved', 'rejected', 'expired', 'used', 'cancelled')),
    requested_by TEXT NOT NULL,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at TEXT NOT NULL DEFAULT '',
    decision_note TEXT NOT NULL DEFAULT '',
    expires_ms INTEGER NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_approval_requests_status ON approval_requests (status, created_at);

-- What triggers saw change, whoever changed it. The chain below takes these rows up by their numbers.
CREATE TABLE audit_row_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    table_name TEXT NOT NULL,
    row_id TEXT NOT NULL,
    operation TEXT NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
    before_json TEXT NOT NULL DEFAULT '', -- without secrets; empty for an insert
    after_json TEXT NOT NULL DEFAULT '', -- likewise; empty for a delete
    changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_audit_row_changes_row ON audit_row_changes (table_name, row_id);

-- The chain: hash = SHA-256 of prev_hash and the canonical JSON of the rest. References nothing, so that nothing
-- takes a row of it away.
CREATE TABLE audit_logs (
    seq INTEGER NOT NULL PRIMARY KEY, -- from 1, without a gap; given by whoever writes
    at_ms INTEGER NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('user', 'service', 'agent', 'worker', 'system', 'anonymous')),
    actor_id TEXT NOT NULL DEFAULT '',
    action TEXT NOT NULL,
    resource_kind TEXT NOT NULL DEFAULT '',
    resource_id TEXT NOT NULL DEFAULT '',
    tenant_id INTEGER,
    outcome TEXT NOT NULL CHECK (outcome IN ('success', 'denied', 'failed')),
    status_code INTEGER NOT NULL DEFAULT 0,
    ip TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    request_id TEXT NOT NULL DEFAULT '',
    before_json TEXT NOT NULL DEFAULT '',
    after_json TEXT NOT NULL DEFAULT '',
    details_json TEXT NOT NULL DEFAULT '{}',
    row_change_id INTEGER UNIQUE, -- of audit_row_changes
    prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX idx_audit_logs_at ON audit_logs (at_ms);
CREATE INDEX idx_audit_logs_actor ON audit_logs (actor_id, seq);
CREATE INDEX idx_audit_logs_resource ON audit_logs (resource_kind, resource_id, seq);

CREATE TABLE audit_checkpoints (
    seq INTEGER NOT NULL PRIMARY KEY, -- of audit_logs
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32), -- Ed25519
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    signed_ms INTEGER NOT NULL
) STRICT;

INSERT INTO roles (id, name, description, is_system, requires_mfa) VALUES
    ('viewer', 'viewer', 'Sees migrations', 1, 0),
    ('operator', 'operator', 'Runs migrations', 1, 0),
    ('ops_lead', 'ops_lead', 'Approves gates and applies DNS', 1, 1),
    ('admin', 'admin', 'Manages access and the system', 1, 1),
    ('service', 'service', 'Another program, by token', 1, 0),
    ('agent', 'agent', 'A connector at a customer', 1, 0);

INSERT INTO permissions (name, description) VALUES
    ('can_view_migration', 'See jobs, mailboxes, runs and reports'),
    ('can_manage_migration', 'Make and change jobs and mailboxes'),
    ('can_run_sync', 'Start, pause, resume and cancel runs'),
    ('can_manage_credentials', 'Write credentials; nobody reads them'),
    ('can_upload_sources', 'Upload PST, mbox, eml and tgz files'),
    ('can_ack_quarantine', 'Accept that quarantined messages are left out'),
    ('can_view_message_content', 'Download a quarantined message'),
    ('can_approve_migration_gate', 'Approve, reject and revoke a gate'),
    ('can_apply_dns', 'Apply and roll back DNS changes'),
    ('can_close_migration', 'Close a job and purge its secrets'),
    ('gate:read', 'Ask whether DNS may be changed'),
    ('can_manage_schedules', 'Make and change schedules'),
    ('can_manage_backups', 'Make, verify and restore backups'),
    ('can_approve_agents', 'Let connectors in and out'),
    ('can_manage_notifications', 'Manage channels, rules and templates'),
    ('can_read_audit', 'Read and verify the audit log'),
    ('can_manage_access', 'Manage users, roles and service tokens'),
    ('can_manage_system', 'Change settings'),
    ('can_rotate_keys', 'Rotate keys');

INSERT INTO role_permissions (role_id, permission)
SELECT given.column1, given.column2 FROM (VALUES
    ('viewer', 'can_view_migration'), ('viewer', 'gate:read'),
    ('operator', 'can_view_migration'), ('operator', 'can_manage_migration'), ('operator', 'can_run_sync'),
    ('operator', 'can_manage_credentials'), ('operator', 'can_upload_sources'),
    ('operator', 'can_ack_quarantine'), ('operator', 'gate:read'), ('operator', 'can_manage_schedules'),
    ('operator', 'can_manage_backups'), ('operator', 'can_manage_notifications'),
    ('ops_lead', 'can_view_migration'), ('ops_lead', 'can_manage_migration'), ('ops_lead', 'can_run_sync'),
    ('ops_lead', 'can_manage_credentials'), ('ops_lead', 'can_upload_sources'),
    ('ops_lead', 'can_ack_quarantine'), ('ops_lead', 'can_view_message_content'),
    ('ops_lead', 'can_approve_migration_gate'), ('ops_lead', 'can_apply_dns'),
    ('ops_lead', 'can_close_migration'), ('ops_lead', 'gate:read'), ('ops_lead', 'can_manage_schedules'),
    ('ops_lead', 'can_manage_backups'), ('ops_lead', 'can_approve_agents'),
    ('ops_lead', 'can_manage_notifications'), ('ops_lead', 'can_read_audit'),
    ('admin', 'can_view_migration'), ('admin', 'can_manage_migration'), ('admin', 'can_run_sync'),
    ('admin', 'can_manage_credentials'), ('admin', 'can_upload_sources'), ('admin', 'can_ack_quarantine'),
    ('admin', 'can_apply_dns'), ('admin', 'can_close_migration'), ('admin', 'gate:read'),
    ('admin', 'can_manage_schedules'), ('admin', 'can_manage_backups'), ('admin', 'can_approve_agents'),
    ('admin', 'can_manage_notifications'), ('admin', 'can_read_audit'), ('admin', 'can_manage_access'),
    ('admin', 'can_manage_system'), ('admin', 'can_rotate_keys'),
    ('service', 'gate:read')
) AS given;
