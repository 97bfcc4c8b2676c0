//! One run, from its claim to its end: put together, done by the engine, written down.
//! Never writes a word about a run that another worker may have.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use malote_engine::failure::Class;
use malote_engine::ledger::Ledger;
use malote_engine::progress::Progress;
use malote_engine::run;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::acknowledge::acknowledge;
use super::aftermath;
use super::assemble::{self, Bench, Unready};
use super::extract::{Desk, extract};
use super::heart::{Heart, SharedTime, Wish};
use super::log::{RunLog, file_name};
use super::measure;
use super::options::RunOptions;
use super::outcome::{self, Again, Outcome, Stats};
use super::selection::selection_of;
use super::worker::Inner;
use crate::binds;
use crate::cli::exit::Exit;
use crate::cli::{state, turn};
use crate::store::events::Level;
use crate::store::mailboxes::Mailbox;
use crate::store::results::{FolderResult, Found, RunResult};
use crate::store::runs::{Claim, Fence, Told};
use crate::store::words::{MailboxStatus, RunStatus, RunType};
use crate::store::{Result, Store, StoreError, at};
use crate::uploads::place;

/// Names a run's log. Binds: id, fencing_token, log_path.
const NAME_LOG: &str = "
    UPDATE migration_runs SET log_path = $3 WHERE id = $1 AND fencing_token = $2 AND status = 'running'";

/// Pause before writing an end again that the database did not take.
const WRITE_PAUSE: Duration = Duration::from_millis(300);
/// How often a run may end without anybody's wish, whatever the reason.
const ATTEMPTS_MAX: i64 = 100;

/// What a run came to, and what is needed to write it down.
struct Ended {
    mailbox: Mailbox,
    context_id: String,
    outcome: Outcome,
    report_json: String,
}

/// Does one run.
pub(super) async fn execute(inner: &Inner, claim: Claim, time: SharedTime) {
    let (store, run_id) = (&inner.store, claim.fence.run_id);
    let next_step = store.next_step(run_id).await.unwrap_or(1);
    let log = match RunLog::open(&inner.options.data, run_id, next_step) {
        Ok(log) => Arc::new(log),
        Err(words) => {
            // Without a place for its own log a worker has no place for a ledger either.
            tracing::error!(run.id = run_id, "{words}");
            let _ = store.release(claim.fence, time.now_ms() + 60_000, true, ("ledger", &words)).await;
            return;
        }
    };
    let (progress, stop) = (Arc::new(Progress::default()), inner.shared.stop.child_token());
    let whose = (store, &claim, time);
    let heart = Heart::start(whose, inner.rhythm, (Arc::clone(&progress), Arc::clone(&log)), stop.clone());
    let began = format!("run {run_id} began: {}, attempt {}", claim.run_type, claim.attempts + 1);
    log.add(Level::Info, "run", began, &json!({"type": claim.run_type, "attempt": claim.attempts + 1}));
    let ended = tokio::select! {
        ended = work(inner, &claim, &heart, (progress, &log), stop) => Some(ended),
        () = heart.lost() => None,
    };
    let throttle_ms = i64::try_from(log.throttle_ms()).unwrap_or(i64::MAX);
    if throttle_ms > 0
        && let Err(error) = store.throttled(claim.fence, throttle_ms).await
    {
        tracing::warn!(run.id = run_id, "{error}");
    }
    let status = match ended {
        Some(Ok(ended)) => settle(inner, &claim, &heart, &log, ended).await,
        Some(Err(error)) => {
            tracing::warn!(run.id = run_id, "the run could not be read: {error}");
            give_back(inner, &claim, &heart, Again::OwnTrouble, ("ledger", &error.to_string())).await;
            None
        }
        None => None,
    };
    let time = heart.time();
    if !heart.is_lost() {
        unlink(inner, &claim).await;
    }
    heart.stop().await;
    if let Some(status) = status {
        if let Err(error) = store.close_steps(run_id, "cancelled", time.now_ms()).await {
            tracing::warn!(run.id = run_id, "{error}");
        }
        match aftermath::advance(store, Some(claim.job_id)).await {
            Ok(0) => {}
            Ok(_) => tracing::info!(job.id = claim.job_id, "job {} goes on to deltas", claim.job_id),
            Err(error) => tracing::warn!(job.id = claim.job_id, "{error}"),
        }
        inner.aftermath.run_ended(&claim, status).await;
    }
}

