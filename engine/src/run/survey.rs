//! Asks both sides what there is, at once.
//! Never gives up on one side because the other failed: both failures are told together.

use std::time::Duration;

use malote_plan::failure::{Class, Retry, Side};
use tokio::time::timeout;

use super::job::Job;
use crate::event::Event;
use crate::failure::Failure;
use crate::source::Survey;

/// Both sides as they answered.
pub(super) struct Surveys {
    pub source: Survey,
    pub destination: Survey,
}

/// How often a mailbox asks for its turn while other mailboxes of this process hold the server's connections.
const TURNS_MAX: u32 = 500;

/// How often it asks a server that refuses by itself.
const REFUSED_MAX: u32 = 6;

/// The first pause before another turn is asked for, in milliseconds, and the longest.
const TURN_MS: u64 = 250;
const TURN_MS_MAX: u64 = 15_000;

/// How often a side is asked before its lost connections end the run.
const ASKED_MAX: u32 = 3;

pub(super) async fn survey(job: &Job) -> Result<Surveys, Vec<Failure>> {
    let mut asked = 1;
    let (source, destination) = loop {
        let source = insist(job, || job.source.survey());
        let destination = insist(job, || job.destination.survey());
        let both = tokio::join!(source, destination);
        let failures = [both.0.as_ref().err(), both.1.as_ref().err()];
        let Some(pause_ms) = turn_after(failures, asked).filter(|_| !job.stop.is_cancelled()) else {
            break both;
        };
        // What one side holds may be what another mailbox waits for.
        tokio::join!(job.source.close(), job.destination.close());
        let _stopped = timeout(Duration::from_millis(pause_ms), job.stop.cancelled()).await;
        asked += 1;
    };
    for (side, result) in [(Side::Source, &source), (Side::Destination, &destination)] {
        if let Ok(survey) = result {
            let (server, folders) = (survey.server.clone(), survey.folders.len());
            job.events.emit(Event::Surveyed { side, server, folders });
        }
    }
    match (source, destination) {
        (Ok(source), Ok(destination)) => Ok(Surveys { source, destination }),
        (source, destination) => Err(source.err().into_iter().chain(destination.err()).collect()),
    }
}

/// How long to wait, in milliseconds, for a turn at a server that bears no connection more; nothing where that is
/// not what failed, or where the server goes on refusing though nobody here holds one.
fn turn_after(failures: [Option<&Failure>; 2], asked: u32) -> Option<u64> {
    let mut failures = failures.into_iter().flatten().peekable();
    failures.peek()?;
    let mut pause_ms = 0;
    for failure in failures {
        let asked_max = if failure.rule.is_some() { REFUSED_MAX } else { TURNS_MAX };
        if failure.class != Class::LimitConnections || asked >= asked_max {
            return None;
        }
        pause_ms = pause_ms.max((TURN_MS << asked.min(8)).min(TURN_MS_MAX));
    }
    Some(pause_ms)
}

/// Asks again after a lost connection, a few times and with growing pauses.
async fn insist<F: Future<Output = crate::failure::Result<Survey>>>(
    job: &Job,
    ask: impl Fn() -> F,
) -> crate::failure::Result<Survey> {
    let mut asked = 1;
    loop {
        let failure = match ask().await {
            Err(failure) if failure.class == Class::Net && failure.retry != Retry::Never => failure,
            answered => return answered,
        };
        if asked >= ASKED_MAX || job.stop.is_cancelled() {
            return Err(failure);
        }
        tokio::time::sleep(Duration::from_millis(job.policy.pause_ms << asked)).await;
        asked += 1;
    }
}
