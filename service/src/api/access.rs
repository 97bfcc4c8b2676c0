//! Users, roles and service tokens: `/access/…`.
//! Never shows a hash, and shows a token once.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Versioned, created, seen_version, unless_stale};
use super::auth::{check_name, hashed};
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::covers::{check_covers, managed, reach_of, reach_with};
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::{password, token};
use crate::store::doors::TokenRow;
use crate::store::people::{Administrators, NewUser, RoleRow, UserRow};
use crate::store::reach::Reach;
use crate::store::roles::Holder;
use crate::store::{StoreError, Transaction, at, at_or_empty};

/// The longest life of a service token, in days.
pub const TOKEN_DAYS_MAX: i64 = 366;
const DAY_MILLIS: i64 = 86_400_000;

/// A permission.
#[derive(Serialize, ToSchema)]
pub struct PermissionView {
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
}

/// `GET /access/permissions`.
#[utoipa::path(get, path = "/access/permissions", tag = "access", params(Short),
    responses((status = 200, body = Listed<PermissionView>)))]
pub async fn permissions(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Short>,
) -> Result<Shown> {
    caller.may(Permission::ManageAccess)?;
    let rows = app.store.permissions().await?;
    let views = rows.into_iter().map(|(name, description)| PermissionView { name, description });
    wanted.of(views.collect())
}

/// A role.
#[derive(Serialize, ToSchema)]
pub struct RoleView {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What it is for.
    description: String,
    /// Shipped with the service.
    is_system: bool,
    /// Asks for a second factor.
    requires_mfa: bool,
    /// What it allows.
    permissions: Vec<String>,
}

impl RoleView {
    /// What is shown of a row.
    pub(super) fn of(role: RoleRow, permissions: Vec<String>) -> Self {
        Self {
            id: role.id,
            name: role.name,
            description: role.description,
            is_system: role.is_system,
            requires_mfa: role.requires_mfa,
            permissions,
        }
    }
}

/// `GET /access/roles`.
#[utoipa::path(get, path = "/access/roles", tag = "access", params(Short),
    responses((status = 200, body = Listed<RoleView>)))]
pub async fn roles(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ManageAccess)?;
    let views = app.store.roles().await?.into_iter();
    let views = views.map(|(role, permissions)| RoleView::of(role, permissions));
    wanted.of(views.collect())
}

/// A user.
#[derive(Serialize, ToSchema)]
pub struct UserView {
    /// Its id.
    id: String,
    /// What is typed at login.
    name: String,
    /// What others see.
    display_name: String,
    /// Where notices go.
    email: String,
    /// May log in.
    enabled: bool,
    /// Sees every tenant.
    sees_all_tenants: bool,
    /// Its roles.
    roles: Vec<String>,
    /// Its tenants.
    tenants: Vec<i64>,
    /// A second factor is set up.
    has_mfa: bool,
}

async fn view(app: &App, user: UserRow) -> Result<UserView> {
    let rights = app.store.rights(&user.id).await?;
    let has_mfa = app.store.totp(&user.id).await?.is_some_and(|totp| totp.is_confirmed);
    Ok(UserView {
        id: user.id,
        name: user.name,
        display_name: user.display_name,
        email: user.email,
        enabled: user.is_enabled,
        sees_all_tenants: user.sees_all_tenants,
        roles: rights.roles.into_iter().map(|role| role.name).collect(),
        tenants: rights.tenants,
        has_mfa,
    })
}

pub(super) async fn read(app: &App, id: &str) -> Result<UserRow> {
    app.store.user(id).await?.ok_or_else(|| ApiError::not_found("user"))
}

/// The ids of the roles of these names or ids.
async fn known_roles(store: &crate::store::Store, names: &[String]) -> Result<Vec<String>> {
    let mut known = Vec::new();
    for (place, role) in names.iter().enumerate() {
        let found = store.role_named(role).await?;
        known.push(found.ok_or_else(|| ApiError::field(format!("roles[{place}]"), "there is no such role"))?);
    }
    Ok(known)
}

/// `GET /access/users`: oneself, and those who see no more than oneself.
#[utoipa::path(get, path = "/access/users", tag = "access", params(Short),
    responses((status = 200, body = Listed<UserView>)))]
pub async fn users(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ManageAccess)?;
    let mut views = Vec::new();
    for user in app.store.users().await? {
        let is_own = user.id == caller.id;
        if is_own || check_covers(&app, &caller, &reach_of(&app, &user).await?).await.is_ok() {
            views.push(view(&app, user).await?);
        }
    }
    wanted.of(views)
}

