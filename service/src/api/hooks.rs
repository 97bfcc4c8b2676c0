//! The ticket's hook and what it was told: `/system/ticket-hook`, `…/deliveries`.
//! Never shows a secret that was given; one that is made here is shown once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::jobs::read;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::hooks::{SECRET, Target, TargetError, is_secret, new_secret};
use crate::store::hooks::HookRow;
use crate::store::{at, at_or_empty};

/// The longest address, in octets.
const URL_BYTES_MAX: usize = 2_000;
/// Networks that may be allowed.
const NETWORKS_MAX: usize = 20;
/// A secret that was replaced still signs for so long, in milliseconds: a day.
const BEFORE_MILLIS: i64 = 86_400_000;

/// The hook.
#[derive(Serialize, ToSchema)]
pub struct HookView {
    /// Where events are sent.
    url: String,
    /// Where people reach this service: addresses in events begin with it.
    public_url: String,
    /// Private networks that it may lead to.
    allowed_networks: Vec<String>,
    /// Events are sent.
    enabled: bool,
    /// Why they are not, where nobody switched it off: `gone` after an answer of 410.
    disabled_reason: String,
    /// The secret, where it was made now; it is shown this once.
    secret: Option<String>,
    /// Until when the secret before signs too; empty: it does not.
    secret_before_until: String,
    /// Who set it.
    changed_by: String,
    /// When.
    changed_at: String,
}

fn view(row: HookRow, secret: Option<&SecretString>) -> HookView {
    HookView {
        allowed_networks: serde_json::from_str(&row.networks_json).unwrap_or_default(),
        secret: secret.map(|secret| secret.expose_secret().to_owned()),
        secret_before_until: at_or_empty(row.before_until_ms),
        changed_at: at(row.changed_ms),
        url: row.url,
        public_url: row.public_url,
        enabled: row.enabled,
        disabled_reason: row.disabled_reason,
        changed_by: row.changed_by,
    }
}

/// `GET /system/ticket-hook`.
#[utoipa::path(get, path = "/system/ticket-hook", tag = "system",
    responses((status = 200, body = HookView), (status = 403), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller) -> Result<Json<HookView>> {
    caller.may(Permission::ManageSystem)?;
    let row = app.store.ticket_hook().await?.ok_or_else(|| ApiError::not_found("hook"))?;
    Ok(Json(view(row, None)))
}

/// A hook to be set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookPut {
    /// Where events are sent: https, or http into a network that is named.
    url: String,
    /// Where people reach this service.
    #[serde(default)]
    public_url: String,
    /// Private networks that it may lead to.
    #[serde(default)]
    allowed_networks: Vec<String>,
    /// `whsec_` and 24 to 64 octets in base64. Without it the secret stays; a first one is made here.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<SecretString>,
    /// Make a new secret; the one before signs for another day.
    #[serde(default)]
    renew_secret: bool,
    /// Events are sent; true where nothing is said.
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

fn networks(asked: &[String]) -> Result<Vec<IpNet>> {
    if asked.len() > NETWORKS_MAX {
        return Err(ApiError::field("allowed_networks", format!("{NETWORKS_MAX} at most")));
    }
    let parsed: std::result::Result<_, _> = asked.iter().map(|one| one.trim().parse::<IpNet>()).collect();
    parsed.map_err(|_| ApiError::field("allowed_networks", "networks such as 10.0.0.0/8"))
}

fn is_base(url: &str) -> bool {
    let has_form = Target::parse(url, Vec::new()).is_ok() || url.starts_with("http://");
    url.is_empty() || (has_form && url.len() <= URL_BYTES_MAX && !url.contains(['?', '#', ' ']))
}

