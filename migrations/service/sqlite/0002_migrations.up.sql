-- What is moved, from where to where, how far it is, and what happened on the way. Times, 0 and the empty string mean
-- what 0001 says. Counts of messages are the ledgers' own.

CREATE TABLE data_keys (
    id TEXT NOT NULL PRIMARY KEY, -- the key's id within tokens: v1.<id>.<algorithm>.<payload>
    job_id INTEGER, -- NULL: the service's own. References nothing: it outlives its job as a proof of its destruction
    version INTEGER NOT NULL CHECK (version >= 1),
    algorithm TEXT NOT NULL,
    master_key_id TEXT NOT NULL,
    wrapped_key BLOB NOT NULL, -- empty once destroyed
    destroyed_ms INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE UNIQUE INDEX idx_data_keys_version ON data_keys (COALESCE(job_id, 0), version);

CREATE TABLE endpoints (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    tenant_id INTEGER REFERENCES tenants (id) ON DELETE CASCADE, -- NULL: every tenant's
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN
        ('imap', 'imap_oauth', 'pst', 'mbox', 'eml', 'tgz', 'zimbra', 'dovecot', 'exchange', 'smtp')),
    profile TEXT NOT NULL DEFAULT '', -- empty: recognised by the server's own words
    host TEXT NOT NULL DEFAULT '',
    port INTEGER NOT NULL DEFAULT 0 CHECK (port BETWEEN 0 AND 65535), -- 0: the scheme's own
    tls TEXT NOT NULL DEFAULT 'implicit' CHECK (tls IN ('implicit', 'starttls', 'off')),
    auth TEXT NOT NULL DEFAULT ''
        CHECK (auth IN ('', 'plain', 'login', 'cram-md5', 'scram', 'xoauth2', 'oauthbearer')),
    authzid_template TEXT NOT NULL DEFAULT '', -- for an administrator's login; {user} stands for the mailbox
    pin TEXT NOT NULL DEFAULT '', -- sha256:… of the one certificate that is accepted
    ca_pem TEXT NOT NULL DEFAULT '',
    connections_max INTEGER NOT NULL DEFAULT 0 CHECK (connections_max BETWEEN 0 AND 1000), -- 0: what it bears
    capabilities_json TEXT NOT NULL DEFAULT '[]',
    status TEXT NOT NULL DEFAULT 'unknown' CHECK (status IN ('healthy', 'warning', 'critical', 'unknown')),
    last_health_check_at TEXT NOT NULL DEFAULT '',
    tags_json TEXT NOT NULL DEFAULT '[]',
    is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    allow_cleartext INTEGER NOT NULL DEFAULT 0 CHECK (allow_cleartext IN (0, 1)),
    allow_private INTEGER NOT NULL DEFAULT 0 CHECK (allow_private IN (0, 1)),
    allowed_networks_json TEXT NOT NULL DEFAULT '[]', -- CIDRs, where allow_private
    created_by TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE UNIQUE INDEX idx_endpoints_name ON endpoints (COALESCE(tenant_id, 0), name);

CREATE TABLE endpoint_health_checks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('ok', 'timeout', 'auth_failed', 'unreachable', 'error')),
    latency_ms INTEGER NOT NULL DEFAULT 0,
    error_class TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    checked_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_endpoint_health_checks_endpoint ON endpoint_health_checks (endpoint_id, checked_at);

CREATE TABLE endpoint_credentials (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    login_user TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL CHECK (kind IN ('password', 'oauth', 'service_account')),
    secret_encrypted TEXT NOT NULL DEFAULT '',
    expires_ms INTEGER NOT NULL DEFAULT 0,
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    last_used_ms INTEGER NOT NULL DEFAULT 0,
    usage_count INTEGER NOT NULL DEFAULT 0,
    last_ok_at TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_by TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (endpoint_id, name)
) STRICT;