/// Removes the links by which an uploaded file was read; where that fails, they are swept up.
async fn unlink(inner: &Inner, claim: &Claim) {
    let Ok(Some(mailbox)) = inner.store.mailbox(claim.mailbox_id).await else { return };
    if mailbox.source_type.is_archive()
        && let Err(error) = place::clear(&inner.options.data.join("uploads"), &mailbox.pst_path)
    {
        tracing::warn!(run.id = claim.fence.run_id, "{error}");
    }
}

/// Puts the run together and has the engine do it.
async fn work(
    inner: &Inner,
    claim: &Claim,
    heart: &Heart,
    (progress, log): (Arc<Progress>, &Arc<RunLog>),
    stop: CancellationToken,
) -> Result<Ended> {
    let store = &inner.store;
    let mailbox = store.mailbox(claim.mailbox_id).await?.ok_or(StoreError::Stale("the mailbox"))?;
    let context_id = store.context_of(&mailbox).await?;
    let log_path = binds![claim.fence.run_id, claim.fence.token, file_name(claim.fence.run_id)];
    store.run("naming a log", NAME_LOG, log_path).await?;
    store.mark_syncing(mailbox.id, &context_id, claim.fence.run_id).await?;
    let ended =
        |outcome, report_json, mailbox, context_id| Ended { mailbox, context_id, outcome, report_json };
    if claim.attempts > ATTEMPTS_MAX {
        let words = format!("the run ended {} times before its end: it is left to people", claim.attempts);
        return Ok(ended(failed(heart, Class::Internal, words, None), String::new(), mailbox, context_id));
    }
    if claim.is_cancelled {
        let outcome = failed(heart, Class::Cancelled, "cancelled before it was begun again".to_owned(), None);
        return Ok(ended(outcome, String::new(), mailbox, context_id));
    }
    let texts = [&mailbox.job_options_json, &mailbox.options_json, &claim.options_json].map(String::as_str);
    let options = match RunOptions::laid(&texts) {
        Ok(options) => options,
        Err(words) => {
            let outcome = failed(heart, Class::Usage, words, None);
            return Ok(ended(outcome, String::new(), mailbox, context_id));
        }
    };
    let (outcome, report_json) =
        match engine(inner, claim, heart, (progress, log), (&mailbox, &options), stop).await {
            Ok(done) => done,
            Err(Unready::Store(error)) => return Err(error),
            Err(Unready::Wrong(class, words)) => (failed(heart, class, words, None), String::new()),
            Err(Unready::Failed(failure)) => {
                let again = (failure.class == Class::Ledger).then_some(Again::OwnTrouble);
                (failed(heart, failure.class, failure.full_message(), again), String::new())
            }
        };
    Ok(ended(outcome, report_json, mailbox, context_id))
}

/// Where the turns of this user are kept, as the command line has them; below the data folder where he has no home.
fn turns(data: &Path) -> PathBuf {
    let own = state::default_folder().ok().filter(|folder| std::fs::create_dir_all(folder).is_ok());
    own.unwrap_or_else(|| data.join("ledgers"))
}

