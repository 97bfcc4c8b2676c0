//! A service among servers of the loopback: a name server, web servers over TLS, mail servers by name.
//! Never holds a check: that is what the tests beside it do.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::name_server::{NameServer, Record};
use acceptance::servers::Dovecot;
use acceptance::tls::{Identity, TestCa};
use anyhow::{Context, Result, ensure};
use malote_service::config::{Mfa, Outside};
use malote_service::jobs::{Ledgers, Quiet, Worker, WorkerOptions};
use malote_service::work::FromVault;
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use super::world::{Person, World};

/// The loopback's first address, which alone is allowed.
pub const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A service that asks this name server and trusts this authority, whose web servers are at `https_port`.
pub async fn world(names: &NameServer, ca: &TestCa, https_port: u16) -> Result<World> {
    let outside = Outside {
        name_servers: vec![names.address()],
        roots: ca.pem().as_bytes().to_vec(),
        https_port,
        ..Outside::default()
    };
    World::reaching(Mfa::Offered, vec!["127.0.0.1/32".parse()?], outside).await
}

/// What a web server says to each request: the whole answer, or nothing and the line stays open.
pub type Say = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A web server over TLS that ends with the process, its port and how often it was asked.
pub fn web(identity: &Identity, say: Arc<Say>) -> Result<(u16, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind((HERE, 0))?;
    let port = listener.local_addr()?.port();
    let (config, asked) = (identity.server_config()?, Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, say, counted) = (Arc::clone(&config), Arc::clone(&say), Arc::clone(&counted));
            thread::spawn(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                // Who asked may be gone, or not like the certificate.
                let _ = serve(stream, ServerConnection::new(config)?, &say);
                anyhow::Ok(())
            });
        }
    });
    Ok((port, asked))
}

fn serve(stream: TcpStream, session: ServerConnection, say: &Arc<Say>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(StreamOwned::new(session, stream));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    match say(&first) {
        Some(text) => {
            reader.get_mut().write_all(text.as_bytes())?;
            reader.get_mut().flush()?;
        }
        None => thread::sleep(Duration::from_secs(20)),
    }
    Ok(())
}

/// A page as a web server sends it.
pub fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// Tells that these names lead to the loopback.
pub fn lead_here(names: &NameServer, hosts: &[&str]) {
    for host in hosts {
        names.tell(host, Record::A(HERE));
    }
}

/// A server of the loopback without TLS; its id.
pub async fn endpoint(world: &World, who: &Person, name: &str, port: u16) -> Result<String> {
    let body = json!({
        "name": name, "kind": "imap", "host": "127.0.0.1", "port": port, "tls": "off", "allow_private": true,
        "allowed_networks": ["127.0.0.1/32"],
    });
    let made = world.post(who, "/endpoints", body).await?.with(201).json();
    Ok(made["id"].as_str().context("no id")?.to_owned())
}

/// A worker with the vault's secrets, and a person who has it run a job.
pub struct Bench<'a> {
    world: &'a World,
    who: Person,
    job: String,
    worker: Worker,
    kept: Vec<Dovecot>,
}

impl<'a> Bench<'a> {
    pub fn new(world: &'a World, who: &Person, job: &str) -> Self {
        let options = WorkerOptions {
            idle: Duration::from_millis(50),
            retry_pause: Duration::from_millis(100),
            ..WorkerOptions::new(world.folder.path().join("data"), Ledgers::Files)
        };
        let secrets = Arc::new(FromVault(world.app.clone()));
        let worker = Worker::start(world.app.store.clone(), options, secrets, Arc::new(Quiet));
        Self { world, who: who.clone(), job: job.to_owned(), worker, kept: Vec::new() }
    }

    /// Keeps a server until the end.
    pub fn keep(&mut self, server: Dovecot) {
        self.kept.push(server);
    }

    pub async fn mailboxes(&self) -> Result<Vec<i64>> {
        let path = format!("/migration/jobs/{}/mailboxes", self.job);
        let told = self.world.get(&self.who, &path).await?.with(200).json();
        let items = told["items"].as_array().context("no items")?;
        items.iter().map(|item| item["id"].as_i64().context("no id")).collect()
    }

    pub async fn preflight(&self, status: &str, class: &str) -> Result<()> {
        self.asked("preflight", json!({}), (status, class)).await
    }

    pub async fn sync(&self, kind: &str, status: &str, class: &str) -> Result<()> {
        self.asked("sync", json!({"type": kind}), (status, class)).await
    }

    pub async fn run_of(&self, mailbox: i64, kind: &str, status: &str, class: &str) -> Result<()> {
        self.asked("sync", json!({"type": kind, "mailbox_ids": [mailbox]}), (status, class)).await
    }

    /// Asks for runs, and waits until each has ended so.
    async fn asked(&self, what: &str, body: Value, (status, class): (&str, &str)) -> Result<()> {
        let path = format!("/migration/jobs/{}/{what}", self.job);
        let told = self.world.post(&self.who, &path, body).await?.with(202).json();
        let runs = told["run_ids"].as_array().with_context(|| format!("no runs: {told}"))?;
        for run in runs {
            let path = format!("/migration/runs/{run}");
            let began = Instant::now();
            let ended = loop {
                let told = self.world.get(&self.who, &path).await?.with(200).json();
                if !["queued", "running"].contains(&told["status"].as_str().unwrap_or_default()) {
                    break told;
                }
                ensure!(began.elapsed() < Duration::from_secs(90), "it does not end: {told}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            ensure!(ended["status"] == status && ended["error_class"] == class, "{what}: {ended}");
        }
        Ok(())
    }

    pub async fn end(self) {
        self.worker.stop().await;
    }
}
