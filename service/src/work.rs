//! What the service brings to its workers: secrets from the vault, checked addresses, and the gate after each run.
//! Never keeps a secret beyond the login that asked for it.

use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use malote_engine::failure::Side;
use malote_engine::imap::{Resolver, SecretSource};
use secrecy::{ExposeSecret as _, SecretString};

use crate::api::endpoints::allowed;
use crate::api::gates;
use crate::app::App;
use crate::cli::secret::{known, known_token};
use crate::dialer::{self, Purpose, Walls};
use crate::jobs::{Aftermath, Credentials, NoSecret};
use crate::store::events::{Level, NewEvent};
use crate::store::mailboxes::Mailbox;
use crate::store::milliseconds;
use crate::store::reach::Reach;
use crate::store::runs::Claim;
use crate::store::words::RunStatus;
use crate::vault::KeeperError;

/// Secrets of mailboxes, from the vault.
pub struct FromVault(pub App);

#[async_trait]
impl Credentials for FromVault {
    async fn secret(&self, mailbox: &Mailbox, side: Side) -> Result<Arc<dyn SecretSource>, NoSecret> {
        self.check_address(mailbox, side).await?;
        let row = self.0.store.mailbox_row(&Reach::everything(), mailbox.id).await;
        let row =
            row.map_err(|error| NoSecret::Passing(error.to_string()))?.ok_or(NoSecret::Missing(side))?;
        let id = if side == Side::Source { row.credentials_ref } else { row.dest_credentials_ref };
        // A file's mailbox goes into the destination of its address: whoever opens that for one opens it for all.
        let beside = match (side, self.0.store.secret_beside(mailbox.id).await) {
            (Side::Destination, Ok(found)) => found.filter(|found| *found != id),
            _ => None,
        };
        let fetched = match (id.is_empty(), beside) {
            (true, None) => return Err(NoSecret::Missing(side)),
            (true, Some(beside)) => self.0.vault.fetch(&beside, self.0.now_ms()).await,
            (false, beside) => match (self.0.vault.fetch(&id, self.0.now_ms()).await, beside) {
                (Err(KeeperError::NoCredential), Some(beside)) => {
                    self.0.vault.fetch(&beside, self.0.now_ms()).await
                }
                (fetched, _) => fetched,
            },
        };
        let secret = fetched.map_err(|error| match error {
            KeeperError::NoCredential => NoSecret::Missing(side),
            KeeperError::Store(error) if error.is_passing() => NoSecret::Passing(error.to_string()),
            other => NoSecret::Unusable(other.to_string()),
        })?;
        opened(&secret)
    }

    async fn resolver(&self, mailbox: &Mailbox, side: Side) -> Result<Arc<dyn Resolver>, NoSecret> {
        let (_, _, networks) = self.place(mailbox, side).await?;
        Ok(Arc::new(Walls::around_mail(networks)))
    }
}

/// What the vault holds is `{"password":…,"oauth_token":…}`.
fn opened(secret: &SecretString) -> Result<Arc<dyn SecretSource>, NoSecret> {
    let unusable = || NoSecret::Unusable("it holds neither a password nor a token".to_owned());
    let value: serde_json::Value = serde_json::from_str(secret.expose_secret()).map_err(|_| unusable())?;
    let text = |name: &str| value[name].as_str().map(|text| SecretString::from(text.to_owned()));
    match (text("oauth_token"), text("password")) {
        (Some(token), _) => Ok(known_token(token)),
        (None, Some(password)) => Ok(known(password)),
        (None, None) => Err(unusable()),
    }
}

impl FromVault {
    /// Refuses a server that leads where users must not reach through us, before a secret is opened for it. The
    /// connections themselves are held against the same walls again, each.
    async fn check_address(&self, mailbox: &Mailbox, side: Side) -> Result<(), NoSecret> {
        let (host, port, networks) = self.place(mailbox, side).await?;
        if host.is_empty() {
            return Ok(());
        }
        dialer::resolve(Purpose::Imap, &host, port, &networks).await.map(|_| ()).map_err(
            |error| match error {
                dialer::DialError::Unknown { .. } => NoSecret::Passing(error.to_string()),
                other => NoSecret::Unusable(other.to_string()),
            },
        )
    }

    /// Where a side stands, and the networks that it may lead into.
    async fn place(&self, mailbox: &Mailbox, side: Side) -> Result<(String, u16, Vec<IpNet>), NoSecret> {
        let is_source = side == Side::Source;
        let id = if is_source { &mailbox.source_endpoint_id } else { &mailbox.dest_endpoint_id };
        let known = match id {
            Some(id) => {
                self.0.store.endpoint(id).await.map_err(|error| NoSecret::Passing(error.to_string()))?
            }
            None => None,
        };
        let Some(server) = known else {
            let hosts = if is_source {
                [mailbox.source_host.as_str(), ""]
            } else {
                [mailbox.dest_host.as_str(), mailbox.job_dest_host.as_str()]
            };
            let place = hosts.into_iter().find(|host| !host.is_empty()).unwrap_or_default();
            let (host, port) = match place.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, port.parse().unwrap_or(0)),
                _ => (place, 993),
            };
            return Ok((host.trim_matches(['[', ']']).to_owned(), port, allowed(&self.0, false, "[]")));
        };
        let default = if server.tls == "implicit" { 993 } else { 143 };
        let port = if server.port == 0 { default } else { server.port };
        let networks = allowed(&self.0, server.allow_private, &server.allowed_networks_json);
        Ok((server.host, port, networks))
    }
}

/// Looks at the gate after each run.
pub struct GateAfter(pub App);

impl GateAfter {
    /// Tells those who look on that all that follows from a run stands: its own last word goes out before that.
    async fn tell_settled(&self, claim: &Claim) {
        let now_ms = self.0.now_ms();
        let event = NewEvent {
            level: Level::Info,
            event: "settled",
            message: format!("run {} is settled", claim.fence.run_id),
            attributes_json: "{}".to_owned(),
            at_ms: now_ms,
        };
        if let Err(error) = self.0.store.tell((claim.job_id, None), &[event], &[], now_ms).await {
            tracing::warn!(job.id = claim.job_id, error = %error, "the end of a run was not told: {error}");
        }
    }

    /// Notes how long a run took, from its first claim to its end.
    async fn tell_duration(&self, claim: &Claim) {
        let Ok(Some(run)) = self.0.store.run_row(&Reach::everything(), claim.fence.run_id).await else {
            return;
        };
        let (began, ended) = (milliseconds(&run.started_at), milliseconds(&run.finished_at));
        if let Some((began, ended)) = began.zip(ended) {
            let took = std::time::Duration::from_millis(ended.saturating_sub(began).unsigned_abs());
            let labels = [("type", claim.run_type.as_str().to_owned())];
            self.0.metrics.took("lbx_run_duration_seconds", &labels, took.as_secs_f64());
        }
    }
}

#[async_trait]
impl Aftermath for GateAfter {
    async fn run_ended(&self, claim: &Claim, status: RunStatus) {
        let labels = [("type", claim.run_type.as_str().to_owned()), ("status", status.as_str().to_owned())];
        self.0.metrics.add("malote_runs_total", &labels, 1);
        self.tell_duration(claim).await;
        if let Err(error) = gates::look(&self.0, claim.job_id).await {
            tracing::warn!(job.id = claim.job_id, error = %error, "the gate was not looked at after a run: {error}");
        }
        self.tell_settled(claim).await;
    }
}
