//! Has a ticket get the report of a job: `/migration/jobs/{id}/report/attach`.
//! Never sends: it enters an event, which is told until somebody takes it.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::accepted;
use super::body::{At, Body};
use super::caller::Caller;
use super::{ApiError, Result, gates, jobs, report};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::hooks::{Attached, attach};

/// Which ticket.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachAsked {
    /// The desk's number; the job's own ticket where nothing is said.
    ticket_id: Option<i64>,
}

/// What was entered.
#[derive(Serialize, ToSchema)]
pub struct AttachView {
    /// The event, as `GET /migration/jobs/{id}/deliveries` tells of it.
    event_id: String,
    /// The ticket that gets it.
    ticket_id: i64,
    /// The digest of the report as it stands.
    report_digest: String,
    /// Where its tries are told.
    status_url: String,
}

/// `POST /migration/jobs/{id}/report/attach`: the ticket is told where the report is, and its digest. The job keeps
/// the ticket that it has.
#[utoipa::path(post, path = "/migration/jobs/{id}/report/attach", tag = "reports", params(("id" = i64, Path)),
    request_body = AttachAsked,
    responses((status = 202, body = AttachView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub async fn report_to_ticket(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<AttachAsked>,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let job = jobs::read(&app, &caller, id).await?;
    let no_ticket = |detail: &str| ApiError::conflict("no_ticket", detail);
    let ticket = asked.ticket_id.or(job.ticket_id);
    let ticket = ticket.ok_or_else(|| no_ticket("neither the job nor the request names a ticket"))?;
    if ticket < 1 {
        return Err(ApiError::field("ticket_id", "there is no such ticket"));
    }
    let report = report::current(&app, &job).await?;
    let digest = report["digest"].as_str().unwrap_or_default();
    let mut transaction = app.store.begin().await?;
    if !transaction.know_ticket(ticket, job.tenant_id).await? {
        return Err(ApiError::field("ticket_id", "there is no such ticket"));
    }
    let entered = attach(&mut transaction, id, Attached { ticket, digest }, app.now_ms()).await;
    let entered = entered.map_err(gates::of_gate)?;
    let event_id = entered.ok_or_else(|| no_ticket("no ticket system is set, or it is switched off"))?;
    transaction.commit().await?;
    let status_url = format!("/migration/jobs/{id}/deliveries");
    let view = AttachView { event_id, ticket_id: ticket, report_digest: digest.to_owned(), status_url };
    Ok(accepted(&view.status_url, &view))
}