/// `GET /access/users/{id}`.
#[utoipa::path(get, path = "/access/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = UserView), (status = 404)))]
pub async fn user(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Versioned<UserView>> {
    caller.may(Permission::ManageAccess)?;
    let user = if id == caller.id { read(&app, &id).await? } else { managed(&app, &caller, &id).await? };
    Ok(Versioned(user.version, view(&app, user).await?))
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserMake {
    /// What is typed at login.
    name: String,
    /// What others see; the name where nothing is said.
    display_name: Option<String>,
    /// Where notices go.
    email: Option<String>,
    /// At least twelve characters.
    #[schema(value_type = String)]
    password: SecretString,
    /// Its roles.
    roles: Vec<String>,
    /// Its tenants.
    #[serde(default)]
    tenants: Vec<i64>,
    /// Sees every tenant.
    #[serde(default)]
    sees_all_tenants: bool,
}

/// `POST /access/users`.
#[utoipa::path(post, path = "/access/users", tag = "access", request_body = UserMake,
    responses((status = 201, body = UserView), (status = 409), (status = 422)))]
pub async fn make_user(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<UserMake>,
) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    let roles = known_roles(&app.store, &asked.roles).await?;
    let wanted = (asked.sees_all_tenants, roles.as_slice(), asked.tenants.as_slice());
    check_covers(&app, &caller, &reach_with(&app, wanted, Vec::new()).await?).await?;
    let made = Made {
        display_name: asked.display_name.as_deref().unwrap_or(&asked.name),
        email: asked.email.as_deref().unwrap_or_default(),
        roles: &asked.roles,
        tenants: &asked.tenants,
        sees_all_tenants: asked.sees_all_tenants,
        name: &asked.name,
        by: &caller.actor,
    };
    let id = make(&app.store, &made, asked.password, app.now_ms()).await?;
    let user = read(&app, &id).await?;
    Ok(created(&format!("/access/users/{id}"), &view(&app, user).await?))
}

/// A user to be made, from wherever.
pub struct Made<'a> {
    /// What is typed at login.
    pub name: &'a str,
    /// What others see.
    pub display_name: &'a str,
    /// Where notices go.
    pub email: &'a str,
    /// Roles by id or name.
    pub roles: &'a [String],
    /// Tenants.
    pub tenants: &'a [i64],
    /// Every tenant.
    pub sees_all_tenants: bool,
    /// Who makes it.
    pub by: &'a str,
}

/// Makes a user; the id.
///
/// # Errors
/// Where the name is taken, the password weak, or a role or tenant not known.
pub async fn make(
    store: &crate::store::Store,
    made: &Made<'_>,
    secret: SecretString,
    now_ms: i64,
) -> Result<String> {
    check_name(made.name)?;
    password::check(&secret, &[made.name, made.email])
        .map_err(|weak| ApiError::field("password", weak.to_string()))?;
    let roles = known_roles(store, made.roles).await?;
    if store.user_named(made.name).await?.is_some() {
        return Err(ApiError::conflict("duplicate", "there is a user of that name"));
    }
    let hash = hashed(secret).await?;
    let id = token::uuid()?;
    let new = NewUser {
        id: &id,
        name: made.name,
        display_name: made.display_name,
        email: made.email,
        password_hash: &hash,
        sees_all_tenants: made.sees_all_tenants,
    };
    let mut transaction = store.begin().await?;
    transaction.insert_user(&new, now_ms).await?;
    transaction.set_roles(&id, &roles, made.by).await?;
    transaction.set_tenants(&id, made.tenants).await.map_err(of_tenants)?;
    transaction.commit().await?;
    Ok(id)
}

/// A tenant that is not there is the caller's mistake.
fn of_tenants(error: StoreError) -> ApiError {
    match &error {
        StoreError::Database { cause: sqlx::Error::Database(cause), .. }
            if cause.is_foreign_key_violation() =>
        {
            ApiError::field("tenants", "there is no such tenant")
        }
        _ => error.into(),
    }
}

/// What is to be changed of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What others see.
    display_name: Option<String>,
    /// Where notices go.
    email: Option<String>,
    /// May log in.
    enabled: Option<bool>,
    /// Sees every tenant.
    sees_all_tenants: Option<bool>,
    /// Its roles.
    roles: Option<Vec<String>>,
    /// Its tenants.
    tenants: Option<Vec<i64>>,
}

/// `PUT /access/users/{id}`: what is not said stays. The user's sessions end.
#[utoipa::path(put, path = "/access/users/{id}", tag = "access", params(("id" = String, Path)),
    request_body = UserChange, responses((status = 200, body = UserView), (status = 409), (status = 412),
    (status = 428)))]
