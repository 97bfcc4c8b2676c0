//! What those who did something are called: `/access/names`.
//! Never an e-mail address, a role or a list of everybody: a name is told for an id that the caller has.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Asked;
use super::caller::Caller;
use super::list::Listed;
use super::{ApiError, Result};
use crate::actors::{is_actor, within};
use crate::app::App;
use crate::auth::permission::Permission;

/// Actors that are asked about at once.
pub const ACTORS_MAX: usize = 200;

/// Whose names.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `u_…` of users, `s_…` and `api:…` of tokens, as `approved_by`, `triggered_by` and their like tell them: at most
    /// 200, with commas between.
    actors: String,
}

/// A name.
#[derive(Serialize, ToSchema)]
pub struct NameView {
    /// `u_…` of a user, `s_…` or `api:…` of a token.
    actor: String,
    /// What it is called.
    name: String,
    /// `user` or `token`.
    kind: &'static str,
}

/// `GET /access/names`: also of users who are switched off and of tokens that ended. What has no name is left out.
#[utoipa::path(get, path = "/access/names", tag = "access", params(Wanted),
    responses((status = 200, body = Listed<NameView>)))]
pub async fn names(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Listed<NameView>>> {
    caller.may(Permission::ViewMigration)?;
    let mut asked: Vec<&str> = wanted.actors.split(',').map(str::trim).collect();
    if asked.len() > ACTORS_MAX {
        return Err(ApiError::bad_request(format!("at most {ACTORS_MAX} actors at once")));
    }
    asked.retain(|actor| is_actor(actor));
    let known = app.store.names(&asked).await?;
    let views = known.into_iter().map(|(actor, name)| {
        let kind = if actor.starts_with("u_") { "user" } else { "token" };
        NameView { actor, name, kind }
    });
    Ok(Json(Listed::whole(views.collect())))
}

/// The names of all who stand in a document.
///
/// # Errors
/// What the database says.
pub async fn of_document(app: &App, document: &Value) -> Result<BTreeMap<String, String>> {
    Ok(app.store.names(&within(document).into_iter().collect::<Vec<_>>()).await?)
}
