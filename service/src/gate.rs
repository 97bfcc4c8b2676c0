//! The gate of a job over its database: reads what counts, has plan decide, writes down what came of it, and takes the
//! job's phase along. Never decides by itself, and never opens on what it could not read.

mod load;

use malote_plan::gate::{
    APPROVAL_MILLIS_MAX, ApprovalWish, Check, CheckId, Evaluation, Gate, Refused, Standing, approve, evaluate,
};
use malote_plan::phase::{self, Edge, Facts, Phase};
use thiserror::Error;

use crate::auth::token::uuid;
use crate::hooks::{self, Event};
use crate::store::gates::{DecisionRow, GateJob, LastSnapshot, NewCheck, NewDecision, NewSnapshot};
use crate::store::jobs::Why;
use crate::store::{Store, StoreError, Transaction, at, milliseconds};
use crate::vault::VaultError;

/// An evaluation is fresh for so long, in milliseconds: a minute.
pub const FRESH_MILLIS: i64 = 60_000;

/// Why there is no verdict; whoever asked takes that for a shut gate.
#[derive(Debug, Error)]
pub enum GateError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness for a name.
    #[error(transparent)]
    Chance(#[from] VaultError),
    /// There is no such job.
    #[error("there is no such job")]
    NoJob,
    /// Another was faster.
    #[error("it has been answered already")]
    Answered,
}

/// What the gate of a job came to.
pub struct Verdict {
    /// What plan says.
    pub evaluation: Evaluation,
    /// The job's phase, after what followed.
    pub phase: String,
    /// Its domain.
    pub domain: String,
    /// Who approved, where that holds.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<String>,
    /// The snapshot that was written or seen again.
    pub snapshot_id: String,
    /// When it was evaluated, in milliseconds since 1970.
    pub evaluated_ms: i64,
    /// The gate was another before.
    pub has_changed: bool,
}

/// What one transaction has read.
struct Seen {
    job: GateJob,
    decision: Option<DecisionRow>,
    evaluation: Evaluation,
}

/// Evaluates a job's gate and writes down what follows. Where nothing follows, nothing is written: whoever only asks
/// keeps nobody waiting.
///
/// # Errors
/// Where the database does not let us: then nothing is written and the gate is not open for whoever asked.
pub async fn look(store: &Store, job_id: i64, now_ms: i64) -> Result<Verdict, GateError> {
    let mut reading = store.begin_reading().await?;
    let seen = see(&mut reading, job_id, now_ms).await?;
    if let Some(last) = reading.last_snapshot(job_id).await?
        && !has_consequence(&seen, &last, now_ms)
    {
        let phase = seen.job.phase.clone();
        return Ok(verdict(seen, phase, last.id, now_ms));
    }
    drop(reading);
    let mut transaction = store.begin().await?;
    let seen = see_alone(&mut transaction, job_id, now_ms).await?;
    let verdict = write(&mut transaction, job_id, now_ms, seen).await?;
    transaction.commit().await?;
    Ok(verdict)
}

/// Evaluates a job's gate and writes down what follows, in a transaction of the caller's that rests on it: nobody else
/// evaluates the same job until that ends.
///
/// # Errors
/// What the database says.
pub async fn look_within(
    transaction: &mut Transaction,
    job_id: i64,
    now_ms: i64,
) -> Result<Verdict, GateError> {
    let seen = see_alone(transaction, job_id, now_ms).await?;
    write(transaction, job_id, now_ms, seen).await
}

