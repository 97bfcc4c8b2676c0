//! The audit log over HTTP: `/audit-logs…`.
//! Never lets a row be changed; there is no such request.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Asked;
use super::caller::Caller;
use super::list::{Listed, Page};
use super::sheet::{NEXT_CURSOR, csv_of};
use super::{ApiError, Result};
use crate::app::App;
use crate::audit::verify;
use crate::auth::permission::Permission;
use crate::store::audit::{AuditFilter, AuditRow};
use crate::store::{at, milliseconds};
use crate::vault::key::hex;

/// A row of the log.
#[derive(Serialize, ToSchema)]
pub struct AuditView {
    /// From 1, without a gap.
    seq: i64,
    /// When.
    at: String,
    /// `user`, `service`, `agent`, `worker`, `system` or `anonymous`.
    actor_kind: String,
    /// Who.
    actor_id: String,
    /// What was done.
    action: String,
    /// To what kind of thing.
    resource_kind: String,
    /// To which.
    resource_id: String,
    /// Whose it is.
    tenant_id: Option<i64>,
    /// `success`, `denied` or `failed`.
    outcome: String,
    /// The answer's HTTP status; 0: there was none.
    status_code: i64,
    /// From where.
    ip: String,
    /// The request.
    request_id: String,
    /// The row before, without secrets.
    before: Option<serde_json::Value>,
    /// The row after, without secrets.
    after: Option<serde_json::Value>,
    /// What else is known of it, without secrets.
    details: Option<serde_json::Value>,
    /// SHA-256 of the row before it and this one.
    hash: String,
}

impl AuditView {
    fn of(row: AuditRow) -> Self {
        Self {
            seq: row.seq,
            at: at(row.at_ms),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            action: row.action,
            resource_kind: row.resource_kind,
            resource_id: row.resource_id,
            tenant_id: row.tenant_id,
            outcome: row.outcome,
            status_code: row.status_code,
            ip: row.ip,
            request_id: row.request_id,
            before: serde_json::from_str(&row.before_json).ok(),
            after: serde_json::from_str(&row.after_json).ok(),
            details: serde_json::from_str(&row.details_json).ok(),
            hash: hex(&row.hash),
        }
    }
}

/// Which rows.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// By this actor: an id, a name or an e-mail address.
    actor: Option<String>,
    /// This action, such as `POST /migration/jobs`.
    action: Option<String>,
    /// To this kind of thing.
    resource_kind: Option<String>,
    /// To this.
    resource_id: Option<String>,
    /// With this in the action.
    action_part: Option<String>,
    /// From this moment on, in RFC 3339.
    since: Option<String>,
    /// Before this one.
    until: Option<String>,
    /// How many rows, 1 to 200; as a file 1 to 10,000.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Wanted {
    fn filter(self) -> Result<AuditFilter> {
        Ok(AuditFilter {
            actor: self.actor.unwrap_or_default(),
            action: self.action.unwrap_or_default(),
            resource_kind: self.resource_kind.unwrap_or_default(),
            resource_id: self.resource_id.unwrap_or_default(),
            action_part: self.action_part.unwrap_or_default(),
            since_ms: moment("since", self.since)?,
            until_ms: moment("until", self.until)?,
        })
    }
}

/// A moment of a query in milliseconds since 1970; 0 where nothing is said.
fn moment(field: &str, text: Option<String>) -> Result<i64> {
    let text = text.filter(|text| !text.is_empty());
    let read = |text: String| milliseconds(&text);
    match text.map(read) {
        None => Ok(0),
        Some(Some(at_ms)) => Ok(at_ms),
        Some(None) => Err(ApiError::field(field, "write it as 2027-01-31T12:00:00Z")),
    }
}