pub async fn change_user(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    Body(asked): Body<UserChange>,
) -> Result<Versioned<UserView>> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    let mut user = managed(&app, &caller, &id).await?;
    user.version = seen_version(&headers, user.version)?;
    user.display_name = asked.display_name.unwrap_or(user.display_name);
    user.email = asked.email.unwrap_or(user.email);
    user.is_enabled = asked.enabled.unwrap_or(user.is_enabled);
    user.sees_all_tenants = asked.sees_all_tenants.unwrap_or(user.sees_all_tenants);
    let roles = match &asked.roles {
        Some(names) => Some(known_roles(&app.store, names).await?),
        None => None,
    };
    let rights = app.store.rights(&id).await?;
    let held: Vec<String> = rights.roles.into_iter().map(|role| role.id).collect();
    let tenants = asked.tenants.as_ref().unwrap_or(&rights.tenants);
    let wanted = (user.sees_all_tenants, roles.as_ref().unwrap_or(&held).as_slice(), tenants.as_slice());
    let own = app.store.scopes(Holder::User(&id)).await?;
    check_covers(&app, &caller, &reach_with(&app, wanted, own).await?).await?;
    let mut transaction = app.store.begin().await?;
    let before = transaction.administrators().await?;
    if !transaction.update_user(&user).await? {
        return Err(StoreError::Stale("the user").into());
    }
    if let Some(roles) = roles {
        transaction.set_roles(&id, &roles, &caller.actor).await?;
    }
    if let Some(tenants) = asked.tenants {
        transaction.set_tenants(&id, &tenants).await.map_err(of_tenants)?;
    }
    check_managed(&mut transaction, before).await?;
    transaction.end_sessions(&id, "rights_changed").await?;
    transaction.commit().await?;
    let user = read(&app, &id).await?;
    Ok(Versioned(user.version, view(&app, user).await?))
}

/// Refuses a change after which nobody could manage access any more, or nobody who sees the whole house, where somebody
/// could before: then nobody could give it back. Looked at before and after the change, one at a time: two who take
/// each other's rights at the same moment do not both get their way.
pub(super) async fn check_managed(transaction: &mut Transaction, before: Administrators) -> Result<()> {
    let after = transaction.administrators().await?;
    if after.all > 0 && (after.of_the_house > 0 || before.of_the_house == 0) {
        return Ok(());
    }
    Err(ApiError::conflict("conflict", "nobody else could manage access any more"))
}

/// `DELETE /access/users/{id}`.
#[utoipa::path(delete, path = "/access/users/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 409), (status = 412)))]
pub async fn remove_user(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    let user = managed(&app, &caller, &id).await?;
    unless_stale(&headers, user.version)?;
    let mut transaction = app.store.begin().await?;
    let before = transaction.administrators().await?;
    transaction.delete_user(&id).await?;
    check_managed(&mut transaction, before).await?;
    transaction.commit().await?;
    Ok(no_content())
}

/// A password for somebody else.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordSet {
    /// At least twelve characters.
    #[schema(value_type = String)]
    password: SecretString,
}

/// `PUT /access/users/{id}/password`: the user's sessions end, and the second factor is removed.
#[utoipa::path(put, path = "/access/users/{id}/password", tag = "access", params(("id" = String, Path)),
    request_body = PasswordSet, responses((status = 204), (status = 404), (status = 422)))]
pub async fn set_password(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Body(asked): Body<PasswordSet>,
) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    let user = managed(&app, &caller, &id).await?;
    password::check(&asked.password, &[&user.name, &user.email])
        .map_err(|weak| ApiError::field("password", weak.to_string()))?;
    let hash = hashed(asked.password).await?;
    let mut transaction = app.store.begin().await?;
    transaction.set_password(&id, &hash, app.now_ms()).await?;
    transaction.drop_totp(&id).await?;
    transaction.end_sessions(&id, "password_set").await?;
    transaction.commit().await?;
    Ok(no_content())
}

/// A service token, without the token.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    id: String,
    /// What it is for.
    name: String,
    /// What it may do.
    scopes: Vec<String>,
    /// The one tenant that it sees; null: all.
    tenant_id: Option<i64>,
    /// From where it is taken; empty: from anywhere.
    allowed_networks: Vec<String>,
    /// When it ends.
    expires_at: String,
    /// When it was last used; empty: never.
    last_used_at: String,
    /// When it was revoked; empty: it was not.
    revoked_at: String,
    /// Who made it.
    created_by: String,
    /// The token itself, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl TokenView {
    fn of(row: TokenRow) -> Self {
        Self {
            scopes: serde_json::from_str(&row.scopes_json).unwrap_or_default(),
            allowed_networks: serde_json::from_str(&row.networks_json).unwrap_or_default(),
            expires_at: at(row.expires_ms),
            last_used_at: at_or_empty(row.last_used_ms),
            revoked_at: at_or_empty(row.revoked_ms),
            id: row.id,
            name: row.name,
            tenant_id: row.tenant_id,
            created_by: row.created_by,
            token: None,
        }
    }
}

