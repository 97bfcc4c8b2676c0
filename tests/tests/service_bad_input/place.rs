//! Two real servers, a service without a process over them, and one mailbox to be moved by its API and worker.
//! Never shares anything between tests.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use acceptance::mail::Postman;
use acceptance::migration::PASSWORD;
use acceptance::office::{Writing, contents, differences, move_in, sorted};
use acceptance::reader::Reader;
use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context, Result, ensure};
use malote_service::binds;
use malote_service::jobs::{Ledgers, Worker, WorkerOptions};
use malote_service::store::words::RunStatus;
use malote_service::work::{FromVault, GateAfter};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::text;
use crate::world::{Person, World};

/// The mailbox's address.
pub const USER: &str = "ana@example.com";
/// How long anything may take before it is taken for stuck.
const WAIT_MAX: Duration = Duration::from_secs(120);
const SEED: u64 = 20_261_121;

/// Everything that is needed.
pub struct Place {
    pub world: World,
    pub maker: Person,
    pub lead: Person,
    pub job: i64,
    source: Dovecot,
    destination: Dovecot,
}

impl Place {
    /// One mailbox of so many messages; its destination holds so many KiB at most, where that is said.
    pub async fn lay(messages: usize, quota_kib: Option<u64>) -> Result<Self> {
        let start = |user| Dovecot::start(DovecotOptions { users: vec![user], ..DovecotOptions::default() });
        let user = || DovecotUser::new(USER, PASSWORD);
        let source = start(user())?;
        let destination = start(quota_kib.map_or_else(user, |kib| user().with_quota_kib(kib)))?;
        let mut reader = Reader::login(source.port(), USER, PASSWORD).await?;
        let refused =
            move_in(&mut reader, Writing::PLAIN, &sorted(Postman::new(SEED).ordinaries(messages))).await?;
        ensure!(refused.is_empty(), "{refused:?}");
        reader.logout().await?;
        let world = World::new().await?;
        let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        world.pass(now_ms - world.now());
        let maker = world.user("maker", &["operator"], &[]).await?;
        let lead = world.user("lead", &["ops_lead"], &[]).await?;
        let admin = world.user("admin1", &["admin"], &[]).await?;
        let mut endpoints = Vec::new();
        for (name, port) in [("old", source.port()), ("new", destination.port())] {
            let made = json!({
                "name": name, "tenant_id": 1, "kind": "imap", "host": "127.0.0.1", "port": port, "tls": "off",
                "allow_private": true, "allowed_networks": ["127.0.0.0/8"],
            });
            endpoints.push(text(&world.post(&admin, "/endpoints", made).await?.with(201).json(), "id")?);
            let test = format!("/endpoints/{}/test", endpoints[endpoints.len() - 1]);
            let told = world.post(&maker, &test, json!({})).await?.with(200).json();
            ensure!(told["status"] == "ok" && told["capabilities"].is_array(), "{told}");
        }
        let job = world.job(&maker, 1, "example.com").await?;
        let on = "UPDATE migration_jobs SET source_endpoint_id = $2, dest_endpoint_id = $3 WHERE id = $1";
        world.sql(on, binds![job, &endpoints[0], &endpoints[1]]).await?;
        let made =
            json!({"email": USER, "secret": {"password": PASSWORD}, "dest_secret": {"password": PASSWORD}});
        let path = format!("/migration/jobs/{job}/mailboxes");
        world.post(&maker, &path, made).await?.with(201);
        Ok(Self { world, maker, lead, job, source, destination })
    }

    /// A worker in this process, with the service's own vault, walls and gate.
    pub fn worker(&self) -> Worker {
        let app = &self.world.app;
        let options = WorkerOptions {
            lease: Duration::from_secs(20),
            beat: Duration::from_millis(200),
            idle: Duration::from_millis(50),
            retry_pause: Duration::from_millis(200),
            ..WorkerOptions::new(app.config.data.clone(), Ledgers::Files)
        };
        let (secrets, after) = (Arc::new(FromVault(app.clone())), Arc::new(GateAfter(app.clone())));
        Worker::start(app.store.clone(), options, secrets, after)
    }