CREATE TABLE schedules (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    tenant_id INTEGER REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'cron' CHECK (kind IN ('cron', 'chain')),
    cron TEXT NOT NULL DEFAULT '0 */6 * * *',
    timezone TEXT NOT NULL DEFAULT 'UTC', -- a name of the IANA time zone database
    chain_parent_id TEXT REFERENCES schedules (id) ON DELETE SET NULL,
    chain_delay_minutes INTEGER NOT NULL DEFAULT 0 CHECK (chain_delay_minutes >= 0),
    run_type TEXT NOT NULL DEFAULT 'delta' CHECK (run_type IN
        ('preflight', 'initial', 'delta', 'final', 'verify', 'pst_extract', 'pst_upload', 'tgz_export', 'tgz_import',
         'backup', 'restore', 'reverse_delta', 'scan', 'dns_probe')),
    max_concurrent INTEGER NOT NULL DEFAULT 0 CHECK (max_concurrent >= 0), -- runs at once; 0: no limit
    retry_attempts INTEGER NOT NULL DEFAULT 3 CHECK (retry_attempts >= 0),
    retry_delay_minutes INTEGER NOT NULL DEFAULT 5 CHECK (retry_delay_minutes >= 0),
    skip_if_running INTEGER NOT NULL DEFAULT 1 CHECK (skip_if_running IN (0, 1)),
    window_json TEXT NOT NULL DEFAULT '{}', -- {"from":"22:00","to":"06:00"} in the schedule's time zone
    is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    next_due_ms INTEGER NOT NULL DEFAULT 0, -- 0: to be computed
    last_due_ms INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_schedules_due ON schedules (is_enabled, next_due_ms);

CREATE TABLE schedule_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
    due_ms INTEGER NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('scheduled', 'running', 'completed', 'failed', 'skipped', 'cancelled')),
    reason TEXT NOT NULL DEFAULT '', -- why it was skipped
    runs_queued INTEGER NOT NULL DEFAULT 0,
    runs_skipped INTEGER NOT NULL DEFAULT 0,
    triggered_by TEXT NOT NULL DEFAULT 'cron',
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    finished_at TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE UNIQUE INDEX idx_schedule_executions_due ON schedule_executions (schedule_id, due_ms, triggered_by);

