//! A customer's link: how far one migration is, for whoever holds the link, until it ends.
//! Never an address, a folder or a name of anybody: numbers of the whole alone.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::created;
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::jobs::{percent, read};
use super::layers::Origin;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::reach::Reach;
use crate::store::{at, at_or_empty};
use crate::vault::Place;

/// A link holds so many days where nothing is said.
const DAYS: i64 = 14;
/// And at most so many.
const DAYS_MAX: i64 = 60;
const DAY_MILLIS: i64 = 86_400_000;
/// The longest token that is looked at, in octets.
const TOKEN_BYTES_MAX: usize = 2048;

/// How long a link is to hold.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ShareMake {
    /// Days, 1 to 60; 14 where nothing is said.
    days: Option<i64>,
}

/// A link.
#[derive(Serialize, ToSchema)]
pub struct ShareView {
    /// What it is taken back by.
    id: String,
    /// What the link ends with; whoever has it sees the numbers.
    token: String,
    /// Where the numbers are.
    path: String,
    /// When it ends. It ends earlier with the job, when it is taken back, and when every key is made anew.
    expires_at: String,
}

fn place(row: &str) -> Place<'_> {
    Place { table: "migration_jobs", column: "share", row }
}

/// `POST /migration/jobs/{id}/share`: a link that holds for some days. It is sealed by the service's own key and kept
/// nowhere; what is kept is that there is one, so that it can be taken back.
#[utoipa::path(post, path = "/migration/jobs/{id}/share", tag = "jobs", params(("id" = i64, Path)),
    request_body = ShareMake,
    responses((status = 201, body = ShareView), (status = 404), (status = 409), (status = 422)))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<ShareMake>,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let job = read(&app, &caller, id).await?;
    if job.phase == "closed" {
        return Err(ApiError::conflict("phase_conflict", "the job is closed"));
    }
    let days = asked.days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(ApiError::field("days", format!("from 1 to {DAYS_MAX}")));
    }
    let now_ms = app.now_ms();
    let expires_ms = now_ms + days * DAY_MILLIS;
    let (row, link) = (id.to_string(), uuid()?);
    let told = SecretString::from(format!("{expires_ms}.{link}"));
    let sealed = app.vault.seal(place(&row), &told).await?;
    app.store.insert_share((&link, id), &caller.actor, now_ms, expires_ms).await?;
    let token = format!("{id}.{}", URL_SAFE_NO_PAD.encode(sealed));
    let path = format!("/share/{token}");
    let view = ShareView { id: link, path: path.clone(), token, expires_at: at(expires_ms) };
    Ok(created(&path, &view))
}

/// A link as its makers see it.
#[derive(Serialize, ToSchema)]
pub struct LinkView {
    /// What it is taken back by.
    id: String,
    /// Who made it.
    created_by: String,
    /// When.
    created_at: String,
    /// When it ends.
    expires_at: String,
    /// When it was used last; empty: never.
    used_at: String,
    /// How often.
    uses: i64,
    /// When it was taken back; empty: it was not.
    revoked_at: String,
    /// Who took it back.
    revoked_by: String,
}

/// `GET /migration/jobs/{id}/share`: the links that were made; never the links themselves.
#[utoipa::path(get, path = "/migration/jobs/{id}/share", tag = "jobs", params(("id" = i64, Path), Short),
    responses((status = 200, body = Listed<LinkView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ManageMigration)?;
    read(&app, &caller, id).await?;
    let views = app.store.shares(id).await?.into_iter().map(|row| LinkView {
        id: row.id,
        created_by: row.created_by,
        created_at: at(row.created_ms),
        expires_at: at(row.expires_ms),
        used_at: at_or_empty(row.used_ms),
        uses: row.uses,
        revoked_at: at_or_empty(row.revoked_ms),
        revoked_by: row.revoked_by,
    });
    wanted.of(views.collect())
}

/// `DELETE /migration/jobs/{id}/share/{link}`: takes one link back; the others go on.
#[utoipa::path(delete, path = "/migration/jobs/{id}/share/{link}", tag = "jobs",
    params(("id" = i64, Path), ("link" = String, Path)),
    responses((status = 204), (status = 403), (status = 404)))]
pub async fn revoke(
    State(app): State<App>,
    caller: Caller,
    At((id, link)): At<(i64, String)>,
) -> Result<StatusCode> {
    caller.may(Permission::ManageMigration)?;
    read(&app, &caller, id).await?;
    match app.store.revoke_share(&link, id, app.now_ms(), &caller.actor).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::not_found("link")),
    }
}

/// How far a migration is.
#[derive(Serialize, ToSchema)]
pub struct SharedView {
    /// What is moved.
    domain: String,
    /// Where it stands.
    phase: String,
    /// It stands still because somebody wants it so.
    is_paused: bool,
    /// Of enabled mailboxes, rounded down.
    sync_percent: f64,
    /// Mailboxes.
    mailboxes_total: i64,
    /// Messages that are to be there.
    messages_source: u64,
    /// Messages that are there.
    messages_matched: u64,
    /// When something changed last.
    updated_at: String,
    /// When the link ends.
    expires_at: String,
}

/// `GET /share/{token}`: what the holder of a link sees. Links that are wrong, over or of closed jobs look the same.
#[utoipa::path(get, path = "/share/{token}", tag = "jobs", params(("token" = String, Path)),
    responses((status = 200, body = SharedView), (status = 404), (status = 429)))]
pub async fn show(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    At(token): At<String>,
) -> Result<Json<SharedView>> {
    app.limits.ask(&format!("link:{}", origin.ip()), &axum::http::Method::GET, "/share")?;
    let none = || ApiError::not_found("link");
    let (id, link, expires_ms) = opened(&app, &token).await.ok_or_else(none)?;
    let now_ms = app.now_ms();
    if now_ms >= expires_ms || !app.store.use_share(&link, id, now_ms).await? {
        return Err(none());
    }
    let job = app
        .store
        .job(&Reach::everything(), id)
        .await?
        .filter(|job| job.phase != "closed")
        .ok_or_else(none)?;
    Ok(Json(SharedView {
        sync_percent: percent(&job),
        domain: job.domain,
        phase: job.phase,
        is_paused: job.is_paused,
        mailboxes_total: job.mailboxes_total,
        messages_source: job.messages_source,
        messages_matched: job.messages_matched,
        updated_at: job.updated_at,
        expires_at: at(expires_ms),
    }))
}

/// The job, the name and the end of a token that this service sealed.
async fn opened(app: &App, token: &str) -> Option<(i64, String, i64)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (row, sealed) = token.split_once('.')?;
    let id: i64 = row.parse().ok()?;
    let sealed = String::from_utf8(URL_SAFE_NO_PAD.decode(sealed).ok()?).ok()?;
    // A row that is written otherwise (`07`) is another place.
    let expires = app.vault.open_sealed(place(row), &sealed).await.ok()?;
    let (expires, link) = expires.expose_secret().split_once('.')?;
    Some((id, link.to_owned(), expires.parse().ok()?))
}
