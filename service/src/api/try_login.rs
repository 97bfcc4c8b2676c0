//! A login tried before anything of it is kept: `/migration/jobs/{id}/try-login`, as a run of the job would log in.
//! Never writes what was typed anywhere, and never says more of a secret than whether the server took it.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::Json;
use axum::extract::State;
use malote_engine::failure::Side;
use malote_engine::imap::{Resolver, SecretSource};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::{At, Body};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::login::{tried, unready};
use super::mailboxes::{MailboxMake, Secret, check};
use super::trial::TestView;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::cli::secret::{known, known_token};
use crate::jobs::{Credentials, Login, NoSecret, login_of};
use crate::store::jobs::JobRow;
use crate::store::mailboxes::Mailbox;
use crate::store::words::SourceType;
use crate::work::FromVault;

/// One side of a mailbox that may come to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryLogin {
    /// `source` or `destination`.
    side: String,
    /// The mailbox's address.
    email: String,
    /// Its name at that side; the address where nothing is said.
    user: Option<String>,
    /// `HOST` or `HOST:PORT`; the job's where nothing is said.
    host: Option<String>,
    /// `imap`, `imap_oauth` or `dovecot`.
    #[serde(default = "imap")]
    source_type: String,
    /// Its secret; where there is none, the credential that the job names is tried.
    secret: Option<Secret>,
}

fn imap() -> String {
    "imap".to_owned()
}

/// `POST /migration/jobs/{id}/try-login`: logs in, reads nothing, keeps nothing, and says how that went.
#[utoipa::path(post, path = "/migration/jobs/{id}/try-login", tag = "mailboxes", params(("id" = i64, Path)),
    request_body = TryLogin,
    responses((status = 200, body = TestView), (status = 404), (status = 409), (status = 422)))]
pub async fn try_login(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<TryLogin>,
) -> Result<Json<TestView>> {
    caller.may(Permission::ManageMigration)?;
    let job = read_job(&app, &caller, id).await?;
    if job.phase == "closed" {
        return Err(ApiError::conflict("phase_conflict", "the job is closed"));
    }
    app.limits.try_login(&caller.actor)?;
    let side = match asked.side.as_str() {
        "source" => Side::Source,
        "destination" => Side::Destination,
        _ => return Err(ApiError::field("side", "source or destination")),
    };
    let source_type = SourceType::parse(&asked.source_type);
    let Some(source_type) = source_type.ok().filter(|kind| !kind.is_archive()) else {
        return Err(ApiError::field("source_type", "one of imap, imap_oauth, dovecot"));
    };
    let mailbox = mailbox(&job, &asked, side, source_type)?;
    let named = if side == Side::Source { &job.source_credential_id } else { &job.dest_credential_id };
    if asked.secret.is_none() && named.is_empty() {
        return Err(ApiError::field("secret", "give a password or an oauth_token"));
    }
    let credentials = Typed { vault: FromVault(app.clone()), secret: asked.secret };
    let began = Instant::now();
    Ok(Json(match login_of(&app.store, &credentials, &mailbox, side).await {
        Ok(endpoint) => tried(&endpoint, began).await,
        Err(words) => unready(began, words),
    }))
}

/// The mailbox as it would be, by the rules for one that is made.
fn mailbox(job: &JobRow, asked: &TryLogin, side: Side, source_type: SourceType) -> Result<Mailbox> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (user, host) = (filled(&asked.user), filled(&asked.host));
    let is_source = side == Side::Source;
    let of = |is_own: bool, text: &Option<String>| text.clone().filter(|_| is_own);
    let made = MailboxMake {
        email: asked.email.clone(),
        source_type: source_type.as_str().to_owned(),
        source_host: of(is_source, &host),
        source_user: of(is_source, &user),
        secret: asked.secret.clone(),
        dest_host: of(!is_source, &host),
        dest_user: of(!is_source, &user),
        dest_secret: None,
        folder_map: None,
        priority: 0,
        enabled: true,
    };
    check(&made, "")?;
    Ok(Mailbox {
        // No mailbox has this number: nothing of any other is found by it.
        id: 0,
        job_id: job.id,
        tenant_id: job.tenant_id,
        email: made.email,
        source_type,
        source_host: made.source_host.unwrap_or_default(),
        source_user: made.source_user.unwrap_or_default(),
        dest_user: made.dest_user.unwrap_or_default(),
        dest_host: made.dest_host.unwrap_or_default(),
        job_dest_host: job.dest_imap_host.clone(),
        pst_path: String::new(),
        folder_map_json: String::new(),
        job_options_json: job.options_json.clone(),
        options_json: String::new(),
        context_id: None,
        source_endpoint_id: job.source_endpoint_id.clone(),
        dest_endpoint_id: job.dest_endpoint_id.clone(),
        priority: 0,
        has_scan: false,
        phase: job.phase.clone(),
        is_enabled: true,
        source_credential_id: job.source_credential_id.clone(),
        dest_credential_id: job.dest_credential_id.clone(),
    })
}

/// What was typed; where nothing was, what the vault has for the job.
struct Typed {
    vault: FromVault,
    secret: Option<Secret>,
}

#[async_trait]
impl Credentials for Typed {
    async fn secret(
        &self,
        mailbox: &Mailbox,
        side: Side,
    ) -> std::result::Result<Arc<dyn SecretSource>, NoSecret> {
        self.vault.check_address(mailbox, side).await?;
        match &self.secret {
            Some(Secret { oauth_token: Some(token), .. }) => Ok(known_token(token.clone())),
            Some(secret) => secret.password.clone().map(known).ok_or(NoSecret::Missing(side)),
            None => self.vault.named(mailbox, side).await,
        }
    }

    async fn login(&self, mailbox: &Mailbox, side: Side) -> std::result::Result<Option<Login>, NoSecret> {
        if self.secret.is_some() { Ok(None) } else { self.vault.login(mailbox, side).await }
    }

    fn roots(&self) -> Vec<u8> {
        self.vault.roots()
    }

    async fn resolver(
        &self,
        mailbox: &Mailbox,
        side: Side,
    ) -> std::result::Result<Arc<dyn Resolver>, NoSecret> {
        self.vault.resolver(mailbox, side).await
    }
}
