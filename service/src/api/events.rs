//! What happens in a job, as it happens: server-sent events that go on where a broken line left off.
//! Never holds a line open for ever: a browser comes back by itself, and is asked again who it is.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::Result;
use super::body::At;
use super::caller::Caller;
use super::jobs::read;
use super::runs::event_json;
use crate::app::App;
use crate::auth::permission::Permission;

/// How often the database is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Events that are sent at once, at most.
const ROWS_MAX: i64 = 200;
/// How often one line looks before it ends: a quarter of an hour.
const LOOKS_MAX: u32 = 900;

/// `GET /migration/jobs/{id}/events`.
#[utoipa::path(get, path = "/migration/jobs/{id}/events", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 404)))]
pub async fn stream(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let told =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|id| id.parse().ok());
    let after = match told {
        Some(after) => after,
        None => app.store.last_event(id).await?,
    };
    // A page that is full has more behind it: whoever is behind does not wait.
    let first = (app, id, after, 0_u32, true);
    let events = stream::unfold(first, |(app, job, after, looks, is_behind)| async move {
        if looks >= LOOKS_MAX {
            return None;
        }
        if !is_behind {
            tokio::time::sleep(EVERY).await;
        }
        // What cannot be read now is read at the next look, from the same place on.
        let rows = app.store.job_events(job, after, ROWS_MAX).await.unwrap_or_default();
        let last = rows.last().map_or(after, |row| row.id);
        let events: Vec<std::result::Result<Event, Infallible>> = rows
            .iter()
            .map(|row| {
                Ok(Event::default()
                    .id(row.id.to_string())
                    .event(&row.event)
                    .data(event_json(row).to_string()))
            })
            .collect();
        let is_behind = i64::try_from(events.len()).is_ok_and(|count| count >= ROWS_MAX);
        let looks = if is_behind { looks } else { looks + 1 };
        Some((stream::iter(events), (app, job, last, looks, is_behind)))
    });
    let flat = futures_util::StreamExt::flatten(events);
    Ok(Sse::new(flat).keep_alive(KeepAlive::default()).into_response())
}
