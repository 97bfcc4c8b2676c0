//! Copies the mailboxes, some at once, under one budget and one pace.
//! Never lets two rows write to one mailbox at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::Mutex;

use super::super::assemble::Shared;
use super::super::exit::Stopped;
use super::super::pair::{Task, work};
use super::super::progress::Screen;
use super::outcome::Outcome;
use super::row::Mailbox;

/// Copies every mailbox, `jobs` at once.
pub async fn all(mailboxes: Vec<Mailbox>, jobs: usize, shared: &Shared, screen: &Screen) -> Vec<Outcome> {
    let bar = screen.overall(mailboxes.len() as u64, "mailboxes");
    let mut turns: BTreeMap<String, Arc<Mutex<()>>> = BTreeMap::new();
    let work = mailboxes.into_iter().map(|mailbox| {
        let turn = Arc::clone(turns.entry(mailbox.pair.identity.destination.clone()).or_default());
        let (shared, screen, bar) = (shared.clone(), screen.clone(), bar.clone());
        async move {
            let _turn = turn.lock().await;
            if shared.stop.is_cancelled() {
                return Outcome::not_started(&mailbox);
            }
            // A task of its own, so that not even a bug in one run stops another.
            let run = tokio::spawn(one(mailbox.clone(), shared, screen.clone()));
            let outcome = run.await.unwrap_or_else(|_| Outcome::stopped(&mailbox, bug()));
            bar.inc(1);
            screen.line(&outcome.sentence());
            outcome
        }
    });
    let outcomes = futures_util::stream::iter(work).buffer_unordered(jobs).collect().await;
    bar.finish_and_clear();
    outcomes
}

async fn one(mailbox: Mailbox, shared: Shared, screen: Screen) -> Outcome {
    let label = format!("line {}", mailbox.line);
    let pair = mailbox.pair.clone();
    match work(pair, &mailbox.state, Task::Copy, &label, &mailbox.work, &shared, &screen).await {
        Ok(report) => Outcome::done(&mailbox, report),
        Err(stopped) => Outcome::stopped(&mailbox, stopped),
    }
}

fn bug() -> Stopped {
    Stopped::bug("an internal error, which is a bug: please report it; the row may be run again")
}
