//! Views of the list of jobs that somebody keeps by name: `/auth/job-views…`. A view is a set of the list's filters.
//! Never another's, and never more rows than its keeper sees.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::created;
use super::auth::person;
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::views::ViewRow;

/// Views of one person, at most.
const VIEWS_MAX: i64 = 40;
/// The longest name, in characters.
const NAME_CHARACTERS_MAX: usize = 60;
/// The longest text that is searched for, in characters.
const TEXT_CHARACTERS_MAX: usize = 200;

/// Filters of `GET /migration/jobs`; an empty word filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// With this in the domain or the source's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    q: String,
    /// In this phase.
    #[serde(skip_serializing_if = "String::is_empty")]
    phase: String,
    /// With this gate.
    #[serde(skip_serializing_if = "String::is_empty")]
    gate: String,
    /// Made by this person, by name or as `u_…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    owner: String,
    /// Of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<i64>,
    /// Of this ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_id: Option<i64>,
}

impl Filters {
    fn check(&self) -> Result<()> {
        let is_long =
            |text: &str| text.chars().count() > TEXT_CHARACTERS_MAX || text.chars().any(char::is_control);
        if is_long(&self.q) {
            return Err(ApiError::field("filters.q", "at most 200 characters, none of control"));
        }
        if is_long(&self.owner) {
            return Err(ApiError::field("filters.owner", "at most 200 characters, none of control"));
        }
        if !self.phase.is_empty() && malote_plan::phase::Phase::named(&self.phase).is_none() {
            return Err(ApiError::field("filters.phase", "there is no such phase"));
        }
        if !["", "blocked", "warning", "ready_for_dns"].contains(&self.gate.as_str()) {
            return Err(ApiError::field("filters.gate", "blocked, warning or ready_for_dns"));
        }
        Ok(())
    }
}

/// A view.
#[derive(Serialize, ToSchema)]
pub struct ViewView {
    /// Its id.
    id: String,
    /// What its keeper calls it.
    name: String,
    /// What it shows.
    filters: Filters,
    /// The list begins with it.
    is_default: bool,
}

impl ViewView {
    fn of(row: ViewRow) -> Self {
        let filters = serde_json::from_str(&row.filters_json).unwrap_or_default();
        Self { id: row.id, name: row.name, filters, is_default: row.is_default }
    }
}

/// A view to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewAsked {
    /// 1 to 60 characters, unlike those of the other views.
    name: String,
    /// What it shows.
    #[serde(default)]
    filters: Filters,
    /// The list begins with it, and with no other.
    #[serde(default)]
    is_default: bool,
}

impl ViewAsked {
    fn row(self, id: String) -> Result<ViewRow> {
        let name = self.name.trim();
        let is_fine =
            (1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if !is_fine {
            return Err(ApiError::field("name", "1 to 60 characters, none of control"));
        }
        self.filters.check()?;
        let filters_json = serde_json::json!(self.filters).to_string();
        Ok(ViewRow { id, name: name.to_owned(), filters_json, is_default: self.is_default })
    }
}

fn keeper(caller: &Caller) -> Result<&str> {
    caller.may(Permission::ViewMigration)?;
    person(caller)?;
    Ok(&caller.id)
}

/// `GET /auth/job-views`: one's own, by name.
#[utoipa::path(get, path = "/auth/job-views", tag = "auth", params(Short),
    responses((status = 200, body = Listed<ViewView>)))]
pub async fn list(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    let rows = app.store.views(keeper(&caller)?).await?;
    wanted.of(rows.into_iter().map(ViewView::of).collect())
}

/// `POST /auth/job-views`: one more.
#[utoipa::path(post, path = "/auth/job-views", tag = "auth", request_body = ViewAsked,
    responses((status = 201, body = ViewView), (status = 409), (status = 422)))]
pub async fn make(State(app): State<App>, caller: Caller, Body(asked): Body<ViewAsked>) -> Result<Response> {
    let row = asked.row(uuid()?)?;
    if !app.store.insert_view(keeper(&caller)?, &row, VIEWS_MAX, app.now_ms()).await? {
        let detail = format!("{VIEWS_MAX} views are kept at most: remove one first");
        return Err(ApiError::conflict("conflict", detail));
    }
    Ok(created(&format!("/auth/job-views/{}", row.id), &ViewView::of(row)))
}

/// `PUT /auth/job-views/{id}`: whole.
#[utoipa::path(put, path = "/auth/job-views/{id}", tag = "auth", params(("id" = String, Path)),
    request_body = ViewAsked,
    responses((status = 200, body = ViewView), (status = 404), (status = 409), (status = 422)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<ViewAsked>,
) -> Result<Json<ViewView>> {
    let user = keeper(&caller)?;
    let row = asked.row(id)?;
    if !app.store.change_view(user, &row).await? {
        return Err(ApiError::not_found("view"));
    }
    let row = app.store.view(user, &row.id).await?.ok_or_else(|| ApiError::not_found("view"))?;
    Ok(Json(ViewView::of(row)))
}

/// `DELETE /auth/job-views/{id}`.
#[utoipa::path(delete, path = "/auth/job-views/{id}", tag = "auth", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    if app.store.remove_view(keeper(&caller)?, &id).await? {
        Ok(no_content())
    } else {
        Err(ApiError::not_found("view"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: serde_json::Value, is_fine: bool) {
        let read: ViewAsked = serde_json::from_value(asked.clone()).expect("each has the form of a view");
        assert_eq!(read.row("x".to_owned()).is_ok(), is_fine, "{asked}");
    }

    #[test]
    fn a_view_has_a_name_and_filters_that_the_list_knows() {
        use serde_json::json;
        check(json!({"name": "mine"}), true);
        check(json!({"name": "  "}), false);
        check(json!({"name": "x".repeat(61)}), false);
        check(json!({"name": "mine", "filters": {"phase": "delta_sync", "gate": "warning"}}), true);
        check(json!({"name": "mine", "filters": {"phase": "nowhere"}}), false);
        check(json!({"name": "mine", "filters": {"gate": "ajar"}}), false);
        check(json!({"name": "mine", "filters": {"q": "x".repeat(201)}}), false);
    }
}
