//! Roles that a house makes itself, and where users and roles may look: `/access/roles…`, `/access/…/scopes`.
//! Never changes a role that is shipped, and never gives what the caller has not.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{RoleView, check_managed};
use super::answer::{Versioned, created, seen_version, unless_stale};
use super::body::{At, Body, no_content};
use super::caller::Caller;
use super::covers::{check_scoped, managed};
use super::list::Listed;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::store::people::RoleRow;
use crate::store::roles::{Holder, ScopeRow};
use crate::store::{StoreError, at, milliseconds};

/// The longest name of a role, in characters: shorter than an id, so that none is taken for one.
const NAME_MAX: usize = 32;
/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 500;
/// Scopes of one user or role: each is looked at with every request.
const SCOPES_MAX: usize = 200;

/// A role to be made, or as it shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleAsked {
    /// Up to 32 characters without blanks.
    name: String,
    /// What it is for.
    #[serde(default)]
    description: String,
    /// What it allows, each of which the caller has. `can_manage_access` stays with the shipped admin.
    permissions: Vec<String>,
    /// Asks for a second factor; a role with what only people may do always does.
    #[serde(default)]
    requires_mfa: bool,
}

impl RoleAsked {
    /// The role, and its permissions in order.
    fn checked(self, id: String) -> Result<(RoleRow, BTreeSet<Permission>)> {
        let is_name = (1..=NAME_MAX).contains(&self.name.chars().count())
            && !self.name.chars().any(|letter| letter.is_control() || letter.is_whitespace());
        if !is_name {
            return Err(ApiError::field("name", format!("1 to {NAME_MAX} characters without blanks")));
        }
        if self.description.chars().count() > DESCRIPTION_MAX
            || self.description.chars().any(char::is_control)
        {
            let words = format!("at most {DESCRIPTION_MAX} characters, none of control");
            return Err(ApiError::field("description", words));
        }
        let mut permissions = BTreeSet::new();
        for (place, name) in self.permissions.iter().enumerate() {
            let field = format!("permissions[{place}]");
            let known = Permission::ALL.iter().copied().find(|known| known.as_str() == name);
            let known = known.ok_or_else(|| ApiError::field(&field, "there is no such permission"))?;
            // Whoever manages access could give themselves the rest.
            if known == Permission::ManageAccess {
                return Err(ApiError::field(&field, "only the shipped role admin manages access"));
            }
            permissions.insert(known);
        }
        let is_grave = |one: &Permission| one.is_for_people_alone() || *one == Permission::ManageSystem;
        let requires_mfa = self.requires_mfa || permissions.iter().any(is_grave);
        let (name, description) = (self.name, self.description);
        Ok((RoleRow { id, name, description, is_system: false, requires_mfa }, permissions))
    }
}

/// Nobody gives what they have not.
fn check_given(caller: &Caller, given: &BTreeSet<Permission>, before: &[String]) -> Result<()> {
    let is_new = |one: &&Permission| !before.iter().any(|name| name == one.as_str());
    match given.iter().filter(is_new).find(|one| !caller.permissions.contains(one)) {
        Some(lacking) => Err(ApiError::lacks(*lacking)),
        None => Ok(()),
    }
}

fn names(permissions: &BTreeSet<Permission>) -> Vec<String> {
    permissions.iter().map(|one| one.as_str().to_owned()).collect()
}

fn version(changed_at: &str) -> i64 {
    milliseconds(changed_at).unwrap_or(0)
}

fn shipped() -> ApiError {
    ApiError::conflict("conflict", "a shipped role stays as it is: make one of your own")
}

async fn read(app: &App, id: &str) -> Result<(RoleRow, Vec<String>, String)> {
    app.store.role(id).await?.ok_or_else(|| ApiError::not_found("role"))
}

/// `GET /access/roles/{id}`.
#[utoipa::path(get, path = "/access/roles/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = RoleView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Versioned<RoleView>> {
    caller.may(Permission::ManageAccess)?;
    let (role, permissions, changed_at) = read(&app, &id).await?;
    Ok(Versioned(version(&changed_at), RoleView::of(role, permissions)))
}

