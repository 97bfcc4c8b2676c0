//! Servers: `/endpoints…`. Only an administrator lets one lead into a private network.
//! Never holds a secret: those are of mailboxes.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answer::{Versioned, created, seen_version, unless_stale};
use super::body::{Asked, At, Body, no_content};
use super::caller::Caller;
use super::list::{Listed, Short, Shown};
use super::trial::{TestView, trial};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::token::uuid;
use crate::dialer::is_host;
use crate::store::endpoints::EndpointRow;
use crate::store::mailboxes::Endpoint;
use crate::store::{StoreError, Transaction, at, milliseconds};

/// A server that takes longer is told with a warning, in milliseconds.
const SLOW_MILLIS: i64 = 1000;

/// A server.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct EndpointView {
    pub id: String,
    pub tenant_id: Option<i64>,
    pub name: String,
    pub kind: String,
    pub profile: String,
    pub host: String,
    pub port: i64,
    pub tls: String,
    pub auth: String,
    pub authzid_template: String,
    pub pin: String,
    pub connections_max: i64,
    pub status: String,
    pub last_health_check_at: String,
    pub enabled: bool,
    pub allow_cleartext: bool,
    pub allow_private: bool,
    pub allowed_networks: Vec<String>,
    pub version: i64,
}

impl EndpointView {
    fn of(row: EndpointRow) -> Self {
        Self {
            allowed_networks: serde_json::from_str(&row.networks_json).unwrap_or_default(),
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            kind: row.kind,
            profile: row.profile,
            host: row.host,
            port: row.port,
            tls: row.tls,
            auth: row.auth,
            authzid_template: row.authzid_template,
            pin: row.pin,
            connections_max: row.connections_max,
            status: row.status,
            last_health_check_at: row.last_health_check_at,
            enabled: row.is_enabled,
            allow_cleartext: row.allow_cleartext,
            allow_private: row.allow_private,
            version: row.version,
        }
    }
}

/// A server to be made or changed.
#[derive(Deserialize, ToSchema, Default, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointAsked {
    /// What people call it.
    pub name: String,
    /// Whose it is; everybody's where nothing is said.
    pub tenant_id: Option<i64>,
    /// `imap`, `imap_oauth`, `dovecot`, `zimbra` or `exchange`.
    pub kind: String,
    /// The family of servers; recognised where nothing is said.
    pub profile: String,
    /// Its name or address.
    pub host: String,
    /// Its port; 0: the scheme's own.
    pub port: u16,
    /// `implicit`, `starttls` or `off`.
    pub tls: String,
    /// How to log in; as the server offers where nothing is said.
    pub auth: String,
    /// For an administrator's login; `{user}` stands for the mailbox.
    pub authzid_template: String,
    /// `sha256:…` of the one certificate that is accepted.
    pub pin: String,
    /// Connections at most; 0: what it bears.
    pub connections_max: i64,
    /// It may be used.
    pub enabled: Option<bool>,
    /// A password may go there without TLS. For administrators.
    pub allow_cleartext: bool,
    /// It may stand in the networks below. For administrators.
    pub allow_private: bool,
    /// CIDRs.
    pub allowed_networks: Vec<String>,
}

fn check(asked: &EndpointAsked, caller: &Caller) -> Result<()> {
    let has_control = |text: &str| text.chars().any(char::is_control) || text.chars().count() > 200;
    let kinds = ["imap", "imap_oauth", "dovecot", "zimbra", "exchange"];
    let auths = ["", "plain", "login", "cram-md5", "scram", "xoauth2", "oauthbearer"];
    let rules = [
        (asked.name.trim().is_empty() || has_control(&asked.name), "name", "1 to 200 characters"),
        (!kinds.contains(&asked.kind.as_str()), "kind", "one of imap, imap_oauth, dovecot, zimbra, exchange"),
        (!is_host(&asked.host), "host", "a host name or an address"),
        (!["implicit", "starttls", "off"].contains(&asked.tls.as_str()), "tls", "implicit, starttls or off"),
        (!auths.contains(&asked.auth.as_str()), "auth", "a way to log in that is known"),
        (has_control(&asked.authzid_template), "authzid_template", "at most 200 characters, none of control"),
        (
            !asked.pin.is_empty() && !asked.pin.starts_with("sha256:") || has_control(&asked.pin),
            "pin",
            "sha256:…",
        ),
        (!(0..=1000).contains(&asked.connections_max), "connections_max", "0 to 1000"),
        (asked.allow_private && asked.allowed_networks.is_empty(), "allowed_networks", "name the networks"),
        (
            asked.allowed_networks.iter().any(|text| text.parse::<IpNet>().is_err()),
            "allowed_networks",
            "write them as 10.1.0.0/16",
        ),
    ];
    if let Some((_, field, words)) = rules.into_iter().find(|(is_wrong, _, _)| *is_wrong) {
        return Err(ApiError::field(field, words));
    }
    // What leads past the walls is for those who manage the system.
    if asked.allow_private || asked.allow_cleartext || !asked.allowed_networks.is_empty() {
        caller.may(Permission::ManageSystem)?;
    }
    match asked.tenant_id {
        None if !caller.reach.sees_all() => Err(ApiError::field("tenant_id", "say whose it is")),
        Some(tenant) if !caller.reach.has_tenant(tenant) => {
            Err(ApiError::field("tenant_id", "there is no such tenant"))
        }
        _ => Ok(()),
    }
}

