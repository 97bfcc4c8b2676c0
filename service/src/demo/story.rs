//! The demo's course: what an operations team does with a domain, request by request, from set-up to an open gate.
//! Never knows how a server or a mailbox came to be, and never reaches around the API.

use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use crate::cli::exit::Stopped;
use crate::cli::output::tell;

/// Whose mail it is, for the service.
const TENANT: i64 = 1;
/// The desk's number of the whole affair.
const TICKET: i64 = 991;
/// How often the state of runs is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Octets of one piece of an upload.
const CHUNK_OCTETS: usize = 256 * 1024;

/// The people of the demo: an administrator, who runs the migration, and who approves it.
pub(super) const PEOPLE: [(&str, &str); 3] =
    [("admin", "admin"), ("olivia", "operator"), ("livia", "ops_lead")];

/// What is to be moved, and where from and to.
pub(super) struct Stage<'a> {
    /// The service.
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
    /// Items of the uploaded store that became messages.
    pub carried: u64,
    step: u32,
    last: String,
}

impl<'a> Story<'a> {
    /// Makes the first administrator and two more people, names both servers, and enters the job with its mailboxes.
    pub async fn begin(stage: &'a Stage<'a>, token: &SecretString) -> Result<Self, Stopped> {
        let password = stage.password.expose_secret();
        let setup = json!({"token": token.expose_secret(), "name": PEOPLE[0].0, "password": password});
        let made = stage.service.ask(&Method::POST, "/auth/setup", Some(&setup)).await?;
        let admin = stage.service.as_somebody(made.of("setting up")?)?;
        for (name, role) in &PEOPLE[1..] {
            let user = json!({"name": name, "password": password, "roles": [role], "sees_all_tenants": true});
            admin.post("/access/users", &user).await?;
        }
        let operator = stage.service.log_in(PEOPLE[1].0, password).await?;
        let lead = stage.service.log_in(PEOPLE[2].0, password).await?;
        let mut story =
            Self { stage, admin, operator, lead, job: 0, carried: 0, step: 0, last: String::new() };
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
            ids.push(self.admin.post("/endpoints", &endpoint).await?["id"].clone());
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
        let made = self.operator.post("/migration/jobs", &job).await?;
        self.job = made["id"].as_i64().ok_or_else(|| Stopped::bug("a job without an id"))?;
        Ok(())
    }

    /// Proves all logins and looks at both sides.
    pub async fn preflight(&mut self) -> Result<(), Stopped> {
        self.told("preflight: every login proven on both sides");
        let path = self.path("preflight");
        let runs = self.operator.post(&path, &json!({"depth": "scan"})).await?;
        self.over(&runs, &["success"]).await
    }

    /// Copies; `initial` or `delta`.
    pub async fn sync(&mut self, kind: &str, what: &str) -> Result<(), Stopped> {
        self.told(what);
        let runs = self.operator.post(&self.path("sync"), &json!({"type": kind})).await?;
        self.over(&runs, &["success", "partial"]).await?;
        if kind == "initial" { self.phase("delta_sync").await } else { Ok(()) }
    }

    /// Compares both sides.
    pub async fn verify(&mut self) -> Result<(), Stopped> {
        self.told("verification: every octet, on both servers");
        let runs = self.operator.post(&self.path("verify"), &json!({"sample": "full"})).await?;
        self.over(&runs, &["success", "partial"]).await
    }

    /// Uploads a personal store for the first mailbox and carries it in.
    pub async fn upload(&mut self) -> Result<(), Stopped> {
        let Some(store) = self.stage.store else { return Ok(()) };
        self.told("a personal store (PST) of the first mailbox, uploaded in pieces and carried in");
        let octets = tokio::fs::read(store).await;
        let octets =
            octets.map_err(|cause| Stopped::usage(format!("reading {}: {cause}", store.display())))?;
        let name = store.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wish = json!({"email": self.stage.users[0], "name": name, "size": octets.len()});
        let upload = self.operator.post(&self.path("uploads"), &wish).await?;
        let id = upload["id"].as_str().map_or_else(|| upload["id"].to_string(), str::to_owned);
        let path = format!("/migration/uploads/{id}");
        let (octets, mut offset) = (Bytes::from(octets), 0);
        while offset < octets.len() {
            let until = (offset + CHUNK_OCTETS).min(octets.len());
            let there = self.operator.put_octets(&path, offset as u64, octets.slice(offset..until)).await?;
            offset = usize::try_from(there).unwrap_or(usize::MAX);
        }
        let runs = self.operator.post(&format!("{path}/complete"), &json!({"start": true})).await?;
        self.over(&runs, &["success", "partial"]).await
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
        self.lead.post(&self.path("approve-gate"), &wish).await?;
        Ok(seen)
    }

    /// What a DNS tool is told.
    pub async fn ask_gate(&mut self) -> Result<Value, Stopped> {
        let wish =
            json!({"name": "dns-tool", "scopes": ["gate:read"], "tenant_id": TENANT, "expires_days": 1});
        let token = self.admin.post("/access/service-tokens", &wish).await?;
        let tool = self.stage.service.with_token(token["token"].as_str().unwrap_or_default());
        tool.get(&format!("/migration/gate?domain={}", self.stage.domain)).await
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

    /// Waits until runs are over; each has to end as one of `endings`.
    async fn over(&self, entered: &Value, endings: &[&str]) -> Result<(), Stopped> {
        let ids: Vec<i64> = ["run_ids", "already_active"]
            .iter()
            .flat_map(|name| entered[*name].as_array().into_iter().flatten())
            .filter_map(Value::as_i64)
            .collect();
        if ids.is_empty() {
            return Err(Stopped::bug(format!("the demo's service began no run: {entered}")));
        }
        loop {
            let list = self.operator.get(&self.path("runs?limit=200")).await?;
            let runs = list["items"].as_array().into_iter().flatten();
            let runs: Vec<&Value> =
                runs.filter(|run| run["id"].as_i64().is_some_and(|id| ids.contains(&id))).collect();
            let is_open = |run: &&&Value| matches!(run["status"].as_str(), Some("queued" | "running"));
            if runs.len() == ids.len() && runs.iter().filter(is_open).count() == 0 {
                let wrong =
                    runs.iter().find(|run| !endings.contains(&run["status"].as_str().unwrap_or_default()));
                return wrong
                    .map_or(Ok(()), |run| Err(Stopped::early(format!("a run of the demo ended: {run}"))));
            }
            self.pause().await?;
        }
    }

    async fn pause(&self) -> Result<(), Stopped> {
        tokio::select! {
            () = sleep(LOOK_EVERY) => Ok(()),
            () = self.stage.stop.cancelled() => Err(Stopped::early("the demo was stopped")),
        }
    }
}