async fn engine(
    inner: &Inner,
    claim: &Claim,
    heart: &Heart,
    (progress, log): (Arc<Progress>, &Arc<RunLog>),
    (mailbox, options): (&Mailbox, &RunOptions),
    stop: CancellationToken,
) -> std::result::Result<(Outcome, String), Unready> {
    let mut shared = inner.shared.clone();
    shared.stop = stop;
    let (store, data) = (&inner.store, inner.options.data.as_path());
    let credentials = inner.credentials.as_ref();
    let bench = Bench { store, credentials, ledgers: &inner.options.ledgers, data, shared };
    if claim.run_type == RunType::PstExtract {
        return inventory(&bench, heart, (progress, log), (mailbox, options)).await;
    }
    if !matches!(claim.run_type, RunType::Preflight | RunType::Scan | RunType::Verify)
        && !claim.run_type.is_copy()
    {
        let words = format!("runs of type {} are not carried out by this version", claim.run_type);
        return Err(Unready::Wrong(Class::Usage, words));
    }
    if mailbox.source_type.is_archive() && matches!(claim.run_type, RunType::Final | RunType::Verify) {
        assemble::prove(&bench, mailbox).await?;
    }
    let mut assembled = assemble::assemble(&bench, mailbox, options).await?;
    // Whoever brings another file into the same mailbox by the command line waits for us, and we for him.
    let is_of_files = mailbox.source_type.is_archive() && claim.run_type.is_copy();
    let destination = assembled.job.identity.destination.clone();
    let _turn = match is_of_files {
        true => Some(turn::wait(&turns(data), &destination, &bench.shared.stop).await),
        false => None,
    };
    acknowledge(assembled.job.ledger.as_ref(), &store.acknowledged(mailbox.id).await?).await?;
    assembled.job.run_id = format!("{}", claim.fence.run_id);
    assembled.job.progress = progress;
    assembled.job.events = Arc::clone(log) as Arc<dyn malote_engine::event::Events>;
    let warnings = std::mem::take(&mut assembled.warnings);
    let (run_type, content, before) = (claim.run_type, options.content.unwrap_or_default(), heart.before());
    // A task of its own, so that not even a bug in one run stops another; it ends with this future.
    let mut task = JoinSet::new();
    task.spawn(async move {
        let (mut outcome, json) = match run_type {
            RunType::Preflight | RunType::Scan => {
                let forecast = run::plan(&assembled.job).await;
                (outcome::of_forecast(&forecast), serde_json::to_string(&forecast))
            }
            _ => {
                let mut report = match run_type {
                    RunType::Verify => run::verify(&assembled.job, content.into()).await,
                    _ => run::copy(&assembled.job).await,
                };
                report.warnings.extend(warnings);
                (outcome::of_report(&report, before), serde_json::to_string(&report))
            }
        };
        if let Found::Foreseen { quota, .. } = &mut outcome.found {
            *quota = measure::quota(assembled.job.destination.as_ref()).await;
        }
        if let Found::Counted { folders, measures, .. } = &mut outcome.found {
            name_tokens(assembled.job.ledger.as_ref(), folders).await;
            measures.quota = measure::quota(assembled.job.destination.as_ref()).await;
            if run_type == RunType::Verify {
                measures.merkle_root = measure::merkle_root(assembled.job.ledger.as_ref()).await;
            }
        }
        assembled.close().await;
        (outcome, json.unwrap_or_default())
    });
    match task.join_next().await {
        Some(Ok(done)) => Ok(done),
        _ => Err(broken()),
    }
}

/// Reads an uploaded file through, without a destination.
async fn inventory(
    bench: &Bench<'_>,
    heart: &Heart,
    (progress, log): (Arc<Progress>, &Arc<RunLog>),
    (mailbox, options): (&Mailbox, &RunOptions),
) -> std::result::Result<(Outcome, String), Unready> {
    if !mailbox.source_type.is_archive() {
        let words = format!("a mailbox of type {} has no file to be read through", mailbox.source_type);
        return Err(Unready::Wrong(Class::Usage, words));
    }
    let (files, reading) = (assemble::files(bench, mailbox).await?, assemble::reading(options));
    let desk = Desk {
        progress,
        log: Arc::clone(log),
        stop: bench.shared.stop.clone(),
        budget: Arc::clone(&bench.shared.budget),
        uids: bench.data.join("ledgers").join(format!("upload-{}.uids", mailbox.pst_path)),
        accepted_damage: options.accept_damage.clone(),
    };
    let (before, has_scan) = (heart.before(), mailbox.has_scan);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let found = extract(&files, &reading, &desk).await;
        let json = serde_json::to_string(&found).unwrap_or_default();
        (outcome::of_inventory(&found, before, has_scan), json)
    });
    match task.join_next().await {
        Some(Ok(done)) => Ok(done),
        _ => Err(broken()),
    }
}

fn broken() -> Unready {
    Unready::Wrong(Class::Internal, "an internal error, which is a bug: please report it".to_owned())
}

