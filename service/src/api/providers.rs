//! What is known of families of servers, how much of a day's allowance binds mailboxes, and how long a migration may
//! take: `/provider-profiles`, `/quota`, `/migration/estimate`. Never a promise: profiles are a beginning.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use malote_engine::profile::{Profile, named, shipped};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::{Versioned, seen_version};
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::list::{Listed, Short, Shown};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::profiles::ProfileRow;
use crate::store::{StoreError, at};

/// A mailbox comes over at such a rate where nothing slows it, in octets per second: the mean of many migrations.
const RATE: u64 = 340_000;
/// The rate that nine of ten mailboxes reach, in octets per second.
const RATE_SLOW: u64 = 110_000;
/// Mailboxes that are moved at once.
const AT_ONCE: u64 = 8;
/// Seconds that a mailbox costs whatever it holds.
const SECONDS_EACH: u64 = 10;
/// Profiles that operators may write.
pub const WRITTEN_MAX: i64 = 500;
const SECONDS_OF_DAY: u64 = 86_400;

/// A family of servers.
#[derive(Serialize, ToSchema)]
pub struct ProfileView {
    /// `gmail`.
    name: String,
    /// For people.
    title: String,
    /// Its values were held against the real server.
    verified: bool,
    /// What to know before the first login.
    note: String,
    /// Connections of one mailbox at most; null: what it bears.
    connections_per_mailbox: Option<u32>,
    /// Connections in all at most; null: what it bears.
    connections_per_host: Option<u32>,
    /// Octets that may be read of one mailbox a day; null: any.
    octets_down_per_day: Option<u64>,
    /// Octets that may be written to one mailbox a day; null: any.
    octets_up_per_day: Option<u64>,
    /// Octets of one message at most; null: any.
    message_octets: Option<u64>,
    /// What it does otherwise than a client may expect, and what is done about it.
    #[schema(value_type = Vec<Object>)]
    quirks: Vec<Value>,
    /// Which version an operator wrote; 0: it is as it was shipped, and never was otherwise.
    version: i64,
    /// It is not as it was shipped.
    is_changed: bool,
    /// What the operator wrote; empty where nobody did.
    text: String,
    /// Who wrote it.
    changed_by: String,
}

impl ProfileView {
    fn of(profile: &Profile) -> Self {
        let settings = &profile.settings;
        let quirks = profile.quirks.iter().map(|quirk| {
            json!({
                "server": quirk.server, "deviation": quirk.deviation, "handling": quirk.handling,
                "source": quirk.source,
            })
        });
        Self {
            name: profile.name.clone(),
            title: profile.title.clone(),
            verified: profile.is_verified,
            note: profile.note.clone(),
            connections_per_mailbox: settings.connections_per_mailbox,
            connections_per_host: settings.connections_per_host,
            octets_down_per_day: settings.octets_down_per_day,
            octets_up_per_day: settings.octets_up_per_day,
            message_octets: settings.message_octets,
            quirks: quirks.collect(),
            version: 0,
            is_changed: false,
            text: String::new(),
            changed_by: String::new(),
        }
    }

    /// The one that holds: the operator's, else the shipped one.
    fn holding(row: Option<ProfileRow>, shipped: Option<&Profile>) -> Option<Self> {
        let Some(row) = row else { return shipped.map(Self::of) };
        let written = Profile::read(&row.text).ok().filter(|_| !row.text.is_empty());
        let view = written.as_ref().or(shipped).map(Self::of)?;
        let (version, is_changed) = (row.version, written.is_some());
        Some(Self { version, is_changed, text: row.text, changed_by: row.created_by, ..view })
    }
}

/// `GET /provider-profiles`.
#[utoipa::path(get, path = "/provider-profiles", tag = "endpoints", params(Short),
    responses((status = 200, body = Listed<ProfileView>)))]
pub async fn profiles(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    let mut written = app.store.profiles(WRITTEN_MAX).await?;
    let mut views = Vec::new();
    for profile in shipped() {
        let own = written.iter().position(|row| row.name == profile.name).map(|index| written.remove(index));
        views.extend(ProfileView::holding(own, Some(profile)));
    }
    views.extend(written.into_iter().filter_map(|row| ProfileView::holding(Some(row), None)));
    wanted.of(views)
}

/// `GET /provider-profiles/{id}`.
#[utoipa::path(get, path = "/provider-profiles/{id}", tag = "endpoints", params(("id" = String, Path)),
    responses((status = 200, body = ProfileView), (status = 404)))]
