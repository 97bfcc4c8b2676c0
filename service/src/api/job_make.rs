//! A job as it is made: with its servers, mailboxes, credentials and schedule, all or nothing.
//! Never changes a job that is there.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answer::created;
use super::body::Body;
use super::caller::Caller;
use super::jobs::{JobView, check_texts, domain, no_such_ticket, options, read};
use super::kept::may_name;
use super::mailboxes::{self, MailboxMake};
use super::{ApiError, Result, endpoints, schedule};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::store::Transaction;
use crate::store::jobs::NewJob;

/// Mailboxes that a request for a job may bring along.
const MAILBOXES_MAX: usize = 1000;

/// One side's server.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Side {
    /// A server that is known already.
    endpoint_id: Option<String>,
    /// The family of servers; recognised where nothing is said.
    profile: Option<String>,
    /// Its name.
    host: Option<String>,
    /// Its port.
    port: Option<u16>,
    /// `implicit`, `starttls` or `off`.
    tls: Option<String>,
    /// `sha256:…` of the one certificate that is accepted.
    pin: Option<String>,
    /// A credential that is kept at the server of `endpoint_id` and opens the mailboxes that have none.
    credential_id: Option<String>,
    /// Refused: no platforms are kept here, a server is named by `endpoint_id` or `host`.
    platform_id: Option<String>,
}

/// A job to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobMake {
    /// Whose it is.
    tenant_id: i64,
    /// The desk's number.
    ticket_id: Option<i64>,
    /// What is moved, as A-labels.
    domain: String,
    /// What people call the source.
    #[serde(default)]
    source_server_label: String,
    /// The destination: `HOST` or `HOST:PORT`.
    #[serde(default)]
    dest_imap_host: String,
    /// For people.
    #[serde(default)]
    notes: String,
    /// The source server.
    #[serde(default)]
    source: Side,
    /// The destination server.
    #[serde(default)]
    dest: Side,
    /// Mailboxes that come along.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    mailboxes: Vec<MailboxMake>,
    /// Options of every run.
    #[schema(value_type = Option<Object>)]
    options: Option<Value>,
    /// When deltas run; by hand where nothing is said.
    schedule: Option<schedule::Wanted>,
}

/// `POST /migration/jobs`.
#[utoipa::path(post, path = "/migration/jobs", tag = "jobs", request_body = JobMake,
    responses((status = 201, body = JobView), (status = 403), (status = 409), (status = 422)))]
