//! The demo's course: what an operations team does with a domain, request by request, from set-up to an open gate.
//! Never knows how a server or a mailbox came to be, and never reaches around the API.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::service::SetupToken;
use crate::cli::exit::Stopped;
use crate::cli::output::tell;

/// Whose mail it is, for the service.
const TENANT: i64 = 1;
/// The desk's number of the whole affair.
const TICKET: i64 = 991;
/// How often the state of runs is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// How long a service that was started anew may take to say its token.
const TOKEN_WITHIN: Duration = Duration::from_secs(2);
/// Octets of one piece of an upload.
const CHUNK_OCTETS: usize = 256 * 1024;

/// The people of the demo: an administrator, who runs the migration, and who approves it.
pub(super) const PEOPLE: [(&str, &str); 3] =
    [("admin", "admin"), ("olivia", "operator"), ("livia", "ops_lead")];

/// What is to be moved, and where from and to.
pub(super) struct Stage<'a> {
    /// Where the service listens.
    pub address: SocketAddr,
    /// The way to it.
    pub service: Client,
    /// The domain.
    pub domain: &'a str,
    /// Its mailboxes.
    pub users: &'a [String],
    /// Their password on both servers, and that of the demo's people.
    pub password: &'a SecretString,
    /// The source's port on loopback.
    pub source: u16,
    /// The destination's.
    pub destination: u16,
    /// A personal store for the first mailbox.
    pub store: Option<&'a Path>,
    /// Set once the demo is to end.
    pub stop: &'a CancellationToken,
    /// Nothing is told on the way.
    pub is_quiet: bool,
}

/// Where the story stands: who may ask what, and which job it is about.
pub(super) struct Story<'a> {
    stage: &'a Stage<'a>,
    admin: Client,
    operator: Client,
    lead: Client,
    /// The job.
    pub job: i64,
    /// The job's mailboxes; a file that is uploaded for an address is one more.
    mailboxes: usize,
    step: u32,
    last: String,
}

/// The first administrator, whatever becomes of the service meanwhile.
async fn set_up(stage: &Stage<'_>, token: &SetupToken, password: &str) -> Result<Client, Stopped> {
    let mut said = String::new();
    loop {
        let last = token.last().ok_or_else(|| Stopped::bug("a new service without a set-up link"))?;
        let setup = json!({"token": last.expose_secret(), "name": PEOPLE[0].0, "password": password});
        let made = stage.service.ask(&Method::POST, "/auth/setup", Some(&setup)).await?;
        match made.status {
            // It was done, and the answer lost.
            StatusCode::CONFLICT => return stage.service.log_in(PEOPLE[0].0, password).await,
            // A service that was started anew has another token; the same one is not refused for that.
            StatusCode::UNAUTHORIZED if said != last.expose_secret() => {
                last.expose_secret().clone_into(&mut said);
                sleep(TOKEN_WITHIN).await;
            }
            _ => return stage.service.as_somebody(made.of("setting up")?),
        }
    }
}

impl<'a> Story<'a> {
    /// Makes the first administrator and two more people, names both servers, and enters the job with its mailboxes.
    pub async fn begin(stage: &'a Stage<'a>, token: &SetupToken) -> Result<Self, Stopped> {
        let password = stage.password.expose_secret();
        let admin = set_up(stage, token, password).await?;
        for (name, role) in &PEOPLE[1..] {
            let user = json!({"name": name, "password": password, "roles": [role], "sees_all_tenants": true});
            let made = admin.ask(&Method::POST, "/access/users", Some(&user)).await?;
            if made.body["code"] != "duplicate" {
                made.of("making a user")?;
            }
        }
        let operator = stage.service.log_in(PEOPLE[1].0, password).await?;
        let lead = stage.service.log_in(PEOPLE[2].0, password).await?;
        let mut story = Self {
            stage,
            admin,
            operator,
            lead,
            job: 0,
            mailboxes: stage.users.len(),
            step: 0,
            last: String::new(),
        };
        story.told("an administrator, an operator and an approver; a job with its mailboxes");
        story.enter().await?;
        Ok(story)
    }

