//! What the service brings to its workers: secrets from the vault, checked addresses, and the gate after each run.
//! Never keeps a secret beyond the login that asked for it.

use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;
use malote_engine::failure::{Class, Failure, Reach as FarAs, Retry, Side};
use malote_engine::imap::{Resolver, SecretSource};
use secrecy::{ExposeSecret as _, SecretString};

use crate::api::endpoints::allowed;
use crate::api::gates;
use crate::app::App;
use crate::cli::secret::{known, known_token};
use crate::dialer;
use crate::jobs::{Aftermath, Credentials, Login, NoSecret};
use crate::oauth::{self, Secrets};
use crate::store::events::{Level, NewEvent};
use crate::store::kept::KeptRow;
use crate::store::mailboxes::Mailbox;
use crate::store::milliseconds;
use crate::store::reach::Reach;
use crate::store::runs::Claim;
use crate::store::words::RunStatus;
use crate::vault::{KeeperError, SecretKind};

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
        // The mailbox's own goes before what is kept at the server for many.
        let named = kept_id(mailbox, side);
        if id.is_empty() && !named.is_empty() {
            return self.kept(mailbox, side, named).await;
        }
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

    async fn login(&self, mailbox: &Mailbox, side: Side) -> Result<Option<Login>, NoSecret> {
        let named = kept_id(mailbox, side);
        if named.is_empty() {
            return Ok(None);
        }
        let passing = |error: crate::store::StoreError| NoSecret::Passing(error.to_string());
        let row = self.0.store.mailbox_row(&Reach::everything(), mailbox.id).await.map_err(passing)?;
        let own =
            row.map(|row| if side == Side::Source { row.credentials_ref } else { row.dest_credentials_ref });
        if own.is_some_and(|own| !own.is_empty()) {
            return Ok(None);
        }
        let row = self.row(mailbox, side, named).await?;
        // A token is an application's or a person's: it is the mailbox that is named beside it.
        let is_login = row.kind == SecretKind::Password.as_str() && !row.login_user.is_empty();
        Ok(is_login.then_some(Login { user: row.login_user }))
    }

    fn roots(&self) -> Vec<u8> {
        self.0.config.outside.roots.clone()
    }

    async fn resolver(&self, mailbox: &Mailbox, side: Side) -> Result<Arc<dyn Resolver>, NoSecret> {
        let (_, _, networks) = self.place(mailbox, side).await?;
        Ok(Arc::new(self.0.walls(networks)))
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

/// The credential at its server that a side names; empty: none.
fn kept_id(mailbox: &Mailbox, side: Side) -> &str {
    if side == Side::Source { &mailbox.source_credential_id } else { &mailbox.dest_credential_id }
}

impl FromVault {
    /// A credential that is kept at the server of a side. One of another server or another tenant is not sent there.
    async fn row(&self, mailbox: &Mailbox, side: Side, id: &str) -> Result<KeptRow, NoSecret> {
        let row = self.0.store.kept(id).await.map_err(|error| NoSecret::Passing(error.to_string()))?;
        let row = row.ok_or_else(|| NoSecret::Unusable("it was removed from its server".to_owned()))?;
        let is_source = side == Side::Source;
        let server = if is_source { &mailbox.source_endpoint_id } else { &mailbox.dest_endpoint_id };
        let is_of_tenant = row.tenant_id == 0 || row.tenant_id == mailbox.tenant_id;
        if server.as_deref() != Some(row.endpoint_id.as_str()) || !is_of_tenant {
            return Err(NoSecret::Unusable(format!("{} is of another server", row.name)));
        }
        Ok(row)
    }

    /// What the credential gives that a side names at its server, for a mailbox that has no own.
    ///
    /// # Errors
    /// Where it names none, or the one it names cannot be used.
    pub async fn named(&self, mailbox: &Mailbox, side: Side) -> Result<Arc<dyn SecretSource>, NoSecret> {
        self.check_address(mailbox, side).await?;
        match kept_id(mailbox, side) {
            "" => Err(NoSecret::Missing(side)),
            named => self.kept(mailbox, side, named).await,
        }
    }

    async fn kept(&self, mailbox: &Mailbox, side: Side, id: &str) -> Result<Arc<dyn SecretSource>, NoSecret> {
        let row = self.row(mailbox, side, id).await?;
        let is_source = side == Side::Source;
        let own = if is_source { &mailbox.source_user } else { &mailbox.dest_user };
        let user = if own.is_empty() { &mailbox.email } else { own };
        let secret = opened_kept(&self.0, &row, user, side).await?;
        let used = self.0.store.kept_used(&row.id, self.0.now_ms()).await;
        used.map_err(|error| NoSecret::Passing(error.to_string()))?;
        Ok(secret)
    }

    /// Refuses a server that leads where users must not reach through us, before a secret is opened for it. The
    /// connections themselves are held against the same walls again, each.
    ///
    /// # Errors
    /// Where it leads there, or to a port that is not for mail.
    pub async fn check_address(&self, mailbox: &Mailbox, side: Side) -> Result<(), NoSecret> {
        let (host, port, networks) = self.place(mailbox, side).await?;
        if host.is_empty() {
            return Ok(());
        }
        self.0.walls(networks).check(&host, port).await.map_err(|error| match error {
            dialer::DialError::Unknown { .. } => NoSecret::Passing(error.to_string()),
            other => NoSecret::Unusable(other.to_string()),
        })
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

/// What a credential that is kept at a server gives for a mailbox.
///
/// # Errors
/// Where it cannot be used.
pub async fn opened_kept(
    app: &App,
    row: &KeptRow,
    user: &str,
    side: Side,
) -> Result<Arc<dyn SecretSource>, NoSecret> {
    let unusable = |words: &str| NoSecret::Unusable(format!("{}: {words}", row.name));
    match row.status.as_str() {
        "revoked" => return Err(unusable("it was taken back")),
        "waiting" => return Err(unusable("nobody has consented yet")),
        "needs_consent" => return Err(unusable("somebody has to consent anew")),
        _ => {}
    }
    if row.expires_ms != 0 && row.expires_ms <= app.now_ms() {
        return Err(unusable("it has expired: put a new secret"));
    }
    if !row.grant_json.is_empty() {
        return oauth::broker(app, row, user, side).await;
    }
    let is_token = row.kind != SecretKind::Password.as_str();
    Ok(Arc::new(KeptSecret { app: app.clone(), id: row.id.clone(), side, is_token }))
}

/// A password or a token that is kept at a server: read anew for each login, so that a new one is used at once.
struct KeptSecret {
    app: App,
    id: String,
    side: Side,
    is_token: bool,
}

#[async_trait]
impl SecretSource for KeptSecret {
    async fn secret(&self) -> Result<SecretString, Failure> {
        let fail = |class, retry, words: String| {
            let words = format!("the credential of the {} could not be used: {words}", self.side.as_str());
            Failure::new(self.side, class, FarAs::Account, retry, words)
        };
        let gone =
            || fail(Class::AuthBadCredentials, Retry::Never, "it was removed or taken back".to_owned());
        let row = self.app.store.kept(&self.id).await;
        let row = row.map_err(|error| fail(Class::Ledger, Retry::Again, error.to_string()))?;
        let row = row.filter(|row| row.status == "valid").ok_or_else(gone)?;
        let opened = Secrets::open(&self.app.vault, &row.id, &row.sealed).await;
        let opened =
            opened.map_err(|error| fail(Class::AuthBadCredentials, Retry::Never, error.to_string()))?;
        opened.password.or(opened.oauth_token).ok_or_else(gone)
    }

    fn is_token(&self) -> bool {
        self.is_token
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
            event: "run",
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
