//! Credentials that are kept at a server and open many mailboxes: made, given another secret, removed, named.
//! Never sent to another server than their own, and never shared between tenants.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::mailboxes::Secret;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::oauth::{Flow, Plan, Secrets};
use crate::store::kept::KeptRow;
use crate::store::milliseconds;
use crate::vault::SecretKind;

/// The longest name, in characters.
const NAME_MAX: usize = 200;

/// A secret. It goes to the vault and never comes back.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct KeptSecret {
    /// A password.
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// An access token that somebody else renews.
    #[schema(value_type = Option<String>)]
    oauth_token: Option<SecretString>,
    /// At a server, with a grant: the application's secret.
    #[schema(value_type = Option<String>)]
    client_secret: Option<SecretString>,
    /// At a server, with a grant of a person: what a consent elsewhere left.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
    /// At a server, with `dwd`: the service account's key file, as its provider gives it out.
    #[schema(value_type = Option<String>)]
    service_account_key: Option<SecretString>,
    /// When it expires, in RFC 3339.
    expires_at: Option<String>,
}

impl KeptSecret {
    /// The same as a mailbox's own.
    pub(super) fn of_mailbox(self) -> Result<Secret> {
        let more = [&self.client_secret, &self.refresh_token, &self.service_account_key];
        if more.into_iter().any(Option::is_some) {
            return Err(ApiError::field("secret", "a mailbox has a password or an oauth_token"));
        }
        let secret =
            Secret { password: self.password, oauth_token: self.oauth_token, expires_at: self.expires_at };
        secret.check("secret")?;
        Ok(secret)
    }

    fn check(&self) -> Result<()> {
        let lines = [&self.password, &self.oauth_token, &self.client_secret, &self.refresh_token];
        let is_line = |secret: &SecretString| {
            !secret.expose_secret().is_empty() && !secret.expose_secret().contains(['\0', '\r', '\n'])
        };
        if !lines.into_iter().flatten().all(is_line) {
            return Err(ApiError::field("secret", "a secret is not empty and holds no line end"));
        }
        if self.expires_at.as_ref().is_some_and(|text| milliseconds(text).is_none()) {
            return Err(ApiError::field("secret.expires_at", "write it as 2027-01-31T12:00:00Z"));
        }
        Ok(())
    }

    fn expires_ms(&self) -> i64 {
        self.expires_at.as_deref().and_then(milliseconds).unwrap_or(0)
    }

    /// What is to be sealed, with the kind and the status that follow from it.
    fn taken(self, plan: Option<&Plan>, before: Secrets) -> Result<(Secrets, SecretKind, &'static str)> {
        let wrong = |words: &str| Err(ApiError::field("secret", words));
        let own = [&self.client_secret, &self.refresh_token, &self.service_account_key];
        let has_own = own.into_iter().any(Option::is_some);
        let has_plain = self.password.is_some() || self.oauth_token.is_some();
        let Some(plan) = plan else {
            if has_own || self.password.is_some() == self.oauth_token.is_some() {
                return wrong("give a password or an oauth_token");
            }
            let kind = if self.password.is_some() { SecretKind::Password } else { SecretKind::Oauth };
            let secrets =
                Secrets { password: self.password, oauth_token: self.oauth_token, ..Secrets::default() };
            return Ok((secrets, kind, "valid"));
        };
        if has_plain {
            return wrong("a grant takes no password and no oauth_token");
        }
        let is_person = plan.flow.needs_a_person();
        if self.refresh_token.is_some() && !is_person {
            return wrong("a refresh_token is of a grant that a person consents to");
        }
        if (plan.flow == Flow::Dwd) != self.service_account_key.is_some() {
            return wrong("a service_account_key goes with the flow dwd, and with no other");
        }
        if plan.flow == Flow::ClientCredentials && self.client_secret.is_none() {
            return wrong("client_credentials ask for a client_secret");
        }
        let secrets = Secrets {
            client_secret: self.client_secret.or(before.client_secret.filter(|_| is_person)),
            refresh_token: self.refresh_token.or(before.refresh_token.filter(|_| is_person)),
            service_account_key: self.service_account_key,
            ..Secrets::default()
        };
        let status = if is_person && secrets.refresh_token.is_none() { "waiting" } else { "valid" };
        let kind = if plan.flow == Flow::Dwd { SecretKind::ServiceAccount } else { SecretKind::Oauth };
        Ok((secrets, kind, status))
    }
}

/// One to be made.
pub(super) struct New {
    pub endpoint_id: String,
    pub name: String,
    pub user: String,
    pub grant: Option<Plan>,
    pub secret: KeptSecret,
}