CREATE TABLE mailbox_contexts (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    source_endpoint_id TEXT REFERENCES endpoints (id) ON DELETE SET NULL,
    status TEXT NOT NULL DEFAULT 'discovered' CHECK (status IN
        ('discovered', 'syncing', 'ready_for_cutover', 'cutover_test', 'cutover_live', 'completed', 'failed',
         'cleanup_required')),
    runs_total INTEGER NOT NULL DEFAULT 0,
    runs_succeeded INTEGER NOT NULL DEFAULT 0,
    runs_failed INTEGER NOT NULL DEFAULT 0,
    messages_copied INTEGER NOT NULL DEFAULT 0, -- by all runs together
    bytes_copied INTEGER NOT NULL DEFAULT 0,
    current_run_id INTEGER REFERENCES migration_runs (id) ON DELETE SET NULL,
    last_successful_run_id INTEGER REFERENCES migration_runs (id) ON DELETE SET NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE UNIQUE INDEX idx_mailbox_contexts_address
    ON mailbox_contexts (tenant_id, lower(address), COALESCE(source_endpoint_id, ''));

CREATE TABLE mailbox_groups (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    schedule_id TEXT REFERENCES schedules (id) ON DELETE SET NULL,
    max_concurrent INTEGER NOT NULL DEFAULT 0 CHECK (max_concurrent >= 0),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE mailbox_group_members (
    group_id TEXT NOT NULL REFERENCES mailbox_groups (id) ON DELETE CASCADE,
    context_id TEXT NOT NULL REFERENCES mailbox_contexts (id) ON DELETE CASCADE,
    priority INTEGER NOT NULL DEFAULT 0,
    is_enabled INTEGER NOT NULL DEFAULT 1 CHECK (is_enabled IN (0, 1)),
    schedule_override_id TEXT REFERENCES schedules (id) ON DELETE SET NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (group_id, context_id)
) STRICT;

CREATE TABLE migration_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    ticket_id INTEGER REFERENCES tickets_ref (id) ON DELETE SET NULL,
    domain TEXT NOT NULL,
    phase TEXT NOT NULL DEFAULT 'discovered' CHECK (phase IN
        ('discovered', 'preflight', 'initial_sync', 'delta_sync', 'cutover_ready', 'dns_cutover', 'final_sync',
         'verified', 'closed', 'failed')),
    migration_gate TEXT NOT NULL DEFAULT 'blocked'
        CHECK (migration_gate IN ('blocked', 'warning', 'ready_for_dns')),
    source_server_label TEXT NOT NULL DEFAULT '',
    dest_imap_host TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    approved_by TEXT,
    approved_at TEXT,
    dns_cutover_at TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    created_by TEXT NOT NULL DEFAULT '',
    source_endpoint_id TEXT REFERENCES endpoints (id) ON DELETE SET NULL,
    dest_endpoint_id TEXT REFERENCES endpoints (id) ON DELETE SET NULL,
    dest_platform_id TEXT,
    options_json TEXT NOT NULL DEFAULT '{}',
    schedule_id TEXT REFERENCES schedules (id) ON DELETE SET NULL,
    dns_plan_hash TEXT NOT NULL DEFAULT '',
    is_paused INTEGER NOT NULL DEFAULT 0 CHECK (is_paused IN (0, 1)),
    paused_reason TEXT NOT NULL DEFAULT '',
    phase_before_failure TEXT NOT NULL DEFAULT '', -- where a retry leads back to
    failure_reason TEXT NOT NULL DEFAULT '',
    gate_evaluated_at TEXT NOT NULL DEFAULT '',
    closed_at TEXT NOT NULL DEFAULT '',
    deleted_at TEXT NOT NULL DEFAULT '', -- empty: it is there
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE INDEX idx_migration_jobs_domain ON migration_jobs(domain);
CREATE INDEX idx_migration_jobs_phase ON migration_jobs(phase);
CREATE INDEX idx_migration_jobs_tenant ON migration_jobs (tenant_id, id);
CREATE UNIQUE INDEX idx_migration_jobs_open ON migration_jobs (tenant_id, lower(domain))
    WHERE phase <> 'closed' AND deleted_at = '';

CREATE TABLE migration_mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    source_type TEXT NOT NULL CHECK (source_type IN
        ('imap', 'imap_oauth', 'pst', 'mbox', 'eml', 'tgz', 'zimbra', 'dovecot')),
    source_host TEXT,
    source_user TEXT,
    credentials_ref TEXT, -- of migration_credentials or endpoint_credentials
    pst_path TEXT,
    folder_map_json TEXT,
    messages_source INTEGER NOT NULL DEFAULT 0 CHECK (messages_source >= 0), -- eligible ones at the last scan
    messages_dest INTEGER NOT NULL DEFAULT 0 CHECK (messages_dest >= 0), -- all there, whoever put them there
    bytes_source INTEGER NOT NULL DEFAULT 0 CHECK (bytes_source >= 0),
    bytes_dest INTEGER NOT NULL DEFAULT 0 CHECK (bytes_dest >= 0),
    sync_percent REAL NOT NULL DEFAULT 0 CHECK (sync_percent BETWEEN 0 AND 100),
    last_error TEXT,
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'syncing', 'ok', 'error', 'quarantine')),
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    context_id TEXT REFERENCES mailbox_contexts (id) ON DELETE SET NULL,
    source_endpoint_id TEXT REFERENCES endpoints (id) ON DELETE SET NULL, -- NULL: the job's
    dest_endpoint_id TEXT REFERENCES endpoints (id) ON DELETE SET NULL, -- NULL: the job's
    dest_host TEXT NOT NULL DEFAULT '', -- empty: the endpoint's, else the job's dest_imap_host
    dest_user TEXT NOT NULL DEFAULT '', -- empty: the address
    dest_credentials_ref TEXT,
    messages_matched INTEGER NOT NULL DEFAULT 0 CHECK (messages_matched >= 0),
    messages_missing INTEGER NOT NULL DEFAULT 0 CHECK (messages_missing >= 0),
    messages_pending INTEGER NOT NULL DEFAULT 0 CHECK (messages_pending >= 0),
    messages_quarantined INTEGER NOT NULL DEFAULT 0 CHECK (messages_quarantined >= 0), -- open ones
    messages_acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (messages_acknowledged >= 0),
    messages_filtered INTEGER NOT NULL DEFAULT 0 CHECK (messages_filtered >= 0),
    messages_vanished INTEGER NOT NULL DEFAULT 0 CHECK (messages_vanished >= 0),
    has_scan INTEGER NOT NULL DEFAULT 0 CHECK (has_scan IN (0, 1)), -- 0: the counts mean nothing yet
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    excluded_reason TEXT NOT NULL DEFAULT '',
    priority INTEGER NOT NULL DEFAULT 0, -- higher ones first
    group_id TEXT REFERENCES mailbox_groups (id) ON DELETE SET NULL,
    options_json TEXT NOT NULL DEFAULT '{}', -- over the job's own
    last_scan_at TEXT NOT NULL DEFAULT '',
    last_ok_at TEXT NOT NULL DEFAULT '',
    last_delta_at TEXT NOT NULL DEFAULT '', -- when the last complete delta or initial run ended
    last_delta_status TEXT NOT NULL DEFAULT '', -- success, partial, failed; empty: none yet
    source_login_ok_at TEXT NOT NULL DEFAULT '',
    dest_login_ok_at TEXT NOT NULL DEFAULT '',
    login_waived_reason TEXT NOT NULL DEFAULT '',
    error_class TEXT NOT NULL DEFAULT '',
    eta_seconds INTEGER NOT NULL DEFAULT 0,
    rate_bps INTEGER NOT NULL DEFAULT 0, -- octets per second
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE INDEX idx_migration_mailboxes_job ON migration_mailboxes(job_id);
CREATE INDEX idx_migration_mailboxes_context ON migration_mailboxes (context_id);
CREATE UNIQUE INDEX idx_migration_mailboxes_source
    ON migration_mailboxes (job_id, lower(email), source_type, COALESCE(pst_path, ''));