/// `GET /audit-logs`: newest first. Whoever does not see every tenant is told of their own doing and tenants alone.
#[utoipa::path(get, path = "/audit-logs", tag = "audit", params(Wanted),
    responses((status = 200, body = Listed<AuditView>), (status = 403), (status = 422)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Listed<AuditView>> {
    caller.may(Permission::ReadAudit)?;
    let page = Page { limit: wanted.limit, cursor: wanted.cursor.clone(), ..Page::default() };
    let (rows, before) = (page.rows()?, page.after(i64::MAX)?);
    let filter = wanted.filter()?;
    let own = (&caller.reach, caller.id.as_str());
    let found = app.store.audit_latest(own, before, rows + 1, &filter).await?;
    let total = app.store.audit_count(own, &filter).await?;
    let views = found.into_iter().map(AuditView::of).collect();
    Ok(Listed::cut(views, rows, total, |row: &AuditView| row.seq))
}

/// What a walk along the chain found.
#[derive(Serialize, ToSchema)]
pub struct VerifiedView {
    /// Nothing is wrong.
    valid: bool,
    /// Rows that were read.
    rows: i64,
    /// Signed places that were held against them.
    checkpoints: i64,
    /// What does not hold.
    faults: Vec<String>,
}

/// `GET /audit-logs/verify`: walks the whole chain; for those who see every tenant.
#[utoipa::path(get, path = "/audit-logs/verify", tag = "audit",
    responses((status = 200, body = VerifiedView), (status = 403)))]
pub async fn verify_chain(State(app): State<App>, caller: Caller) -> Result<Json<VerifiedView>> {
    caller.may(Permission::ReadAudit)?;
    caller.sees_the_house()?;
    let found = verify::verify(&app.store, &app.config.checkpoints(), &app.audit.public_key()).await?;
    Ok(Json(VerifiedView {
        valid: found.faults.is_empty(),
        rows: found.rows,
        checkpoints: found.checkpoints,
        faults: found.faults,
    }))
}

/// Rows of one answer of an export.
const EXPORT_ROWS: i64 = 10_000;

/// `GET /audit-logs/export.csv`: the rows that `GET /audit-logs` tells of, as a file, newest first, 10,000 at once; the
/// header `X-Next-Cursor` tells where to go on. The first answer begins with the names of the columns.
#[utoipa::path(get, path = "/audit-logs/export.csv", tag = "audit", params(Wanted),
    responses((status = 200, content((String = "text/csv"))), (status = 403), (status = 422)))]
pub async fn export_csv(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response> {
    caller.may(Permission::ReadAudit)?;
    let rows = wanted.limit.unwrap_or(EXPORT_ROWS);
    if !(1..=EXPORT_ROWS).contains(&rows) {
        return Err(ApiError::bad_request(format!("limit is from 1 to {EXPORT_ROWS}")));
    }
    let page = Page { cursor: wanted.cursor.clone(), ..Page::default() };
    let before = page.after(i64::MAX)?;
    let own = (&caller.reach, caller.id.as_str());
    let mut found = app.store.audit_latest(own, before, rows + 1, &wanted.filter()?).await?;
    let has_more = i64::try_from(found.len()).unwrap_or(i64::MAX) > rows;
    found.truncate(usize::try_from(rows).unwrap_or(0));
    let next = found.last().filter(|_| has_more).map(|row| row.seq);
    let told = found.into_iter().map(|row| serde_json::to_value(AuditView::of(row)).unwrap_or_default());
    let mut response = Body::from(csv_of(&told.collect::<Vec<_>>(), before == i64::MAX)).into_response();
    let form = HeaderValue::from_static("text/csv; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, form);
    if let Some(next) = next {
        response.headers_mut().insert(NEXT_CURSOR, next.into());
    }
    Ok(response)
}

/// From where.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportWanted {
    /// After this row's number.
    #[serde(default)]
    after: i64,
}

/// `GET /audit-logs/export`: every row as a line of JSON, oldest first, 10,000 at once; the header `X-Next-After` tells
/// where to go on.
#[utoipa::path(get, path = "/audit-logs/export", tag = "audit", params(ExportWanted),
    responses((status = 200, content((String = "application/x-ndjson"))), (status = 403)))]
pub async fn export(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<ExportWanted>,
) -> Result<Response> {
    caller.may(Permission::ReadAudit)?;
    caller.sees_the_house()?;
    let rows = app.store.audit_page(wanted.after, EXPORT_ROWS).await?;
    let last = rows.last().map_or(wanted.after, |row| row.seq);
    let mut text = String::new();
    for row in rows {
        text.push_str(
            &serde_json::to_string(&AuditView::of(row)).map_err(|error| ApiError::internal(&error))?,
        );
        text.push('\n');
    }
    let mut response = text.into_response();
    let form = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, form);
    response.headers_mut().insert("x-next-after", last.into());
    Ok(response)
}
