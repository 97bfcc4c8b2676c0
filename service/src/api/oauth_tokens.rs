//! Tokens of a grant: a new one at once, and all of them taken back: `/credentials/{id}/refresh`, `…/revoke`.
//! Never shows one.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{At, Body};
use super::caller::Caller;
use super::credentials::CredentialView;
use super::oauth::{fresh, planned};
use super::{ApiError, Result, kept};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::oauth::{Plan, client, consenter};

/// For whom.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct RefreshAsked {
    /// The mailbox, where each has a token of its own.
    user: String,
}

/// `POST /credentials/{id}/refresh`: has the provider give a new token, which nobody is shown.
#[utoipa::path(post, path = "/credentials/{id}/refresh", tag = "credentials", params(("id" = String, Path)),
    request_body = RefreshAsked,
    responses((status = 200, body = CredentialView), (status = 404), (status = 409), (status = 503)))]
pub async fn refresh(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<RefreshAsked>,
) -> Result<Json<CredentialView>> {
    caller.may(Permission::ManageCredentials)?;
    let row = kept::read(&app, &caller, &id).await?;
    if row.grant_json.is_empty() {
        return Err(ApiError::conflict("conflict", "it holds a password or a token: put a new secret"));
    }
    if matches!(row.status.as_str(), "waiting" | "revoked") {
        return Err(ApiError::conflict("oauth_refused", "nobody has consented: start a consent"));
    }
    app.brokers.forget(&id);
    let user = if asked.user.is_empty() { row.login_user.clone() } else { asked.user };
    fresh(&app, &row, &user).await?;
    app.store.set_kept_status(&id, "valid").await?;
    Ok(Json(CredentialView::of_kept(kept::read(&app, &caller, &id).await?)))
}

/// What became of a credential that was taken back.
#[derive(Serialize, ToSchema)]
pub struct RevokedView {
    /// The credential; its secrets are gone from the vault.
    credential: CredentialView,
    /// `told`, `has_no_way` or `did_not_answer`: then the consent ends where it was given, in the account's settings.
    provider: &'static str,
}

/// `POST /credentials/{id}/revoke`: the provider is told where it can be, and what the vault holds is destroyed
/// whatever it says. Runs end at their next login.
#[utoipa::path(post, path = "/credentials/{id}/revoke", tag = "credentials", params(("id" = String, Path)),
    responses((status = 200, body = RevokedView), (status = 404)))]
pub async fn revoke(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Json<RevokedView>> {
    caller.may(Permission::ManageCredentials)?;
    let row = kept::read(&app, &caller, &id).await?;
    let opened = match Plan::parse(&row.grant_json) {
        Ok(plan) => planned(&app, &row, &plan.provider).await.ok(),
        Err(_) => None,
    };
    // Destroyed first: whatever becomes of the question, no run logs in by it any more.
    app.store.change_kept(&id, (&row.kind, ""), row.expires_ms, "revoked").await?;
    app.brokers.forget(&id);
    let provider = match opened {
        Some((plan, addresses, secrets)) => {
            let client = client(&plan, &secrets, &addresses);
            match (&addresses.revoke, &secrets.refresh_token) {
                (Some(url), Some(refresh)) => {
                    match consenter(&app, &addresses).revoke(&client, url, refresh).await {
                        Ok(()) => "told",
                        Err(_) => "did_not_answer",
                    }
                }
                _ => "has_no_way",
            }
        }
        None => "has_no_way",
    };
    let credential = CredentialView::of_kept(kept::read(&app, &caller, &id).await?);
    Ok(Json(RevokedView { credential, provider }))
}
