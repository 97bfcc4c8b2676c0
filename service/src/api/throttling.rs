//! What a mailbox's runs waited because a server asked for it: `/migration/mailboxes/{mid}/throttling`.
//! Never tells of a pause of our own making: only of those that followed a server's word.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use super::body::{Asked, At};
use super::caller::Caller;
use super::mailboxes::read;
use super::overview::hours;
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::at;
use crate::store::waits::PART_MILLIS;

const HOUR_MILLIS: i64 = 3_600_000;
/// Windows up to so many hours are told by the hour, longer ones by six hours.
const BY_HOUR_MAX: i64 = 48;
/// Parts that are read at most: those of the longest window.
const PARTS_MAX: i64 = 744 * HOUR_MILLIS / PART_MILLIS + 1;

/// How far back.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// `24h`, `7d`; a day where nothing is said.
    window: Option<String>,
}

/// What was waited in a part of the time.
#[derive(Serialize, ToSchema)]
pub struct WaitView {
    /// When it begins.
    at: String,
    /// By all folders together, in milliseconds: more than the part is long, where several waited at once.
    waited_ms: i64,
}

/// What a mailbox's runs waited because a server asked for it.
#[derive(Serialize, ToSchema)]
pub struct ThrottlingView {
    /// The window's parts, also those in which nothing was waited: by the hour, in windows of more than two days by
    /// six hours.
    series: Vec<WaitView>,
    /// In the window, in milliseconds.
    waited_ms: i64,
    /// By every run of the mailbox that is over, in milliseconds.
    waited_ms_in_all: i64,
    /// How many of its runs waited.
    runs: i64,
    /// Where the window begins.
    since: String,
}

/// `GET /migration/mailboxes/{mid}/throttling`.
#[utoipa::path(get, path = "/migration/mailboxes/{mid}/throttling", tag = "mailboxes",
    params(("mid" = i64, Path), Window), responses((status = 200, body = ThrottlingView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(asked): Asked<Window>,
) -> Result<Json<ThrottlingView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let hours = hours(asked.window.as_deref())?;
    let step = if hours <= BY_HOUR_MAX { HOUR_MILLIS } else { 6 * HOUR_MILLIS };
    let now_ms = app.now_ms();
    let from_ms = now_ms - hours * HOUR_MILLIS;
    let from_ms = from_ms - from_ms.rem_euclid(step);
    let waits = app.store.mailbox_waits(id, from_ms, PARTS_MAX).await?;
    let (waited_ms_in_all, runs) = app.store.mailbox_waited(id).await?;
    Ok(Json(ThrottlingView {
        series: series(&waits, from_ms..=now_ms, step),
        waited_ms: waits.iter().map(|(_, waited)| waited).sum(),
        waited_ms_in_all,
        runs,
        since: at(from_ms),
    }))
}

/// Every step of a span with what was waited in it.
fn series(waits: &[(i64, i64)], span: std::ops::RangeInclusive<i64>, step: i64) -> Vec<WaitView> {
    let begins = (0..).map(|place| span.start() + place * step).take_while(|begin| begin <= span.end());
    let told = begins.map(|begin| {
        let within = waits.iter().filter(|(from, _)| (begin..begin + step).contains(from));
        WaitView { at: at(begin), waited_ms: within.map(|(_, waited)| waited).sum() }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_what_was_waited_in_its_parts_and_nothing_is_left_out() {
        let waits = [(0, 5), (3_000_000, 7), (3_600_000, 11), (7_200_000, 1)];
        let told: Vec<i64> =
            series(&waits, 0..=7_300_000, HOUR_MILLIS).iter().map(|one| one.waited_ms).collect();
        assert_eq!(told, [12, 11, 1]);
        assert_eq!(series(&[], 0..=0, HOUR_MILLIS).len(), 1);
    }
}