    async fn enter(&mut self) -> Result<(), Stopped> {
        let mut ids = Vec::new();
        for (name, port) in [("old server", self.stage.source), ("new server", self.stage.destination)] {
            let endpoint = json!({
                "name": name, "kind": "imap", "host": "127.0.0.1", "port": port, "tls": "off", "enabled": true,
                "allow_cleartext": true, "allow_private": true, "allowed_networks": ["127.0.0.0/8"],
            });
            let made = self.admin.ask(&Method::POST, "/endpoints", Some(&endpoint)).await?;
            if made.body["code"] == "duplicate" {
                // It was made, and the answer lost with the service.
                let list = self.admin.get("/endpoints").await?;
                let items = list["items"].as_array().into_iter().flatten();
                let known = items.into_iter().find(|one| one["name"] == name);
                ids.push(known.map_or(Value::Null, |one| one["id"].clone()));
            } else {
                ids.push(made.of("naming a server")?.body["id"].clone());
            }
        }
        let secret = json!({"password": self.stage.password.expose_secret()});
        let mailboxes: Vec<Value> = self
            .stage
            .users
            .iter()
            .map(|user| json!({"email": user, "secret": secret, "dest_secret": secret}))
            .collect();
        let job = json!({
            "tenant_id": TENANT, "ticket_id": TICKET, "domain": self.stage.domain,
            "source_server_label": "old server", "source": {"endpoint_id": ids[0]},
            "dest": {"endpoint_id": ids[1]}, "mailboxes": mailboxes,
        });
        let made = self.operator.ask(&Method::POST, "/migration/jobs", Some(&job)).await?;
        let made = if made.body["code"] == "job_exists" {
            let list = self.operator.get(&format!("/migration/jobs?domain={}", self.stage.domain)).await?;
            list["items"][0].clone()
        } else {
            made.of("entering the job")?.body
        };
        self.job = made["id"].as_i64().ok_or_else(|| Stopped::bug("a job without an id"))?;
        Ok(())
    }

    /// Proves all logins and looks at both sides.
    pub async fn preflight(&mut self) -> Result<(), Stopped> {
        self.told("preflight: every login proven on both sides");
        self.run_all("preflight", &json!({"depth": "scan"}), &["preflight"]).await
    }

    /// Copies; `initial` or `delta`.
    pub async fn sync(&mut self, kind: &str, what: &str) -> Result<(), Stopped> {
        self.told(what);
        self.run_all("sync", &json!({"type": kind}), &[kind, "pst_upload"]).await?;
        if kind == "initial" { self.phase("delta_sync").await } else { Ok(()) }
    }

    /// Compares both sides.
    pub async fn verify(&mut self) -> Result<(), Stopped> {
        self.told("verification: every octet, on both servers");
        self.run_all("verify", &json!({"sample": "full"}), &["verify"]).await
    }

    /// Uploads a personal store for the first mailbox, in pieces, and has it read through.
    pub async fn upload(&mut self) -> Result<(), Stopped> {
        let Some(store) = self.stage.store else { return Ok(()) };
        self.told("a personal store (PST) of the first mailbox is uploaded in pieces and read through");
        let octets = tokio::fs::read(store).await;
        let octets =
            octets.map_err(|cause| Stopped::usage(format!("reading {}: {cause}", store.display())))?;
        let name = store.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wish = json!({"email": self.stage.users[0], "file_name": name, "size": octets.len()});
        let upload = self.operator.post(&self.path("uploads"), &wish).await?;
        let path = format!("/migration/uploads/{}", upload["id"].as_str().unwrap_or_default());
        let (octets, mut offset) = (Bytes::from(octets), 0);
        while offset < octets.len() {
            let until = (offset + CHUNK_OCTETS).min(octets.len());
            let there = self.operator.put_octets(&path, offset as u64, octets.slice(offset..until)).await?;
            offset = usize::try_from(there).unwrap_or(usize::MAX);
        }
        self.operator.post(&format!("{path}/complete"), &json!({"start": true})).await?;
        self.mailboxes += 1;
        self.over(0, &["pst_extract"]).await.map(drop)
    }

    /// How many items of the uploaded store are messages at the destination now, as the ledger has it.
    pub async fn carried(&self) -> Result<u64, Stopped> {
        let list = self.operator.get(&self.path("mailboxes?limit=200")).await?;
        let stores = list["items"].as_array().into_iter().flatten().filter(|one| one["source_type"] == "pst");
        Ok(stores.filter_map(|store| store["messages_matched"].as_u64()).sum())
    }

    /// Accepts, with a reason, what cannot be carried.
    pub async fn acknowledge(&mut self) -> Result<u64, Stopped> {
        let list = self.operator.get(&self.path("quarantine?status=open&limit=200")).await?;
        let ids: Vec<&Value> =
            list["items"].as_array().into_iter().flatten().map(|item| &item["id"]).collect();
        if !ids.is_empty() {
            self.told("quarantine: what cannot be carried is read, and acknowledged with a reason");
            let wish = json!({"ids": ids, "reason": "customer agreed", "note": "damaged in the old program"});
            self.operator.post(&self.path("quarantine/ack"), &wish).await?;
        }
        Ok(ids.len() as u64)
    }

