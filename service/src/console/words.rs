//! Values of the API that are shown as words, by families: each value of each has a text in both languages.
//! Never holds a text: those lie in the catalogues.

/// A family of values, with those that are known.
pub struct Family {
    /// The beginning of its keys.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
}

/// The phases of a job in their order; `failed` stands beside it.
pub const PHASES: [&str; 9] = [
    "discovered",
    "preflight",
    "initial_sync",
    "delta_sync",
    "cutover_ready",
    "dns_cutover",
    "final_sync",
    "verified",
    "closed",
];

/// The checks of the gate.
pub const CHECKS: [&str; 16] = [
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
];

/// Codes of problems that have a text of their own, each with its next step.
pub const PROBLEMS: [&str; 41] = [
    "approval_stale",
    "bad_credentials",
    "bad_request",
    "change_not_seen",
    "checksum",
    "confirmation_required",
    "conflict",
    "credential_in_use",
    "csrf",
    "duplicate",
    "expired",
    "finished",
    "forbidden",
    "four_eyes",
    "gate_blocked",
    "gate_not_ready",
    "idempotency_conflict",
    "if_match_required",
    "in_progress",
    "internal",
    "invalid",
    "job_exists",
    "job_paused",
    "method_not_allowed",
    "mfa_enrolment_required",
    "mfa_required",
    "no_ticket",
    "not_found",
    "oauth_refused",
    "phase_conflict",
    "provider_unavailable",
    "rate_limited",
    "run_already_active",
    "stale",
    "step_up_required",
    "too_large",
    "unauthenticated",
    "unavailable",
    "unknown_domain",
    "unsupported_media_type",
    "warnings_not_accepted",
];

/// Classes of errors that have a text of their own, each with its next step.
pub const CLASSES: [&str; 37] = [
    "net",
    "tls.untrusted",
    "tls.required",
    "auth.bad_credentials",
    "auth.app_password_needed",
    "auth.no_mailbox_rights",
    "auth.token_expired",
    "auth.unsupported",
    "throttle.soft",
    "throttle.daily",
    "limit.connections",
    "limit.batch",
    "server.temp",
    "server.lock",
    "server.protocol",
    "client.bug",
    "server.limit_exceeded",
    "dest.over_quota",
    "item.too_large",
    "item.refused",
    "item.malformed",
    "item.refused_content",
    "item.unreadable",
    "item.vanished",
    "folder.missing",
    "folder.exists",
    "folder.refused",
    "folder.uidvalidity_changed",
    "decision.needed",
    "verify.missing",
    "verify.content",
    "verify.duplicate",
    "ledger.failed",
    "ledger.foreign",
    "usage",
    "cancelled",
    "internal",
];

/// What a role can allow, in the order in which a form offers it.
pub const PERMISSIONS: [&str; 20] = [
    "can_view_migration",
    "can_manage_migration",
    "can_run_sync",
    "can_manage_schedules",
    "can_manage_credentials",
    "can_upload_sources",
    "can_ack_quarantine",
    "can_view_message_content",
    "can_approve_migration_gate",
    "can_apply_dns",
    "can_close_migration",
    "can_read_audit",
    "can_manage_access",
    "can_manage_system",
    "can_rotate_keys",
    "can_manage_notifications",
    "can_manage_backups",
    "can_approve_agents",
    "gate:read",
    "metrics:read",
];

/// The roles that are shipped. A house names its own as it likes, also nearly as these.
pub const ROLES: Family =
    Family { name: "role", values: &["viewer", "operator", "ops_lead", "admin", "service", "agent"] };