/// `GET /access/service-tokens`.
#[utoipa::path(get, path = "/access/service-tokens", tag = "access", params(Short),
    responses((status = 200, body = Listed<TokenView>)))]
pub async fn tokens(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ManageAccess)?;
    let rows = app.store.service_tokens().await?.into_iter();
    wanted.of(rows.filter(|row| is_covered(&caller, row.tenant_id)).map(TokenView::of).collect())
}

/// True where the caller sees all that a token for this tenant, or for all of them, sees.
fn is_covered(caller: &Caller, tenant: Option<i64>) -> bool {
    tenant.map_or_else(|| caller.reach.is_whole(), |tenant| caller.reach.covers(&Reach::of_tenant(tenant)))
}

/// A service token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenMake {
    /// What it is for.
    pub name: String,
    /// What it may do: `gate:read`, `jobs:read` or a permission's name.
    pub scopes: Vec<String>,
    /// The one tenant that it sees.
    pub tenant_id: Option<i64>,
    /// From where it is taken, as CIDRs.
    #[serde(default)]
    pub allowed_networks: Vec<String>,
    /// How long it lives, in days; 90 where nothing is said, 366 at most.
    pub expires_days: Option<i64>,
}

/// `POST /access/service-tokens`.
#[utoipa::path(post, path = "/access/service-tokens", tag = "access", request_body = TokenMake,
    responses((status = 201, body = TokenView), (status = 422)))]
pub async fn make_token(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<TokenMake>,
) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    caller.has_stepped_up(app.now_ms())?;
    if !is_covered(&caller, asked.tenant_id) {
        return Err(ApiError::field("tenant_id", "name a tenant of which you see everything"));
    }
    let (row, secret) = new_token(&app.store, asked, &caller.actor, app.now_ms()).await?;
    let place = format!("/access/service-tokens/{}", row.id);
    let view = TokenView { token: Some(secret.expose_secret().to_owned()), ..TokenView::of(row) };
    Ok(created(&place, &view))
}

/// Makes a service token.
///
/// # Errors
/// Where a scope, a network, the tenant or the life is not right.
pub async fn new_token(
    store: &crate::store::Store,
    asked: TokenMake,
    by: &str,
    now_ms: i64,
) -> Result<(TokenRow, SecretString)> {
    check_name(&asked.name)?;
    if asked.scopes.is_empty() {
        return Err(ApiError::field("scopes", "say what the token may do, such as gate:read"));
    }
    for (place, scope) in asked.scopes.iter().enumerate() {
        let known = Permission::named(scope).filter(|permission| !permission.is_for_people_alone());
        if known.is_none() {
            return Err(ApiError::field(format!("scopes[{place}]"), "no token may have this scope"));
        }
    }
    for (place, network) in asked.allowed_networks.iter().enumerate() {
        if network.parse::<IpNet>().is_err() {
            return Err(ApiError::field(format!("allowed_networks[{place}]"), "write it as 192.0.2.0/24"));
        }
    }
    let days = asked.expires_days.unwrap_or(90);
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(ApiError::field("expires_days", format!("from 1 to {TOKEN_DAYS_MAX}")));
    }
    let secret = token::new(token::SERVICE_PREFIX)?;
    let row = TokenRow {
        id: token::uuid()?,
        name: asked.name,
        scopes_json: serde_json::json!(asked.scopes).to_string(),
        tenant_id: asked.tenant_id,
        networks_json: serde_json::json!(asked.allowed_networks).to_string(),
        expires_ms: now_ms + days * DAY_MILLIS,
        last_used_ms: 0,
        revoked_ms: 0,
        created_by: by.to_owned(),
    };
    store.insert_token(&row, token::digest(&secret)).await.map_err(of_tenants)?;
    Ok((row, secret))
}

/// `DELETE /access/service-tokens/{id}`.
#[utoipa::path(delete, path = "/access/service-tokens/{id}", tag = "access", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn revoke_token(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    caller.may(Permission::ManageAccess)?;
    let all = app.store.service_tokens().await?;
    let is_known = all.iter().any(|row| row.id == id && is_covered(&caller, row.tenant_id));
    if is_known && app.store.revoke_token(&id, app.now_ms()).await? {
        Ok(no_content())
    } else {
        Err(ApiError::not_found("service token"))
    }
}
