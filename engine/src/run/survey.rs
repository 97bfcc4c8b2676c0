//! Asks both sides what there is, at once.
//! Never gives up on one side because the other failed: both failures are told together.

use std::time::Duration;

use malote_plan::failure::{Class, Retry, Side};

use super::job::Job;
use crate::event::Event;
use crate::failure::Failure;
use crate::source::Survey;

/// Both sides as they answered.
pub(super) struct Surveys {
    pub source: Survey,
    pub destination: Survey,
}

/// How often a side is asked before its lost connections end the run.
const ASKED_MAX: u32 = 3;

pub(super) async fn survey(job: &Job) -> Result<Surveys, Vec<Failure>> {
    let source = insist(job, || job.source.survey());
    let destination = insist(job, || job.destination.survey());
    let (source, destination) = tokio::join!(source, destination);
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