/// Tells with what each folder's next delta begins.
async fn name_tokens(ledger: &dyn Ledger, folders: &mut [FolderResult]) {
    // Without them nothing is lost: they are for people to look at.
    let Ok(rows) = ledger.folders().await else { return };
    for row in rows {
        let path = row.key.source_path.to_string();
        let Some(folder) = folders.iter_mut().find(|folder| folder.source_path == path) else { continue };
        let generation = row.tokens.source_uid_validity.map_or(0, |validity| i64::from(validity.get()));
        let next = i64::from(row.tokens.source_uid_next);
        let modseq =
            row.tokens.source_modseq.map_or(0, |modseq| i64::from_ne_bytes(modseq.get().to_ne_bytes()));
        folder.uids = (generation, next, modseq);
        folder.change_token = format!("{generation}:{next}:{}", u64::from_ne_bytes(modseq.to_ne_bytes()));
    }
}

/// The outcome of a run that the engine never began.
fn failed(heart: &Heart, class: Class, words: String, again: Option<Again>) -> Outcome {
    let before = heart.before();
    Outcome {
        status: RunStatus::Failed,
        mailbox_status: MailboxStatus::Error,
        exit_code: Exit::of_class(class).code().into(),
        stats: Stats {
            transferred: before.transferred,
            bytes: before.bytes,
            errors: 1,
            errors_by_class: [(class.as_str().to_owned(), 1)].into(),
            ..Stats::default()
        },
        error: (class.as_str().to_owned(), words),
        logins: (false, false),
        copied: (0, 0),
        found: Found::Nothing,
        again,
    }
}

/// Decides whether a run is over, and writes it down or gives it back; its status where it is over.
async fn settle(
    inner: &Inner,
    claim: &Claim,
    heart: &Heart,
    log: &RunLog,
    mut ended: Ended,
) -> Option<RunStatus> {
    let is_done = ended.outcome.status == RunStatus::Success;
    let is_stopped = inner.shared.stop.is_cancelled();
    let is_cancelled = claim.is_cancelled || heart.wish() == Some(Wish::Cancel);
    if is_cancelled && !is_done {
        ended.outcome.status = RunStatus::Cancelled;
    } else if (heart.wish() == Some(Wish::Pause) || is_stopped) && is_cut_short(&ended.outcome) {
        tell_stats(inner, claim, heart, &ended.outcome.stats).await;
        log.add(Level::Info, "run", "put back into the queue: paused".to_owned(), &json!({}));
        let (run, words) = (claim.fence, ("", ""));
        retried(heart, || inner.store.release(run, 0, false, words)).await;
        return None;
    } else if let Some(again) = ended.outcome.again.filter(|again| claim.attempts < again.attempts_max()) {
        tell_stats(inner, claim, heart, &ended.outcome.stats).await;
        let (class, words) = ended.outcome.error.clone();
        let told = format!("to be tried again: {class}: {words}");
        log.add(Level::Warn, "run", told, &json!({"class": class, "attempt": claim.attempts + 1}));
        give_back(inner, claim, heart, again, (&class, &words)).await;
        return None;
    }
    write_down(inner, claim, heart, log, ended).await
}

/// True where the run was told to stop and has more to do.
fn is_cut_short(outcome: &Outcome) -> bool {
    let is_told = outcome.stats.errors_by_class.contains_key(Class::Cancelled.as_str());
    outcome.status != RunStatus::Success
        && (is_told || outcome.stats.pending > 0 || outcome.stats.folders == 0)
}

/// Keeps what was copied for the next worker of the same run.
async fn tell_stats(inner: &Inner, claim: &Claim, heart: &Heart, stats: &Stats) {
    let (now_ms, lease) = (heart.time().now_ms(), inner.rhythm.lease.as_millis());
    let until_ms = now_ms + i64::try_from(lease).unwrap_or(i64::MAX);
    let told = Told { stats_json: serde_json::to_string(stats).unwrap_or_default(), ..Told::default() };
    if let Err(error) = inner.store.beat(claim.fence, until_ms, now_ms, &told).await {
        tracing::warn!(run.id = claim.fence.run_id, "{error}");
    }
}