/// Writes a checked server.
///
/// # Errors
/// Where a field is not right, or the caller may not ask for that.
pub(super) async fn insert(
    transaction: &mut Transaction,
    caller: &Caller,
    asked: EndpointAsked,
) -> Result<EndpointRow> {
    check(&asked, caller)?;
    if let Some(tenant) = asked.tenant_id
        && !transaction.know(tenant, caller.reach.sees_all()).await?
    {
        return Err(ApiError::field("tenant_id", "there is no such tenant"));
    }
    let row =
        fill(EndpointRow { id: uuid()?, created_by: caller.actor.clone(), ..EndpointRow::default() }, asked);
    transaction.insert_endpoint(&row).await?;
    Ok(row)
}

fn fill(row: EndpointRow, asked: EndpointAsked) -> EndpointRow {
    EndpointRow {
        tenant_id: asked.tenant_id,
        name: asked.name,
        kind: asked.kind,
        profile: asked.profile,
        host: asked.host,
        port: i64::from(asked.port),
        tls: asked.tls,
        auth: asked.auth,
        authzid_template: asked.authzid_template,
        pin: asked.pin,
        connections_max: asked.connections_max,
        is_enabled: asked.enabled.unwrap_or(true),
        allow_cleartext: asked.allow_cleartext,
        allow_private: asked.allow_private,
        networks_json: serde_json::json!(asked.allowed_networks).to_string(),
        ..row
    }
}

/// `GET /endpoints`.
#[utoipa::path(get, path = "/endpoints", tag = "endpoints", params(Short),
    responses((status = 200, body = Listed<EndpointView>)))]
pub async fn list(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    caller.may(Permission::ViewMigration)?;
    let rows = app.store.endpoint_rows(&caller.reach).await?;
    wanted.of(rows.into_iter().map(EndpointView::of).collect())
}

/// `POST /endpoints`.
#[utoipa::path(post, path = "/endpoints", tag = "endpoints", request_body = EndpointAsked,
    responses((status = 201, body = EndpointView), (status = 403), (status = 409), (status = 422)))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<EndpointAsked>,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let mut transaction = app.store.begin().await?;
    let row = insert(&mut transaction, &caller, asked).await?;
    transaction.commit().await?;
    let view = EndpointView::of(read(&app, &caller, &row.id).await?);
    Ok(created(&format!("/endpoints/{}", row.id), &view))
}

async fn read(app: &App, caller: &Caller, id: &str) -> Result<EndpointRow> {
    app.store.endpoint_row(&caller.reach, id).await?.ok_or_else(|| ApiError::not_found("server"))
}

/// `GET /endpoints/{id}`.
#[utoipa::path(get, path = "/endpoints/{id}", tag = "endpoints", params(("id" = String, Path)),
    responses((status = 200, body = EndpointView), (status = 404)))]
pub async fn show(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Versioned<EndpointView>> {
    caller.may(Permission::ViewMigration)?;
    let row = read(&app, &caller, &id).await?;
    Ok(Versioned(row.version, EndpointView::of(row)))
}

/// `PUT /endpoints/{id}`: whole; kind and tenant stay.
#[utoipa::path(put, path = "/endpoints/{id}", tag = "endpoints", params(("id" = String, Path)),
    request_body = EndpointAsked,
    responses((status = 200, body = EndpointView), (status = 403), (status = 412), (status = 428)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
    Body(asked): Body<EndpointAsked>,
) -> Result<Versioned<EndpointView>> {
    caller.may(Permission::ManageMigration)?;
    let mut row = read(&app, &caller, &id).await?;
    row.version = seen_version(&headers, row.version)?;
    if row.tenant_id.is_none() || row.allow_private || row.allow_cleartext {
        caller.may(Permission::ManageSystem)?;
    }
    if row.tenant_id.is_none() {
        caller.sees_the_house()?;
    }
    let is_moved = (&row.host, row.port, &row.tls, &row.pin)
        != (&asked.host, i64::from(asked.port), &asked.tls, &asked.pin);
    // What is kept at a server is sent where it leads.
    if is_moved && app.store.kept_at(&id).await? > 0 {
        caller.may(Permission::ManageCredentials)?;
    }
    let asked = EndpointAsked { tenant_id: row.tenant_id, kind: row.kind.clone(), ..asked };
    check(&asked, &caller)?;
    let row = fill(row, asked);
    if !app.store.change_endpoint(&row).await? {
        return Err(StoreError::Stale("the server").into());
    }
    let row = read(&app, &caller, &id).await?;
    Ok(Versioned(row.version, EndpointView::of(row)))
}

/// `DELETE /endpoints/{id}`.
#[utoipa::path(delete, path = "/endpoints/{id}", tag = "endpoints", params(("id" = String, Path)),
    responses((status = 204), (status = 404), (status = 409), (status = 412)))]
