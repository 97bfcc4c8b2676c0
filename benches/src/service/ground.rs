//! A service as a process, a large job in its database, and a few mailboxes of it on two real servers to be copied.
//! Never shares anything between runs.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use acceptance::servers::{Dovecot, DovecotOptions, DovecotUser};
use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use malote_service::binds;
use malote_service::gate::{self, Wish};
use malote_service::store::{Store, Where, at};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::web::Web;
use crate::rivals::{PASSWORD, malote};

/// The job's domain.
pub(super) const DOMAIN: &str = "bench.example";
/// Folders of a mailbox that is only a row.
const FOLDERS: i64 = 20;
/// Tokens, so that no caller meets the limit of requests in a minute.
const TOKENS: usize = 10;
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How large the job is.
pub(super) struct Sizes {
    pub mailboxes: i64,
    /// Messages that the ledgers of all mailboxes know together.
    pub messages: i64,
    /// Mailboxes that are copied meanwhile.
    pub copying: usize,
    /// Messages of each.
    pub copied: usize,
    /// Requests that are timed.
    pub asked: usize,
    /// Readers of events at once.
    pub readers: usize,
}

/// Everything that is needed; the service ends with it.
pub(super) struct Ground {
    pub store: Store,
    pub job: i64,
    address: String,
    tokens: Vec<String>,
    copying: Vec<i64>,
    service: Child,
    _servers: (Dovecot, Dovecot),
    _folder: TempDir,
}

