//! One mailbox brought from one URL to another by the engine, as an embedder would do it.
//! Never shares state between migrations: each has a ledger and a quarantine folder of its own.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use malote_engine::destination::imap::ImapDestination;
use malote_engine::event::Event;
use malote_engine::failure::Side;
use malote_engine::imap::host::Hosts;
use malote_engine::imap::{Endpoint, Location, SecretSource, SecretString};
use malote_engine::ledger::sql::SqliteLedger;
use malote_engine::ledger::{Ledger, PairIdentity};
use malote_engine::policy::{Content, Policy};
use malote_engine::profile::Profile;
use malote_engine::quarantine::QuarantineFolder;
use malote_engine::report::Report;
use malote_engine::run::{Forecast, Job, copy, plan, verify};
use malote_engine::source::imap::ImapSource;
use tempfile::TempDir;

/// The password that test accounts have unless they say otherwise.
pub const PASSWORD: &str = "segredo";

/// A pair of locations with everything that a run needs beside them.
pub struct Migration {
    /// Where mail comes from.
    pub from: String,
    /// Where it goes to.
    pub to: String,
    /// The source's password.
    pub from_password: String,
    /// The destination's password.
    pub to_password: String,
    /// Where the source's secret comes from, in place of its password.
    pub from_secret: Option<Arc<dyn SecretSource>>,
    /// Where the destination's secret comes from, in place of its password.
    pub to_secret: Option<Arc<dyn SecretSource>>,
    /// What the operator wants; pauses are short, for a test does not wait.
    pub policy: Policy,
    /// Certificates trusted on both sides, as PEM.
    pub extra_roots: Vec<u8>,
    /// How long a server may be silent in the midst of a command; the engine's own patience where absent.
    pub progress_max: Option<Duration>,
    /// The profiles that the operator names, of source and destination.
    pub profiles: (Option<Arc<Profile>>, Option<Arc<Profile>>),
    /// The servers as this process knows them, where several mailboxes share what they bear.
    pub hosts: Option<Arc<Hosts>>,
    events: Arc<Mutex<Vec<Event>>>,
    folder: TempDir,
}

impl Migration {
    /// Between two locations such as the servers' `url(user)` gives.
    ///
    /// # Errors
    /// Where no folder for ledger and quarantine can be made.
    pub fn between(from: &str, to: &str) -> Result<Self> {
        let policy = Policy { pause_ms: 20, quiet_ms: 150, ..Policy::default() };
        Ok(Self {
            from: from.to_owned(),
            to: to.to_owned(),
            from_password: PASSWORD.to_owned(),
            to_password: PASSWORD.to_owned(),
            from_secret: None,
            to_secret: None,
            policy,
            extra_roots: Vec::new(),
            progress_max: None,
            profiles: (None, None),
            hosts: None,
            events: Arc::default(),
            folder: tempfile::tempdir()?,
        })
    }

    /// The ledger's file.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state.malote")
    }

    /// Where refused messages are kept.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.folder.path().join("quarantine")
    }

    /// Loses the ledger, as a dead disk would.
    ///
    /// # Errors
    /// Where its files cannot be removed.
    pub fn forget(&self) -> Result<()> {
        for entry in std::fs::read_dir(self.folder.path())? {
            let path = entry?.path();
            if path.is_file() {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// What the runs so far have told.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a copy.
    ///
    /// # Errors
    /// Where a location or the ledger cannot be read; whatever happens after that is in the report.
    pub async fn copy(&self) -> Result<Report> {
        let job = self.job().await?;
        let report = copy(&job).await;
        close(&job).await;
        Ok(report)
    }

    /// Forecasts a copy.
    ///
    /// # Errors
    /// As `copy`.
    pub async fn plan(&self) -> Result<Forecast> {
        let job = self.job().await?;
        let forecast = plan(&job).await;
        close(&job).await;
        Ok(forecast)
    }

    /// Verifies.
    ///
    /// # Errors
    /// As `copy`.
    pub async fn verify(&self, content: Content) -> Result<Report> {
        let job = self.job().await?;
        let report = verify(&job, content).await;
        close(&job).await;
        Ok(report)
    }

    /// A job on the present state, for tests that hold it in their own hands.
    ///
    /// # Errors
    /// As `copy`.
    pub async fn job(&self) -> Result<Job> {
        let source = self.endpoint(&self.from, Side::Source, &self.from_password, &self.from_secret)?;
        let destination = self.endpoint(&self.to, Side::Destination, &self.to_password, &self.to_secret)?;
        let identity =
            PairIdentity { source: source.location.mailbox(), destination: destination.location.mailbox() };
        let connections = self.policy.connections;
        let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open_or_set_aside(&self.state()).await?.0);
        let mut job = Job::new(
            Arc::new(ImapSource::new(source, connections)),
            Arc::new(ImapDestination::new(destination, connections)),
            ledger,
            Arc::new(QuarantineFolder::new(self.quarantine())),
            identity,
        );
        job.policy = self.policy.clone();
        let events = Arc::clone(&self.events);
        job.events = Arc::new(move |event: Event| {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        });
        Ok(job)
    }

    fn endpoint(
        &self,
        url: &str,
        side: Side,
        password: &str,
        secret: &Option<Arc<dyn SecretSource>>,
    ) -> Result<Endpoint> {
        let password = password.to_owned();
        let by_password = move || Ok(SecretString::from(password.clone()));
        let secret = secret.clone().unwrap_or_else(|| Arc::new(by_password));
        let mut endpoint = Location::parse(url, false)?.endpoint(side, secret);
        endpoint.extra_roots.clone_from(&self.extra_roots);
        let (source, destination) = &self.profiles;
        endpoint.profile.clone_from(if side == Side::Source { source } else { destination });
        if let Some(hosts) = &self.hosts {
            endpoint.host = hosts.host(&endpoint.location.host, endpoint.location.port);
        }
        endpoint.progress_max = self.progress_max.unwrap_or(endpoint.progress_max);
        Ok(endpoint)
    }
}

async fn close(job: &Job) {
    job.source.close().await;
    job.destination.close().await;
    job.ledger.close().await;
}
