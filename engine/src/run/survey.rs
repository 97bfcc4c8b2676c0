//! Asks both sides what there is, at once.
//! Never gives up on one side because the other failed: both failures are told together.

use malote_plan::failure::Side;

use super::job::Job;
use crate::event::Event;
use crate::failure::Failure;
use crate::source::Survey;

/// Both sides as they answered.
pub(super) struct Surveys {
    pub source: Survey,
    pub destination: Survey,
}

pub(super) async fn survey(job: &Job) -> Result<Surveys, Vec<Failure>> {
    let (source, destination) = tokio::join!(job.source.survey(), job.destination.survey());
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
