//! Tries every login of every row before anything is copied.
//! Never writes to a server, and never tries a login twice.

use futures_util::StreamExt as _;
use malote_engine::failure::Failure;
use tokio_util::sync::CancellationToken;

use super::super::assemble::{End, probe};
use super::super::progress::Screen;
use super::super::render::counted;
use super::outcome::Outcome;
use super::row::Mailbox;

/// Rows whose two logins are tried at once: more would look like an attack to many a server.
const ROWS_AT_ONCE: usize = 8;

/// The mailboxes whose logins work on both sides, in the file's order, and the outcomes of the others.
pub async fn logins(
    mailboxes: Vec<Mailbox>,
    stop: &CancellationToken,
    screen: &Screen,
) -> (Vec<Mailbox>, Vec<Outcome>) {
    let bar = screen.overall(mailboxes.len() as u64, "logins");
    let tries = mailboxes.into_iter().map(|mailbox| async {
        let tried = tokio::select! {
            () = stop.cancelled() => None,
            failures = failures(&mailbox) => Some(failures),
        };
        bar.inc(1);
        match tried {
            None => Err(Outcome::not_started(&mailbox)),
            Some(failures) if failures.is_empty() => Ok(mailbox),
            Some(failures) => Err(Outcome::refused(&mailbox, &failures)),
        }
    });
    let tried: Vec<Result<Mailbox, Outcome>> =
        futures_util::stream::iter(tries).buffered(ROWS_AT_ONCE).collect().await;
    bar.finish_and_clear();
    let (mut ready, mut refused) = (Vec::new(), Vec::new());
    for one in tried {
        match one {
            Ok(mailbox) => ready.push(mailbox),
            Err(outcome) => refused.push(outcome),
        }
    }
    (ready, refused)
}

async fn failures(mailbox: &Mailbox) -> Vec<Failure> {
    let (source, destination) =
        tokio::join!(failure(&mailbox.pair.source), failure(&mailbox.pair.destination));
    [source, destination].into_iter().flatten().collect()
}

/// Files need no login; what is wrong with them is told by their run.
async fn failure(end: &End) -> Option<Failure> {
    match end {
        End::Server(endpoint) => probe(endpoint).await.err(),
        End::Files(_) => None,
    }
}

/// Tells of all failures at once, so that they can be put right at once.
pub fn tell(refused: &[Outcome], ready: usize, screen: &Screen) {
    let (ready, refused_count) = (counted(ready as u64, "row", "rows"), refused.len());
    screen.line(&format!("logins: {ready} with both logins working, {refused_count} without"));
    for outcome in refused {
        for error in &outcome.errors {
            screen
                .line(&format!("line {}: {} [{}]: {}", outcome.line, error.side, error.class, error.message));
        }
    }
}