pub async fn remove(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let row = read(&app, &caller, &id).await?;
    unless_stale(&headers, row.version)?;
    if row.tenant_id.is_none() {
        caller.may(Permission::ManageSystem)?;
        caller.sees_the_house()?;
    }
    if app.store.endpoint_uses(&id).await? > 0 {
        return Err(ApiError::conflict("conflict", "jobs or mailboxes name this server"));
    }
    if app.store.kept_at(&id).await? > 0 {
        return Err(ApiError::conflict("conflict", "credentials are kept at this server: remove them first"));
    }
    app.store.delete_endpoint(&id).await?;
    Ok(no_content())
}

/// `POST /endpoints/{id}/test`: whether the server can be reached. Logins are tried by a preflight.
#[utoipa::path(post, path = "/endpoints/{id}/test", tag = "endpoints", params(("id" = String, Path)),
    responses((status = 200, body = TestView), (status = 404)))]
pub async fn test(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Json<TestView>> {
    caller.may(Permission::RunSync)?;
    read(&app, &caller, &id).await?;
    let server = app.store.endpoint(&id).await?.ok_or_else(|| ApiError::not_found("server"))?;
    let view = trial(&app, &server).await;
    let health = match (view.status, view.latency_ms) {
        ("ok", latency) if latency <= SLOW_MILLIS => "healthy",
        ("ok", _) => "warning",
        _ => "critical",
    };
    let now_at = at(app.now_ms());
    app.store.endpoint_checked(&id, (view.status, health), view.latency_ms, "", &now_at).await?;
    Ok(Json(view))
}

/// `POST /endpoints/test`: the same for a server that is not kept.
#[utoipa::path(post, path = "/endpoints/test", tag = "endpoints", request_body = EndpointAsked,
    responses((status = 200, body = TestView), (status = 403), (status = 422)))]
pub async fn test_unkept(
    State(app): State<App>,
    caller: Caller,
    Body(asked): Body<EndpointAsked>,
) -> Result<Json<TestView>> {
    caller.may(Permission::RunSync)?;
    check(&asked, &caller)?;
    let server = Endpoint {
        id: String::new(),
        name: asked.name,
        kind: asked.kind,
        profile: asked.profile,
        host: asked.host,
        port: asked.port,
        tls: asked.tls,
        auth: asked.auth,
        authzid_template: asked.authzid_template,
        pin: asked.pin,
        ca_pem: String::new(),
        connections_max: 0,
        is_enabled: true,
        allow_cleartext: asked.allow_cleartext,
        allow_private: asked.allow_private,
        allowed_networks_json: serde_json::json!(asked.allowed_networks).to_string(),
    };
    Ok(Json(trial(&app, &server).await))
}

/// Networks that an endpoint may lead into, beside the Internet.
pub fn allowed(app: &App, allow_private: bool, networks_json: &str) -> Vec<IpNet> {
    let mut networks = app.config.allow_private.clone();
    if allow_private {
        let own: Vec<String> = serde_json::from_str(networks_json).unwrap_or_default();
        networks.extend(own.iter().filter_map(|text| text.parse::<IpNet>().ok()));
    }
    networks
}

/// One test of the past.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    /// How it ended.
    status: String,
    /// How long it took.
    latency_ms: i64,
    /// When.
    checked_at: String,
}

/// Which tests.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Between {
    /// Not before this moment, as 2027-01-31T12:00:00Z.
    from: Option<String>,
    /// Before this moment.
    to: Option<String>,
}

/// A moment as it is kept; empty where nothing is said.
fn moment(text: Option<&str>) -> Result<String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(String::new()) };
    let millis =
        milliseconds(text).ok_or_else(|| ApiError::bad_request("write it as 2027-01-31T12:00:00Z"))?;
    Ok(at(millis))
}

/// `GET /endpoints/{id}/health`: the last 200 tests, of all or between two moments.
#[utoipa::path(get, path = "/endpoints/{id}/health", tag = "endpoints", params(("id" = String, Path), Between),
    responses((status = 200, body = Listed<HealthView>), (status = 404)))]
pub async fn health(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(wanted): Asked<Between>,
) -> Result<Json<Listed<HealthView>>> {
    caller.may(Permission::ViewMigration)?;
    read(&app, &caller, &id).await?;
    let (from, to) = (moment(wanted.from.as_deref())?, moment(wanted.to.as_deref())?);
    let rows = app.store.endpoint_health(&id, (&from, &to), 200).await?.into_iter();
    let views = rows.map(|(status, latency_ms, _, checked_at)| HealthView { status, latency_ms, checked_at });
    Ok(Json(Listed::whole(views.collect())))
}