pub async fn profile(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Versioned<ProfileView>> {
    caller.may(Permission::ViewMigration)?;
    let view = ProfileView::holding(app.store.profile(&id).await?, named(&id).as_deref());
    let view = view.ok_or_else(|| ApiError::not_found("profile"))?;
    Ok(Versioned(view.version, view))
}

/// A profile as its file has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfilePut {
    /// The file, as `engine/profiles/` has them; empty: as it was shipped.
    text: String,
}

/// `PUT /provider-profiles/{id}`: what servers that name it, or are recognised as such, are treated by from their next
/// run on. Every version stays.
#[utoipa::path(put, path = "/provider-profiles/{id}", tag = "endpoints", params(("id" = String, Path)),
    request_body = ProfilePut,
    responses((status = 200, body = ProfileView), (status = 403), (status = 404), (status = 409), (status = 412),
    (status = 422), (status = 428)))]
pub async fn put_profile(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    Body(asked): Body<ProfilePut>,
) -> Result<Versioned<ProfileView>> {
    caller.may(Permission::ManageSystem)?;
    caller.sees_the_house()?;
    let (row, is_shipped) = (app.store.profile(&id).await?, named(&id).is_some());
    let version = row.as_ref().map_or(0, |row| row.version);
    if row.is_some() || is_shipped {
        seen_version(&headers, version)?;
    }
    if asked.text.is_empty() {
        if !is_shipped {
            return Err(ApiError::field("text", "this profile was not shipped: there is none to go back to"));
        }
    } else {
        let read = Profile::read(&asked.text).map_err(|error| ApiError::field("text", error.to_string()))?;
        if read.name != id {
            return Err(ApiError::field("text", format!("it names itself {}, and not {id}", read.name)));
        }
    }
    let is_new = row.is_none() && !is_shipped;
    if is_new && app.store.profiles(WRITTEN_MAX).await?.len() as i64 >= WRITTEN_MAX {
        return Err(ApiError::conflict("conflict", format!("more than {WRITTEN_MAX} profiles")));
    }
    let written = app.store.insert_profile(&id, version + 1, &asked.text, &caller.actor).await;
    written.map_err(|error| {
        if error.is_duplicate() { StoreError::Stale("the profile").into() } else { ApiError::from(error) }
    })?;
    let view = ProfileView::holding(app.store.profile(&id).await?, named(&id).as_deref());
    let view = view.ok_or_else(|| ApiError::not_found("profile"))?;
    Ok(Versioned(view.version, view))
}

/// A day, in milliseconds.
const DAY_MILLIS: i64 = 86_400_000;

/// A provider's daily allowance and who waits for the next day.
#[derive(Serialize, ToSchema)]
pub struct QuotaView {
    /// The profile; empty: recognised at the first login.
    provider: String,
    /// Octets that may be read of one mailbox a day; null: any.
    octets_down_per_day: Option<u64>,
    /// Octets that may be written to one mailbox a day; null: any.
    octets_up_per_day: Option<u64>,
    /// What the busiest of these mailboxes moved in runs that began today (UTC), in octets.
    busiest_bytes_today: u64,
    /// Mailboxes whose source is of that kind.
    mailboxes: i64,
    /// Those that wait until the provider's day begins anew.
    waiting: i64,
}

/// The profile that holds: what an operator wrote, else the shipped one.
async fn holding(app: &App, name: &str) -> Result<Option<Arc<Profile>>> {
    let written = app.store.profile(name).await?.filter(|row| !row.text.is_empty());
    let read = written.and_then(|row| Profile::read(&row.text).ok());
    Ok(read.map(Arc::new).or_else(|| named(name)))
}

async fn quotas(app: &App, caller: &Caller) -> Result<Vec<QuotaView>> {
    let rows = app.store.boxes_by_profile(&caller.reach).await?;
    let now_ms = app.now_ms();
    let busiest = app.store.busiest_by_profile(&caller.reach, &at(now_ms - now_ms % DAY_MILLIS)).await?;
    let mut views = Vec::new();
    for (provider, mailboxes, waiting) in rows {
        let settings = holding(app, &provider).await?.map(|profile| profile.settings.clone());
        let settings = settings.unwrap_or_default();
        views.push(QuotaView {
            octets_down_per_day: settings.octets_down_per_day,
            octets_up_per_day: settings.octets_up_per_day,
            busiest_bytes_today: busiest
                .iter()
                .find(|(own, _)| *own == provider)
                .map_or(0, |(_, most)| *most),
            provider,
            mailboxes,
            waiting,
        });
    }
    Ok(views)
}

/// `GET /quota`.
#[utoipa::path(get, path = "/quota", tag = "endpoints", params(Short),
    responses((status = 200, body = Listed<QuotaView>)))]
