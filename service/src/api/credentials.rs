//! Credentials of mailboxes and of servers as such: put, replaced, removed, and told of: `/credentials…`.
//! Never shows a secret, nor a login's name in full.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::created;
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::kept::{self, KeptSecret};
use super::list::{Listed, ROWS_MAX};
use super::mailboxes::{put, read};
use super::trial::TestView;
use super::{ApiError, Result, login};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::oauth::Plan;
use crate::store::admin::CredentialView as Row;
use crate::store::at_or_empty;
use crate::store::kept::KeptRow;

/// Rows where nothing is said.
const ROWS: i64 = 50;

/// What is known of a credential.
#[derive(Serialize, ToSchema)]
pub struct CredentialView {
    /// Its id; another one after each change of the secret.
    id: String,
    /// The mailbox; 0: it is kept at a server.
    mailbox_id: i64,
    /// Its job; 0: it is kept at a server.
    job_id: i64,
    /// `source` or `destination`; empty: it is kept at a server.
    side: String,
    /// The server that keeps it; empty: it is a mailbox's.
    endpoint_id: String,
    /// What people call it; empty: it is a mailbox's.
    name: String,
    /// `valid`, `waiting` for a consent, `needs_consent` anew, or `revoked`.
    status: String,
    /// How its tokens come; nothing where it is a password or a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<Plan>,
    /// Runs that were given it; of credentials at servers alone.
    usage_count: i64,
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
            endpoint_id: String::new(),
            name: String::new(),
            status: "valid".to_owned(),
            grant: None,
            usage_count: 0,
            kind: row.kind,
            expires_at: row.expires_at,
            last_ok_at: row.last_ok_at,
            created_at: row.created_at,
        }
    }

    /// One that is kept at a server.
    pub(super) fn of_kept(row: KeptRow) -> Self {
        Self {
            user: if row.login_user.is_empty() { String::new() } else { masked(&row.login_user) },
            has_password: row.kind == "password",
            has_token: row.kind != "password" && matches!(row.status.as_str(), "valid" | "needs_consent"),
            grant: Plan::parse(&row.grant_json).ok(),
            expires_at: at_or_empty(row.expires_ms),
            id: row.id,
            mailbox_id: 0,
            job_id: 0,
            side: String::new(),
            endpoint_id: row.endpoint_id,
            name: row.name,
            status: row.status,
            usage_count: row.usage_count,
            kind: row.kind,
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
    /// Kept at this server.
    endpoint_id: Option<String>,
    /// Those that are kept at servers alone, and none of mailboxes.
    at_servers: Option<bool>,
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
) -> Result<Listed<CredentialView>> {
    caller.may(Permission::ManageCredentials)?;
    let rows = wanted.limit.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&rows) {
        return Err(ApiError::bad_request(format!("limit is from 1 to {ROWS_MAX}")));
    }
    let after = wanted.cursor.unwrap_or_default();
    let (job, endpoint) = (wanted.job_id.unwrap_or(0), wanted.endpoint_id.unwrap_or_default());
    let (mut found, mut total) = (Vec::new(), 0);
    if endpoint.is_empty() && wanted.at_servers != Some(true) {
        let rows = app.store.credential_views(&caller.reach, ("", job, &after), rows + 1).await?;
        found.extend(rows.into_iter().map(CredentialView::of));
        total += app.store.credentials_count(&caller.reach, job).await?;
    }
    if job == 0 {
        let rows = app.store.kept_rows(&caller.reach, (&endpoint, &after), rows + 1).await?;
        found.extend(rows.into_iter().map(CredentialView::of_kept));
        total += app.store.kept_count(&caller.reach, &endpoint).await?;
    }
    // Both came by their ids, and go on by them.
    found.sort_by(|one, other| one.id.cmp(&other.id));
    let has_more = i64::try_from(found.len()).unwrap_or(i64::MAX) > rows;
    found.truncate(usize::try_from(rows).unwrap_or(0));
    let next_cursor = found.last().filter(|_| has_more).map(|view| view.id.clone());
    Ok(Listed { items: found, next_cursor, total })
}

async fn one(app: &App, caller: &Caller, id: &str) -> Result<Row> {
    let mut rows = app.store.credential_views(&caller.reach, (id, 0, ""), 1).await?;
    rows.pop().filter(|_| !id.is_empty()).ok_or_else(|| ApiError::not_found("credential"))
}