-- Runs are also the queue: a worker claims one by lease, and every later word of its about the run names the fencing
-- token that it was given.
CREATE TABLE migration_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    mailbox_id INTEGER REFERENCES migration_mailboxes (id) ON DELETE CASCADE, -- NULL: of the whole job
    run_type TEXT NOT NULL CHECK (run_type IN
        ('preflight', 'initial', 'delta', 'final', 'verify', 'pst_extract', 'pst_upload', 'tgz_export', 'tgz_import',
         'backup', 'restore', 'reverse_delta', 'scan', 'dns_probe')),
    tool TEXT NOT NULL DEFAULT 'engine' CHECK (tool IN
        ('imapsync', 'readpst', 'imap-upload', 'zmmailbox', 'doveadm', 'verify', 'engine', 'pst')),
    status TEXT NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'success', 'partial', 'failed', 'cancelled')),
    exit_code INTEGER,
    log_path TEXT NOT NULL DEFAULT '', -- below the folder logs of the data folder
    stats_json TEXT NOT NULL DEFAULT '{"transferred":0,"errors":0,"folders":0}',
    started_at TEXT NOT NULL DEFAULT '', -- empty while it was never claimed
    finished_at TEXT,
    triggered_by TEXT NOT NULL,
    queued_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    options_json TEXT NOT NULL DEFAULT '{}',
    report_json TEXT NOT NULL DEFAULT '', -- malote.report/1, once it has ended
    progress_percent REAL NOT NULL DEFAULT 0 CHECK (progress_percent BETWEEN 0 AND 100),
    current_operation TEXT NOT NULL DEFAULT '',
    messages_done INTEGER NOT NULL DEFAULT 0,
    messages_total INTEGER NOT NULL DEFAULT 0,
    bytes_done INTEGER NOT NULL DEFAULT 0,
    bytes_total INTEGER NOT NULL DEFAULT 0,
    rate_bps INTEGER NOT NULL DEFAULT 0, -- octets per second
    eta_seconds INTEGER NOT NULL DEFAULT 0,
    last_poll_at TEXT NOT NULL DEFAULT '', -- when a worker last told of it
    error_class TEXT NOT NULL DEFAULT '',
    error_details TEXT NOT NULL DEFAULT '',
    change_token TEXT NOT NULL DEFAULT '',
    previous_change_token TEXT NOT NULL DEFAULT '',
    schedule_execution_id INTEGER REFERENCES schedule_executions (id) ON DELETE SET NULL,
    group_id TEXT REFERENCES mailbox_groups (id) ON DELETE SET NULL,
    destination_key TEXT NOT NULL DEFAULT '', -- runs into one mailbox take turns; empty: into none
    priority INTEGER NOT NULL DEFAULT 0, -- higher ones first
    not_before_ms INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, -- ends that were nobody's wish: crashes, lost leases, passing trouble
    worker_id TEXT NOT NULL DEFAULT '',
    lease_until_ms INTEGER NOT NULL DEFAULT 0,
    fencing_token INTEGER NOT NULL DEFAULT 0, -- grows with each claim
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    cancel_reason TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_migration_runs_job ON migration_runs(job_id);
CREATE INDEX idx_migration_runs_mailbox ON migration_runs (mailbox_id, id);
CREATE INDEX idx_migration_runs_claim ON migration_runs (priority, id) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX idx_migration_runs_active ON migration_runs (mailbox_id)
    WHERE mailbox_id IS NOT NULL AND status IN ('queued', 'running');