/// `POST /access/roles`.
#[utoipa::path(post, path = "/access/roles", tag = "access", request_body = RoleAsked,
    responses((status = 201, body = RoleView), (status = 403), (status = 409), (status = 422)))]
pub async fn make(State(app): State<App>, caller: Caller, Body(asked): Body<RoleAsked>) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    let (role, permissions) = asked.checked(uuid()?)?;
    check_given(&caller, &permissions, &[])?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_role(&role, &names(&permissions), &at(app.now_ms())).await?;
    transaction.commit().await?;
    let place = format!("/access/roles/{}", role.id);
    Ok(created(&place, &RoleView::of(role, names(&permissions))))
}

/// `PUT /access/roles/{id}`: the role is as it is said; sessions of all who have it end.
#[utoipa::path(put, path = "/access/roles/{id}", tag = "access", params(("id" = String, Path)),
    request_body = RoleAsked, responses((status = 200, body = RoleView), (status = 403), (status = 404),
    (status = 409), (status = 412), (status = 422), (status = 428)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    Body(asked): Body<RoleAsked>,
) -> Result<Versioned<RoleView>> {
    caller.may(Permission::ManageAccess)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    let (before, held, seen_at) = read(&app, &id).await?;
    if before.is_system {
        return Err(shipped());
    }
    let seen = seen_version(&headers, version(&seen_at))?;
    let (role, permissions) = asked.checked(id)?;
    check_given(&caller, &permissions, &held)?;
    // Two changes of one millisecond are two versions.
    let now_at = at(app.now_ms().max(seen + 1));
    let mut transaction = app.store.begin().await?;
    if !transaction.update_role(&role, &names(&permissions), (&now_at, &seen_at)).await? {
        return Err(StoreError::Stale("the role").into());
    }
    transaction.commit().await?;
    Ok(Versioned(version(&now_at), RoleView::of(role, names(&permissions))))
}

/// `DELETE /access/roles/{id}`: only a role that nobody has.
#[utoipa::path(delete, path = "/access/roles/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 403), (status = 404), (status = 409), (status = 412)))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    let (role, _, changed_at) = read(&app, &id).await?;
    unless_stale(&headers, version(&changed_at))?;
    if role.is_system {
        return Err(shipped());
    }
    match app.store.delete_role(&id).await? {
        true => Ok(no_content()),
        false => Err(ApiError::conflict("conflict", "users have this role: give them another one first")),
    }
}

/// Where somebody may look, or may not; a denial outweighs everything.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeItem {
    /// `allow` or `deny`.
    effect: String,
    /// `tenant` or `job`.
    resource_kind: String,
    /// Which.
    resource_id: i64,
}

/// All scopes of a user or a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopesAsked {
    /// They take the place of those before.
    items: Vec<ScopeItem>,
}

/// Nobody lets others look where they may not look themselves.
async fn check_scope(app: &App, caller: &Caller, scope: &ScopeItem, place: usize) -> Result<()> {
    let field = |name: &str| format!("items[{place}].{name}");
    let (kind, id) = (scope.resource_kind.as_str(), scope.resource_id);
    if !matches!(scope.effect.as_str(), "allow" | "deny") {
        return Err(ApiError::field(field("effect"), "allow or deny"));
    }
    let is_seen = match kind {
        "tenant" => id > 0 && caller.reach.has_tenant(id),
        "job" => app.store.job(&caller.reach, id).await?.is_some(),
        _ => return Err(ApiError::field(field("resource_kind"), "tenant or job")),
    };
    if is_seen || (scope.effect == "deny" && id > 0) {
        return Ok(());
    }
    Err(ApiError::field(field("resource_id"), "there is no such tenant or job"))
}

/// The scopes of somebody, and the version of whoever has them: both change together.
async fn scopes_of(app: &App, caller: &Caller, of: Holder<'_>) -> Result<(bool, i64)> {
    caller.may(Permission::ManageAccess)?;
    match of {
        Holder::User(id) => Ok((false, managed(app, caller, id).await?.version)),
        Holder::Role(id) => {
            let (role, _, changed_at) = read(app, id).await?;
            Ok((role.is_system, version(&changed_at)))
        }
    }
}

