//! Settings of the whole service, each with its form and its default: `/system/settings…`.
//! Never a secret, and never a key that nothing reads.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::answer::{Versioned, unless_stale};
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::milliseconds;

/// Whoever made a job or acknowledged its quarantine may not approve its gate.
pub const FOUR_EYES: &str = "gate.four_eyes";
/// Days after DNS was changed before a job is closed without a reason. Nobody looks at the source for late mail.
pub const STRAGGLER_DAYS: &str = "close.straggler_days";

/// What a setting may be.
enum Kind {
    Truth(bool),
    Number { least: i64, most: i64, unsaid: i64 },
}

/// Every setting, with what it is for.
const KNOWN: [(&str, Kind, &str); 2] = [
    (
        FOUR_EYES,
        Kind::Truth(true),
        "whoever prepared a job or acknowledged its quarantine may not approve its gate",
    ),
    (
        STRAGGLER_DAYS,
        Kind::Number { least: 3, most: 90, unsaid: 14 },
        "days after DNS was changed before a job is closed without a reason; nobody looks for late mail meanwhile",
    ),
];

impl Kind {
    fn unsaid(&self) -> Value {
        match self {
            Self::Truth(truth) => (*truth).into(),
            Self::Number { unsaid, .. } => (*unsaid).into(),
        }
    }

    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::Truth(_) => value.is_boolean(),
            Self::Number { least, most, .. } => {
                value.as_i64().is_some_and(|number| (*least..=*most).contains(&number))
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Truth(_) => "true or false".to_owned(),
            Self::Number { least, most, .. } => format!("a whole number from {least} to {most}"),
        }
    }
}

/// A setting's value: what was set, else what holds where nobody says.
///
/// # Errors
/// What the database says.
pub async fn value(app: &App, key: &str) -> Result<Value> {
    let unsaid = KNOWN.iter().find(|(known, ..)| *known == key).map(|(_, kind, _)| kind.unsaid());
    let set = app.store.setting(key).await?.and_then(|text| serde_json::from_str(&text).ok());
    Ok(set.or(unsaid).unwrap_or_default())
}

/// A setting.
#[derive(Serialize, ToSchema)]
pub struct SettingView {
    /// Its name.
    key: &'static str,
    /// What it is for.
    about: &'static str,
    /// What it may be.
    form: String,
    /// What holds.
    value: Value,
    /// What holds where nobody says.
    unsaid: Value,
    /// Who set it; empty: nobody.
    updated_by: String,
    /// When; empty: never.
    updated_at: String,
}

async fn views(app: &App) -> Result<Vec<SettingView>> {
    let set = app.store.settings().await?;
    let views = KNOWN.iter().map(|(key, kind, about)| {
        let row = set.iter().find(|row| row.key == *key);
        let value = row.and_then(|row| serde_json::from_str(&row.value_json).ok());
        SettingView {
            key,
            about,
            form: kind.words(),
            value: value.unwrap_or_else(|| kind.unsaid()),
            unsaid: kind.unsaid(),
            updated_by: row.map_or_else(String::new, |row| row.updated_by.clone()),
            updated_at: row.map_or_else(String::new, |row| row.updated_at.clone()),
        }
    });
    Ok(views.collect())
}

/// `GET /system/settings`.
#[utoipa::path(get, path = "/system/settings", tag = "system", params(Short),
    responses((status = 200, body = Listed<SettingView>), (status = 403)))]
pub async fn list(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ManageSystem)?;
    wanted.of(views(&app).await?)
}

/// `GET /system/settings/{key}`.
#[utoipa::path(get, path = "/system/settings/{key}", tag = "system", params(("key" = String, Path)),
    responses((status = 200, body = SettingView), (status = 403), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(key): At<String>,
) -> Result<Versioned<SettingView>> {
    caller.may(Permission::ManageSystem)?;
    one(&app, &key).await
}

/// A setting, with when it was set as its version.
async fn one(app: &App, key: &str) -> Result<Versioned<SettingView>> {
    let found = views(app).await?.into_iter().find(|view| view.key == key);
    let view = found.ok_or_else(|| ApiError::not_found("setting"))?;
    Ok(Versioned(milliseconds(&view.updated_at).unwrap_or(0), view))
}

/// A value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingPut {
    /// What shall hold.
    value: Value,
}

/// `PUT /system/settings/{key}`: where a version is named in If-Match, only if it still is that.
#[utoipa::path(put, path = "/system/settings/{key}", tag = "system", params(("key" = String, Path)),
    request_body = SettingPut,
    responses((status = 200, body = SettingView), (status = 403), (status = 404), (status = 412), (status = 422)))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    At(key): At<String>,
    headers: HeaderMap,
    Body(asked): Body<SettingPut>,
) -> Result<Versioned<SettingView>> {
    caller.may(Permission::ManageSystem)?;
    caller.sees_the_house()?;
    caller.has_stepped_up(app.now_ms())?;
    let known = KNOWN.iter().find(|(known, ..)| *known == key);
    let (key, kind, _) = known.ok_or_else(|| ApiError::not_found("setting"))?;
    if !kind.takes(&asked.value) {
        return Err(ApiError::field("value", kind.words()));
    }
    unless_stale(&headers, one(&app, key).await?.0)?;
    app.store.set_setting(key, &asked.value.to_string(), &caller.actor).await?;
    one(&app, key).await
}