CREATE UNIQUE INDEX idx_migration_runs_destination ON migration_runs (destination_key)
    WHERE destination_key <> '' AND status = 'running';

CREATE TABLE run_steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL REFERENCES migration_runs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    name TEXT NOT NULL, -- survey, folder:INBOX and so on
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'skipped', 'cancelled')),
    messages_done INTEGER NOT NULL DEFAULT 0,
    messages_total INTEGER NOT NULL DEFAULT 0,
    bytes_done INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '',
    started_at TEXT NOT NULL DEFAULT '',
    finished_at TEXT NOT NULL DEFAULT '',
    UNIQUE (run_id, sequence)
) STRICT;

CREATE TABLE run_log_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    run_id INTEGER REFERENCES migration_runs (id) ON DELETE CASCADE,
    level TEXT NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),
    event TEXT NOT NULL DEFAULT 'log' CHECK (event IN ('progress', 'phase', 'gate', 'run', 'log', 'quarantine')),
    message TEXT NOT NULL,
    attributes_json TEXT NOT NULL DEFAULT '{}',
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_run_log_events_run ON run_log_events (run_id, id);
CREATE INDEX idx_run_log_events_job ON run_log_events (job_id, id);

CREATE TABLE mailbox_folders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox_id INTEGER NOT NULL REFERENCES migration_mailboxes (id) ON DELETE CASCADE,
    source_path TEXT NOT NULL, -- decoded, levels parted by /
    dest_path TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL DEFAULT '', -- inbox, sent and so on; empty for an ordinary folder
    is_renamed INTEGER NOT NULL DEFAULT 0 CHECK (is_renamed IN (0, 1)),
    uidvalidity INTEGER NOT NULL DEFAULT 0,
    uidnext INTEGER NOT NULL DEFAULT 0,
    highestmodseq INTEGER NOT NULL DEFAULT 0, -- two's complement
    change_token TEXT NOT NULL DEFAULT '', -- what the next delta begins with
    messages_source INTEGER NOT NULL DEFAULT 0 CHECK (messages_source >= 0),
    messages_dest INTEGER NOT NULL DEFAULT 0 CHECK (messages_dest >= 0),
    messages_matched INTEGER NOT NULL DEFAULT 0 CHECK (messages_matched >= 0),
    messages_missing INTEGER NOT NULL DEFAULT 0 CHECK (messages_missing >= 0),
    messages_pending INTEGER NOT NULL DEFAULT 0 CHECK (messages_pending >= 0),
    messages_quarantined INTEGER NOT NULL DEFAULT 0 CHECK (messages_quarantined >= 0),
    messages_acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (messages_acknowledged >= 0),
    messages_filtered INTEGER NOT NULL DEFAULT 0 CHECK (messages_filtered >= 0),
    messages_vanished INTEGER NOT NULL DEFAULT 0 CHECK (messages_vanished >= 0),
    bytes_source INTEGER NOT NULL DEFAULT 0 CHECK (bytes_source >= 0),
    bytes_dest INTEGER NOT NULL DEFAULT 0 CHECK (bytes_dest >= 0),
    status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'syncing', 'ok', 'error', 'quarantine')),
    last_error TEXT NOT NULL DEFAULT '',
    last_run_id INTEGER REFERENCES migration_runs (id) ON DELETE SET NULL,
    last_scan_at TEXT NOT NULL DEFAULT '',
    is_gone INTEGER NOT NULL DEFAULT 0 CHECK (is_gone IN (0, 1)), -- the last scan of the source did not list it
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (mailbox_id, source_path)
) STRICT;

