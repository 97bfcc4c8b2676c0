//! Two real servers with mailboxes, a database that knows them, and workers in this process or another.
//! Never shares anything between tests.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance::mail::Postman;
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::reader::Reader;
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use malote_engine::failure::{Failure, Side};
use malote_engine::imap::{SecretSource, SecretString};
use malote_service::binds;
use malote_service::jobs::{Credentials, Ledgers, NoSecret, Quiet, Worker, WorkerOptions};
use malote_service::store::mailboxes::Mailbox;
use malote_service::store::runs::{Enqueued, NewRun, Standing};
use malote_service::store::words::{RunStatus, RunType};
use malote_service::store::{Store, Where, migrate};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long anything may take before it is taken for stuck.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Accounts that are filled or read at once.
const AT_ONCE: usize = 6;
/// What tells a process of this test that it is a worker.
pub const WORKER: &str = "MALOTE_TEST_WORKER";

const SOURCE: &str = "00000000-0000-4000-8000-00000000000a";
const DESTINATION: &str = "00000000-0000-4000-8000-00000000000b";

/// Everybody's password is the tests' own.
pub struct OnePassword;

#[async_trait]
impl Credentials for OnePassword {
    async fn secret(&self, mailbox: &Mailbox, side: Side) -> Result<Arc<dyn SecretSource>, NoSecret> {
        if mailbox.email.starts_with("nobody") {
            return Err(NoSecret::Missing(side));
        }
        Ok(Arc::new(|| Ok::<_, Failure>(SecretString::from(PASSWORD))))
    }
}

/// Two servers, a database and a job of mailboxes.
pub struct Ground {
    pub source: Dovecot,
    pub destination: Dovecot,
    pub store: Store,
    pub database: String,
    pub folder: TempDir,
    pub users: Vec<String>,
}

impl Ground {
    /// `count` mailboxes of `messages` each; the database is the one at `database`, or a file.
    pub async fn lay(count: usize, messages: usize, seed: u64, database: Option<String>) -> Result<Self> {
        let users: Vec<String> = (0..count).map(|number| format!("ana{number}@exemplo.com.br")).collect();
        let accounts = || users.iter().map(|user| DovecotUser::new(user, PASSWORD)).collect();
        let start = || Dovecot::start(DovecotOptions { users: accounts(), ..DovecotOptions::default() });
        let (source, destination, folder) = (start()?, start()?, tempfile::tempdir()?);
        let fill = users.iter().enumerate().map(|(number, user)| {
            let port = source.port();
            async move {
                let mut reader = Reader::login(port, user, PASSWORD).await?;
                let mails = sorted(Postman::new(seed ^ number as u64).ordinaries(messages));
                let refused = move_in(&mut reader, Writing::PLAIN, &mails).await?;
                ensure!(refused.is_empty(), "{refused:?}");
                reader.logout().await
            }
        });
        futures_util::stream::iter(fill).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        let file = || format!("sqlite:{}", folder.path().join("data/malote.sqlite").display());
        let database = database.unwrap_or_else(file);
        let store = Store::connect(&Where::parse(&database)?).await?;
        migrate::up(&store).await?;
        let ground = Self { source, destination, store, database, folder, users };
        ground.plant().await?;
        Ok(ground)
    }

    async fn plant(&self) -> Result<()> {
        let store = &self.store;
        store.run("planting", "INSERT INTO tenants (id, name) VALUES (1, 'VM112')", Vec::new()).await?;
        for (id, name, port) in
            [(SOURCE, "old", self.source.port()), (DESTINATION, "new", self.destination.port())]
        {
            let text = "INSERT INTO endpoints (id, name, kind, host, port, tls, allow_private)
                        VALUES ($1, $2, 'imap', '127.0.0.1', $3, 'off', 1)";
            store.run("planting", text, binds![id, name, i64::from(port)]).await?;
        }
        let text =
            "INSERT INTO migration_jobs (id, tenant_id, domain, phase, source_endpoint_id, dest_endpoint_id)
                    VALUES (1, 1, 'exemplo.com.br', 'initial_sync', $1, $2)";
        store.run("planting", text, binds![SOURCE, DESTINATION]).await?;
        for (number, user) in self.users.iter().enumerate() {
            let text =
                "INSERT INTO migration_mailboxes (id, job_id, email, source_type) VALUES ($1, 1, $2, 'imap')";
            store.run("planting", text, binds![number as i64 + 1, user]).await?;
        }
        Ok(())
    }