/// True where what is seen has to be written down: another verdict, another approval, another phase, or the last look
/// that was written is no longer fresh.
fn has_consequence(seen: &Seen, last: &LastSnapshot, now_ms: i64) -> bool {
    let Seen { job, decision, evaluation } = seen;
    let looked_ms = milliseconds(&job.gate_evaluated_at).unwrap_or(0);
    let is_fresh = |at_ms: i64| (0..FRESH_MILLIS).contains(&(now_ms - at_ms));
    let has_lapsed =
        matches!(evaluation.standing, Standing::Void(_)) && decision.as_ref().is_some_and(|one| !one.is_void);
    let approved = decision.as_ref().filter(|_| evaluation.standing == Standing::Valid);
    let told = approved.map_or(("", ""), |one| (one.approver.as_str(), one.created_at.as_str()));
    has_lapsed
        || !is_fresh(looked_ms)
        || !is_fresh(last.evaluated_ms)
        || job.migration_gate != evaluation.gate.as_str()
        || last.gate != evaluation.gate.as_str()
        || (job.approved_by.as_str(), job.approved_at.as_str()) != told
        || next_phase(&job.phase, evaluation).is_some()
}

/// The same as [`see`], while nobody else may evaluate the same job.
async fn see_alone(transaction: &mut Transaction, job_id: i64, now_ms: i64) -> Result<Seen, GateError> {
    if !transaction.lock_gate(job_id).await? {
        return Err(GateError::NoJob);
    }
    see(transaction, job_id, now_ms).await
}

async fn see(transaction: &mut Transaction, job_id: i64, now_ms: i64) -> Result<Seen, GateError> {
    let job = transaction.gate_job(job_id).await?.ok_or(GateError::NoJob)?;
    let decision = transaction.gate_decision(job_id).await?;
    let input = load::input(transaction, job_id, &job, decision.as_ref(), now_ms).await?;
    let evaluation = evaluate(&input);
    Ok(Seen { job, decision, evaluation })
}

async fn write(
    transaction: &mut Transaction,
    job_id: i64,
    now_ms: i64,
    seen: Seen,
) -> Result<Verdict, GateError> {
    let now_at = at(now_ms);
    let snapshot_id = write_snapshot(transaction, job_id, now_ms, &seen.evaluation).await?;
    if let (Standing::Void(_), Some(decision)) = (seen.evaluation.standing, seen.decision.as_ref()) {
        let reason = seen.evaluation.check(CheckId::ManualApproval).map_or("", |check| &check.message);
        transaction.void_approval(&decision.id, now_ms, reason).await?;
    }
    let approved = seen.decision.as_ref().filter(|_| seen.evaluation.standing == Standing::Valid);
    let told = approved.map(as_texts);
    transaction.set_gate(job_id, seen.evaluation.gate.as_str(), told, &now_at).await?;
    let phase = follow(transaction, job_id, &seen.job.phase, &seen.evaluation, &snapshot_id).await?;
    let has_fallen = seen.job.phase == Phase::CutoverReady.as_str() && phase != seen.job.phase;
    let verdict = verdict(seen, phase, snapshot_id, now_ms);
    if verdict.has_changed && verdict.evaluation.gate == Gate::ReadyForDns {
        hooks::enter(transaction, job_id, Event::GateReady, now_ms).await?;
    }
    if has_fallen {
        hooks::enter(transaction, job_id, Event::GateRevoked, now_ms).await?;
    }
    Ok(verdict)
}

fn verdict(seen: Seen, phase: String, snapshot_id: String, now_ms: i64) -> Verdict {
    let Seen { job, decision, evaluation } = seen;
    let approved = decision.filter(|_| evaluation.standing == Standing::Valid);
    let (approved_by, approved_at) =
        approved.map(|decision| (decision.approver, decision.created_at)).unzip();
    Verdict {
        phase,
        has_changed: job.migration_gate != evaluation.gate.as_str(),
        domain: job.domain,
        approved_by,
        approved_at,
        snapshot_id,
        evaluated_ms: now_ms,
        evaluation,
    }
}

/// A function of its own: a closure's lifetimes are not general enough to be held across a wait.
fn as_texts(decision: &DecisionRow) -> (&str, &str) {
    (&decision.approver, &decision.created_at)
}