    /// Has a second person read every check and open the gate.
    pub async fn approve(&mut self) -> Result<Value, Stopped> {
        self.told("the gate: each warning accepted by a second person");
        let path = self.path("gate");
        self.operator.post(&format!("{path}/evaluate"), &json!({})).await?;
        let seen = self.lead.get(&path).await?;
        let wish = json!({
            "snapshot_hash": seen["snapshot_hash"], "accepted_warnings": seen["warnings"],
            "comment": "read with the customer",
        });
        let password = self.stage.password.expose_secret();
        self.lead.post("/auth/step-up", &json!({"password": password})).await?;
        let answer = self.lead.ask(&Method::POST, &self.path("approve-gate"), Some(&wish)).await?;
        if answer.status == StatusCode::CONFLICT && self.job().await?["migration_gate"] == "ready_for_dns" {
            return Ok(seen);
        }
        answer.of("approving").map(|_| seen)
    }

    /// What a DNS tool is told, and the token that it asks with.
    pub async fn ask_gate(&mut self) -> Result<(Value, String), Stopped> {
        let scopes = ["gate:read", "jobs:read"];
        let wish = json!({"name": "dns-tool", "scopes": scopes, "tenant_id": TENANT, "expires_days": 1});
        let token = self.admin.post("/access/service-tokens", &wish).await?;
        let token = token["token"].as_str().unwrap_or_default().to_owned();
        let tool = self.stage.service.with_token(&token);
        Ok((tool.get(&format!("/migration/gate?domain={}", self.stage.domain)).await?, token))
    }

    /// The job as the service shows it.
    pub async fn job(&self) -> Result<Value, Stopped> {
        self.operator.get(&self.path("")).await
    }

    fn path(&self, rest: &str) -> String {
        let slash = if rest.is_empty() { "" } else { "/" };
        format!("/migration/jobs/{}{slash}{rest}", self.job)
    }

    /// Says what comes; once where it comes again and again.
    fn told(&mut self, what: &str) {
        if self.last == what {
            return;
        }
        what.clone_into(&mut self.last);
        self.step += 1;
        if !self.stage.is_quiet {
            tell(&format!("{}. {what}", self.step));
        }
    }

    async fn phase(&self, phase: &str) -> Result<(), Stopped> {
        loop {
            let job = self.job().await?;
            if job["phase"] == phase {
                return Ok(());
            }
            if job["phase"] == "failed" {
                return Err(Stopped::early(format!("the demo's job failed: {}", job["failure_reason"])));
            }
            self.pause().await?;
        }
    }

    /// Has every mailbox run once as one of `kinds`, and waits until that is over.
    async fn run_all(&self, path: &str, wish: &Value, kinds: &[&str]) -> Result<(), Stopped> {
        let before = self.newest().await?;
        loop {
            let answer = self.operator.ask(&Method::POST, &self.path(path), Some(wish)).await?;
            // Where the answer to the same wish was lost, it may be under way, or done.
            if answer.status != StatusCode::CONFLICT {
                answer.of(path)?;
            }
            if self.over(before, kinds).await? >= self.mailboxes {
                return Ok(());
            }
        }
    }

    /// Waits until nothing of the job is under way; how many mailboxes had a run as one of `kinds` after
    /// the run `before`.
    async fn over(&self, before: i64, kinds: &[&str]) -> Result<usize, Stopped> {
        loop {
            let list = self.operator.get(&self.path("runs?limit=200")).await?;
            let runs: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
            if !runs.iter().any(|run| matches!(run["status"].as_str(), Some("queued" | "running"))) {
                let is_ours = |run: &&&Value| {
                    run["id"].as_i64() > Some(before)
                        && run["run_type"].as_str().is_some_and(|kind| kinds.contains(&kind))
                };
                let ours: Vec<&&Value> = runs.iter().filter(is_ours).collect();
                let is_wrong =
                    |run: &&&&Value| !matches!(run["status"].as_str(), Some("success" | "partial"));
                if let Some(wrong) = ours.iter().find(is_wrong) {
                    return Err(Stopped::early(format!("a run of the demo ended: {wrong}")));
                }
                let mailboxes: BTreeSet<i64> =
                    ours.iter().filter_map(|run| run["mailbox_id"].as_i64()).collect();
                return Ok(mailboxes.len());
            }
            self.pause().await?;
        }
    }

    /// The newest run's id; 0 where there is none.
    async fn newest(&self) -> Result<i64, Stopped> {
        let list = self.operator.get(&self.path("runs?limit=1")).await?;
        Ok(list["items"][0]["id"].as_i64().unwrap_or(0))
    }

    async fn pause(&self) -> Result<(), Stopped> {
        tokio::select! {
            () = sleep(LOOK_EVERY) => Ok(()),
            () = self.stage.stop.cancelled() => Err(Stopped::early("the demo was stopped")),
        }
    }
}
