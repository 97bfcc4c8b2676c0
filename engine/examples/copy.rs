//! Copies one mailbox to another server with progress: `copy FROM TO STATE`, passwords in the environment.
use std::{env, path::Path, sync::Arc, time::Duration};

use malote_engine::destination::imap::ImapDestination;
use malote_engine::failure::{Failure, Side};
use malote_engine::imap::{Endpoint, Location, SecretString};
use malote_engine::ledger::{PairIdentity, sql::SqliteLedger};
use malote_engine::quarantine::QuarantineFolder;
use malote_engine::run::{Job, copy};
use malote_engine::source::imap::ImapSource;

fn endpoint(text: &str, side: Side, variable: &'static str) -> Result<Endpoint, Failure> {
    let secret = move || Ok(SecretString::from(env::var(variable).unwrap_or_default()));
    Ok(Location::parse(text, false)?.endpoint(side, Arc::new(secret)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [from, to, state] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "FROM TO STATE")?;
    let source = endpoint(&from, Side::Source, "MALOTE_FROM_PASSWORD")?;
    let destination = endpoint(&to, Side::Destination, "MALOTE_TO_PASSWORD")?;
    let identity =
        PairIdentity { source: source.location.mailbox(), destination: destination.location.mailbox() };
    let (ledger, _) = SqliteLedger::open_or_set_aside(Path::new(&state)).await?;
    let quarantine = QuarantineFolder::new(format!("{state}.quarantine").into());
    let (source, destination) = (ImapSource::new(source, 2), ImapDestination::new(destination, 2));
    let job =
        Job::new(Arc::new(source), Arc::new(destination), Arc::new(ledger), Arc::new(quarantine), identity);
    let progress = Arc::clone(&job.progress);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            eprintln!("{:?}", progress.snapshot());
        }
    });
    let report = copy(&job).await;
    Ok(serde_json::to_writer_pretty(std::io::stdout(), &report)?)
}
