//! From the changed DNS to the end that is proven: by the clock, each step in a transaction of its own.
//! Never a step that could not be taken a second time: whatever dies between two of them is taken up by the next look.

use std::collections::BTreeMap;

use malote_plan::phase::{Edge, Facts, Phase, decide};

use super::passes::{Next, next};
use super::{ask, is_exactly, tell};
use crate::app::App;
use crate::gate::GateError;
use crate::hooks::{self, Event};
use crate::jobs::InForce;
use crate::store::cutover::{CutoverRow, Entry, PassRow};
use crate::store::jobs::Why;
use crate::store::words::RunType;
use crate::store::{Result as Stored, Transaction};

/// While the old TTL runs, name servers are asked so often, in milliseconds: one minute.
const LOOK_MILLIS: i64 = 60_000;
/// After it, in milliseconds: 20 seconds.
const LOOK_MILLIS_LATE: i64 = 20_000;
/// What a verification after a final pass reads.
const VERIFY_OPTIONS: &str = r#"{"content":"sample"}"#;

/// True where nobody may know the old mail exchangers any more.
#[must_use]
pub const fn is_ttl_over(row: &CutoverRow, now_ms: i64) -> bool {
    now_ms >= row.confirmed_ms.saturating_add(row.old_ttl_seconds.saturating_mul(1_000))
}

/// Looks at the DNS of a job in `dns_cutover`, and begins its final passes once the old TTL is over and every name
/// server knows the new mail exchangers and no others.
pub(super) async fn dns(app: &App, job: i64, domain: &str) -> Result<(), GateError> {
    let Some(row) = app.store.cutover(job).await? else { return Ok(()) };
    let is_over = is_ttl_over(&row, app.now_ms());
    let last_ms = app.store.last_seen(job).await?.iter().map(|one| one.at_ms).max().unwrap_or(0);
    let every_ms = if is_over { LOOK_MILLIS_LATE } else { LOOK_MILLIS };
    // A clock that was set back does not keep anybody from looking.
    if (0..every_ms).contains(&(app.now_ms() - last_ms)) && !is_first_look_after(&row, last_ms, is_over) {
        return Ok(());
    }
    let seen = ask(app, domain).await;
    let is_change_seen = seen.iter().all(|one| is_exactly(one, &row.expected));
    let mut transaction = app.store.begin().await?;
    transaction.see(job, &seen, is_over && is_change_seen).await?;
    let facts = Facts { is_old_ttl_over: is_over, is_change_seen, ..Facts::default() };
    let reason = format!(
        "{} name servers give the new mail exchangers, and the old TTL of {} s is over",
        seen.len(),
        row.old_ttl_seconds
    );
    let has_moved = begin(&mut transaction, job, facts, ("worker", &reason)).await?;
    if has_moved {
        transaction.enter_run(job, &first_pass()).await?;
    }
    transaction.commit().await?;
    if has_moved {
        app.wake();
        tell(app, job, Phase::FinalSync.as_str()).await;
    }
    Ok(())
}

/// True where nobody has looked since the old TTL was over: then nobody waits for the next turn.
const fn is_first_look_after(row: &CutoverRow, last_ms: i64, is_over: bool) -> bool {
    is_over && !is_ttl_over(row, last_ms)
}

const fn first_pass() -> Entry<'static> {
    Entry { mailbox_id: 0, run_type: RunType::Final, options_json: "{}", not_before_ms: 0 }
}

/// Takes a job to its final passes where plan lets it; false where it does not, or another has done so.
async fn begin(
    transaction: &mut Transaction,
    job: i64,
    facts: Facts,
    (actor, reason): (&str, &str),
) -> Result<bool, GateError> {
    if !transaction.lock_gate(job).await? {
        return Ok(false);
    }
    let Some(row) = transaction.cutover(job).await?.filter(|row| !row.is_paused) else { return Ok(false) };
    let from = Phase::named(&row.phase);
    let to = from.map(|from| decide(from, Edge::BeginFinal, &facts));
    let (Some(from), Some(Ok(to))) = (from, to) else { return Ok(false) };
    let why = Why { actor, reason, ..Why::default() };
    if !transaction.move_phase(job, from.as_str(), to.as_str(), &why).await? {
        return Ok(false);
    }
    transaction.begin_passes(job).await?;
    Ok(true)
}

/// An operator begins the final passes: their word stands for what name servers show, never for the old TTL. False
/// where that still runs, and the job stays where it is.
///
/// # Errors
/// What the database says.
pub async fn begin_by_hand(app: &App, job: i64, actor: &str) -> Result<bool, GateError> {
    let Some(row) = app.store.cutover(job).await? else { return Ok(false) };
    let is_old_ttl_over = is_ttl_over(&row, app.now_ms());
    let facts = Facts { is_old_ttl_over, is_change_seen: true, ..Facts::default() };
    let mut transaction = app.store.begin().await?;
    let has_moved =
        begin(&mut transaction, job, facts, (actor, "an operator asked for the final passes")).await?;
    transaction.commit().await?;
    if has_moved {
        tell(app, job, Phase::FinalSync.as_str()).await;
    }
    Ok(has_moved)
}

