//! Who may manage whom: nobody manages people who see more, nor lets others see more.
//! Never looks at permissions: what a caller may do is asked before.

use axum::http::StatusCode;

use super::access::read;
use super::caller::Caller;
use super::{ApiError, Result};
use crate::app::App;
use crate::store::people::{Rights, UserRow};
use crate::store::reach::Reach;
use crate::store::roles::{Holder, ScopeRow};

/// Goes on where the caller sees all that somebody of this reach sees.
///
/// # Errors
/// 403.
pub(super) async fn check_covers(app: &App, caller: &Caller, other: &Reach) -> Result<()> {
    if caller.reach.is_whole() {
        return Ok(());
    }
    let mut is_covered = caller.reach.covers(other);
    for job in other.jobs() {
        is_covered = is_covered && app.store.job(&caller.reach, *job).await?.is_some();
    }
    if is_covered {
        return Ok(());
    }
    let detail = "this reaches further than you see yourself";
    Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail))
}

/// What a user sees.
///
/// # Errors
/// What the database says.
pub(super) async fn reach_of(app: &App, user: &UserRow) -> Result<Reach> {
    Ok(Reach::of_user(user.sees_all_tenants, &app.store.rights(&user.id).await?))
}

/// A user whom the caller may manage: nobody manages people who see more.
///
/// # Errors
/// 403, and 404 where there is no such user.
pub(super) async fn managed(app: &App, caller: &Caller, id: &str) -> Result<UserRow> {
    let user = read(app, id).await?;
    check_covers(app, caller, &reach_of(app, &user).await?).await?;
    Ok(user)
}

/// What somebody with these roles, by their ids, and tenants would see, who has scopes of their own beside those of
/// the roles.
///
/// # Errors
/// What the database says.
pub(super) async fn reach_with(
    app: &App,
    asked: (bool, &[String], &[i64]),
    own: Vec<ScopeRow>,
) -> Result<Reach> {
    let (sees_all, roles, tenants) = asked;
    let mut scopes = own;
    for role in roles {
        scopes.extend(app.store.scopes(Holder::Role(role)).await?);
    }
    let scopes = scopes.into_iter().map(|scope| (scope.effect, scope.kind, scope.resource)).collect();
    Ok(Reach::of_user(sees_all, &Rights { tenants: tenants.to_vec(), scopes, ..Rights::default() }))
}

/// Goes on where the caller sees all that a user sees who has these scopes.
///
/// # Errors
/// 403, and 404 where there is no such user.
pub(super) async fn check_scoped(app: &App, caller: &Caller, id: &str, own: Vec<ScopeRow>) -> Result<()> {
    let (user, rights) = (read(app, id).await?, app.store.rights(id).await?);
    let roles: Vec<String> = rights.roles.into_iter().map(|role| role.id).collect();
    let wanted = reach_with(app, (user.sees_all_tenants, &roles, &rights.tenants), own).await?;
    check_covers(app, caller, &wanted).await
}
