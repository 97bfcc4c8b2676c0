//! Consents that wait: how they stand, and codes that are typed on another device: `/oauth/flows…`, `…/poll`.
//! Never asks a provider more often than it bears, whoever asks here.

use axum::Json;
use axum::extract::State;
use malote_engine::token::Refused;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{At, Body};
use super::caller::Caller;
use super::oauth::{ANSWER_MILLIS, given_for, place, planned};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::oauth::{Flow, client, consenter};
use crate::store::at;
use crate::store::flows::FlowRow;
use crate::store::kept::KeptRow;

/// Seconds that are added each time the provider asks for patience (RFC 8628 §3.5).
const SLOW_DOWN_SECONDS: i64 = 5;
/// Most seconds between two questions.
const INTERVAL_SECONDS_MAX: i64 = 60;

/// How a consent stands.
#[derive(Serialize, ToSchema)]
pub struct FlowView {
    /// Its id.
    flow_id: String,
    /// For which credential.
    credential_id: String,
    /// `auth_code` or `device_code`.
    flow: String,
    /// `pending`, `ok`, `refused` or `expired`.
    status: String,
    /// Why, where it was refused.
    detail: String,
    /// Seconds between two questions; 0: nobody asks.
    interval: i64,
    /// Until then it waits.
    expires_at: String,
}

impl FlowView {
    fn of(row: FlowRow, now_ms: i64) -> Self {
        let is_late = row.expires_ms <= now_ms;
        let status = match row.status.as_str() {
            "waiting" | "asking" if is_late => "expired",
            "waiting" | "asking" => "pending",
            "done" => "ok",
            other => other,
        };
        Self {
            status: status.to_owned(),
            flow_id: row.id,
            credential_id: row.credential_id,
            flow: row.kind,
            detail: row.detail,
            interval: row.interval_seconds,
            expires_at: at(row.expires_ms),
        }
    }
}

async fn flow_of(app: &App, caller: &Caller, id: &str) -> Result<(FlowRow, KeptRow)> {
    let unknown = || ApiError::not_found("consent");
    let flow = app.store.flow(id).await?.ok_or_else(unknown)?;
    let row = app.store.kept_row(&caller.reach, &flow.credential_id).await?.ok_or_else(unknown)?;
    Ok((flow, row))
}

/// `GET /oauth/flows/{id}`: how a consent stands.
#[utoipa::path(get, path = "/oauth/flows/{id}", tag = "credentials", params(("id" = String, Path)),
    responses((status = 200, body = FlowView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Json<FlowView>> {
    caller.may(Permission::ManageCredentials)?;
    let (flow, _) = flow_of(&app, &caller, &id).await?;
    Ok(Json(FlowView::of(flow, app.now_ms())))
}

/// Which consent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// The `flow_id` of the start.
    flow_id: String,
}

/// `POST /oauth/{provider}/poll`: whether the code was typed. The provider is asked no more often than it bears,
/// whoever asks here.
#[utoipa::path(post, path = "/oauth/{provider}/poll", tag = "credentials", params(("provider" = String, Path)),
    request_body = Poll,
    responses((status = 200, body = FlowView), (status = 404), (status = 503)))]
pub async fn poll(
    State(app): State<App>,
    caller: Caller,
    At(provider): At<String>,
    Body(asked): Body<Poll>,
) -> Result<Json<FlowView>> {
    caller.may(Permission::ManageCredentials)?;
    let (flow, row) = flow_of(&app, &caller, &asked.flow_id).await?;
    if flow.provider != provider {
        return Err(ApiError::not_found("consent"));
    }
    let now_ms = app.now_ms();
    let is_device = flow.kind == Flow::DeviceCode.as_str();
    if is_device && app.store.take_flow(&flow.id, now_ms, now_ms + ANSWER_MILLIS).await? {
        ask_device(&app, &flow, &row).await?;
    }
    let (flow, _) = flow_of(&app, &caller, &asked.flow_id).await?;
    Ok(Json(FlowView::of(flow, now_ms)))
}

async fn ask_device(app: &App, flow: &FlowRow, row: &KeptRow) -> Result<()> {
    let (plan, addresses, secrets) = planned(app, row, &flow.provider).await?;
    let code = app.vault.open_sealed(place(&flow.id), &flow.sealed).await?;
    let client = client(&plan, &secrets, &addresses);
    let longer = match consenter(app, &addresses).by_device(&client, &code).await {
        Ok(given) => match given_for(app, flow, given).await {
            Ok(()) => return Ok(()),
            Err(error) => return Ok(app.store.end_flow(&flow.id, "refused", &error.detail).await?),
        },
        Err(Refused::Final { code, said }) => {
            let status = if code == "expired_token" { "expired" } else { "refused" };
            return Ok(app.store.end_flow(&flow.id, status, &said).await?);
        }
        Err(Refused::Pending) => flow.interval_seconds,
        Err(Refused::SlowDown) => flow.interval_seconds + SLOW_DOWN_SECONDS,
        // RFC 8628 §3.5 wants a back-off for an answer that did not come.
        Err(Refused::Passing(_)) => flow.interval_seconds * 2,
    };
    let interval = longer.clamp(1, INTERVAL_SECONDS_MAX);
    Ok(app.store.let_flow_wait(&flow.id, interval, app.now_ms() + interval * 1000).await?)
}
