//! Reports as the service would give them, of any size, made by a rule.
//! Never a report of anybody.

use serde_json::{Value, json};

/// A number that differs from row to row and from column to column.
fn number(row: usize, column: usize) -> u64 {
    let seed = (row as u64 + 1) * 7_919 + (column as u64 + 1) * 104_729;
    seed * 31 % 9_999_991
}

/// What looks like a digest and is another for each number.
fn hash(number: usize) -> String {
    let mixed = |number: usize| (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    format!("sha256:{:032x}{:032x}", mixed(number), mixed(number + 1_000_003))
}

const PATHS: [&str; 6] = [
    "INBOX",
    "Enviados",
    "Arquivo/Clientes antigos e propostas que ninguém mais lê/2019/Janeiro & Fevereiro",
    "Ελλάδα/Почта/Ação",
    "um-nome-sem-nenhum-espaço-que-não-cabe-na-coluna-de-jeito-nenhum-por-mais-que-se-tente-escrever-pequeno",
    "Lixo",
];

fn counts(row: usize, is_folder: bool) -> Value {
    let (pending, open, known) = (number(row, 1) % 5, number(row, 2) % 3, number(row, 3) % 3);
    let eligible = number(row, 4) + 10;
    let mut told = json!({
        "eligible": eligible, "matched": eligible - pending - open - known, "missing": pending + open + known,
        "pending": pending, "quarantine_open": open, "quarantine_acknowledged": known, "filtered": number(row, 5),
        "vanished": number(row, 6) % 100, "destination_messages": number(row, 7), "bytes_dest": number(row, 8) * 50_021,
    });
    if !is_folder {
        told["bytes_source"] = (number(row, 9) * 50_021).into();
    }
    told
}

fn folder(mailbox: usize, place: usize) -> Value {
    let mut told = counts(mailbox * 1_000 + place + 1, true);
    let path = PATHS[place % PATHS.len()];
    let path = if place < PATHS.len() { path.to_owned() } else { format!("{path}/{place}") };
    told["source_path"] = path.as_str().into();
    told["dest_path"] = path.replace('/', ".").into();
    told["is_renamed"] = (place == 2).into();
    told["is_gone"] = (place == 5).into();
    told
}

fn mailbox(place: usize, folders: usize) -> Value {
    let mut told = counts(place * 1_000, false);
    let more = json!({
        "mailbox_id": place + 1, "email": format!("pessoa.numero-{place}@exemplo-de-dominio.com.br"),
        "source_type": "imap", "status": "ok", "enabled": true, "excluded_reason": "", "has_scan": true,
        "last_scan_at": "2026-11-20T13:14:15.000Z", "last_delta_at": "2026-11-20T13:14:15.000Z",
        "last_delta_status": "success", "source_login_ok_at": "2026-11-20T13:14:15.000Z", "dest_login_ok_at": "",
        "error_class": if place.is_multiple_of(3) { "auth.failed" } else { "" }, "last_error": "",
        "sync_percent": 99.87,
        "folders": (0..folders).map(|own| folder(place, own)).collect::<Vec<_>>(),
        "verification": {
            "sample": {"at": "2026-11-20T13:14:15.000Z", "compared": number(place, 20), "rewritten": 1, "different": 0},
            "bytes": null, "duplicates": null, "quota": null, "merkle_root": hash(place + 77),
        },
    });
    merge(&mut told, more);
    told
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

fn gate() -> Value {
    let check = |id: &str, status: &str, code: &str, numbers: Value| {
        json!({"check_id": id, "status": status, "message": "as it was written", "critical": true, "code": code,
            "numbers": numbers, "checked_at": "2026-11-20T13:14:15.000Z"})
    };
    let evaluations = (0..20).map(|place| {
        json!({"snapshot_hash": hash(place as usize + 9), "sync_percent": 40.0 + f64::from(place) * 3.1,
            "migration_gate": if place < 10 { "blocked" } else { "warning" },
            "evaluated_at": format!("2026-11-{:02}T13:14:15.000Z", place + 1)})
    });
    json!({
        "migration_gate": "warning",
        "checks": [
            check("count_ratio", "warn", "ratio",
                json!({"matched": 12345, "eligible": 12350, "hundredths": 9995, "all": 7, "alike": 2})),
            check("delta_pending", "fail", "delta", json!({"hours": 0, "minutes": 31, "pending": 4})),
            check("dns_readiness", "warn", "not-measured", json!({})),
            check("dest_quota", "pass", "unheard-of", json!({})),
        ],
        "evaluations": evaluations.collect::<Vec<_>>(),
        "decisions": [
            {"decision": "approved", "approver": "user:lead", "comment": "visto e conferido", "void": true,
             "void_reason": "72 hours are over", "at": "2026-11-20T13:14:15.000Z",
             "accepted_warnings": ["dns_readiness"], "snapshot_hash": "sha256:0"},
        ],
    })
}

fn runs() -> Value {
    let last = (1..60).map(|place: u64| {
        json!({"run_id": place, "mailbox_id": place % 3, "run_type": "delta", "messages_done": place * 1_013,
            "status": if place.is_multiple_of(7) { "failed" } else { "success" }, "triggered_by": "schedule",
            "error_class": if place.is_multiple_of(7) { "throttle.daily" } else { "" },
            "started_at": format!("2026-11-{:02}T{:02}:14:15.000Z", 1 + place / 20, place % 20),
            "finished_at": format!("2026-11-{:02}T{:02}:44:15.000Z", 1 + place / 20, place % 20),
            "attempts": 1, "bytes_done": place * place * 1_000_003, "exit_code": 0})
    });
    let by_type = json!({"delta.success": 51, "delta.failed": 8});
    json!({"total": 59, "by_type_and_status": by_type, "last": last.collect::<Vec<_>>()})
}

/// A whole job with so many mailboxes of so many folders.
pub fn busy(mailboxes: usize, folders: usize) -> Value {
    let items = (0..5).map(|place| {
        let is_known = place % 2 == 0;
        json!({"mailbox_id": 1, "folder": PATHS[2], "source_ref": (place + 100).to_string(), "size_bytes": 40_000_000,
            "reason": "message.too_large", "attempts": 2, "status": if is_known { "acknowledged" } else { "open" },
            "acknowledged_by": if is_known { "user:ana" } else { "" }, "acknowledged_reason": "known_loss",
            "note": "a pessoa sabe", "acknowledged_at": "2026-11-20T13:14:15.000Z"})
    });
    let event = |kind: &str, from: &str, to: &str, reason: &str| {
        json!({"kind": kind, "from": from, "to": to, "actor": "user:ana", "reason": reason,
            "at": "2026-11-01T10:00:00.000Z"})
    };
    let timeline = json!([
        event("phase", "", "preflight", ""),
        event("run", "initial", "success", ""),
        event("approval", "", "void", "72 hours are over"),
    ]);
    let mut sums = counts(0, false);
    merge(&mut sums, json!({"mailboxes": mailboxes, "is_whole": true, "sync_percent": 99.99}));
    json!({
        "schema_version": "malote.job-report/1", "digest": hash(0), "is_cut": false,
        "identification": {
            "job_id": 42, "mailbox_id": null, "tenant_id": 112, "ticket_id": 991, "domain": "exemplo-de-dominio.com.br",
            "phase": "delta_sync", "source_server_label": "cPanel antigo", "dest_imap_host": "imap.exemplo.net",
            "created_at": "2026-11-01T10:00:00.000Z", "created_by": "user:ana", "closed_at": "",
            "first_run_at": "2026-11-01T10:00:00.000Z", "last_run_at": "2026-11-20T10:00:00.000Z",
            "software": "malote", "software_version": "0.1.0",
        },
        "scope": {
            "mailboxes_total": mailboxes + 1, "options": {"connections": 4},
            "mailboxes_excluded": [{"mailbox_id": 9_999, "email": "antiga@exemplo.com.br", "reason": "sem uso"}],
            "inventory": {"is_known": true, "addresses": 9, "undecided": 0,
                "excluded": [{"address": "lista@exemplo.com.br", "reason": "é uma lista"}]},
        },
        "counts": sums,
        "mailboxes": (0..mailboxes).map(|place| mailbox(place, folders)).collect::<Vec<_>>(),
        "quarantine": items.collect::<Vec<_>>(),
        "folder_renames": [{"mailbox_id": 1, "from": PATHS[2], "to": "Arquivo.Clientes antigos"}],
        "throttling": {"runs_by_class": {"throttle.daily": 8}},
        "runs": runs(), "gate": gate(), "timeline": timeline, "purge_certificate": null,
        "dns": {"state": "unknown", "before": null, "after": null, "dns_cutover_at": ""},
        "generated_at": "2026-11-21T00:00:00.000Z",
    })
}

/// One mailbox alone.
pub fn of_mailbox(folders: usize) -> Value {
    let mut report = busy(1, folders);
    report["identification"]["mailbox_id"] = 1.into();
    report["counts"]["is_whole"] = true.into();
    report
}

/// A job without mailboxes, runs or a verdict.
pub fn empty() -> Value {
    let mut report = busy(0, 0);
    for name in ["quarantine", "folder_renames", "timeline"] {
        report[name] = json!([]);
    }
    report["runs"] = json!({"total": 0, "by_type_and_status": {}, "last": []});
    report["gate"] = json!({"migration_gate": "blocked", "checks": [], "evaluations": [], "decisions": []});
    report["counts"] = json!({"is_whole": false, "sync_percent": null});
    report
}

/// What the report is of.
pub fn about(report: &Value) -> &str {
    if report["identification"]["mailbox_id"].is_null() {
        report["identification"]["domain"].as_str().unwrap_or_default()
    } else {
        report["mailboxes"][0]["email"].as_str().unwrap_or_default()
    }
}