/// Writes what is seen where it is another than before.
async fn write_snapshot(
    transaction: &mut Transaction,
    job_id: i64,
    now_ms: i64,
    evaluation: &Evaluation,
) -> Result<String, GateError> {
    let gate = evaluation.gate.as_str();
    if let Some(last) = transaction.last_snapshot(job_id).await?
        && (last.hash.as_str(), last.gate.as_str()) == (&evaluation.snapshot_hash, gate)
    {
        transaction.seen_again(&last.id, now_ms).await?;
        return Ok(last.id);
    }
    let id = uuid()?;
    let new = NewSnapshot {
        id: &id,
        job: job_id,
        hash: &evaluation.snapshot_hash,
        inputs_json: &evaluation.snapshot_json,
        gate,
        percent: f64::from(evaluation.percent_hundredths) / 100.0,
        now_ms,
    };
    transaction.insert_snapshot(&new).await?;
    let now_at = at(now_ms);
    let mut all: Vec<NewCheck<'_>> = evaluation.checks.iter().map(|check| new_check(check, None)).collect();
    for own in &evaluation.mailboxes {
        let mailbox = i64::try_from(own.id).ok();
        all.extend(own.checks.iter().map(|check| new_check(check, mailbox)));
    }
    transaction.write_checks(job_id, &id, &now_at, &all).await?;
    Ok(id)
}

fn new_check(check: &Check, mailbox: Option<i64>) -> NewCheck<'_> {
    NewCheck {
        id: check.id.as_str(),
        status: check.status.as_str(),
        message: &check.message,
        is_critical: check.id.is_critical(),
        mailbox,
        details_json: details(check).to_string(),
    }
}

/// Where the verdict takes a job's phase, and by which edge.
fn next_phase(from: &str, evaluation: &Evaluation) -> Option<(Edge, Phase)> {
    let known = Phase::named(from)?;
    let facts = Facts { gate: Some(evaluation.gate), ..Facts::default() };
    let edges = [Edge::OpenGate, Edge::LoseGate];
    edges.into_iter().find_map(|edge| Some((edge, phase::decide(known, edge, &facts).ok()?)))
}

/// Which sentence a check says, and its numbers: what other languages are made of.
pub fn details(check: &Check) -> serde_json::Value {
    let numbers: serde_json::Map<String, serde_json::Value> =
        check.numbers.iter().map(|(name, number)| ((*name).to_owned(), (*number).into())).collect();
    serde_json::json!({"code": check.code, "numbers": numbers})
}

/// Takes the phase along: an open gate makes a job ready for its cutover, a lost one takes it back.
async fn follow(
    transaction: &mut Transaction,
    job_id: i64,
    from: &str,
    evaluation: &Evaluation,
    snapshot_id: &str,
) -> Result<String, GateError> {
    let Some((edge, next)) = next_phase(from, evaluation) else { return Ok(from.to_owned()) };
    let reason = if edge == Edge::OpenGate { "the gate is open" } else { "the gate is no longer open" };
    let why = Why { actor: "gate", reason, snapshot: Some(snapshot_id), ..Why::default() };
    let has_moved = transaction.move_phase(job_id, from, next.as_str(), &why).await?;
    Ok(if has_moved { next.as_str().to_owned() } else { from.to_owned() })
}

/// What an approver says.
pub struct Wish<'a> {
    /// The digest of what was seen.
    pub snapshot_hash: &'a str,
    /// Warnings that were ticked.
    pub accepted: &'a [CheckId],
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub comment: &'a str,
    /// The one who prepares may not approve.
    pub is_four_eyes: bool,
    /// The request that is answered by this, which is used by it alone; none: nobody asked.
    pub request: Option<&'a str>,
}

