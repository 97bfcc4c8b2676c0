//! What the ticket of a job is told: events that stand with what they tell of, sent until somebody takes them.
//! Never sends what was not entered in the same transaction as the change itself, and never two bodies by one id.

mod deliver;
mod send;
mod sign;

use serde_json::{Value, json};

use crate::auth::token::uuid;
use crate::gate::GateError;
use crate::store::hooks::Subject;
use crate::store::{Transaction, at};
use crate::vault::Place;

pub use deliver::{Teller, deliver_due};
pub use send::{Target, TargetError};
pub use sign::{is_secret, new_secret, signature};

/// Where a hook's secrets lie.
pub const SECRET: Place<'static> = Place { table: "ticket_hooks", column: "secret", row: "ticket" };
/// The longest body, in octets: receivers may refuse longer ones (Standard Webhooks).
const BODY_BYTES_MAX: usize = 20_000;

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The gate opened.
    GateReady,
    /// A gate that was open is so no longer, before DNS was changed.
    GateRevoked,
    /// The change of DNS was confirmed.
    DnsApplied,
    /// All is moved and verified.
    Verified,
    /// The job is over.
    Closed,
    /// Somebody asked that the ticket gets the report.
    Report,
}

impl Event {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GateReady => "migration.gate_ready",
            Self::GateRevoked => "migration.gate_revoked",
            Self::DnsApplied => "migration.dns_applied",
            Self::Verified => "migration.verified",
            Self::Closed => "migration.closed",
            Self::Report => "migration.report",
        }
    }
}

/// Enters an event in the transaction that makes it true; nothing where no hook is set or it is off.
///
/// # Errors
/// What the database says, or where there is no randomness for a name.
pub async fn enter(
    transaction: &mut Transaction,
    job: i64,
    event: Event,
    now_ms: i64,
) -> Result<(), GateError> {
    entered(transaction, job, event, None, now_ms).await.map(|_| ())
}

/// A report that a ticket is to get.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// The ticket, which need not be the job's own.
    pub ticket: i64,
    /// The digest of the report as it stands.
    pub digest: &'a str,
}

/// Enters that a ticket gets the report of a job; the event's id, or nothing where no hook is set or it is off.
///
/// # Errors
/// What the database says, or where there is no randomness for a name.
pub async fn attach(
    transaction: &mut Transaction,
    job: i64,
    attached: Attached<'_>,
    now_ms: i64,
) -> Result<Option<String>, GateError> {
    entered(transaction, job, Event::Report, Some(attached), now_ms).await
}

async fn entered(
    transaction: &mut Transaction,
    job: i64,
    event: Event,
    attached: Option<Attached<'_>>,
    now_ms: i64,
) -> Result<Option<String>, GateError> {
    let Some(hook) = transaction.ticket_hook().await?.filter(|hook| hook.enabled) else { return Ok(None) };
    let Some(subject) = transaction.hook_subject(job).await? else { return Ok(None) };
    let id = format!("msg_{}", uuid()?);
    let mut told = body(event, job, &subject, &hook.public_url, now_ms);
    if let Some(attached) = attached {
        told["data"]["ticket_id"] = attached.ticket.into();
        told["data"]["report_digest"] = attached.digest.into();
    }
    let body = told.to_string();
    if body.len() > BODY_BYTES_MAX {
        tracing::error!(
            job.id = job,
            "an event of job {job} is over {BODY_BYTES_MAX} octets and is not told"
        );
        return Ok(None);
    }
    transaction.enter_event(&id, job, (event.as_str(), &body), now_ms).await?;
    Ok(Some(id))
}

/// The share of a hundred that is there, rounded down; 0 where a mailbox was never counted.
fn percent(subject: &Subject) -> f64 {
    let is_whole = subject.mailboxes > 0 && subject.mailboxes_scanned == subject.mailboxes;
    let (source, matched) = (subject.messages_source, subject.messages_matched);
    match (is_whole && matched <= source, source) {
        (false, _) => 0.0,
        (true, 0) => 100.0,
        (true, _) => {
            let hundredths = u128::from(matched) * 10_000 / u128::from(source);
            f64::from(u32::try_from(hundredths).unwrap_or(0)) / 100.0
        }
    }
}

fn body(event: Event, job: i64, subject: &Subject, public_url: &str, now_ms: i64) -> Value {
    let base = public_url.trim_end_matches('/');
    json!({
        "type": event.as_str(),
        "timestamp": at(now_ms),
        "data": {
            "ticket_id": subject.ticket_id, "tenant_id": subject.tenant_id, "domain": subject.domain,
            "migration_job_id": job, "migration_phase": subject.phase, "migration_gate": subject.migration_gate,
            "migration_sync_percent": percent(subject), "approved_by": subject.approved_by,
            "approved_at": subject.approved_at, "gate_url": format!("{base}/migration/jobs/{job}/gate"),
            "report_url": format!("{base}/migration/jobs/{job}/report?format=pdf"),
            "snapshot_hash": subject.snapshot_hash,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_up_and_never_of_what_was_not_counted() {
        let subject = |source, matched, scanned, mailboxes| Subject {
            ticket_id: None,
            tenant_id: 1,
            domain: "example.com".into(),
            phase: "verified".into(),
            migration_gate: "ready_for_dns".into(),
            approved_by: None,
            approved_at: None,
            snapshot_hash: String::new(),
            messages_source: source,
            messages_matched: matched,
            mailboxes_scanned: scanned,
            mailboxes,
        };
        for (source, matched, scanned, mailboxes, expected) in [
            (100_000, 99_999, 2, 2, 99.99),
            (100, 100, 2, 2, 100.0),
            (100, 100, 1, 2, 0.0),
            (0, 0, 1, 1, 100.0),
            (0, 0, 0, 0, 0.0),
            (5, 6, 1, 1, 0.0),
        ] {
            let told = percent(&subject(source, matched, scanned, mailboxes));
            assert!((told - expected).abs() < 1e-9, "{source} {matched}: {told}");
        }
    }
}
