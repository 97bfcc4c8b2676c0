//! The chain's arithmetic: the canonical form of a row and its hash.
//! Never touches the database.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::store::audit::AuditRow;

/// What stands before the first row.
pub const FIRST: [u8; 32] = [0; 32];
/// The longest text of one column, in octets; the rest is cut off.
const TEXT_BYTES_MAX: usize = 4096;

/// Cuts what came from outside, and takes control characters out: a log is read by machines and on terminals.
pub fn clean(row: &mut AuditRow) {
    for text in [
        &mut row.actor_id,
        &mut row.action,
        &mut row.resource_kind,
        &mut row.resource_id,
        &mut row.ip,
        &mut row.user_agent,
        &mut row.request_id,
    ] {
        if text.chars().any(char::is_control) {
            *text =
                text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
        }
        if text.len() > TEXT_BYTES_MAX {
            let mut end = TEXT_BYTES_MAX;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
    }
    if row.details_json.is_empty() {
        row.details_json.push_str("{}");
    }
}

/// JSON with its names in order and without blanks; every value is a number, text or null.
pub fn canonical(row: &AuditRow) -> String {
    let mut members: BTreeMap<&str, Value> = [
        ("seq", Value::from(row.seq)),
        ("at_ms", row.at_ms.into()),
        ("actor_kind", row.actor_kind.as_str().into()),
        ("actor_id", row.actor_id.as_str().into()),
        ("action", row.action.as_str().into()),
        ("resource_kind", row.resource_kind.as_str().into()),
        ("resource_id", row.resource_id.as_str().into()),
        ("tenant_id", row.tenant_id.into()),
        ("outcome", row.outcome.as_str().into()),
        ("status_code", row.status_code.into()),
        ("ip", row.ip.as_str().into()),
        ("user_agent", row.user_agent.as_str().into()),
        ("request_id", row.request_id.as_str().into()),
        ("before_json", row.before_json.as_str().into()),
        ("after_json", row.after_json.as_str().into()),
        ("details_json", row.details_json.as_str().into()),
        ("row_change_id", row.row_change_id.into()),
    ]
    .into();
    // Rows from before jobs were noted keep their hashes.
    if let Some(job) = row.job_id {
        members.insert("job_id", job.into());
    }
    serde_json::to_string(&members).expect("a map of texts and numbers is JSON")
}

/// SHA-256 of the row before and this one.
pub fn hash(row: &AuditRow) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(&row.prev_hash);
    digest.update(canonical(row).as_bytes());
    digest.finalize().to_vec()
}