/// Approves a gate as it is at this moment, in one transaction.
///
/// # Errors
/// Where plan refuses, or the database.
pub async fn approve_now(
    store: &Store,
    job_id: i64,
    wish: &Wish<'_>,
    now_ms: i64,
) -> Result<Result<Verdict, (Refused, Box<Evaluation>)>, GateError> {
    let mut transaction = store.begin().await?;
    let seen = see_alone(&mut transaction, job_id, now_ms).await?;
    let has_prepared_it =
        seen.job.created_by == wish.actor || transaction.has_acknowledged(job_id, wish.actor).await?;
    let asked = ApprovalWish {
        snapshot_hash: wish.snapshot_hash,
        accepted: wish.accepted,
        has_prepared_it,
        is_four_eyes: wish.is_four_eyes,
    };
    if let Err(refused) = approve(&seen.evaluation, &asked) {
        return Ok(Err((refused, Box::new(seen.evaluation))));
    }
    // With the approval or not at all: of two who answer at once one does, and whoever dies in between did not.
    if let Some(request) = wish.request
        && !transaction.decide_request(request, "used", (wish.actor, wish.comment), now_ms).await?
    {
        return Err(GateError::Answered);
    }
    let accepted: Vec<&str> = wish.accepted.iter().map(|id| id.as_str()).collect();
    let told = Told {
        decision: "approved",
        accepted_json: serde_json::json!(accepted).to_string(),
        expires_ms: now_ms + APPROVAL_MILLIS_MAX,
        actor: wish.actor,
        comment: wish.comment,
    };
    decide(&mut transaction, job_id, now_ms, &seen.evaluation, &told).await?;
    let again = see(&mut transaction, job_id, now_ms).await?;
    let verdict = write(&mut transaction, job_id, now_ms, again).await?;
    transaction.commit().await?;
    Ok(Ok(verdict))
}

/// Rejects a gate, or takes its approval back.
///
/// # Errors
/// What the database says.
pub async fn shut(
    store: &Store,
    job_id: i64,
    is_revoked: bool,
    (actor, reason): (&str, &str),
    now_ms: i64,
) -> Result<Verdict, GateError> {
    let mut transaction = store.begin().await?;
    let seen = see_alone(&mut transaction, job_id, now_ms).await?;
    let told = Told {
        decision: if is_revoked { "revoked" } else { "rejected" },
        accepted_json: "[]".to_owned(),
        expires_ms: 0,
        actor,
        comment: reason,
    };
    decide(&mut transaction, job_id, now_ms, &seen.evaluation, &told).await?;
    let again = see(&mut transaction, job_id, now_ms).await?;
    let verdict = write(&mut transaction, job_id, now_ms, again).await?;
    transaction.commit().await?;
    Ok(verdict)
}

struct Told<'a> {
    decision: &'static str,
    accepted_json: String,
    expires_ms: i64,
    actor: &'a str,
    comment: &'a str,
}

async fn decide(
    transaction: &mut Transaction,
    job_id: i64,
    now_ms: i64,
    evaluation: &Evaluation,
    told: &Told<'_>,
) -> Result<(), GateError> {
    let snapshot = write_snapshot(transaction, job_id, now_ms, evaluation).await?;
    // The last word is the one with the latest time: no two of a job share one.
    let last = transaction.gate_decision(job_id).await?;
    let last_ms = last.and_then(|last| milliseconds(&last.created_at)).unwrap_or(0);
    let (id, now_at) = (uuid()?, at(now_ms.max(last_ms + 1)));
    let new = NewDecision {
        id: &id,
        job: job_id,
        snapshot: &snapshot,
        hash: &evaluation.snapshot_hash,
        decision: told.decision,
        approver: told.actor,
        comment: told.comment,
        accepted_json: &told.accepted_json,
        expires_ms: told.expires_ms,
        now_at: &now_at,
        seen_json: &load::held_against(&evaluation.snapshot_json),
    };
    Ok(transaction.insert_decision(&new).await?)
}

/// The state that whoever could not be answered has to go by.
pub const fn without_an_answer() -> Gate {
    Gate::Blocked
}