impl Ground {
    pub async fn lay(sizes: &Sizes) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let name = |number: usize| format!("copy{number}@{DOMAIN}");
        let users = || (0..sizes.copying).map(|number| DovecotUser::new(&name(number), PASSWORD)).collect();
        let start = || Dovecot::start(DovecotOptions { users: users(), ..DovecotOptions::default() });
        let servers = (start()?, start()?);
        let fills = (0..sizes.copying).map(|number| fill(servers.0.port(), name(number), sizes.copied));
        try_join_all(fills).await?;
        let mut tokens = Vec::new();
        for number in 0..TOKENS {
            tokens.push(token(&data, &format!("bench{number}")).await?);
        }
        let (service, address) = serve(&data, sizes.copying).await?;
        let store = Store::connect(&Where::in_folder(&data)).await?;
        let mut ground = Self {
            store,
            job: 1,
            address,
            tokens,
            copying: Vec::new(),
            service,
            _servers: servers,
            _folder: folder,
        };
        ground.plant(sizes).await?;
        Ok(ground)
    }

    /// Rows as runs would have left them.
    async fn plant(&mut self, sizes: &Sizes) -> Result<()> {
        let (now_at, store) = (at(now_ms()), &self.store);
        store.run("planting", "INSERT INTO tenants (id, name) VALUES (1, 'bench')", binds![]).await?;
        for (id, port) in [("a", self._servers.0.port()), ("b", self._servers.1.port())] {
            let text = "INSERT INTO endpoints (id, name, kind, host, port, tls, allow_private, allowed_networks_json)
                        VALUES ($1, $2, 'imap', '127.0.0.1', $3, 'off', 1, '[\"127.0.0.0/8\"]')";
            store.run("planting", text, binds![uuid(id), id, i64::from(port)]).await?;
        }
        let job =
            "INSERT INTO migration_jobs (id, tenant_id, domain, phase, source_endpoint_id, dest_endpoint_id)
                   VALUES (1, 1, $1, 'initial_sync', $2, $3)";
        store.run("planting", job, binds![DOMAIN, uuid("a"), uuid("b")]).await?;
        let boxes = "
            WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1)
            INSERT INTO migration_mailboxes (job_id, email, source_type, has_scan, messages_source, messages_matched,
                messages_dest, sync_percent, status, last_scan_at, last_delta_at, last_delta_status,
                source_login_ok_at, dest_login_ok_at)
            SELECT 1, 'user' || n || '@bench.example', 'imap', 1, $2, $2, $2, 100, 'ok', $3, $3, 'success', $3, $3
            FROM number";
        let each = (sizes.messages / sizes.mailboxes / FOLDERS) * FOLDERS;
        store.run("planting", boxes, binds![sizes.mailboxes, each, &now_at]).await?;
        let folders = "
            WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1)
            INSERT INTO mailbox_folders (mailbox_id, source_path, dest_path, role, messages_source, messages_matched,
                messages_dest, last_scan_at, status)
            SELECT box.id, CASE WHEN n = 1 THEN 'INBOX' ELSE 'Folder ' || n END,
                   CASE WHEN n = 1 THEN 'INBOX' ELSE 'Folder ' || n END,
                   CASE WHEN n = 1 THEN 'inbox' WHEN n = 2 THEN 'sent' ELSE '' END, $2, $2, $2, $3, 'ok'
            FROM migration_mailboxes AS box JOIN number";
        store.run("planting", folders, binds![FOLDERS, each / FOLDERS, &now_at]).await?;
        self.select(sizes.mailboxes).await?;
        let (web, path) = (self.web(0), "/migration/jobs/1/mailboxes");
        for number in 0..sizes.copying {
            let body = serde_json::json!({
                "email": format!("copy{number}@{DOMAIN}"), "secret": {"password": PASSWORD},
                "dest_secret": {"password": PASSWORD},
            });
            let told: serde_json::Value =
                serde_json::from_str(&web.ask("POST", path, &body.to_string()).await?)?;
            self.copying.push(told["id"].as_i64().context("no mailbox")?);
        }
        Ok(())
    }

    /// Notes that the planted mailboxes were counted and copied under the options that they have.
    async fn select(&self, mailboxes: i64) -> Result<()> {
        let known =
            "UPDATE migration_mailboxes SET counted_selection = $2, delta_selection = $2 WHERE id = $1";
        for id in 1..=mailboxes {
            let row = self.store.mailbox(id).await?.context("no mailbox")?;
            let digest = malote_service::jobs::selection_of(&row, "{}");
            self.store.run("planting", known, binds![id, &digest]).await?;
        }
        Ok(())
    }

    /// A caller; each number another, as far as tokens go.
    pub fn web(&self, number: usize) -> Web {
        Web { address: self.address.clone(), token: self.tokens[number % self.tokens.len()].clone() }
    }

    /// Has the mailboxes copied that have servers, and waits until all of them are at work.
    pub async fn begin_copies(&self) -> Result<()> {
        let body = serde_json::json!({"type": "initial", "mailbox_ids": self.copying});
        self.web(0).ask("POST", "/migration/jobs/1/sync", &body.to_string()).await?;
        let began = Instant::now();
        while self.active().await? < self.copying.len() {
            ensure!(began.elapsed() < WAIT_MAX, "the copies do not begin");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until no run is at work.
    pub async fn wait_for_copies(&self) -> Result<()> {
        let began = Instant::now();
        while self.active().await? > 0 {
            ensure!(began.elapsed() < WAIT_MAX, "the copies do not end");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// Approves the gate with all its warnings, as a person does, so that each look is held against that.
    pub async fn approve(&self) -> Result<()> {
        let seen = gate::look(&self.store, self.job, now_ms()).await?.evaluation;
        let wish = Wish {
            snapshot_hash: &seen.snapshot_hash,
            accepted: &seen.warnings(),
            actor: "bench",
            comment: "",
            is_four_eyes: false,
            request: None,
        };
        let approved = gate::approve_now(&self.store, self.job, &wish, now_ms()).await?;
        ensure!(approved.is_ok(), "the gate cannot be approved: {:?}", seen.failing());
        Ok(())
    }

    /// Runs at work.
    pub async fn active(&self) -> Result<usize> {
        let text = "SELECT COUNT(*) FROM migration_runs WHERE status = 'running'";
        let row = self.store.one("counting runs", text, binds![]).await?;
        Ok(usize::try_from(row.context("no row")?.int(0)?)?)
    }

    /// How long each of so many answers took, asked one after another.
    pub async fn times(&self, path: &str, count: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let (web, began) = (self.web(number), Instant::now());
            web.ask("GET", path, "").await?;
            times.push(began.elapsed());
        }
        Ok(times)
    }

    /// What the service holds in memory.
    pub fn memory_mib(&self) -> Result<f64> {
        let id = self.service.id().context("the service has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.split_whitespace().next().context("no number")?.parse()?;
        Ok(kib / 1024.0)
    }
}

fn uuid(letter: &str) -> String {
    format!("00000000-0000-4000-8000-00000000000{letter}")
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn token(data: &std::path::Path, name: &str) -> Result<String> {
    let mut command = Command::new(malote()?);
    command.args(["admin", "token", "add", name, "--data"]).arg(data);
    for scope in ["jobs:read", "jobs:write", "runs:write", "credentials:write", "gate:read"] {
        command.args(["--scope", scope]);
    }
    let ended = command.stdin(Stdio::null()).output().await?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(String::from_utf8(ended.stdout)?.trim().to_owned())
}

async fn serve(data: &std::path::Path, workers: usize) -> Result<(Child, String)> {
    let mut command = Command::new(malote()?);
    command.args(["serve", "--listen", "127.0.0.1:0", "--workers", &workers.to_string(), "--data"]).arg(data);
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
    loop {
        let line = timeout(WAIT_MAX, lines.next_line()).await??.context("the service ended")?;
        if let Some(address) = line.strip_prefix("malote: listening on http://") {
            let address = address.to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, address));
        }
    }
}

/// Messages of some hundred octets and more: many, so that copies last.
async fn fill(port: u16, user: String, count: usize) -> Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let client = async_imap::Client::new(stream);
    let mut session = client.login(&user, PASSWORD).await.map_err(|(error, _)| error)?;
    for number in 0..count {
        let text = format!(
            "Message-ID: <{number}@{user}>\r\nFrom: a@{DOMAIN}\r\nTo: {user}\r\nSubject: {number}\r\n\
             Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n{}\r\n",
            "All work and no play makes a long message.\r\n".repeat(10 + number % 40)
        );
        session.append("INBOX", None, None, text.as_bytes()).await?;
    }
    session.logout().await?;
    Ok(())
}
