//! After the gate: the change of DNS confirmed and watched, the final passes, the end that is proven.
//! Never changes DNS, and never takes a job on because something could not be learnt.

mod confirm;
pub mod passes;
mod settle;

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::report;
use crate::app::App;
use crate::gate::GateError;
use crate::store::cutover::Sighting;
use crate::store::events::{Level, NewEvent};
use crate::store::reach::Reach;

pub use confirm::{Confirmed, Wish, confirm};
pub use settle::{begin_by_hand, is_ttl_over, standing};

/// How often it is looked for jobs that may go on.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Domains that are asked about at once.
const AT_ONCE: usize = 8;
/// How long name servers may take for one domain, all together.
const ASK_MAX: Duration = Duration::from_secs(8);
/// Before the change a domain is looked at so often, in milliseconds: 15 minutes. What is learnt is the old TTL.
const WATCH_MILLIS: i64 = 900_000;
/// Sightings that nothing rests on are kept for so long, in milliseconds: 48 hours.
pub const SIGHTINGS_MILLIS: i64 = 172_800_000;
/// How long others may know the old mail exchangers where nobody saw their TTL, in seconds: one hour.
const OLD_TTL_UNSEEN_SECONDS: i64 = 3_600;
/// A longer TTL is not waited for, in seconds: seven days, as long as resolvers keep anything (RFC 8767 §4).
const OLD_TTL_SECONDS_MAX: i64 = 604_800;

/// Takes jobs on after their gate, until it is stopped.
pub struct Watch {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to look.
    #[must_use]
    pub fn start(app: App) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = tend(&app) => {}
                    () = stopped.cancelled() => return,
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = stopped.cancelled() => return,
                }
            }
        });
        Self { stop, task }
    }

    /// Ends it; whatever it was at is done or not, never half.
    pub async fn stop(self) {
        self.stop.cancel();
        // A panic in it is told by the runtime.
        let _ = self.task.await;
    }
}

/// Looks once at every job that may go on after its gate. One job's trouble is logged, and stops no other.
pub async fn tend(app: &App) {
    let of = |job: i64, done: Result<(), GateError>| {
        if let Err(error) = done {
            tracing::warn!(job.id = job, error = %error, "going on after the gate of job {job}: {error}");
        }
    };
    // Those that wait for an end come before those that are only watched.
    for (job, _) in found(app.store.cutovers_in("final_sync").await) {
        of(job, settle::passes(app, job).await);
    }
    let switched = stream::iter(found(app.store.cutovers_in("dns_cutover").await));
    switched
        .for_each_concurrent(AT_ONCE, async |(job, domain)| of(job, settle::dns(app, job, &domain).await))
        .await;
    for job in found(app.store.unfrozen().await) {
        freeze(app, job).await;
    }
    let before_ms = app.now_ms() - WATCH_MILLIS;
    let watched = stream::iter(found(app.store.unseen(("delta_sync", "cutover_ready"), before_ms).await));
    watched.for_each_concurrent(AT_ONCE, async |(job, domain)| of(job, watch(app, job, &domain).await)).await;
}

/// What was found; nothing, and a word about it, where the database does not say.
fn found<T>(rows: crate::store::Result<Vec<T>>) -> Vec<T> {
    rows.unwrap_or_else(|error| {
        tracing::warn!(error = %error, "looking for jobs after their gate: {error}");
        Vec::new()
    })
}

async fn watch(app: &App, job: i64, domain: &str) -> Result<(), GateError> {
    let seen = ask(app, domain).await;
    let mut transaction = app.store.begin().await?;
    transaction.see(job, &seen, false).await?;
    Ok(transaction.commit().await?)
}

/// Asks every name server by itself for a domain's mail exchangers. A machine that knows none says so.
pub async fn ask(app: &App, domain: &str) -> Vec<Sighting> {
    let at_ms = app.now_ms();
    let blank = |resolver: &str, error: &str| Sighting {
        resolver: resolver.to_owned(),
        hosts: Vec::new(),
        ttl_seconds: 0,
        error: error.to_owned(),
        at_ms,
    };
    if app.resolvers.is_empty() {
        return vec![blank("none", "this machine names no name server")];
    }
    let asked = app.resolvers.iter().map(|(name, records)| async move {
        match tokio::time::timeout(ASK_MAX, records.exchangers_as_told(domain)).await {
            Ok(Ok(found)) => Sighting {
                ttl_seconds: found.iter().map(|(_, ttl)| i64::from(*ttl)).max().unwrap_or(0),
                hosts: found.into_iter().map(|(one, _)| one.host).collect(),
                ..blank(name, "")
            },
            Ok(Err(why)) => blank(name, &why),
            Err(_) => blank(name, "no answer in time"),
        }
    });
    join_all(asked).await
}

/// True where a name server was seen to know these mail exchangers and no others.
#[must_use]
pub fn is_exactly(seen: &Sighting, expected: &[String]) -> bool {
    seen.error.is_empty() && is_same(&seen.hosts, expected)
}

/// The same hosts, whatever their order; none is like none.
fn is_same(hosts: &[String], expected: &[String]) -> bool {
    !expected.is_empty()
        && !hosts.is_empty()
        && hosts.iter().all(|host| expected.contains(host))
        && expected.iter().all(|host| hosts.contains(host))
}

/// Keeps a verified job's report as it is. What fails is tried again with the next look.
async fn freeze(app: &App, job: i64) {
    let Ok(Some(row)) = app.store.job(&Reach::everything(), job).await else { return };
    let text = match report::document(app, &row, 0).await {
        Ok(report) => report.to_string(),
        Err(error) => {
            tracing::warn!(job.id = job, "keeping the report of job {job}: {}", error.detail);
            return;
        }
    };
    if let Err(error) = app.store.freeze_report(job, &text, app.now_ms()).await {
        tracing::warn!(job.id = job, error = %error, "keeping the report of job {job}: {error}");
    }
}

/// Tells those who look on that a job is in another phase.
async fn tell(app: &App, job: i64, phase: &str) {
    let now_ms = app.now_ms();
    let event = NewEvent {
        level: Level::Info,
        event: "phase",
        message: format!("the job goes on to {phase}"),
        attributes_json: json!({"phase": phase}).to_string(),
        at_ms: now_ms,
    };
    tracing::info!(job.id = job, "job {job} goes on to {phase}");
    if let Err(error) = app.store.tell((job, None), &[event], &[], now_ms).await {
        tracing::warn!(job.id = job, error = %error, "a change of phase was not told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_the_expected_hosts_and_all_of_them_are_the_change() {
        for (seen, expected, error, is_so) in [
            (&["b", "a"][..], &["a", "b"][..], "", true),
            (&["a"], &["a"], "", true),
            (&["a", "old"], &["a"], "", false),
            (&["a"], &["a", "b"], "", false),
            (&[], &["a"], "", false),
            (&[], &[], "", false),
            (&["a"], &[], "", false),
            (&["a"], &["a"], "no answer", false),
        ] {
            let sighting = Sighting {
                resolver: String::new(),
                hosts: hosts(seen),
                ttl_seconds: 0,
                error: error.to_owned(),
                at_ms: 0,
            };
            assert_eq!(is_exactly(&sighting, &hosts(expected)), is_so, "{seen:?} {expected:?} {error}");
        }
    }
}