async fn shown(app: &App, caller: &Caller, of: Holder<'_>) -> Result<Versioned<Listed<ScopeItem>>> {
    let (_, version) = scopes_of(app, caller, of).await?;
    let rows = app.store.scopes(of).await?.into_iter();
    // What is no number reaches nothing.
    let views = rows.filter_map(|row| {
        let resource_id = row.resource.parse().ok()?;
        Some(ScopeItem { effect: row.effect, resource_kind: row.kind, resource_id })
    });
    Ok(Versioned(version, Listed::whole(views.collect())))
}

async fn put(
    (app, caller, headers): (&App, &Caller, &HeaderMap),
    of: Holder<'_>,
    asked: ScopesAsked,
) -> Result<Versioned<Listed<ScopeItem>>> {
    let (is_shipped, current) = scopes_of(app, caller, of).await?;
    caller.has_stepped_up(app.now_ms())?;
    if is_shipped {
        return Err(shipped());
    }
    let seen = seen_version(headers, current)?;
    if asked.items.len() > SCOPES_MAX {
        return Err(ApiError::field("items", format!("at most {SCOPES_MAX}")));
    }
    let mut scopes = Vec::new();
    for (place, item) in asked.items.into_iter().enumerate() {
        check_scope(app, caller, &item, place).await?;
        let resource = item.resource_id.to_string();
        scopes.push((uuid()?, ScopeRow { effect: item.effect, kind: item.resource_kind, resource }));
    }
    let told: Vec<ScopeRow> = scopes.iter().map(|(_, scope)| scope.clone()).collect();
    match of {
        // A denial that is gone lets them look where it was.
        Holder::User(id) => check_scoped(app, caller, id, told).await?,
        Holder::Role(_) => caller.sees_the_house()?,
    }
    let mut transaction = app.store.begin().await?;
    let before = transaction.administrators().await?;
    if !transaction.set_scopes(of, &scopes, (seen, app.now_ms().max(seen + 1))).await? {
        return Err(StoreError::Stale("what has these scopes").into());
    }
    check_managed(&mut transaction, before).await?;
    transaction.commit().await?;
    shown(app, caller, of).await
}

/// `GET /access/users/{id}/scopes`: beside the user's tenants and what the user's roles have.
#[utoipa::path(get, path = "/access/users/{id}/scopes", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = Listed<ScopeItem>), (status = 404)))]
pub async fn user_scopes(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Versioned<Listed<ScopeItem>>> {
    shown(&app, &caller, Holder::User(&id)).await
}

/// `PUT /access/users/{id}/scopes`: they hold from the user's next request on.
#[utoipa::path(put, path = "/access/users/{id}/scopes", tag = "access", params(("id" = String, Path)),
    request_body = ScopesAsked,
    responses((status = 200, body = Listed<ScopeItem>), (status = 403), (status = 404), (status = 412), (status = 422),
    (status = 428)))]
pub async fn put_user_scopes(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    Body(asked): Body<ScopesAsked>,
) -> Result<Versioned<Listed<ScopeItem>>> {
    put((&app, &caller, &headers), Holder::User(&id), asked).await
}

/// `GET /access/roles/{id}/scopes`.
#[utoipa::path(get, path = "/access/roles/{id}/scopes", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = Listed<ScopeItem>), (status = 404)))]
pub async fn role_scopes(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Versioned<Listed<ScopeItem>>> {
    shown(&app, &caller, Holder::Role(&id)).await
}

/// `PUT /access/roles/{id}/scopes`: of a house's own role alone.
#[utoipa::path(put, path = "/access/roles/{id}/scopes", tag = "access", params(("id" = String, Path)),
    request_body = ScopesAsked,
    responses((status = 200, body = Listed<ScopeItem>), (status = 403), (status = 404), (status = 409), (status = 412),
    (status = 422), (status = 428)))]
pub async fn put_role_scopes(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    Body(asked): Body<ScopesAsked>,
) -> Result<Versioned<Listed<ScopeItem>>> {
    put((&app, &caller, &headers), Holder::Role(&id), asked).await
}
