//! Tells events that are due: takes one, signs it, tries it, and says when the next try is.
//! Never gives an event up before its last try, and never tries a receiver that says it is gone.

use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::send::{Outcome, Target, send};
use super::{SECRET, signature};
use crate::app::App;
use crate::store::hooks::{Claimed, HookRow, Try};

/// Waits before each try after the first, in seconds: ten tries in all, over three days (Standard Webhooks).
const WAITS_SECONDS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// A try that was taken and never settled is taken anew after so long, in milliseconds.
const HELD_MILLIS: i64 = 120_000;
/// Events that are told in one look.
const AT_ONCE_MAX: usize = 50;
/// How often it is looked for events.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A receiver that slows us down is left alone for so long at least, in seconds.
const SLOW_SECONDS_MIN: i64 = 60;

/// Tells events as they come, until it is stopped.
pub struct Teller {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Teller {
    /// Begins to tell.
    pub fn start(app: App) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = deliver_due(&app).await {
                    tracing::warn!(error = %error, "telling events: {error:#}");
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    () = stopped.cancelled() => return,
                }
            }
        });
        Self { stop, task }
    }

    /// Ends it; a try that is under way is finished first.
    pub async fn stop(self) {
        self.stop.cancel();
        // A panic in it is told by the runtime.
        let _ = self.task.await;
    }
}

/// Tells what is due now; how many tries that were.
///
/// # Errors
/// What the database or the vault says: what was taken is tried again later.
pub async fn deliver_due(app: &App) -> anyhow::Result<usize> {
    let mut tried = 0;
    while tried < AT_ONCE_MAX {
        let now_ms = app.now_ms();
        let Some(hook) = app.store.ticket_hook().await?.filter(|hook| hook.enabled) else { break };
        let Some(event) = app.store.claim_event(now_ms, now_ms + HELD_MILLIS).await? else { break };
        tell(app, &hook, &event, now_ms).await?;
        tried += 1;
    }
    Ok(tried)
}

async fn tell(app: &App, hook: &HookRow, event: &Claimed, now_ms: i64) -> anyhow::Result<()> {
    let texts: Vec<String> = serde_json::from_str(&hook.networks_json).unwrap_or_default();
    let networks: Vec<IpNet> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let outcome = match (Target::parse(&hook.url, networks), headers(app, hook, event, now_ms).await) {
        (Ok(target), Ok(headers)) => send(target, headers, event.body.clone(), now_ms).await,
        (Err(error), _) => failed(error.to_string()),
        (_, Err(error)) => failed(format!("the secret cannot be read: {error}")),
    };
    let settled = settled(event, &outcome, now_ms);
    let own = Try {
        outbox_id: event.id.clone(),
        attempt: event.attempts,
        status: i64::from(outcome.status),
        error: outcome.error.chars().take(500).collect(),
        at_ms: now_ms,
        duration_ms: outcome.duration_ms,
    };
    app.store.settle_event(&own, settled).await?;
    let (job, name, attempt) = (event.job_id, &event.event, event.attempts);
    let (status, error) = (outcome.status, &outcome.error);
    if settled.0 == "delivered" {
        tracing::info!(job.id = job, "{name} of job {job} was taken at try {attempt}");
    } else {
        tracing::warn!(
            job.id = job,
            status,
            error,
            "{name} of job {job} was not taken at try {attempt}: {status}"
        );
    }
    if status == 410 {
        app.store.disable_ticket_hook("gone", now_ms).await?;
        tracing::error!(
            "the ticket's receiver says that it is gone (410): the hook is off until it is set anew"
        );
    }
    Ok(())
}

fn failed(error: String) -> Outcome {
    Outcome { status: 0, error, retry_after_seconds: None, duration_ms: 0 }
}

/// The state of an event after a try, when it is due, when it was finished.
fn settled(event: &Claimed, outcome: &Outcome, now_ms: i64) -> (&'static str, i64, i64) {
    if (200..300).contains(&outcome.status) {
        return ("delivered", 0, now_ms);
    }
    let place = usize::try_from(event.attempts - 1).unwrap_or(usize::MAX);
    let Some(wait) = WAITS_SECONDS.get(place).filter(|_| outcome.status != 410) else {
        return ("dead", 0, now_ms);
    };
    // A tenth of the wait at most, other for each event, so that those of one failure do not come back at once.
    let spread = event.id.bytes().fold(event.attempts, |sum, octet| (sum * 31 + i64::from(octet)) % 1_000);
    let mut wait_ms = wait * 1_000 + wait * spread / 10;
    if matches!(outcome.status, 429 | 502 | 504) {
        wait_ms = wait_ms.max(SLOW_SECONDS_MIN * 1_000);
    }
    let asked_ms = outcome.retry_after_seconds.unwrap_or(0) * 1_000;
    ("waiting", now_ms + wait_ms.max(asked_ms), 0)
}

/// The three headers of a message: who it is, when, and that it is ours, by each secret that holds.
async fn headers(
    app: &App,
    hook: &HookRow,
    event: &Claimed,
    now_ms: i64,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let mut secrets: Vec<SecretString> = vec![app.vault.open_sealed(SECRET, &hook.secret_sealed).await?];
    if !hook.secret_before_sealed.is_empty() && now_ms < hook.before_until_ms {
        secrets.push(app.vault.open_sealed(SECRET, &hook.secret_before_sealed).await?);
    }
    let seconds = now_ms / 1_000;
    let signed = secrets.iter().filter_map(|secret| signature(secret, &event.id, seconds, &event.body));
    let signed: Vec<String> = signed.collect();
    anyhow::ensure!(!signed.is_empty(), "it is malformed");
    Ok(vec![
        ("webhook-id", event.id.clone()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signed.join(" ")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attempts: i64, status: u16, retry_after: Option<i64>) -> (&'static str, i64) {
        let event = Claimed {
            id: "msg_1".into(),
            job_id: 1,
            event: "migration.verified".into(),
            body: "{}".into(),
            attempts,
        };
        let outcome = Outcome { retry_after_seconds: retry_after, status, ..failed(String::new()) };
        let (state, due_ms, _) = settled(&event, &outcome, 0);
        (state, due_ms / 1_000)
    }

    #[test]
    fn tries_come_ever_later_and_have_an_end() {
        for status in [0, 301, 404, 500] {
            for (place, wait) in WAITS_SECONDS.iter().enumerate() {
                let (state, due) = check(i64::try_from(place).unwrap() + 1, status, None);
                assert!(state == "waiting" && (*wait..=wait * 11 / 10).contains(&due), "{place}: {due}");
            }
            assert_eq!(check(10, status, None).0, "dead");
        }
        assert_eq!(check(1, 204, None).0, "delivered");
        assert_eq!(check(1, 410, Some(60)).0, "dead", "who is gone is not asked again");
    }

    #[test]
    fn a_receiver_that_slows_us_down_is_left_alone() {
        assert!(check(1, 429, None).1 >= SLOW_SECONDS_MIN);
        assert_eq!(check(1, 429, Some(7_000)).1, 7_000);
        assert_eq!(check(1, 503, Some(3_000)).1, 3_000);
    }
}