pub async fn make(State(app): State<App>, caller: Caller, Body(asked): Body<JobMake>) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    if let Some(wanted) = &asked.schedule {
        caller.may(Permission::ManageSchedules)?;
        schedule::checked(wanted, app.now_ms()).map_err(|error| error.under("schedule"))?;
    }
    let domain = domain(&asked.domain)?;
    if !caller.reach.has_tenant(asked.tenant_id) || asked.tenant_id < 1 {
        return Err(ApiError::field("tenant_id", "there is no such tenant"));
    }
    caller.touches(asked.tenant_id, None);
    check_texts(&asked.source_server_label, &asked.dest_imap_host, &asked.notes)?;
    if asked.mailboxes.len() > MAILBOXES_MAX {
        return Err(ApiError::field(
            "mailboxes",
            format!("at most {MAILBOXES_MAX} here: POST the others to the job"),
        ));
    }
    for (place, mailbox) in asked.mailboxes.iter().enumerate() {
        mailboxes::check(mailbox, &format!("mailboxes[{place}]."))?;
        mailboxes::may_bring(&caller, mailbox)?;
    }
    let options_json = options(asked.options)?;
    let (tenant, actor) = (asked.tenant_id, caller.actor.as_str());
    for (asked, part) in [(&asked.source, "source"), (&asked.dest, "dest")] {
        check_side(&app, &caller, asked, (tenant, part)).await?;
    }
    let credentials = [&asked.source, &asked.dest].map(|side| side.credential_id.clone().unwrap_or_default());
    let mut transaction = app.store.begin().await?;
    if !transaction.know(tenant, caller.reach.sees_all()).await? {
        return Err(ApiError::field("tenant_id", "there is no such tenant"));
    }
    let source = side(&mut transaction, &caller, asked.source, (tenant, &domain, "source")).await?;
    let dest = side(&mut transaction, &caller, asked.dest, (tenant, &domain, "dest")).await?;
    let new = NewJob {
        tenant_id: tenant,
        ticket_id: asked.ticket_id,
        domain: &domain,
        source_server_label: &asked.source_server_label,
        dest_imap_host: &asked.dest_imap_host,
        notes: &asked.notes,
        created_by: actor,
        source_endpoint_id: source.as_deref(),
        dest_endpoint_id: dest.as_deref(),
        source_credential_id: &credentials[0],
        dest_credential_id: &credentials[1],
        options_json: &options_json,
    };
    if let Some(ticket) = asked.ticket_id
        && !transaction.know_ticket(ticket, tenant).await?
    {
        return Err(no_such_ticket());
    }
    let made = transaction.insert_job(&new).await;
    let id = made.map_err(|error| if error.is_duplicate() { exists(&domain) } else { error.into() })?;
    if !asked.mailboxes.is_empty() {
        let (key, row) = app.vault.first_key(id).await?;
        transaction.insert_key(&row).await?;
        for mailbox in &asked.mailboxes {
            mailboxes::write(&mut transaction, &key, id, mailbox).await?;
        }
    }
    if let Some(wanted) = &asked.schedule {
        schedule::give(&mut transaction, wanted, (id, tenant), actor).await?;
    }
    // The job, its servers, its mailboxes, their secrets and its schedule are there together or not at all.
    transaction.commit().await?;
    let view = JobView::of(read(&app, &caller, id).await?);
    Ok(created(&format!("/migration/jobs/{id}"), &view))
}

fn exists(domain: &str) -> ApiError {
    ApiError::conflict("job_exists", format!("{domain} has a job that is not closed"))
}

/// Looks at a side before anything is written: its server and its credential are there, and the tenant's.
async fn check_side(app: &App, caller: &Caller, side: &Side, (tenant, part): (i64, &str)) -> Result<()> {
    let field = |name: &str| format!("{part}.{name}");
    if side.platform_id.is_some() {
        let words = "no platforms are kept here: name the server by endpoint_id or host";
        return Err(ApiError::field(field("platform_id"), words));
    }
    let Some(id) = side.endpoint_id.as_deref() else {
        // What is kept elsewhere is not shown to a server that is made here.
        return match side.credential_id.as_deref() {
            None | Some("") => Ok(()),
            Some(_) => Err(ApiError::field(field("credential_id"), "it goes with an endpoint_id")),
        };
    };
    let known = app.store.endpoint_row(&caller.reach, id).await?;
    let is_known = known.is_some_and(|row| row.tenant_id.is_none_or(|owner| owner == tenant));
    if !is_known {
        return Err(ApiError::field(field("endpoint_id"), "there is no such server"));
    }
    let credential = side.credential_id.as_deref().unwrap_or_default();
    may_name(app, caller, (&field("credential_id"), credential), (id, tenant)).await
}

/// The server of a checked side: the one that is named, or one that is made of its host.
async fn side(
    transaction: &mut Transaction,
    caller: &Caller,
    side: Side,
    (tenant, domain, part): (i64, &str, &'static str),
) -> Result<Option<String>> {
    if side.endpoint_id.is_some() {
        return Ok(side.endpoint_id);
    }
    let Some(host) = side.host else { return Ok(None) };
    let words = if part == "dest" { "destination" } else { part };
    let asked = endpoints::EndpointAsked {
        name: format!("{domain} {words} {}", &crate::auth::token::uuid()?[..8]),
        tenant_id: Some(tenant),
        kind: "imap".to_owned(),
        profile: side.profile.unwrap_or_default(),
        host,
        port: side.port.unwrap_or_default(),
        tls: side.tls.unwrap_or_else(|| "implicit".to_owned()),
        pin: side.pin.unwrap_or_default(),
        ..endpoints::EndpointAsked::default()
    };
    let row = endpoints::insert(transaction, caller, asked).await.map_err(|error| error.under(part))?;
    Ok(Some(row.id))
}