pub async fn quota(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    wanted.of(quotas(&app, &caller).await?)
}

/// `GET /quota/{provider}`.
#[utoipa::path(get, path = "/quota/{provider}", tag = "endpoints", params(("provider" = String, Path)),
    responses((status = 200, body = QuotaView), (status = 404)))]
pub async fn quota_of(
    State(app): State<App>,
    caller: Caller,
    At(name): At<String>,
) -> Result<Json<QuotaView>> {
    caller.may(Permission::ViewMigration)?;
    let known = holding(&app, &name).await?.ok_or_else(|| ApiError::not_found("provider"))?;
    let found = quotas(&app, &caller).await?.into_iter().find(|view| view.provider == name);
    Ok(Json(found.unwrap_or_else(|| QuotaView {
        provider: name,
        octets_down_per_day: known.settings.octets_down_per_day,
        octets_up_per_day: known.settings.octets_up_per_day,
        busiest_bytes_today: 0,
        mailboxes: 0,
        waiting: 0,
    })))
}

/// What is to be moved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Mailboxes.
    mailboxes: u64,
    /// Their octets together.
    bytes: u64,
    /// The source's family.
    #[serde(default)]
    profile: Option<String>,
}

/// How long it may take.
#[derive(Serialize, ToSchema, PartialEq, Eq, Debug)]
pub struct EstimateView {
    /// Half of such migrations take less, in seconds.
    seconds_p50: u64,
    /// Nine of ten take less, in seconds.
    seconds_p90: u64,
    /// Days that the provider's allowance alone asks for.
    days_of_allowance: u64,
    /// What was taken for granted.
    assumptions: Vec<String>,
}

/// `POST /migration/estimate`: a range, never one number.
#[utoipa::path(post, path = "/migration/estimate", tag = "jobs", request_body = Estimate,
    responses((status = 200, body = EstimateView), (status = 422)))]
pub async fn estimate(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<Estimate>,
) -> Result<Json<EstimateView>> {
    caller.may(Permission::ManageMigration)?;
    if asked.mailboxes == 0 {
        return Err(ApiError::field("mailboxes", "at least one"));
    }
    let profile = match asked.profile.as_deref() {
        None | Some("") => None,
        Some(name) => {
            let known = holding(&app, name).await?;
            Some(known.ok_or_else(|| ApiError::field("profile", "no profile is called so"))?)
        }
    };
    let per_day = profile.and_then(|profile| profile.settings.octets_down_per_day);
    Ok(Json(guess(asked.mailboxes, asked.bytes, per_day)))
}

fn guess(mailboxes: u64, bytes: u64, per_day: Option<u64>) -> EstimateView {
    let lanes = mailboxes.min(AT_ONCE);
    let at = |rate: u64| {
        (bytes / rate / lanes).saturating_add(mailboxes.div_ceil(lanes).saturating_mul(SECONDS_EACH))
    };
    // Days bind each mailbox by itself, whatever the others do.
    let days = per_day.filter(|octets| *octets > 0).map_or(0, |octets| (bytes / mailboxes).div_ceil(octets));
    let waits = days.saturating_sub(1).saturating_mul(SECONDS_OF_DAY);
    let mut assumptions = vec![
        format!("{lanes} mailboxes at once"),
        format!("{RATE} octets a second for each, {RATE_SLOW} where it goes slowly"),
        "mailboxes of one size".to_owned(),
    ];
    if days > 0 {
        assumptions.push(format!("{} octets a day of each mailbox", per_day.unwrap_or(0)));
    }
    EstimateView {
        seconds_p50: at(RATE).max(waits),
        seconds_p90: at(RATE_SLOW).max(waits.saturating_mul(2)),
        days_of_allowance: days,
        assumptions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_a_range_and_never_shorter_than_the_allowance() {
        let gigabyte = 1_000_000_000;
        for (mailboxes, bytes, per_day, days) in [
            (1, 0, None, 0),
            (500, 500 * gigabyte, None, 0),
            (10, 100 * gigabyte, Some(2_500_000_000), 4),
            (1, u64::MAX, Some(1), u64::MAX),
            (u64::MAX, 1, Some(1), 0),
        ] {
            let told = guess(mailboxes, bytes, per_day);
            assert!(told.seconds_p50 <= told.seconds_p90, "{told:?}");
            assert_eq!(told.days_of_allowance, days, "{told:?}");
            assert!(told.seconds_p50 >= days.saturating_sub(1).saturating_mul(SECONDS_OF_DAY), "{told:?}");
        }
    }
}