/// Every family.
pub const FAMILIES: &[Family] = &[
    Family { name: "phase", values: &PHASES },
    Family { name: "phase", values: &["failed"] },
    Family { name: "next", values: &PHASES },
    Family { name: "next", values: &["failed"] },
    Family { name: "gate", values: &["blocked", "warning", "ready_for_dns"] },
    Family { name: "check", values: &CHECKS },
    Family { name: "check-do", values: &CHECKS },
    Family { name: "check-status", values: &["pass", "warn", "fail"] },
    Family { name: "problem", values: &PROBLEMS },
    Family { name: "problem-next", values: &PROBLEMS },
    Family { name: "class", values: &CLASSES },
    Family { name: "class-next", values: &CLASSES },
    Family { name: "mailbox", values: &["pending", "syncing", "ok", "error", "quarantine"] },
    Family { name: "run", values: &["queued", "running", "success", "partial", "failed", "cancelled"] },
    Family {
        name: "run-type",
        values: &[
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
    },
    Family {
        name: "source",
        values: &["imap", "imap_oauth", "pst", "mbox", "eml", "tgz", "zimbra", "dovecot"],
    },
    Family { name: "item-reason", values: &["too_large", "refused", "unreadable"] },
    Family { name: "file-kind", values: &["pst", "mbox", "eml", "zip", "tgz"] },
    Family { name: "step", values: &["pending", "running", "completed", "failed", "skipped", "cancelled"] },
    Family {
        name: "rhythm",
        values: &["hourly", "six-hours", "evening", "night", "workdays", "own", "by-hand", "of-job"],
    },
    Family { name: "weekday", values: &["0", "1", "2", "3", "4", "5", "6"] },
    Family { name: "place", values: &["renamed", "role", "name"] },
    Family { name: "item", values: &["open", "acknowledged", "retrying", "resolved"] },
    Family { name: "level", values: &["debug", "info", "warn", "error"] },
    Family { name: "outcome", values: &["success", "denied", "failed"] },
    Family { name: "actor", values: &["worker", "gate", "cron", "system", "anonymous"] },
    Family { name: "decision", values: &["approved", "rejected", "revoked"] },
    Family { name: "tls", values: &["implicit", "starttls", "off"] },
    Family {
        name: "endpoint",
        values: &["unknown", "healthy", "warning", "critical", "ok", "timeout", "unreachable", "error"],
    },
    ROLES,
    Family { name: "theme", values: &["auto", "light", "dark"] },
    Family { name: "bucket", values: &["matched", "pending", "quarantined", "acknowledged", "missing"] },
    Family { name: "done", values: DONE },
    Family { name: "act", values: ACTS },
    Family { name: "called", values: CALLED },
    Family { name: "credential", values: &["password", "oauth", "service_account"] },
    Family { name: "kept", values: &["valid", "waiting", "needs_consent", "revoked"] },
    Family { name: "flow", values: &["auth_code", "device_code", "client_credentials", "dwd"] },
    Family {
        name: "flow",
        values: &["lead-auth_code", "lead-device_code", "lead-client_credentials", "lead-dwd"],
    },
    Family { name: "provider", values: &["microsoft", "google"] },
    Family { name: "consent", values: &["pending", "ok", "refused", "expired"] },
    Family { name: "revoked", values: &["told", "has_no_way", "did_not_answer"] },
    Family { name: "asset", values: &["reports", "database", "stores", "pages"] },
    Family { name: "upload", values: &["open", "complete", "refused", "expired", "deleted"] },
    Family { name: "bucket-help", values: &["matched", "pending", "quarantined", "acknowledged", "missing"] },
    Family {
        name: "count",
        values: &[
            "mailboxes",
            "eligible",
            "matched",
            "missing",
            "pending",
            "quarantine_open",
            "quarantine_acknowledged",
            "filtered",
            "vanished",
            "bytes_source",
            "bytes_dest",
            "sync_percent",
        ],
    },
    Family {
        name: "pass-next",
        values: &["running", "final", "verify", "quarantine", "not_verified", "too_many_passes", "done"],
    },
    Family { name: "delivery", values: &["waiting", "delivered", "dead"] },
    Family { name: "flags", values: &["merge", "source", "destination"] },
    Family { name: "content", values: &["sample", "none", "full"] },
    Family { name: "unreadable", values: &["quarantine", "stub"] },
    Family { name: "permission", values: &PERMISSIONS },
    Family { name: "effect", values: &["allow", "deny"] },
    Family { name: "scope-kind", values: &["tenant", "job"] },
    Family { name: "said", values: &malote_plan::gate::SENTENCES },
    Family {
        name: "waiting",
        values: &["failed", "errors", "consent", "quarantine", "approval", "mailboxes", "paused"],
    },
];

/// What a page may say after something was done: the words of `?done=`.
pub const DONE: &[&str] = &[
    "saved",
    "job-made",
    "mailboxes-added",
    "run-started",
    "run-cancelled",
    "job-paused",
    "job-resumed",
    "job-cancelled",
    "job-failed",
    "job-retried",
    "job-closed",
    "gate-evaluated",
    "gate-approved",
    "gate-revoked",
    "gate-rejected",
    "dns-confirmed",
    "missing-accepted",
    "acknowledged",
    "retried",
    "secret-kept",
    "user-made",
    "token-revoked",
    "session-ended",
    "sessions-ended",
    "password-changed",
    "proof-given",
    "keys-rotated",
    "upload-done",
    "upload-removed",
    "map-saved",
    "schedule-kept",
    "schedule-removed",
    "schedule-still",
    "factor-removed",
    "replayed",
    "link-revoked",
    "view-kept",
    "view-removed",
    "credential-removed",
    "token-renewed",
    "consent-given",
    "role-made",
    "role-changed",
    "role-removed",
    "scopes-kept",
    "user-changed",
    "user-removed",
    "password-given",
    "report-attached",
];

/// Fields of the API that a page names in the visitor's language.
pub const CALLED: &[&str] = &[
    "accept_damage",
    "accepted_warnings",
    "addresses",
    "again",
    "allowed_networks",
    "approvals",
    "auth",
    "before_unix_seconds",
    "bytes_per_second",
    "client_id",
    "code",
    "collapse_duplicates",
    "confirm",
    "connections",
    "content",
    "cron",
    "current",
    "days",
    "description",
    "dest_credential_id",
    "dest_host",
    "dest_imap_host",
    "dest_secret",
    "dest_user",
    "directory",
    "display_name",
    "domain",
    "effect",
    "email",
    "endpoint_id",
    "exclude",
    "excluded_reason",
    "expires_days",
    "file",
    "flags",
    "flow",
    "folder_map",
    "folders",
    "host",
    "id",
    "into",
    "items",
    "kind",
    "language",
    "list",
    "mailbox_id",
    "mailbox_ids",
    "messages_per_second",
    "name",
    "new",
    "note",
    "notes",
    "options",
    "password",
    "permissions",
    "pin",
    "port",
    "provider",
    "public_url",
    "reason",
    "repair",
    "resource_id",
    "resource_kind",
    "roles",
    "rows",
    "scopes",
    "secret",
    "secret_service_account_key",
    "sha256",
    "side",
    "since_unix_seconds",
    "size_bytes_max",
    "source_credential_id",
    "source_host",
    "source_server_label",
    "source_user",
    "tenant_id",
    "tenants",
    "ticket_id",
    "timezone",
    "tls",
    "token",
    "unreadable",
    "url",
    "user",
    "value",
    "window",
    "zone",
];

/// Buttons of a migration, each with what it does.
pub const ACTS: &[&str] = &[
    "preflight",
    "scan",
    "initial",
    "delta",
    "retry-errors",
    "verify",
    "final",
    "pause",
    "resume",
    "cancel",
    "fail",
    "retry",
    "close",
    "confirm-dns",
    "accept-missing",
    "preflight-more",
    "scan-more",
    "initial-more",
    "delta-more",
    "retry-errors-more",
    "verify-more",
    "final-more",
    "pause-more",
    "resume-more",
    "cancel-more",
    "fail-more",
    "retry-more",
    "close-more",
    "confirm-dns-more",
    "accept-missing-more",
];

/// The key of a value: `phase-initial-sync`.
pub fn key(family: &str, value: &str) -> String {
    let mut key = String::with_capacity(family.len() + value.len() + 1);
    key.push_str(family);
    key.push('-');
    key.extend(value.chars().map(|letter| if "_.:".contains(letter) { '-' } else { letter }));
    key
}

#[cfg(test)]
mod tests {
    use super::super::language::Language;
    use super::super::texts;
    use super::*;

    #[test]
    fn every_value_has_its_word_in_both_languages() {
        for family in FAMILIES {
            for value in family.values {
                let key = key(family.name, value);
                for language in Language::ALL {
                    assert!(texts::has(language, &key), "{key} in {}", language.tag());
                }
            }
        }
    }

    #[test]
    fn every_class_that_a_server_can_cause_has_its_words() {
        for row in malote_plan::taxonomy::rows() {
            let class = row.verdict.class.as_str();
            assert!(CLASSES.contains(&class), "{class}");
        }
    }

    #[test]
    fn the_permissions_are_those_of_the_service_each_once() {
        let mut ours = PERMISSIONS.to_vec();
        ours.sort_unstable();
        let mut all: Vec<&str> =
            crate::auth::permission::Permission::ALL.iter().map(|one| one.as_str()).collect();
        all.sort_unstable();
        assert_eq!(ours, all);
    }

    #[test]
    fn the_phases_and_checks_are_those_of_the_plan() {
        for phase in PHASES {
            assert!(malote_plan::phase::Phase::named(phase).is_some(), "{phase}");
        }
        for check in CHECKS {
            assert!(malote_plan::gate::CheckId::named(check).is_some(), "{check}");
        }
    }
}