/// `GET /credentials/{id}`: what is known of it, never what it is.
#[utoipa::path(get, path = "/credentials/{id}", tag = "credentials", params(("id" = String, Path)),
    responses((status = 200, body = CredentialView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<axum::Json<CredentialView>> {
    caller.may(Permission::ManageCredentials)?;
    if let Some(row) = app.store.kept_row(&caller.reach, &id).await? {
        return Ok(axum::Json(CredentialView::of_kept(row)));
    }
    Ok(axum::Json(CredentialView::of(one(&app, &caller, &id).await?)))
}

/// A credential to be put: of a mailbox, or kept at a server for many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialMake {
    /// The mailbox.
    #[serde(default)]
    mailbox_id: i64,
    /// Of a mailbox: `source` or `destination`.
    #[serde(default)]
    side: String,
    /// The server that keeps it.
    #[serde(default)]
    endpoint_id: String,
    /// At a server: what people call it.
    #[serde(default)]
    name: String,
    /// At a server: who logs in by it; the mailbox itself where nothing is said.
    #[serde(default)]
    user: String,
    /// At a server: how its tokens come.
    #[serde(default)]
    grant: Option<Plan>,
    /// The secret. It goes to the vault and never comes back.
    secret: Option<KeptSecret>,
}

/// `POST /credentials`: a mailbox's, in the place of what that side had; or one more at a server.
#[utoipa::path(post, path = "/credentials", tag = "credentials", request_body = CredentialMake,
    responses((status = 201, body = CredentialView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<CredentialMake>,
) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    if !asked.endpoint_id.is_empty() {
        if asked.mailbox_id != 0 || !asked.side.is_empty() {
            return Err(ApiError::field("mailbox_id", "a mailbox or a server, and not both"));
        }
        let new = kept::New {
            endpoint_id: asked.endpoint_id,
            name: asked.name,
            user: asked.user,
            grant: asked.grant,
            secret: asked.secret.unwrap_or_default(),
        };
        let row = kept::make(&app, &caller, new).await?;
        return Ok(created(&format!("/credentials/{}", row.id), &CredentialView::of_kept(row)));
    }
    for (is_said, field) in
        [(!asked.name.is_empty(), "name"), (!asked.user.is_empty(), "user"), (asked.grant.is_some(), "grant")]
    {
        if is_said {
            return Err(ApiError::field(field, "for credentials at a server: name its endpoint_id"));
        }
    }
    let mailbox = read(&app, &caller, asked.mailbox_id).await?;
    let is_source = match asked.side.as_str() {
        "source" => true,
        "destination" => false,
        _ => return Err(ApiError::field("side", "source or destination")),
    };
    let secret = asked.secret.unwrap_or_default().of_mailbox()?;
    let id = put(&app, (mailbox.job_id, mailbox.id), is_source, &secret).await?;
    let view = CredentialView::of(one(&app, &caller, &id).await?);
    Ok(created(&format!("/credentials/{id}"), &view))
}

/// A secret in the place of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretChange {
    /// The secret.
    secret: KeptSecret,
}

/// `PUT /credentials/{id}/secret`. A mailbox's credential has another id then, which is told; one at a server keeps
/// its own, and every login from then on is by the new secret, of runs at work too.
#[utoipa::path(put, path = "/credentials/{id}/secret", tag = "credentials", params(("id" = String, Path)),
    request_body = SecretChange,
    responses((status = 200, body = CredentialView), (status = 403), (status = 404), (status = 422)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<SecretChange>,
) -> Result<axum::Json<CredentialView>> {
    caller.may(Permission::ManageCredentials)?;
    if let Some(row) = app.store.kept_row(&caller.reach, &id).await? {
        let row = kept::change(&app, &caller, row, asked.secret).await?;
        return Ok(axum::Json(CredentialView::of_kept(row)));
    }
    let row = one(&app, &caller, &id).await?;
    let secret = asked.secret.of_mailbox()?;
    let id = put(&app, (row.job_id, row.mailbox_id), row.side == "source", &secret).await?;
    Ok(axum::Json(CredentialView::of(one(&app, &caller, &id).await?)))
}

/// `DELETE /credentials/{id}`. One at a server stays while an open job or a mailbox of one names it.
#[utoipa::path(delete, path = "/credentials/{id}", tag = "credentials", params(("id" = String, Path)),
    responses((status = 204), (status = 403), (status = 404), (status = 409)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    if let Some(row) = app.store.kept_row(&caller.reach, &id).await? {
        kept::remove(&app, &row).await?;
        return Ok(no_content());
    }
    let row = one(&app, &caller, &id).await?;
    let mut transaction = app.store.begin().await?;
    transaction.remove_credential(row.mailbox_id, row.side == "source").await?;
    transaction.commit().await?;
    Ok(no_content())
}

/// With which mailbox to log in.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct TestAsked {
    /// A mailbox of the server; where nothing is said, whoever the credential names.
    user: String,
}

/// `POST /credentials/{id}/test`: logs in as a run would, reads nothing, and says how that went.
#[utoipa::path(post, path = "/credentials/{id}/test", tag = "credentials", params(("id" = String, Path)),
    request_body = TestAsked,
    responses((status = 200, body = TestView), (status = 403), (status = 404), (status = 422)))]
pub async fn test(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<TestAsked>,
) -> Result<axum::Json<TestView>> {
    caller.may(Permission::ManageCredentials)?;
    if let Some(row) = app.store.kept_row(&caller.reach, &id).await? {
        return Ok(axum::Json(login::of_kept(&app, &row, &asked.user).await?));
    }
    let row = one(&app, &caller, &id).await?;
    if !asked.user.is_empty() {
        return Err(ApiError::field("user", "a mailbox's credential is its own"));
    }
    Ok(axum::Json(login::of_mailbox(&app, row.mailbox_id, row.side == "source").await?))
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