/// `PUT /system/ticket-hook`: sets it. The address is resolved now, and again before each try.
#[utoipa::path(put, path = "/system/ticket-hook", tag = "system", request_body = HookPut,
    responses((status = 200, body = HookView), (status = 403), (status = 422)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<HookPut>,
) -> Result<Json<HookView>> {
    caller.may(Permission::ManageSystem)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    let networks = networks(&asked.allowed_networks)?;
    let texts: Vec<String> = networks.iter().map(IpNet::to_string).collect();
    if asked.url.len() > URL_BYTES_MAX {
        return Err(ApiError::field("url", format!("{URL_BYTES_MAX} octets at most")));
    }
    if !is_base(&asked.public_url) {
        return Err(ApiError::field("public_url", "an address such as https://malote.example.com"));
    }
    let wrong = |error: TargetError| ApiError::field("url", error.to_string());
    Target::parse(&asked.url, networks.clone()).map_err(wrong)?.addresses().await.map_err(wrong)?;
    let (before, now_ms) = (app.store.ticket_hook().await?, app.now_ms());
    let given = match asked.secret {
        Some(secret) if is_secret(&secret) => Some((secret, false)),
        Some(_) => return Err(ApiError::field("secret", "whsec_ and 24 to 64 octets in base64")),
        None if before.is_none() || asked.renew_secret => {
            Some((new_secret().map_err(|error| ApiError::internal(&error))?, true))
        }
        None => None,
    };
    let mut row = HookRow {
        url: asked.url,
        public_url: asked.public_url,
        networks_json: serde_json::json!(texts).to_string(),
        secret_sealed: String::new(),
        secret_before_sealed: String::new(),
        before_until_ms: 0,
        enabled: asked.enabled,
        disabled_reason: String::new(),
        changed_by: caller.actor.clone(),
        changed_ms: now_ms,
    };
    if let Some(before) = before {
        row.secret_sealed = before.secret_sealed;
        row.secret_before_sealed = before.secret_before_sealed;
        row.before_until_ms = before.before_until_ms;
    }
    if let Some((secret, _)) = &given {
        let sealed = app.vault.seal(SECRET, secret).await?;
        let old = std::mem::replace(&mut row.secret_sealed, sealed);
        row.before_until_ms = if old.is_empty() { 0 } else { now_ms + BEFORE_MILLIS };
        row.secret_before_sealed = old;
    }
    app.store.put_ticket_hook(&row).await?;
    let made = given.as_ref().filter(|(_, is_new)| *is_new).map(|(secret, _)| secret);
    Ok(Json(view(row, made)))
}

/// `DELETE /system/ticket-hook`: what waits stays, and is told once a hook is set again.
#[utoipa::path(delete, path = "/system/ticket-hook", tag = "system",
    responses((status = 204), (status = 403), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller) -> Result<StatusCode> {
    caller.may(Permission::ManageSystem)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    match app.store.drop_ticket_hook().await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::not_found("hook")),
    }
}

/// An event and its tries.
#[derive(Serialize, ToSchema)]
pub struct DeliveryView {
    /// The event's id, which is the `webhook-id` of each try.
    id: String,
    /// Its name.
    event: String,
    /// `waiting`, `delivered` or `dead`.
    state: String,
    /// Tries so far.
    attempts: i64,
    /// When it happened.
    created_at: String,
    /// When it is tried next; empty: no more.
    next_at: String,
    /// When it was taken or given up; empty: not yet.
    finished_at: String,
    /// The tries, the latest first.
    tries: Vec<TryView>,
}

/// One try.
#[derive(Serialize, ToSchema)]
pub struct TryView {
    /// Its number, from 1.
    attempt: i64,
    /// The answer's status; 0 where none came.
    status: i64,
    /// Why none came.
    error: String,
    /// When.
    at: String,
    /// How long it took, in milliseconds.
    duration_ms: i64,
}

/// `GET /migration/jobs/{id}/deliveries`: what the ticket was told.
#[utoipa::path(get, path = "/migration/jobs/{id}/deliveries", tag = "reports", params(("id" = i64, Path), Short),
    responses((status = 200, body = Listed<DeliveryView>), (status = 404)))]
pub async fn deliveries(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let (events, tries) = app.store.events_of(id).await?;
    let views = events.into_iter().map(|event| {
        let own = tries.iter().filter(|one| one.outbox_id == event.id).map(|one| TryView {
            attempt: one.attempt,
            status: one.status,
            error: one.error.clone(),
            at: at(one.at_ms),
            duration_ms: one.duration_ms,
        });
        DeliveryView {
            tries: own.collect(),
            created_at: at(event.created_ms),
            next_at: if event.state == "waiting" { at(event.due_ms) } else { String::new() },
            finished_at: at_or_empty(event.finished_ms),
            id: event.id,
            event: event.event,
            state: event.state,
            attempts: event.attempts,
        }
    });
    wanted.of(views.collect())
}

/// `POST /migration/jobs/{id}/deliveries/{event}/replay`: tells it once more, by the same id.
#[utoipa::path(post, path = "/migration/jobs/{id}/deliveries/{event}/replay", tag = "reports",
    params(("id" = i64, Path), ("event" = String, Path)),
    responses((status = 202), (status = 403), (status = 404)))]
pub async fn replay(
    State(app): State<App>,
    caller: Caller,
    At((id, event)): At<(i64, String)>,
) -> Result<StatusCode> {
    caller.may(Permission::ManageMigration)?;
    read(&app, &caller, id).await?;
    match app.store.replay_event(&event, id, app.now_ms()).await? {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(ApiError::not_found("finished event")),
    }
}
