//! A customer's link: how far one migration is, for whoever holds the link, until it ends.
//! Never an address, a folder or a name of anybody: numbers of the whole alone.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::created;
use super::body::{At, Body};
use super::caller::Caller;
use super::jobs::{percent, read};
use super::layers::Origin;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::at;
use crate::store::reach::Reach;
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
    /// What the link ends with; whoever has it sees the numbers.
    token: String,
    /// Where the numbers are.
    path: String,
    /// When it ends. It ends earlier with the job, and when every key is made anew.
    expires_at: String,
}

fn place(row: &str) -> Place<'_> {
    Place { table: "migration_jobs", column: "share", row }
}

/// `POST /migration/jobs/{id}/share`: a link that holds for some days. It is sealed by the service's own key and kept
/// nowhere.
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
    let expires_ms = app.now_ms() + days * DAY_MILLIS;
    let row = id.to_string();
    let sealed = app.vault.seal(place(&row), &SecretString::from(expires_ms.to_string())).await?;
    let token = format!("{id}.{}", URL_SAFE_NO_PAD.encode(sealed));
    let path = format!("/share/{token}");
    let view = ShareView { path: path.clone(), token, expires_at: at(expires_ms) };
    Ok(created(&path, &view))
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
    let (id, expires_ms) = opened(&app, &token).await.ok_or_else(none)?;
    if app.now_ms() >= expires_ms {
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

/// The job and the end of a token that this service sealed.
async fn opened(app: &App, token: &str) -> Option<(i64, i64)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (row, sealed) = token.split_once('.')?;
    let id: i64 = row.parse().ok()?;
    let sealed = String::from_utf8(URL_SAFE_NO_PAD.decode(sealed).ok()?).ok()?;
    // A row that is written otherwise (`07`) is another place.
    let expires = app.vault.open_sealed(place(row), &sealed).await.ok()?;
    Some((id, expires.expose_secret().parse().ok()?))
}
