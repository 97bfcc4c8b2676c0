//! A mailbox taken out of its job.
//! Never takes messages out of the gate that nobody gave a word for.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer::unless_stale;
use super::body::{At, no_content};
use super::caller::Caller;
use super::mailboxes::read;
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::uploads::limits::KEPT_MILLIS;

/// `DELETE /migration/mailboxes/{mid}`: one with messages in quarantine, or that is copied in part, has to be left out
/// with a reason first. A file that was its source stays, and may be given to another; a secret that another mailbox
/// logs in with stays too.
#[utoipa::path(delete, path = "/migration/mailboxes/{mid}", tag = "mailboxes", params(("mid" = i64, Path)),
    responses((status = 204), (status = 404), (status = 409), (status = 412)))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let row = read(&app, &caller, id).await?;
    unless_stale(&headers, row.version)?;
    let mut transaction = app.store.begin().await?;
    transaction.hold_phase(row.job_id).await?;
    transaction.release_upload(id, app.now_ms().saturating_add(KEPT_MILLIS)).await?;
    transaction.hand_secrets_over(id).await?;
    if !transaction.delete_mailbox(id).await? {
        if transaction.has_active_run(id).await? {
            return Err(ApiError::conflict("run_already_active", "a run of this mailbox is not over"));
        }
        // With the mailbox its messages would leave the gate, and nobody would have said why.
        let words = "messages of it lie in quarantine, or it is copied in part: leave the mailbox out first \
                     (enabled: false, with a reason)";
        return Err(ApiError::conflict("conflict", words));
    }
    transaction.commit().await?;
    super::gates::look_quietly(&app, row.job_id).await;
    Ok(no_content())
}