    /// Asks for runs and waits for their success.
    pub async fn run(&self, what: &str, asked: Value) -> Result<()> {
        for run in self.ask(what, asked).await? {
            let status = self.over(run).await?;
            let told = self.world.app.store.standing(run).await?;
            ensure!(status == RunStatus::Success, "{what}: {told:?}");
        }
        Ok(())
    }

    /// The same, however they end.
    pub async fn run_to_any_end(&self, what: &str, asked: Value) -> Result<()> {
        for run in self.ask(what, asked).await? {
            self.over(run).await?;
        }
        Ok(())
    }

    async fn ask(&self, what: &str, asked: Value) -> Result<Vec<i64>> {
        let path = format!("/migration/jobs/{}/{what}", self.job);
        let told = self.world.post(&self.maker, &path, asked).await?.with(202).json();
        Ok(told["run_ids"].as_array().context("no runs")?.iter().filter_map(Value::as_i64).collect())
    }

    /// Waits until a run is over.
    pub async fn over(&self, run: i64) -> Result<RunStatus> {
        let began = Instant::now();
        loop {
            let standing = self.world.app.store.standing(run).await?.context("no such run")?;
            if !matches!(standing.status, RunStatus::Queued | RunStatus::Running) {
                return Ok(standing.status);
            }
            ensure!(began.elapsed() < WAIT_MAX, "run {run} does not end: {standing:?}");
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// Puts the job into a phase.
    pub async fn phase(&self, phase: &'static str) -> Result<()> {
        self.world.sql("UPDATE migration_jobs SET phase = $2 WHERE id = $1", binds![self.job, phase]).await
    }

    /// The gate as an approver sees it.
    pub async fn gate(&self) -> Result<Value> {
        let path = format!("/migration/jobs/{}/gate", self.job);
        Ok(self.world.get(&self.lead, &path).await?.with(200).json())
    }

    /// How one check of a gate ended.
    pub fn check(&self, gate: &Value, id: &str) -> Result<String> {
        let checks = gate["checks"].as_array().context("no checks")?;
        let found = checks.iter().find(|check| check["check_id"] == id).context("no such check")?;
        text(found, "status")
    }

    /// Approves what was seen, warning by warning.
    pub async fn approve(&self, gate: &Value) -> Result<()> {
        let wish = json!({"snapshot_hash": gate["snapshot_hash"], "accepted_warnings": gate["warnings"]});
        let path = format!("/migration/jobs/{}/approve-gate", self.job);
        self.world.post(&self.lead, &path, wish).await?.with(200);
        Ok(())
    }

    /// One number from the service's database.
    pub async fn number(&self, text: &'static str) -> Result<i64> {
        let row = self.world.app.store.one("asking", text, Vec::new()).await?;
        Ok(row.context("no row")?.int(0)?)
    }

    /// The destination holds what the source holds, each message as often.
    pub async fn is_exact(&self) -> Result<()> {
        let mut sides = Vec::new();
        for port in [self.source.port(), self.destination.port()] {
            let mut reader = Reader::login(port, USER, PASSWORD).await?;
            sides.push(contents(&mut reader, Writing::PLAIN).await?);
            reader.logout().await?;
        }
        let (missing, surplus) = differences(&sides[0], &sides[1]);
        ensure!(missing.is_empty() && surplus.is_empty(), "missing {missing:#?}; too many {surplus:#?}");
        ensure!(!sides[0].is_empty(), "there is nothing to compare");
        Ok(())
    }

    /// Plays a user at the destination: two messages of the inbox are copied once more, and four are removed.
    pub async fn double_and_lose(&self) -> Result<()> {
        let mut reader = Reader::login(self.destination.port(), USER, PASSWORD).await?;
        let count = reader.messages("INBOX").await?.len();
        ensure!(count >= 6, "the inbox holds {count} messages alone");
        for command in ["SELECT INBOX", "COPY 1:2 INBOX", "STORE 3:6 +FLAGS.SILENT (\\Deleted)", "EXPUNGE"] {
            reader.run(command).await?;
        }
        reader.logout().await
    }
}
