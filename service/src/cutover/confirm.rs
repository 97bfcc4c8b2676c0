//! The word that DNS was changed: held against the gate and against what name servers say, in one transaction.
//! Never believes a word alone, unless its reason is written down with it.

use malote_plan::phase::{Edge, Facts, Phase, Refusal, decide};

use super::{OLD_TTL_SECONDS_MAX, OLD_TTL_UNSEEN_SECONDS, SIGHTINGS_MILLIS, ask, is_exactly, is_same, tell};
use crate::app::App;
use crate::gate::{self, GateError, Verdict};
use crate::hooks::{self, Event};
use crate::store::Transaction;
use crate::store::cutover::{CutoverRow, Sighting};
use crate::store::jobs::{JobRow, Why};

/// What somebody says of a change.
pub struct Wish<'a> {
    /// Who.
    pub actor: &'a str,
    /// The mail exchangers that the domain is to have, in small letters, and no others.
    pub expected: &'a [String],
    /// Why their word is to stand where no name server shows the change; empty: it is not.
    pub vouched_reason: &'a str,
}

/// What came of it.
pub enum Confirmed {
    /// The job has gone on.
    Done,
    /// The gate or the phase does not allow it.
    Refused(Box<Verdict>, Refusal),
    /// No name server shows the change, and nobody vouches for it.
    NotSeen(Vec<Sighting>),
}

/// Confirms a change of DNS: asks the name servers, evaluates the gate anew and moves the job, the latter two in one
/// transaction. Of two at once, one wins.
///
/// # Errors
/// What the database says; then nothing stands.
pub async fn confirm(app: &App, job: &JobRow, wish: &Wish<'_>) -> Result<Confirmed, GateError> {
    let seen = ask(app, &job.domain).await;
    let is_seen = seen.iter().any(|one| is_exactly(one, wish.expected));
    let now_ms = app.now_ms();
    let mut transaction = app.store.begin().await?;
    if !is_seen && wish.vouched_reason.is_empty() {
        transaction.see(job.id, &seen, false).await?;
        transaction.commit().await?;
        return Ok(Confirmed::NotSeen(seen));
    }
    let verdict = gate::look_within(&mut transaction, job.id, now_ms).await?;
    let from = Phase::named(&verdict.phase).ok_or(GateError::NoJob)?;
    let facts = Facts {
        gate: Some(verdict.evaluation.gate),
        has_approver: verdict.approved_by.is_some(),
        is_confirmed: true,
        ..Facts::default()
    };
    let to = match decide(from, Edge::CutOver, &facts) {
        Ok(to) => to,
        Err(refusal) => {
            // What the gate came to stands, whatever becomes of the wish.
            transaction.see(job.id, &seen, false).await?;
            transaction.commit().await?;
            return Ok(Confirmed::Refused(Box::new(verdict), refusal));
        }
    };
    let row = row(&mut transaction, job.id, wish, (&seen, is_seen), now_ms).await?;
    transaction.see(job.id, &seen, true).await?;
    transaction.confirm_cutover(job.id, &row).await?;
    let reason = reason(wish, &seen, is_seen);
    let snapshot = Some(verdict.snapshot_id.as_str());
    let why = Why { actor: wish.actor, reason: &reason, snapshot, ..Why::default() };
    if !transaction.move_phase(job.id, from.as_str(), to.as_str(), &why).await? {
        return Err(GateError::NoJob);
    }
    hooks::enter(&mut transaction, job.id, Event::DnsApplied, now_ms).await?;
    transaction.commit().await?;
    tell(app, job.id, to.as_str()).await;
    Ok(Confirmed::Done)
}

/// The confirmation as it is kept, with how long others may still know what was before.
async fn row(
    transaction: &mut Transaction,
    job: i64,
    wish: &Wish<'_>,
    (seen, is_seen): (&[Sighting], bool),
    now_ms: i64,
) -> Result<CutoverRow, GateError> {
    let own = seen.iter().filter(|one| one.error.is_empty());
    let mut all: Vec<(Vec<String>, i64)> = own.map(|one| (one.hosts.clone(), one.ttl_seconds)).collect();
    all.extend(transaction.seen_since(job, now_ms - SIGHTINGS_MILLIS).await?);
    // What is expected is the new; a domain without any has nothing that others could keep.
    all.retain(|(hosts, _)| !hosts.is_empty() && !is_same(hosts, wish.expected));
    let old_ttl = all.iter().map(|(_, ttl)| *ttl).max();
    Ok(CutoverRow {
        expected: wish.expected.to_vec(),
        before: all.into_iter().next().map(|(hosts, _)| hosts).unwrap_or_default(),
        vouched_reason: if is_seen { String::new() } else { wish.vouched_reason.to_owned() },
        confirmed_by: wish.actor.to_owned(),
        confirmed_ms: now_ms,
        old_ttl_seconds: old_ttl.unwrap_or(OLD_TTL_UNSEEN_SECONDS).clamp(0, OLD_TTL_SECONDS_MAX),
        is_old_ttl_known: old_ttl.is_some(),
        ..CutoverRow::default()
    })
}

/// What the history says.
fn reason(wish: &Wish<'_>, seen: &[Sighting], is_seen: bool) -> String {
    let hosts = wish.expected.join(", ");
    let count = seen.iter().filter(|one| is_exactly(one, wish.expected)).count();
    if is_seen {
        return format!("the mail exchangers are {hosts}: seen at {count} of {} name servers", seen.len());
    }
    format!("the mail exchangers are {hosts}: seen nowhere, vouched for: {}", wish.vouched_reason)
}