/// Where the mailboxes of a job stand in their final passes: number, address, how many passes, what comes next.
///
/// # Errors
/// What the database says.
pub async fn standing(
    transaction: &mut Transaction,
    job: i64,
    row: &CutoverRow,
) -> Stored<Vec<(i64, String, usize, Next)>> {
    let runs = transaction.passes(job, row.runs_before).await?;
    let selections = selections(transaction, job).await?;
    let mut own: BTreeMap<i64, Vec<&PassRow>> = BTreeMap::new();
    // A pass that took something else than what is wanted now, or nobody knows what, proves nothing: it is done again.
    let is_wanted =
        |run: &&PassRow| !run.selection.is_empty() && selections.get(&run.mailbox_id) == Some(&run.selection);
    for run in runs.iter().filter(is_wanted) {
        own.entry(run.mailbox_id).or_default().push(run);
    }
    let parts = transaction.parts(job).await?.into_iter();
    let of = |mailbox: i64| own.get(&mailbox).map_or(&[][..], Vec::as_slice);
    let told = parts.map(|part| {
        let runs = of(part.mailbox_id);
        let passes = runs.iter().filter(|run| run.run_type != RunType::Verify).count();
        let next = next(&part, runs, row.accepted_run);
        (part.mailbox_id, part.email, passes, next)
    });
    Ok(told.collect())
}

/// What a run would take of each mailbox of a job that was begun now.
async fn selections(transaction: &mut Transaction, job: i64) -> Stored<BTreeMap<i64, String>> {
    let Some(told) = transaction.gate_job(job).await? else { return Ok(BTreeMap::new()) };
    let sets = transaction.gate_mailboxes(job).await?;
    let rows = sets.mailboxes()?;
    let mut in_force = InForce::new(&told.options_json);
    Ok(rows.iter().map(|row| (row.id, in_force.of(row))).collect())
}

/// Enters what comes next for the mailboxes of a job in `final_sync`, and moves it once all are done.
pub(super) async fn passes(app: &App, job: i64) -> Result<(), GateError> {
    let mut reading = app.store.begin_reading().await?;
    let Some(row) = reading.cutover(job).await? else { return Ok(()) };
    let waits = |next: Next| matches!(next, Next::Wait | Next::Stuck(_));
    let all = standing(&mut reading, job, &row).await?;
    drop(reading);
    let is_done = !all.is_empty() && all.iter().all(|(.., next)| *next == Next::Done);
    if !is_done && all.iter().all(|(.., next)| waits(*next) || *next == Next::Done) {
        return Ok(());
    }
    let mut transaction = app.store.begin().await?;
    if !transaction.lock_gate(job).await? {
        return Ok(());
    }
    // Asked again: what was read before the lock may be over.
    let row = transaction.cutover(job).await?;
    let Some(row) = row.filter(|row| !row.is_paused && row.phase == Phase::FinalSync.as_str()) else {
        return Ok(());
    };
    let all = standing(&mut transaction, job, &row).await?;
    let mut entered = 0;
    for (mailbox_id, _, _, next) in &all {
        let (run_type, options_json, not_before_ms) = match next {
            Next::Final(not_before_ms) => (RunType::Final, "{}", *not_before_ms),
            Next::Verify => (RunType::Verify, VERIFY_OPTIONS, 0),
            Next::Wait | Next::Stuck(_) | Next::Done => continue,
        };
        let entry = Entry { mailbox_id: *mailbox_id, run_type, options_json, not_before_ms };
        entered += transaction.enter_run(job, &entry).await?;
    }
    let has_moved = end(app, &mut transaction, job, &row, &all).await?;
    transaction.commit().await?;
    if entered > 0 {
        app.wake();
    }
    if has_moved {
        tell(app, job, Phase::Verified.as_str()).await;
    }
    Ok(())
}

/// Takes a job whose mailboxes are all done to `verified`.
async fn end(
    app: &App,
    transaction: &mut Transaction,
    job: i64,
    row: &CutoverRow,
    all: &[(i64, String, usize, Next)],
) -> Result<bool, GateError> {
    let count = |is_so: fn(Next) -> bool| all.iter().filter(|(.., next)| is_so(*next)).count() as u64;
    // A file that no mailbox has is mail that nobody brought over, and a verified job takes no mailbox any more.
    if transaction.files_waiting(job).await? > 0 {
        return Ok(false);
    }
    let facts = Facts {
        mailboxes_enabled: all.len() as u64,
        mailboxes_finished: count(Next::is_copied),
        is_verified: count(|next| next == Next::Done) == all.len() as u64,
        ..Facts::default()
    };
    let Ok(to) = decide(Phase::FinalSync, Edge::Verify, &facts) else { return Ok(false) };
    let accepted = match row.accepted_reason.as_str() {
        "" => String::new(),
        reason => {
            format!("; copies missing at the destination were accepted by {}: {reason}", row.accepted_by)
        }
    };
    let reason =
        format!("the last final pass of every mailbox had nothing to copy and was verified{accepted}");
    let why = Why { actor: "worker", reason: &reason, ..Why::default() };
    if !transaction.move_phase(job, Phase::FinalSync.as_str(), to.as_str(), &why).await? {
        return Ok(false);
    }
    hooks::enter(transaction, job, Event::Verified, app.now_ms()).await?;
    Ok(true)
}