async fn give_back(inner: &Inner, claim: &Claim, heart: &Heart, again: Again, words: (&str, &str)) {
    let pause = again.pause(inner.options.retry_pause, claim.attempts);
    let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
    let not_before_ms = heart.time().now_ms().saturating_add(pause_ms);
    retried(heart, || inner.store.release(claim.fence, not_before_ms, true, words)).await;
}

/// What came of a call that was made until the database took it.
enum Tried<T> {
    Done(T),
    /// The run is another worker's by now.
    Lost,
    /// It is refused, however often it is made.
    Refused(StoreError),
}

/// Makes a call until the database takes it or refuses it for good, or the run is lost.
async fn retried<T, F: Future<Output = Result<T>>>(heart: &Heart, call: impl Fn() -> F) -> Tried<T> {
    while !heart.is_lost() {
        match timeout(Duration::from_secs(10), call()).await {
            Ok(Ok(done)) => return Tried::Done(done),
            Ok(Err(error)) if !error.is_passing() => {
                tracing::error!("writing down a run: {error}");
                return Tried::Refused(error);
            }
            Ok(Err(_)) | Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(WRITE_PAUSE) => {}
            () = heart.lost() => {}
        }
    }
    Tried::Lost
}

async fn write_down(
    inner: &Inner,
    claim: &Claim,
    heart: &Heart,
    log: &RunLog,
    ended: Ended,
) -> Option<RunStatus> {
    let (stats, status) = (&ended.outcome.stats, ended.outcome.status);
    let told = format!(
        "run {} ended: {status}; {} copied, {} pending, {} quarantined, {} errors",
        claim.fence.run_id, stats.transferred, stats.pending, stats.quarantined, stats.errors
    );
    let level = if status == RunStatus::Success { Level::Info } else { Level::Warn };
    tracing::info!(run.id = claim.fence.run_id, copied = stats.transferred, "{told}");
    log.add(level, "run", told, &serde_json::to_value(stats).unwrap_or_default());
    let result = result(claim, heart.time().now_ms(), ended);
    match retried(heart, || finish(&inner.store, claim.fence, &result)).await {
        Tried::Done(is_written) => is_written.then_some(status),
        Tried::Lost => None,
        Tried::Refused(error) => {
            // What was found cannot be written, which is a bug: the run must not come back for ever.
            let words =
                format!("the result could not be written down, which is a bug: please report it: {error}");
            let bare = RunResult {
                status: RunStatus::Failed,
                mailbox_status: MailboxStatus::Error,
                exit_code: 1,
                report_json: String::new(),
                error: (Class::Internal.as_str().to_owned(), words),
                found: Found::Nothing,
                ..result
            };
            retried(heart, || finish(&inner.store, claim.fence, &bare)).await;
            Some(RunStatus::Failed)
        }
    }
}

/// Writes an end; also true where it stood already, because the answer to the first writing was lost.
async fn finish(store: &Store, fence: Fence, result: &RunResult) -> Result<bool> {
    if store.finish(fence, result).await? {
        return Ok(true);
    }
    let standing = store.standing(fence.run_id).await?;
    Ok(standing.is_some_and(|now| now.fencing_token == fence.token && now.status == result.status))
}

fn result(claim: &Claim, now_ms: i64, ended: Ended) -> RunResult {
    let Ended { mailbox, context_id, outcome, report_json } = ended;
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    RunResult {
        job_id: claim.job_id,
        mailbox_id: claim.mailbox_id,
        context_id,
        run_type: claim.run_type.as_str(),
        is_copy: claim.run_type.is_copy(),
        is_archive: mailbox.source_type.is_archive(),
        status: outcome.status,
        mailbox_status: outcome.mailbox_status,
        exit_code: outcome.exit_code,
        stats_json: serde_json::to_string(&outcome.stats).unwrap_or_default(),
        report_json,
        error: outcome.error,
        logins: outcome.logins,
        copied: (whole(outcome.copied.0), whole(outcome.copied.1)),
        duration_ms: 0,
        finished_at: at(now_ms),
        found: outcome.found,
        selection: selection_of(&mailbox, &claim.options_json),
    }
}