/// Makes one.
pub(super) async fn make(app: &App, caller: &Caller, new: New) -> Result<KeptRow> {
    let has_control = |text: &str| text.chars().any(char::is_control) || text.chars().count() > NAME_MAX;
    if new.name.trim().is_empty() || has_control(&new.name) {
        return Err(ApiError::field("name", "1 to 200 characters, none of control"));
    }
    if has_control(&new.user) {
        return Err(ApiError::field("user", "at most 200 characters, none of control"));
    }
    let server = app.store.endpoint_row(&caller.reach, &new.endpoint_id).await?;
    let server = server.ok_or_else(|| ApiError::field("endpoint_id", "there is no such server"))?;
    if server.tenant_id.is_none() {
        // Everybody's server: what opens it opens every tenant's mail.
        caller.may(Permission::ManageSystem)?;
        if !caller.reach.sees_all() {
            return Err(ApiError::field("endpoint_id", "the server is everybody's: name one of your tenant"));
        }
    }
    if let Some(plan) = &new.grant {
        plan.check(&app.config.outside)
            .map_err(|(field, words)| ApiError::field(format!("grant.{field}"), words))?;
    }
    new.secret.check()?;
    let (id, expires_ms) = (uuid()?, new.secret.expires_ms());
    let (secrets, kind, status) = new.secret.taken(new.grant.as_ref(), Secrets::default())?;
    check_key(app, new.grant.as_ref(), &secrets)?;
    let grant_json = new.grant.as_ref().map(|plan| serde_json::json!(plan).to_string()).unwrap_or_default();
    let row = KeptRow {
        sealed: secrets.seal(&app.vault, &id).await?,
        id,
        endpoint_id: new.endpoint_id,
        name: new.name,
        login_user: new.user,
        kind: kind.as_str().to_owned(),
        expires_ms,
        grant_json,
        status: status.to_owned(),
        created_by: caller.actor.clone(),
        ..KeptRow::default()
    };
    app.store.insert_kept(&row).await?;
    read(app, caller, &row.id).await
}

/// A service account's key that cannot sign is refused when it comes, and not by the first run at night.
fn check_key(app: &App, plan: Option<&Plan>, secrets: &Secrets) -> Result<()> {
    let (Some(plan), Some(key)) = (plan, &secrets.service_account_key) else { return Ok(()) };
    let wrong = |words: String| ApiError::field("secret.service_account_key", words);
    let addresses = plan.check(&app.config.outside).map_err(|(_, words)| wrong(words))?;
    let octets = key.expose_secret().as_bytes();
    let account = malote_engine::token::ServiceAccount::parse(
        octets,
        "the key",
        Some(addresses.token),
        "nobody",
        &addresses.scope,
    );
    account.map(|_| ()).map_err(wrong)
}

/// One that the caller may see.
pub(super) async fn read(app: &App, caller: &Caller, id: &str) -> Result<KeptRow> {
    app.store.kept_row(&caller.reach, id).await?.ok_or_else(|| ApiError::not_found("credential"))
}

/// Gives it another secret. A new secret of an application leaves the consents to it standing.
pub(super) async fn change(app: &App, caller: &Caller, row: KeptRow, secret: KeptSecret) -> Result<KeptRow> {
    secret.check()?;
    let plan = Plan::parse(&row.grant_json).ok();
    let before = Secrets::open(&app.vault, &row.id, &row.sealed).await?;
    let expires_ms = secret.expires_ms();
    let (secrets, kind, status) = secret.taken(plan.as_ref(), before)?;
    check_key(app, plan.as_ref(), &secrets)?;
    let sealed = secrets.seal(&app.vault, &row.id).await?;
    if !app.store.change_kept(&row.id, (kind.as_str(), &sealed), expires_ms, status).await? {
        return Err(ApiError::not_found("credential"));
    }
    app.brokers.forget(&row.id);
    read(app, caller, &row.id).await
}

/// Removes it, where nothing open names it.
pub(super) async fn remove(app: &App, row: &KeptRow) -> Result<()> {
    if !app.store.delete_kept(&row.id).await? {
        let (jobs, mailboxes) = app.store.kept_uses(&row.id).await?;
        let detail = format!("{jobs} jobs and {mailboxes} mailboxes name it: give them another one first");
        return Err(ApiError::conflict("credential_in_use", detail)
            .with("jobs", jobs.into())
            .with("mailboxes", mailboxes.into()));
    }
    app.brokers.forget(&row.id);
    Ok(())
}

/// Looks whether a side may name a credential: it is of that side's server, and of its tenant or everybody's.
pub(super) async fn may_name(
    app: &App,
    caller: &Caller,
    (field, id): (&str, &str),
    (endpoint, tenant): (&str, i64),
) -> Result<()> {
    if id.is_empty() {
        return Ok(());
    }
    caller.may(Permission::ManageCredentials)?;
    let row = app.store.kept_row(&caller.reach, id).await?;
    let row = row.filter(|row| row.tenant_id == 0 || row.tenant_id == tenant);
    let row = row.ok_or_else(|| ApiError::field(field, "there is no such credential"))?;
    if row.endpoint_id != endpoint {
        let words = format!("it is kept at {}, which is not the server of this side", row.endpoint_name);
        return Err(ApiError::field(field, words));
    }
    Ok(())
}
