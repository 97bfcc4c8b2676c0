//! Where somebody else is logged in, and ending that: `/access/users/{id}/sessions`.
//! Never a session of who sees more than the caller, nor a token: those are kept nowhere.

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::access::read;
use super::auth::SessionView;
use super::body::{Asked, At, no_content};
use super::caller::Caller;
use super::covers::managed;
use super::layers::Note;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;

/// Why a session ended that its own user did not end.
const ENDED: &str = "ended_by_another";

/// Goes on where the user is the caller, or somebody whom the caller may manage.
async fn reached(app: &App, caller: &Caller, id: &str) -> Result<()> {
    let found = if id == caller.id { read(app, id).await } else { managed(app, caller, id).await };
    found.map(|_| ())
}

fn current(caller: &Caller) -> &str {
    caller.session.as_ref().map_or("", |session| &session.id)
}

/// `GET /access/users/{id}/sessions`: of a user whom the caller may manage.
#[utoipa::path(get, path = "/access/users/{id}/sessions", tag = "access", params(("id" = String, Path), Short),
    responses((status = 200, body = Listed<SessionView>), (status = 403), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ManageAccess)?;
    reached(&app, &caller, &id).await?;
    let rows = app.store.sessions(&id).await?.into_iter();
    wanted.of(rows.map(|row| SessionView::of(row, current(&caller))).collect())
}

/// `DELETE /access/users/{id}/sessions`: all of a user's but the one that asks.
#[utoipa::path(delete, path = "/access/users/{id}/sessions", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 403), (status = 404)))]
pub async fn end_all(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    reached(&app, &caller, &id).await?;
    let ended = app.store.revoke_sessions(&id, ENDED, current(&caller)).await?;
    let mut response = no_content();
    let details = Some(json!({"sessions_ended": ended}));
    response.extensions_mut().insert(Note { details, ..Note::default() });
    Ok(response)
}

/// `DELETE /access/users/{id}/sessions/{sid}`: one of a user's.
#[utoipa::path(delete, path = "/access/users/{id}/sessions/{sid}", tag = "access",
    params(("id" = String, Path), ("sid" = String, Path)),
    responses((status = 204), (status = 403), (status = 404)))]
pub async fn end(
    State(app): State<App>,
    caller: Caller,
    At((id, session)): At<(String, String)>,
) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    reached(&app, &caller, &id).await?;
    let is_theirs = app.store.sessions(&id).await?.iter().any(|one| one.id == session);
    // It may have ended between the two looks.
    if !is_theirs || !app.store.revoke_session(&session, ENDED).await? {
        return Err(ApiError::not_found("session"));
    }
    let mut response = no_content();
    let note = Note { resource: Some(("sessions", session)), details: Some(json!({"user_id": id})) };
    response.extensions_mut().insert(note);
    Ok(response)
}
