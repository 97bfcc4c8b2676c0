//! The data model as a table, and how a live database is asked for its own.
//! Never changes anything.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use malote_service::binds;
use malote_service::store::Store;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Real,
    Octets,
}

impl Kind {
    /// By either engine's word.
    pub fn of(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "integer" | "bigint" => Some(Self::Int),
            "text" => Some(Self::Text),
            "real" | "double precision" => Some(Self::Real),
            "blob" | "bytea" => Some(Self::Octets),
            _ => None,
        }
    }
}

/// A column as a database tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub kind: Kind,
    pub is_nullable: bool,
}

/// Name, kind, and whether it may be NULL.
type Wanted = (&'static str, Kind, bool);

/// The five tables of the data model, column by column as it names them.
pub const SEED: &[(&str, &[Wanted])] = &[
    (
        "migration_jobs",
        &[
            ("id", Kind::Int, false),
            ("tenant_id", Kind::Int, false),
            ("ticket_id", Kind::Int, true),
            ("domain", Kind::Text, false),
            ("phase", Kind::Text, false),
            ("migration_gate", Kind::Text, false),
            ("source_server_label", Kind::Text, false),
            ("dest_imap_host", Kind::Text, false),
            ("notes", Kind::Text, false),
            ("approved_by", Kind::Text, true),
            ("approved_at", Kind::Text, true),
            ("dns_cutover_at", Kind::Text, true),
            ("created_at", Kind::Text, false),
            ("updated_at", Kind::Text, false),
        ],
    ),
    (
        "migration_mailboxes",
        &[
            ("id", Kind::Int, false),
            ("job_id", Kind::Int, false),
            ("email", Kind::Text, false),
            ("source_type", Kind::Text, false),
            ("source_host", Kind::Text, true),
            ("source_user", Kind::Text, true),
            ("credentials_ref", Kind::Text, true),
            ("pst_path", Kind::Text, true),
            ("folder_map_json", Kind::Text, true),
            ("messages_source", Kind::Int, false),
            ("messages_dest", Kind::Int, false),
            ("bytes_source", Kind::Int, false),
            ("bytes_dest", Kind::Int, false),
            ("sync_percent", Kind::Real, false),
            ("last_error", Kind::Text, true),
            ("status", Kind::Text, false),
            ("created_at", Kind::Text, false),
            ("updated_at", Kind::Text, false),
        ],
    ),
    (
        "migration_runs",
        &[
            ("id", Kind::Int, false),
            ("job_id", Kind::Int, false),
            ("mailbox_id", Kind::Int, true),
            ("run_type", Kind::Text, false),
            ("tool", Kind::Text, false),
            ("status", Kind::Text, false),
            ("exit_code", Kind::Int, true),
            ("log_path", Kind::Text, false),
            ("stats_json", Kind::Text, false),
            ("started_at", Kind::Text, false),
            ("finished_at", Kind::Text, true),
            ("triggered_by", Kind::Text, false),
        ],
    ),
    (
        "migration_gate_checks",
        &[
            ("id", Kind::Int, false),
            ("job_id", Kind::Int, false),
            ("check_id", Kind::Text, false),
            ("status", Kind::Text, false),
            ("message", Kind::Text, false),
            ("checked_at", Kind::Text, false),
        ],
    ),
    (
        "migration_credentials",
        &[
            ("id", Kind::Text, false),
            ("mailbox_id", Kind::Int, false),
            ("secret_blob", Kind::Octets, false),
            ("created_at", Kind::Text, false),
            ("expires_at", Kind::Text, true),
        ],
    ),
];

/// Every table there must be.
pub const TABLES: &[&str] = &[
    "tenants",
    "tickets_ref",
    "users",
    "user_tenants",
    "roles",
    "permissions",
    "role_permissions",
    "user_roles",
    "access_scopes",
    "auth_sessions",
    "user_totp",
    "user_recovery_codes",
    "login_throttle",
    "setup_tokens",
    "service_tokens",
    "idempotency_keys",
    "system_settings",
    "approval_requests",
    "audit_row_changes",
    "audit_logs",
    "audit_checkpoints",
    "data_keys",
    "endpoints",
    "endpoint_health_checks",
    "endpoint_credentials",
    "schedules",
    "schedule_executions",
    "mailbox_contexts",
    "mailbox_groups",
    "mailbox_group_members",
    "migration_jobs",
    "migration_mailboxes",
    "migration_runs",
    "run_steps",
    "run_log_events",
    "mailbox_folders",
    "change_history",
    "gate_snapshots",
    "phase_history",
    "migration_gate_checks",
    "gate_approvals",
    "migration_credentials",
    "purge_certificates",
    "uploads",
    "upload_chunks",
    "quarantine_items",
    "quarantine_acknowledgements",
    "workers",
    "mailbox_measures",
    "mailbox_inventory",
    "oauth_flows",
    "provider_profiles",
    "dns_sightings",
    "job_cutovers",
    "ticket_hooks",
    "hook_outbox",
    "hook_deliveries",
    "share_links",
    "user_preferences",
    "saved_views",
    "throttle_waits",
];

/// Every index with a name, the data model's four first.
pub const INDEXES: &[&str] = &[
    "idx_migration_jobs_domain",
    "idx_migration_jobs_phase",
    "idx_migration_mailboxes_job",
    "idx_migration_runs_job",
    "idx_users_name",
    "idx_user_roles_role",
    "idx_access_scopes_user",
    "idx_access_scopes_role",
    "idx_auth_sessions_user",
    "idx_auth_sessions_expires",
    "idx_idempotency_keys_expires",
    "idx_approval_requests_status",
    "idx_audit_row_changes_row",
    "idx_audit_logs_at",
    "idx_audit_logs_actor",
    "idx_audit_logs_resource",
    "idx_data_keys_version",
    "idx_endpoints_name",
    "idx_endpoint_health_checks_endpoint",
    "idx_schedules_due",
    "idx_schedule_executions_due",
    "idx_mailbox_contexts_address",
    "idx_migration_jobs_tenant",
    "idx_migration_jobs_open",
    "idx_migration_mailboxes_context",
    "idx_migration_mailboxes_source",
    "idx_migration_runs_mailbox",
    "idx_migration_runs_claim",
    "idx_migration_runs_active",
    "idx_migration_runs_destination",
    "idx_run_log_events_run",
    "idx_run_log_events_job",
    "idx_change_history_context",
    "idx_change_history_folder",
    "idx_gate_snapshots_job",
    "idx_phase_history_job",
    "idx_migration_gate_checks_job",
    "idx_migration_gate_checks_snapshot",
    "idx_gate_approvals_job",
    "idx_migration_credentials_mailbox",
    "idx_migration_credentials_key",
    "idx_purge_certificates_job",
    "idx_uploads_job",
    "idx_quarantine_items_job",
    "idx_quarantine_acknowledgements_item",
    "idx_oauth_flows_state",
    "idx_oauth_flows_credential",
    "idx_dns_sightings_job",
    "idx_hook_outbox_due",
    "idx_hook_outbox_job",
    "idx_share_links_job",
    "idx_saved_views_name",
    "idx_saved_views_default",
    "idx_schedules_mailbox",
    "idx_migration_runs_pass",
];

/// Tables whose every change is noted.
pub const AUDITED: &[&str] = &[
    "users",
    "user_tenants",
    "roles",
    "role_permissions",
    "user_roles",
    "access_scopes",
    "user_totp",
    "service_tokens",
    "system_settings",
    "data_keys",
    "endpoints",
    "endpoint_credentials",
    "schedules",
    "migration_jobs",
    "migration_mailboxes",
    "migration_credentials",
    "gate_approvals",
    "quarantine_acknowledgements",
    "mailbox_inventory",
    "job_cutovers",
];

/// Tables from which nothing is taken.
pub const KEEPS_GROWING: &[&str] = &["audit_row_changes", "audit_logs", "audit_checkpoints"];

/// Words of each column that takes only some.
pub const ENUMS: &[(&str, &str, &[&str])] = &[
    (
        "migration_jobs",
        "phase",
        &[
            "discovered",
            "preflight",
            "initial_sync",
            "delta_sync",
            "cutover_ready",
            "dns_cutover",
            "final_sync",
            "verified",
            "closed",
            "failed",
        ],
    ),
    ("migration_jobs", "migration_gate", &["blocked", "warning", "ready_for_dns"]),
    (
        "migration_mailboxes",
        "source_type",
        &["imap", "imap_oauth", "pst", "mbox", "eml", "tgz", "zimbra", "dovecot"],
    ),
    ("migration_mailboxes", "status", &["pending", "syncing", "ok", "error", "quarantine"]),
    (
        "migration_runs",
        "run_type",
        &[
            "preflight",
            "initial",
            "delta",
            "final",
            "verify",
            "pst_extract",
            "pst_upload",
            "tgz_export",
            "tgz_import",
            "backup",
            "restore",
            "reverse_delta",
            "scan",
            "dns_probe",
        ],
    ),
    (
        "migration_runs",
        "tool",
        &["imapsync", "readpst", "imap-upload", "zmmailbox", "doveadm", "verify", "engine", "pst"],
    ),
    ("migration_runs", "status", &["queued", "running", "success", "partial", "failed", "cancelled"]),
    (
        "migration_gate_checks",
        "check_id",
        &[
            "count_ratio",
            "inbox_complete",
            "sent_complete",
            "pst_quarantine",
            "delta_pending",
            "manual_approval",
            "bytes_ratio",
            "content_sample",
            "uidvalidity_stable",
            "dest_quota",
            "mailbox_coverage",
            "folder_map",
            "credentials_valid",
            "dns_readiness",
            "duplicates",
            "run_integrity",
        ],
    ),
    ("migration_gate_checks", "status", &["pass", "warn", "fail"]),
    ("migration_credentials", "side", &["source", "destination"]),
    ("quarantine_items", "status", &["open", "acknowledged", "retrying", "resolved"]),
    (
        "endpoints",
        "kind",
        &["imap", "imap_oauth", "pst", "mbox", "eml", "tgz", "zimbra", "dovecot", "exchange", "smtp"],
    ),
    ("endpoints", "status", &["healthy", "warning", "critical", "unknown"]),
    (
        "schedules",
        "run_type",
        &[
            "preflight",
            "initial",
            "delta",
            "final",
            "verify",
            "pst_extract",
            "pst_upload",
            "tgz_export",
            "tgz_import",
            "backup",
            "restore",
            "reverse_delta",
            "scan",
            "dns_probe",
        ],
    ),
    ("schedules", "kind", &["cron", "chain"]),
    (
        "mailbox_contexts",
        "status",
        &[
            "discovered",
            "syncing",
            "ready_for_cutover",
            "cutover_test",
            "cutover_live",
            "completed",
            "failed",
            "cleanup_required",
        ],
    ),
    ("mailbox_folders", "status", &["pending", "syncing", "ok", "error", "quarantine"]),
];

/// The first column of every row of a query's answer.
pub async fn text(store: &Store, query: &'static str) -> Result<Vec<String>> {
    let rows = store.all("asking", query, Vec::new()).await?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}

/// Every table with its columns.
pub async fn columns(store: &Store) -> Result<BTreeMap<String, BTreeMap<String, Column>>> {
    let query = if store.is_postgres() {
        "SELECT of.table_name::TEXT, of.column_name::TEXT, of.data_type::TEXT,
                CASE of.is_nullable WHEN 'YES' THEN 1::BIGINT ELSE 0::BIGINT END
         FROM information_schema.columns AS of JOIN information_schema.tables AS its USING (table_schema, table_name)
         WHERE of.table_schema = 'public' AND its.table_type = 'BASE TABLE'"
    } else {
        "SELECT its.name, of.name, of.type, CASE WHEN of.\"notnull\" = 1 OR of.pk > 0 THEN 0 ELSE 1 END
         FROM sqlite_schema AS its JOIN pragma_table_info(its.name) AS of
         WHERE its.type = 'table' AND its.name NOT LIKE 'sqlite_%'"
    };
    let mut tables: BTreeMap<String, BTreeMap<String, Column>> = BTreeMap::new();
    for row in store.all("asking for columns", query, Vec::new()).await? {
        let kind = Kind::of(row.str(2)?).with_context(|| format!("a column of type {:?}", row.str(2)))?;
        let column = Column { kind, is_nullable: row.flag(3)? };
        tables.entry(row.text(0)?).or_default().insert(row.text(1)?, column);
    }
    Ok(tables)
}

/// What a column holds where nobody says.
pub async fn default_of(store: &Store, table: &str, column: &str) -> Result<String> {
    let query = if store.is_postgres() {
        "SELECT column_default::TEXT FROM information_schema.columns WHERE table_name = $1 AND column_name = $2"
    } else {
        "SELECT dflt_value FROM pragma_table_info($1) WHERE name = $2"
    };
    let row = store.one("asking for a default", query, binds![table, column]).await?;
    Ok(row.context("no such column")?.text(0)?)
}

/// The names of all indexes or triggers.
pub async fn names(store: &Store, kind: &str) -> Result<BTreeSet<String>> {
    let query = match (store.is_postgres(), kind) {
        (false, _) => "SELECT name FROM sqlite_schema WHERE type = $1",
        (true, "index") => "SELECT indexname::TEXT FROM pg_indexes WHERE $1 = 'index'",
        (true, _) => "SELECT DISTINCT tgname::TEXT FROM pg_trigger WHERE $1 = 'trigger'",
    };
    let rows = store.all("asking for names", query, binds![kind]).await?;
    rows.iter().map(|row| Ok(row.text(0)?)).collect()
}
