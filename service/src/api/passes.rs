//! Runs as a tree: the passes of a job, which are the runs that one act entered, and the steps of a run.
//! Never carries one out, and never lists more than a page.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Asked, At};
use super::caller::Caller;
use super::jobs::read;
use super::list::{Listed, Page};
use super::runs::{RunView, read_run};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::looks::StepRow;
use crate::store::passes::PassRow;

/// Steps that a run in a list is told with, at most.
const STEPS_INCLUDED: i64 = 12;

/// How many runs of a pass stand where.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is a status of runs")]
pub struct ByStatus {
    pub queued: i64,
    pub running: i64,
    pub success: i64,
    pub partial: i64,
    pub failed: i64,
    pub cancelled: i64,
}

/// The runs of one type that one act entered: a firing of a schedule, somebody's wish within one minute, or all that
/// the service entered by itself.
#[derive(Serialize, ToSchema)]
pub struct PassView {
    /// The first of its runs.
    pub id: i64,
    /// What they all do.
    pub run_type: String,
    /// A user's id, `worker`, `cron`, `api:<token>` or `agent:<id>`.
    pub triggered_by: String,
    /// How many runs there are.
    pub runs: i64,
    /// How they stand.
    pub by_status: ByStatus,
    /// When the first was entered.
    pub queued_at: String,
    /// When the first was begun; empty before.
    pub started_at: String,
    /// When the last ended; empty while one is not over.
    pub finished_at: String,
    /// Messages in a bucket.
    pub messages_done: i64,
    /// Messages listed.
    pub messages_total: i64,
    /// Octets appended.
    pub bytes_done: i64,
}

impl PassView {
    fn of(row: PassRow) -> Self {
        let [queued, running, success, partial, failed, cancelled] = row.by_status;
        Self {
            id: row.id,
            run_type: row.run_type,
            triggered_by: row.triggered_by,
            runs: row.runs,
            by_status: ByStatus { queued, running, success, partial, failed, cancelled },
            queued_at: row.queued_at,
            started_at: row.started_at,
            finished_at: if queued + running == 0 { row.finished_at } else { String::new() },
            messages_done: row.messages_done,
            messages_total: row.messages_total,
            bytes_done: row.bytes_done,
        }
    }
}

/// Which passes.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// With a run that is `queued`, `running`, `success`, `partial`, `failed` or `cancelled`.
    status: Option<String>,
    /// `initial`, `delta` and so on.
    run_type: Option<String>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /migration/jobs/{id}/passes`: newest first.
#[utoipa::path(get, path = "/migration/jobs/{id}/passes", tag = "runs", params(("id" = i64, Path), Wanted),
    responses((status = 200, body = Listed<PassView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Listed<PassView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let page = Page { limit: wanted.limit, cursor: wanted.cursor, sort: None };
    let (rows, before) = (page.rows()?, page.after(0)?);
    let (status, run_type) = (wanted.status.unwrap_or_default(), wanted.run_type.unwrap_or_default());
    let found = app.store.passes(&caller.reach, id, (&status, &run_type), before, rows + 1).await?;
    let total = app.store.passes_count(&caller.reach, id, (&status, &run_type)).await?;
    Ok(Listed::cut(found.into_iter().map(PassView::of).collect(), rows, total, |pass| pass.id))
}

/// Which runs of a pass.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfPass {
    /// `queued`, `running`, `success`, `partial`, `failed` or `cancelled`.
    status: Option<String>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// `GET /migration/jobs/{id}/passes/{rid}`: the runs of the pass that this run belongs to, oldest first, each with its
/// first steps.
#[utoipa::path(get, path = "/migration/jobs/{id}/passes/{rid}", tag = "runs",
    params(("id" = i64, Path), ("rid" = i64, Path), OfPass),
    responses((status = 200, body = Listed<RunView>), (status = 404)))]
pub async fn runs(
    State(app): State<App>,
    caller: Caller,
    At((id, pass)): At<(i64, i64)>,
    Asked(wanted): Asked<OfPass>,
) -> Result<Listed<RunView>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, id).await?;
    let page = Page { limit: wanted.limit, cursor: wanted.cursor, sort: None };
    let (rows, after) = (page.rows()?, page.after(0)?);
    let status = wanted.status.unwrap_or_default();
    let found = app.store.pass_runs(&caller.reach, (id, pass), &status, (after, rows + 1)).await?;
    let (found, total) = found.ok_or_else(|| ApiError::not_found("pass"))?;
    let views = found.into_iter().map(RunView::of).collect();
    let mut listed = Listed::cut(views, rows, total, |run: &RunView| run.id);
    for view in &mut listed.items {
        let (steps, total) = app.store.first_steps(view.id, STEPS_INCLUDED).await?;
        view.steps = Some(steps.into_iter().map(StepView::of).collect());
        view.steps_total = Some(total);
    }
    Ok(listed)
}

/// A step of a run.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct StepView {
    pub sequence: i64,
    pub name: String,
    pub status: String,
    pub messages_done: i64,
    pub messages_total: i64,
    pub detail: String,
    pub started_at: String,
    pub finished_at: String,
}

impl StepView {
    /// What is shown of a row.
    pub fn of(row: StepRow) -> Self {
        Self {
            sequence: row.sequence,
            name: row.name,
            status: row.status,
            messages_done: row.messages_done,
            messages_total: row.messages_total,
            detail: row.detail,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// `GET /migration/runs/{rid}/steps`.
#[utoipa::path(get, path = "/migration/runs/{rid}/steps", tag = "runs", params(("rid" = i64, Path)),
    responses((status = 200, body = Listed<StepView>), (status = 404)))]
pub async fn steps(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
) -> Result<Json<Listed<StepView>>> {
    read_run(&app, &caller, id).await?;
    let rows = app.store.step_rows(id).await?;
    Ok(Json(Listed::whole(rows.into_iter().map(StepView::of).collect())))
}
