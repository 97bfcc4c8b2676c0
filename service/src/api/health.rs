//! Whether the service lives and is ready, and which it is: asked by machines, without a login.
//! Never tells more than that.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Result;
use crate::app::App;
use crate::store::migrate;

/// `GET /health`: the process answers.
#[utoipa::path(get, path = "/health", tag = "system", responses((status = 200)))]
pub async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

/// `GET /health/ready`: the database answers and has the tables that this program knows.
#[utoipa::path(get, path = "/health/ready", tag = "system", responses((status = 200), (status = 503)))]
pub async fn ready(State(app): State<App>) -> Response {
    match migrate::check(&app.store).await {
        Ok(()) => Json(json!({"status": "ready"})).into_response(),
        Err(error) => {
            tracing::warn!(error = %error, "not ready: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "not_ready", "reason": "database"})))
                .into_response()
        }
    }
}

/// What program this is.
#[derive(Serialize, ToSchema)]
pub struct VersionView {
    /// `malote`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// `GET /version`.
#[utoipa::path(get, path = "/version", tag = "system", responses((status = 200, body = VersionView)))]
pub async fn version() -> Json<VersionView> {
    Json(VersionView { name: "malote", version: env!("CARGO_PKG_VERSION") })
}

/// Brings the gauges up to date that are counted in the database.
pub(super) async fn measure(app: &App) -> Result<()> {
    for row in app.store.keys_by_master().await? {
        let count = u32::try_from(row.1).unwrap_or(u32::MAX);
        app.metrics.set("malote_data_keys", &[("master_key", row.0)], f64::from(count));
    }
    for (job, profile, messages, octets) in app.store.copied_by_job().await? {
        let labels = || [("job", job.to_string()), ("profile", profile.clone())];
        app.metrics.count("lbx_messages_copied_total", &labels(), messages);
        app.metrics.count("lbx_bytes_copied_total", &labels(), octets);
    }
    for (class, count) in app.store.errors_by_class().await? {
        app.metrics.count("lbx_errors_total", &[("class", class)], count);
    }
    for (job, gate) in app.store.gates_by_job().await? {
        let value = match gate.as_str() {
            "ready_for_dns" => 2.0,
            "warning" => 1.0,
            _ => 0.0,
        };
        app.metrics.set("lbx_gate_status", &[("job", job.to_string())], value);
    }
    for (profile, milliseconds) in app.store.throttled_by_profile().await? {
        app.metrics.count("lbx_throttle_seconds_total", &[("profile", profile)], milliseconds.div_ceil(1000));
    }
    app.metrics.count("lbx_worker_lease_expired_total", &[], app.store.leases_expired().await?);
    let (queued, _) = app.store.queue().await?;
    app.metrics.set("lbx_queue_depth", &[], f64::from(u32::try_from(queued).unwrap_or(u32::MAX)));
    Ok(())
}