CREATE TABLE change_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    context_id TEXT REFERENCES mailbox_contexts (id) ON DELETE CASCADE,
    folder_id INTEGER REFERENCES mailbox_folders (id) ON DELETE CASCADE,
    run_id INTEGER REFERENCES migration_runs (id) ON DELETE SET NULL,
    run_type TEXT NOT NULL,
    change_token TEXT NOT NULL DEFAULT '',
    previous_change_token TEXT NOT NULL DEFAULT '',
    items_changed INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    success INTEGER NOT NULL CHECK (success IN (0, 1)),
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_change_history_context ON change_history (context_id, id);
CREATE INDEX idx_change_history_folder ON change_history (folder_id, id);

CREATE TABLE gate_snapshots (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    snapshot_hash TEXT NOT NULL, -- sha256:… of the canonical JSON beside it
    inputs_json TEXT NOT NULL,
    migration_gate TEXT NOT NULL CHECK (migration_gate IN ('blocked', 'warning', 'ready_for_dns')),
    sync_percent REAL NOT NULL DEFAULT 0 CHECK (sync_percent BETWEEN 0 AND 100),
    evaluated_ms INTEGER NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_gate_snapshots_job ON gate_snapshots (job_id, evaluated_ms);

CREATE TABLE phase_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    from_phase TEXT NOT NULL DEFAULT '', -- empty for a new job
    to_phase TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    gate_snapshot_id TEXT REFERENCES gate_snapshots (id) ON DELETE SET NULL,
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_phase_history_job ON phase_history (job_id, id);

CREATE TABLE migration_gate_checks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    check_id TEXT NOT NULL CHECK (check_id IN
        ('count_ratio', 'inbox_complete', 'sent_complete', 'pst_quarantine', 'delta_pending', 'manual_approval',
         'bytes_ratio', 'content_sample', 'uidvalidity_stable', 'dest_quota', 'mailbox_coverage', 'folder_map',
         'credentials_valid', 'dns_readiness', 'duplicates', 'run_integrity')),
    status TEXT NOT NULL CHECK (status IN ('pass', 'warn', 'fail')),
    message TEXT NOT NULL DEFAULT '',
    checked_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    details_json TEXT NOT NULL DEFAULT '{}',
    mailbox_id INTEGER REFERENCES migration_mailboxes (id) ON DELETE CASCADE, -- NULL: of the whole job
    critical INTEGER NOT NULL DEFAULT 1 CHECK (critical IN (0, 1)),
    snapshot_id TEXT REFERENCES gate_snapshots (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX idx_migration_gate_checks_job ON migration_gate_checks (job_id, check_id, id);
CREATE INDEX idx_migration_gate_checks_snapshot ON migration_gate_checks (snapshot_id);

CREATE VIEW migration_gate_current AS
SELECT gate.id, gate.job_id, gate.check_id, gate.status, gate.message, gate.checked_at, gate.details_json,
       gate.mailbox_id, gate.critical, gate.snapshot_id
FROM migration_gate_checks AS gate
WHERE gate.id = (SELECT MAX(newer.id) FROM migration_gate_checks AS newer
                 WHERE newer.job_id = gate.job_id AND newer.check_id = gate.check_id
                   AND COALESCE(newer.mailbox_id, 0) = COALESCE(gate.mailbox_id, 0));

CREATE TABLE gate_approvals (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    snapshot_id TEXT REFERENCES gate_snapshots (id) ON DELETE SET NULL,
    snapshot_hash TEXT NOT NULL DEFAULT '',
    decision TEXT NOT NULL CHECK (decision IN ('approved', 'rejected', 'revoked')),
    approver TEXT NOT NULL,
    comment TEXT NOT NULL DEFAULT '',
    accepted_warnings_json TEXT NOT NULL DEFAULT '[]',
    expires_ms INTEGER NOT NULL DEFAULT 0,
    voided_ms INTEGER NOT NULL DEFAULT 0,
    void_reason TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_gate_approvals_job ON gate_approvals (job_id, created_at);

CREATE TABLE migration_credentials (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    mailbox_id INTEGER NOT NULL REFERENCES migration_mailboxes (id) ON DELETE CASCADE,
    secret_blob BLOB NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    expires_at TEXT,
    side TEXT NOT NULL DEFAULT 'source' CHECK (side IN ('source', 'destination')),
    kind TEXT NOT NULL DEFAULT 'password' CHECK (kind IN ('password', 'oauth', 'service_account')),
    key_id TEXT NOT NULL DEFAULT '', -- of data_keys
    last_ok_at TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_migration_credentials_mailbox ON migration_credentials (mailbox_id, side);
CREATE INDEX idx_migration_credentials_key ON migration_credentials (key_id);

CREATE TABLE purge_certificates (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    job_id INTEGER NOT NULL, -- references nothing: it outlives the job
    counts_json TEXT NOT NULL,
    actor TEXT NOT NULL,
    digest TEXT NOT NULL,
    purged_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX idx_purge_certificates_job ON purge_certificates (job_id);

CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    mailbox_id INTEGER REFERENCES migration_mailboxes (id) ON DELETE SET NULL,
    file_name TEXT NOT NULL DEFAULT '', -- the uploader's; never a path here
    declared_kind TEXT NOT NULL DEFAULT '' CHECK (declared_kind IN ('', 'pst', 'mbox', 'eml', 'zip', 'tgz')),
    detected_kind TEXT NOT NULL DEFAULT '' CHECK (detected_kind IN ('', 'pst', 'mbox', 'eml', 'zip', 'tgz')),
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    received_bytes INTEGER NOT NULL DEFAULT 0 CHECK (received_bytes BETWEEN 0 AND size_bytes),
    sha256_expected TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open'
        CHECK (state IN ('open', 'complete', 'refused', 'expired', 'deleted')),
    refused_reason TEXT NOT NULL DEFAULT '',
    path TEXT NOT NULL DEFAULT '', -- below the folder uploads of the data folder
    expires_ms INTEGER NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_uploads_job ON uploads (job_id);

CREATE TABLE upload_chunks (
    upload_id TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    offset_bytes INTEGER NOT NULL CHECK (offset_bytes >= 0),
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    sha256 TEXT NOT NULL,
    received_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (upload_id, offset_bytes)
) STRICT;

CREATE TABLE quarantine_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES migration_jobs (id) ON DELETE CASCADE,
    mailbox_id INTEGER NOT NULL REFERENCES migration_mailboxes (id) ON DELETE CASCADE,
    run_id INTEGER REFERENCES migration_runs (id) ON DELETE SET NULL, -- the run that saw it last
    folder_path TEXT NOT NULL, -- at the source, decoded
    source_ref TEXT NOT NULL, -- the UID; the node of a PST
    message_id TEXT NOT NULL DEFAULT '',
    size_bytes INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL, -- too_large, refused, unreadable, ERR_MBOX and so on
    detail TEXT NOT NULL DEFAULT '',
    file TEXT NOT NULL DEFAULT '', -- below the mailbox's quarantine folder; empty where the octets were never had
    attempts INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'acknowledged', 'retrying', 'resolved')),
    is_archive INTEGER NOT NULL DEFAULT 0 CHECK (is_archive IN (0, 1)), -- from a file rather than a server
    resolved_at TEXT NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (mailbox_id, folder_path, source_ref)
) STRICT;

CREATE INDEX idx_quarantine_items_job ON quarantine_items (job_id, status);

CREATE TABLE quarantine_acknowledgements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id INTEGER NOT NULL REFERENCES quarantine_items (id) ON DELETE CASCADE,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    revoked_at TEXT NOT NULL DEFAULT '',
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) STRICT;

CREATE INDEX idx_quarantine_acknowledgements_item ON quarantine_acknowledgements (item_id);

CREATE TABLE workers (
    id TEXT NOT NULL PRIMARY KEY, -- host:pid:random
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    program_version TEXT NOT NULL,
    capacity INTEGER NOT NULL CHECK (capacity >= 1), -- runs at once
    runs_now INTEGER NOT NULL DEFAULT 0,
    runs_done INTEGER NOT NULL DEFAULT 0,
    is_stopping INTEGER NOT NULL DEFAULT 0 CHECK (is_stopping IN (0, 1)),
    started_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT;
