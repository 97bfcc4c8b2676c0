//! The service itself: keys, versions, what is counted.
//! Never shows a key.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::caller::Caller;
use super::layers::Origin;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;

/// What a rotation is to do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateAsked {
    /// Seal every credential under a new data key too.
    #[serde(default)]
    deep: bool,
}

/// What a rotation did.
#[derive(Serialize, ToSchema)]
pub struct RotateView {
    /// Data keys wrapped by the new master key.
    rewrapped: u64,
    /// Credentials sealed under new data keys.
    resealed: u64,
    /// Data keys destroyed.
    destroyed: u64,
    /// Living data keys by the master key that wraps them.
    keys: Vec<KeyUse>,
}

/// How many data keys a master key wraps.
#[derive(Serialize, ToSchema)]
pub struct KeyUse {
    /// The master key's name.
    master_key_id: String,
    /// Data keys.
    data_keys: i64,
}

/// `POST /system/keys/rotate`.
#[utoipa::path(post, path = "/system/keys/rotate", tag = "system", request_body = RotateAsked,
    responses((status = 200, body = RotateView), (status = 403)))]
pub async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<RotateAsked>,
) -> Result<Json<RotateView>> {
    caller.may(Permission::RotateKeys)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    let done = app.vault.rotate(asked.deep, app.now_ms()).await?;
    let keys = app.vault.inventory().await?.into_iter();
    let keys = keys.map(|(master_key_id, data_keys)| KeyUse { master_key_id, data_keys }).collect();
    let (rewrapped, resealed, destroyed) = (done.rewrapped, done.resealed, done.destroyed);
    Ok(Json(RotateView { rewrapped, resealed, destroyed, keys }))
}

/// `GET /metrics`: in Prometheus' text form, for this machine itself or a token with `metrics:read`.
#[utoipa::path(get, path = "/metrics", tag = "system", responses((status = 200, body = String), (status = 403)))]
pub async fn metrics(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    headers: HeaderMap,
    caller: std::result::Result<Caller, ApiError>,
) -> Result<Response> {
    // A proxy on this machine speaks for others: only what comes without its words is from here.
    let is_here = origin.address.is_some_and(|address| address.is_loopback())
        && !headers.contains_key("x-forwarded-for")
        && !headers.contains_key("forwarded");
    if !is_here {
        let caller = caller?;
        caller.may(Permission::ManageSystem).or_else(|_| caller.may(Permission::MetricsRead))?;
    }
    super::health::measure(&app).await?;
    let mut response = app.metrics.render().into_response();
    let form = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, form);
    Ok(response)
}