    /// Enters a run on a mailbox.
    pub async fn enqueue(&self, mailbox_id: i64, run_type: RunType, options_json: &str) -> Result<Enqueued> {
        let mailbox = self.store.mailbox(mailbox_id).await?.context("no such mailbox")?;
        let run = NewRun {
            job_id: 1,
            mailbox_id,
            run_type,
            triggered_by: "worker".to_owned(),
            options_json: options_json.to_owned(),
            destination_key: mailbox.destination_key(),
            priority: 0,
            not_before_ms: 0,
            schedule_execution_id: None,
        };
        Ok(self.store.enqueue(&run).await?)
    }

    /// Enters a run on every mailbox; their numbers.
    pub async fn enqueue_all(&self, run_type: RunType) -> Result<Vec<i64>> {
        let mut runs = Vec::new();
        for number in 0..self.users.len() {
            match self.enqueue(number as i64 + 1, run_type, "{}").await? {
                Enqueued::New(run) => runs.push(run),
                Enqueued::Active(run) => bail!("mailbox {} has run {run}", number + 1),
            }
        }
        Ok(runs)
    }

    /// The folder of ledgers, logs and quarantine.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A worker in this process.
    pub fn worker(&self) -> Worker {
        let options = options(self.data(), Ledgers::Files, 4, Duration::from_secs(6));
        Worker::start(self.store.clone(), options, Arc::new(OnePassword), Arc::new(Quiet))
    }

    /// A worker in a process of its own, with leases of so many milliseconds and, where asked, a database and a data
    /// folder of its own.
    pub fn process(&self, lease_ms: u64, database: &str, data: &Path) -> Result<Child> {
        let word = format!("{lease_ms} {database} {}", data.display());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["a_worker_in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"]);
        command.env(WORKER, word).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.kill_on_drop(true).spawn().context("starting a worker")
    }

    /// How a run stands.
    pub async fn standing(&self, run: i64) -> Result<Standing> {
        self.store.standing(run).await?.with_context(|| format!("no run {run}"))
    }

    /// Waits until a run is over.
    pub async fn over(&self, run: i64) -> Result<Standing> {
        let began = Instant::now();
        loop {
            let standing = self.standing(run).await?;
            if !matches!(standing.status, RunStatus::Queued | RunStatus::Running) {
                return Ok(standing);
            }
            ensure!(began.elapsed() < WAIT_MAX, "run {run} does not end: {standing:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until all are over, each with success.
    pub async fn all_over(&self, runs: &[i64]) -> Result<()> {
        for run in runs {
            let standing = self.over(*run).await?;
            ensure!(standing.status == RunStatus::Success, "run {run}: {standing:?}");
        }
        Ok(())
    }

    /// Every destination account holds what its source holds, each message as often.
    pub async fn is_exact(&self) -> Result<()> {
        let looks = self.users.iter().map(|user| self.is_exact_for(user));
        futures_util::stream::iter(looks).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn is_exact_for(&self, user: &str) -> Result<()> {
        let mut sides = Vec::new();
        for port in [self.source.port(), self.destination.port()] {
            let mut reader = Reader::login(port, user, PASSWORD).await?;
            sides.push(contents(&mut reader, Writing::PLAIN).await?);
            reader.logout().await?;
        }
        let (missing, surplus) = differences(&sides[0], &sides[1]);
        ensure!(
            missing.is_empty() && surplus.is_empty() && !sides[0].is_empty(),
            "{user}: missing {missing:#?}; too many {surplus:#?}"
        );
        Ok(())
    }

    /// One number from the database.
    pub async fn number(&self, text: &'static str) -> Result<i64> {
        let row = self.store.one("asking", text, Vec::new()).await?;
        Ok(row.context("no row")?.int(0)?)
    }
}

/// A worker in a hurry.
pub fn options(data: PathBuf, ledgers: Ledgers, capacity: usize, lease: Duration) -> WorkerOptions {
    WorkerOptions {
        capacity,
        lease,
        beat: Duration::from_millis(200),
        idle: Duration::from_millis(50),
        retry_pause: Duration::from_millis(200),
        ..WorkerOptions::new(data, ledgers)
    }
}

/// Works until the process is killed, as [`WORKER`] says.
pub async fn work(word: &str) -> Result<()> {
    let mut words = word.splitn(3, ' ');
    let mut next = || words.next().context("a worker is told too little");
    let (lease, database, data) = (Duration::from_millis(next()?.parse()?), next()?, PathBuf::from(next()?));
    let place = Where::parse(database)?;
    let ledgers = match &place {
        Where::Sqlite(_) => Ledgers::Files,
        Where::Postgres(url) => Ledgers::Postgres(url.clone()),
    };
    let store = Store::connect(&place).await?;
    let options = options(data, ledgers, 3, lease);
    let _worker = Worker::start(store, options, Arc::new(OnePassword), Arc::new(Quiet));
    std::future::pending().await
}
