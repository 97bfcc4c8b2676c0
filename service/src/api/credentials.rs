//! Credentials of mailboxes as such: put, replaced, removed, and told of: `/credentials…`.
//! Never shows a secret, nor a login's name in full.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::created;
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::list::{Listed, ROWS_MAX};
use super::mailboxes::{Secret, put, read};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::admin::CredentialView as Row;

/// Rows where nothing is said.
const ROWS: i64 = 50;

/// What is known of a credential.
#[derive(Serialize, ToSchema)]
pub struct CredentialView {
    /// Its id; another one after each change of the secret.
    id: String,
    /// The mailbox.
    mailbox_id: i64,
    /// Its job.
    job_id: i64,
    /// `source` or `destination`.
    side: String,
    /// `password`, `oauth` or `service_account`.
    kind: String,
    /// The login's name, its middle hidden.
    user: String,
    /// There is a password.
    has_password: bool,
    /// There is a token.
    has_token: bool,
    /// When it ends; empty: never.
    expires_at: String,
    /// When a login with it last worked; empty: never.
    last_ok_at: String,
    /// When it was put.
    created_at: String,
}

impl CredentialView {
    fn of(row: Row) -> Self {
        Self {
            user: masked(&row.user),
            has_password: row.kind == "password",
            has_token: row.kind != "password",
            id: row.id,
            mailbox_id: row.mailbox_id,
            job_id: row.job_id,
            side: row.side,
            kind: row.kind,
            expires_at: row.expires_at,
            last_ok_at: row.last_ok_at,
            created_at: row.created_at,
        }
    }
}

/// `a***@example.com`: enough to tell one mailbox from another beside its number.
fn masked(user: &str) -> String {
    let (local, domain) = user.split_once('@').map_or((user, ""), |(local, domain)| (local, domain));
    let first: String = local.chars().take(1).collect();
    let at = if domain.is_empty() { String::new() } else { format!("@{domain}") };
    format!("{first}***{at}")
}

/// Which credentials.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Of this job.
    job_id: Option<i64>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /credentials`: what is known of them, never what they are.
#[utoipa::path(get, path = "/credentials", tag = "credentials", params(Wanted),
    responses((status = 200, body = Listed<CredentialView>)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    let rows = wanted.limit.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&rows) {
        return Err(ApiError::bad_request(format!("limit is from 1 to {ROWS_MAX}")));
    }
    let after = wanted.cursor.unwrap_or_default();
    let asked = ("", wanted.job_id.unwrap_or(0), after.as_str());
    let mut found = app.store.credential_views(&caller.reach, asked, rows + 1).await?;
    let has_more = i64::try_from(found.len()).unwrap_or(i64::MAX) > rows;
    found.truncate(usize::try_from(rows).unwrap_or(0));
    let next_cursor = found.last().filter(|_| has_more).map(|row| row.id.clone());
    let items: Vec<_> = found.into_iter().map(CredentialView::of).collect();
    let total = i64::try_from(items.len()).unwrap_or(0);
    Ok(Listed { items, next_cursor, total }.answer(&headers))
}

async fn one(app: &App, caller: &Caller, id: &str) -> Result<Row> {
    let mut rows = app.store.credential_views(&caller.reach, (id, 0, ""), 1).await?;
    rows.pop().filter(|_| !id.is_empty()).ok_or_else(|| ApiError::not_found("credential"))
}

/// A credential to be put.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialMake {
    /// The mailbox.
    mailbox_id: i64,
    /// `source` or `destination`.
    side: String,
    /// The secret. It goes to the vault and never comes back.
    secret: Secret,
}

/// `POST /credentials`: in the place of what that side had.
#[utoipa::path(post, path = "/credentials", tag = "credentials", request_body = CredentialMake,
    responses((status = 201, body = CredentialView), (status = 404), (status = 422)))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<CredentialMake>,
) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    let mailbox = read(&app, &caller, asked.mailbox_id).await?;
    let is_source = match asked.side.as_str() {
        "source" => true,
        "destination" => false,
        _ => return Err(ApiError::field("side", "source or destination")),
    };
    asked.secret.check("secret")?;
    let id = put(&app, (mailbox.job_id, mailbox.id), is_source, &asked.secret).await?;
    let view = CredentialView::of(one(&app, &caller, &id).await?);
    Ok(created(&format!("/credentials/{id}"), &view))
}

/// A secret in the place of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretChange {
    /// The secret.
    secret: Secret,
}

/// `PUT /credentials/{id}/secret`: the credential has another id then, which is told.
#[utoipa::path(put, path = "/credentials/{id}/secret", tag = "credentials", params(("id" = String, Path)),
    request_body = SecretChange,
    responses((status = 200, body = CredentialView), (status = 404), (status = 422)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<SecretChange>,
) -> Result<axum::Json<CredentialView>> {
    caller.may(Permission::ManageCredentials)?;
    let row = one(&app, &caller, &id).await?;
    asked.secret.check("secret")?;
    let id = put(&app, (row.job_id, row.mailbox_id), row.side == "source", &asked.secret).await?;
    Ok(axum::Json(CredentialView::of(one(&app, &caller, &id).await?)))
}

/// `DELETE /credentials/{id}`.
#[utoipa::path(delete, path = "/credentials/{id}", tag = "credentials", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    let row = one(&app, &caller, &id).await?;
    let mut transaction = app.store.begin().await?;
    transaction.remove_credential(row.mailbox_id, row.side == "source").await?;
    transaction.commit().await?;
    Ok(no_content())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_told_from_others_and_not_told() {
        for (user, expected) in
            [("ana@example.com", "a***@example.com"), ("é@x", "é***@x"), ("admin", "a***"), ("", "***")]
        {
            assert_eq!(masked(user), expected);
        }
    }
}
