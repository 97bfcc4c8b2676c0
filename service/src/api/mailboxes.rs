//! Mailboxes of a job: made one by one or together, changed, removed; their folders and folder maps.
//! Never echoes a secret: what is shown is whether there is one.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answer::{Versioned, created, seen_version};
use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::jobs::read as read_job;
use super::kept::may_name;
use super::list::{Listed, Page};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::dialer::is_host;
use crate::store::boxes::{BoxRow, NewMailbox, SORTS};
use crate::store::words::SourceType;
use crate::store::{StoreError, Transaction};

use crate::vault::{DataKey, Put, SecretKind, put_in};

/// Mailboxes of one request, at most.
const ITEMS_MAX: usize = 1000;
/// The longest name or address, in octets (RFC 5321 §4.5.3.1, with room for `user@domain` names).
const NAME_BYTES_MAX: usize = 320;

/// A mailbox.
#[derive(Serialize, ToSchema)]
#[expect(missing_docs, reason = "each field is the column of its name in the data model")]
pub struct MailboxView {
    pub id: i64,
    pub job_id: i64,
    pub email: String,
    pub source_type: String,
    pub source_host: String,
    pub source_user: String,
    pub dest_host: String,
    pub dest_user: String,
    pub folder_map: Value,
    pub messages_source: i64,
    pub messages_dest: i64,
    pub messages_matched: i64,
    pub messages_missing: i64,
    pub messages_pending: i64,
    pub messages_quarantined: i64,
    pub messages_acknowledged: i64,
    pub bytes_source: i64,
    pub bytes_dest: i64,
    pub sync_percent: f64,
    pub status: String,
    pub last_error: String,
    pub error_class: String,
    pub enabled: bool,
    pub excluded_reason: String,
    pub priority: i64,
    pub has_source_credential: bool,
    pub has_dest_credential: bool,
    pub has_scan: bool,
    pub last_scan_at: String,
    pub last_delta_at: String,
    pub last_delta_status: String,
    pub source_login_ok_at: String,
    pub dest_login_ok_at: String,
    pub login_waived_reason: String,
    pub eta_seconds: i64,
    pub rate_bps: i64,
    pub created_at: String,
    pub updated_at: String,
    pub version: i64,
    pub source_credential_id: String,
    pub dest_credential_id: String,
}

impl MailboxView {
    /// What is shown of a row.
    pub fn of(row: BoxRow) -> Self {
        Self {
            folder_map: serde_json::from_str(&row.folder_map_json).unwrap_or_else(|_| json!({})),
            has_source_credential: !row.credentials_ref.is_empty(),
            has_dest_credential: !row.dest_credentials_ref.is_empty(),
            id: row.id,
            job_id: row.job_id,
            email: row.email,
            source_type: row.source_type,
            source_host: row.source_host,
            source_user: row.source_user,
            dest_host: row.dest_host,
            dest_user: row.dest_user,
            messages_source: row.messages_source,
            messages_dest: row.messages_dest,
            messages_matched: row.messages_matched,
            messages_missing: row.messages_missing,
            messages_pending: row.messages_pending,
            messages_quarantined: row.messages_quarantined,
            messages_acknowledged: row.messages_acknowledged,
            bytes_source: row.bytes_source,
            bytes_dest: row.bytes_dest,
            sync_percent: row.sync_percent,
            status: row.status,
            last_error: row.last_error,
            error_class: row.error_class,
            enabled: row.enabled,
            excluded_reason: row.excluded_reason,
            priority: row.priority,
            has_scan: row.has_scan,
            last_scan_at: row.last_scan_at,
            last_delta_at: row.last_delta_at,
            last_delta_status: row.last_delta_status,
            source_login_ok_at: row.source_login_ok_at,
            dest_login_ok_at: row.dest_login_ok_at,
            login_waived_reason: row.login_waived_reason,
            eta_seconds: row.eta_seconds,
            rate_bps: row.rate_bps,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
            source_credential_id: row.source_credential_id,
            dest_credential_id: row.dest_credential_id,
        }
    }
}

/// A secret of a mailbox. It goes to the vault and never comes back.
#[derive(Deserialize, ToSchema, Clone)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// A password.
    #[schema(value_type = Option<String>)]
    pub password: Option<SecretString>,
    /// An access token.
    #[schema(value_type = Option<String>)]
    pub oauth_token: Option<SecretString>,
    /// When it expires, in RFC 3339.
    pub expires_at: Option<String>,
}

impl Secret {
    pub(super) fn json(&self) -> (SecretKind, SecretString) {
        let text =
            |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let kind = if self.oauth_token.is_some() { SecretKind::Oauth } else { SecretKind::Password };
        let json = json!({"password": text(&self.password), "oauth_token": text(&self.oauth_token)});
        (kind, SecretString::from(json.to_string()))
    }

    pub(super) fn check(&self, field: &str) -> Result<()> {
        if self.password.is_some() == self.oauth_token.is_some() {
            return Err(ApiError::field(field, "give a password or an oauth_token"));
        }
        let secret = self.password.as_ref().or(self.oauth_token.as_ref());
        if secret.is_some_and(|secret| {
            secret.expose_secret().is_empty() || secret.expose_secret().contains(['\0', '\r', '\n'])
        }) {
            return Err(ApiError::field(field, "a secret is not empty and holds no line end"));
        }
        let is_time = |text: &String| crate::store::milliseconds(text).is_some();
        if self.expires_at.as_ref().is_some_and(|text| !is_time(text)) {
            return Err(ApiError::field(format!("{field}.expires_at"), "write it as 2027-01-31T12:00:00Z"));
        }
        Ok(())
    }
}

/// A mailbox to be made.
#[derive(Deserialize, ToSchema, Clone)]
#[serde(deny_unknown_fields)]
pub struct MailboxMake {
    /// Its address.
    pub email: String,
    /// `imap`, `imap_oauth`, `pst`, `mbox`, `eml`, `tgz`, `zimbra` or `dovecot`.
    #[serde(default = "imap")]
    pub source_type: String,
    /// `HOST` or `HOST:PORT`; the job's source where nothing is said.
    pub source_host: Option<String>,
    /// Its name there; the address where nothing is said.
    pub source_user: Option<String>,
    /// Its secret at the source.
    pub secret: Option<Secret>,
    /// `HOST` or `HOST:PORT`; the job's destination where nothing is said.
    pub dest_host: Option<String>,
    /// Its name at the destination; the address where nothing is said.
    pub dest_user: Option<String>,
    /// Its secret at the destination.
    pub dest_secret: Option<Secret>,
    /// `{"Sent Items":"Sent"}`.
    #[schema(value_type = Option<Object>)]
    pub folder_map: Option<Value>,
    /// Higher ones first.
    #[serde(default)]
    pub priority: i64,
    /// It is to be moved.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn imap() -> String {
    "imap".to_owned()
}

const fn yes() -> bool {
    true
}

/// `HOST` or `HOST:PORT`, or nothing.
///
/// # Errors
/// What is wrong, as a sentence.
pub(super) fn check_place(text: &str) -> std::result::Result<(), &'static str> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if text.is_empty() || (is_host(host.trim_matches(['[', ']'])) && is_port) {
        Ok(())
    } else {
        Err("write it as mail.example.com or mail.example.com:993")
    }
}

/// A name as it may stand in a login: no control characters, not endless.
fn check_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Looks at a mailbox before anything is written.
pub(super) fn check(made: &MailboxMake, prefix: &str) -> Result<()> {
    let fail = |field: &str, words: &str| Err(ApiError::field(format!("{prefix}{field}"), words));
    let is_address = made.email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && is_host(domain)
            && !made.email.chars().any(char::is_whitespace)
    });
    if !check_name(&made.email) || !is_address {
        return fail("email", "write it as ana@example.com");
    }
    if SourceType::parse(&made.source_type).is_err() {
        return fail("source_type", "one of imap, imap_oauth, pst, mbox, eml, tgz, zimbra, dovecot");
    }
    for (field, place) in [("source_host", &made.source_host), ("dest_host", &made.dest_host)] {
        if let Err(words) = check_place(place.as_deref().unwrap_or_default()) {
            return fail(field, words);
        }
    }
    for (field, name) in [("source_user", &made.source_user), ("dest_user", &made.dest_user)] {
        if name.as_deref().is_some_and(|name| !check_name(name)) {
            return fail(field, "a name without control characters, of at most 320 octets");
        }
    }
    if let Some(map) = &made.folder_map {
        check_map(map).or_else(|words| fail("folder_map", &words))?;
    }
    for (field, secret) in [("secret", &made.secret), ("dest_secret", &made.dest_secret)] {
        if let Some(secret) = secret {
            secret.check(&format!("{prefix}{field}"))?;
        }
    }
    Ok(())
}

/// A folder map: names to names, no two to one.
pub(super) fn check_map(map: &Value) -> std::result::Result<(), String> {
    let Some(pairs) = map.as_object() else { return Err("write it as {\"Sent Items\":\"Sent\"}".to_owned()) };
    let mut seen = std::collections::BTreeSet::new();
    for (from, to) in pairs {
        let Some(to) = to.as_str().filter(|to| check_name(to)) else {
            return Err(format!("{from:?} leads to no folder name"));
        };
        if !check_name(from) {
            return Err(format!("{from:?} is no folder name"));
        }
        if !seen.insert(to) {
            return Err(format!("two folders lead to {to:?}"));
        }
    }
    Ok(())
}

/// Secrets are brought, and sent elsewhere, by those who manage credentials.
pub(super) fn may_bring(caller: &Caller, made: &MailboxMake) -> Result<()> {
    let has_secret = made.secret.is_some() || made.dest_secret.is_some();
    if has_secret { caller.may(Permission::ManageCredentials) } else { Ok(()) }
}

/// A job takes no more mailboxes once it is verified: what would be added was never counted.
pub(super) fn check_open(phase: &str) -> Result<()> {
    if matches!(phase, "verified" | "closed") {
        return Err(ApiError::conflict("phase_conflict", format!("the job is {phase}: no mailbox is added")));
    }
    Ok(())
}

/// Writes a checked mailbox and its secrets, both or neither; its id.
pub(super) async fn make_one(app: &App, job: i64, made: MailboxMake) -> Result<i64> {
    let key = app.vault.key_of(job).await?;
    let mut transaction = app.store.begin().await?;
    // Whoever takes the job to another phase waits until the mailbox stands, and counts it then.
    check_open(&transaction.hold_phase(job).await?)?;
    let id = write(&mut transaction, &key, job, &made).await?;
    transaction.commit().await?;
    Ok(id)
}

/// The same, as part of something larger.
pub(super) async fn write(
    transaction: &mut Transaction,
    key: &DataKey,
    job: i64,
    made: &MailboxMake,
) -> Result<i64> {
    let map = made.folder_map.as_ref().map(Value::to_string).unwrap_or_default();
    let new = NewMailbox {
        email: &made.email,
        source_type: &made.source_type,
        source_host: made.source_host.as_deref(),
        source_user: made.source_user.as_deref(),
        folder_map_json: &map,
        dest_host: made.dest_host.as_deref().unwrap_or_default(),
        dest_user: made.dest_user.as_deref().unwrap_or_default(),
        is_enabled: made.enabled,
        priority: made.priority,
        options_json: "{}",
        ..NewMailbox::default()
    };
    let id = transaction.insert_mailbox(job, &new).await.map_err(|error| {
        if error.is_duplicate() {
            ApiError::conflict("duplicate", format!("the job has {} already", made.email))
        } else {
            error.into()
        }
    })?;
    for (secret, is_source) in [(&made.secret, true), (&made.dest_secret, false)] {
        if let Some(secret) = secret {
            let (kind, text) = secret.json();
            let put = Put {
                job_id: job,
                mailbox_id: id,
                is_source,
                kind,
                secret: &text,
                expires_at: secret.expires_at.as_deref(),
            };
            put_in(transaction, key, put).await?;
        }
    }
    Ok(id)
}

pub(super) async fn put(
    app: &App,
    (job_id, mailbox_id): (i64, i64),
    is_source: bool,
    secret: &Secret,
) -> Result<String> {
    let (kind, text) = secret.json();
    let put =
        Put { job_id, mailbox_id, is_source, kind, secret: &text, expires_at: secret.expires_at.as_deref() };
    Ok(app.vault.put(put).await?)
}

/// Which mailboxes.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `pending`, `syncing`, `ok`, `error` or `quarantine`.
    status: Option<String>,
    /// With this in the address.
    q: Option<String>,
    /// How many, 1 to 200.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// By `id`, `email`, `status`, `priority`, `messages_missing` or `updated_at`; with `-` the greatest first.
    sort: Option<String>,
}

/// `GET /migration/jobs/{id}/mailboxes`.
#[utoipa::path(get, path = "/migration/jobs/{id}/mailboxes", tag = "mailboxes", params(("id" = i64, Path), Wanted),
    responses((status = 200, body = Listed<MailboxView>), (status = 404)))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Listed<MailboxView>> {
    caller.may(Permission::ViewMigration)?;
    read_job(&app, &caller, id).await?;
    let page = Page { limit: wanted.limit, cursor: wanted.cursor, sort: wanted.sort };
    let by = page.order(&SORTS, "id")?;
    let words = (wanted.status.unwrap_or_default(), wanted.q.unwrap_or_default());
    let words = (words.0.as_str(), words.1.as_str());
    let found = app.store.boxes(&caller.reach, id, words, &by.order).await?;
    let total = app.store.boxes_count(&caller.reach, id, words).await?;
    Ok(Listed::sorted(found.into_iter().map(MailboxView::of).collect(), &by, total))
}

/// `POST /migration/jobs/{id}/mailboxes`: one, or `{"items":[…]}` with a result for each.
#[utoipa::path(post, path = "/migration/jobs/{id}/mailboxes", tag = "mailboxes", params(("id" = i64, Path)),
    request_body = MailboxMake, responses((status = 201, body = MailboxView), (status = 409), (status = 422)))]
pub async fn make(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    Body(asked): Body<Value>,
) -> Result<Response> {
    caller.may(Permission::ManageMigration)?;
    let job = read_job(&app, &caller, id).await?;
    check_open(&job.phase)?;
    let Some(items) = asked.get("items").and_then(Value::as_array).cloned() else {
        let made = parse(asked, "")?;
        may_bring(&caller, &made)?;
        let mailbox = make_one(&app, id, made).await?;
        let view = show_one(&app, &caller, mailbox).await?;
        return Ok(created(&format!("/migration/mailboxes/{mailbox}"), &view));
    };
    if items.len() > ITEMS_MAX {
        return Err(ApiError::field("items", format!("at most {ITEMS_MAX} at once")));
    }
    let mut results = Vec::new();
    for (place, item) in items.into_iter().enumerate() {
        let done = match parse(item, &format!("items[{place}].")) {
            Ok(made) => match may_bring(&caller, &made) {
                Ok(()) => make_one(&app, id, made).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        results.push(match done {
            Ok(id) => json!({"status": 201, "id": id}),
            Err(error) => json!({
                "status": error.status.as_u16(), "code": error.code, "detail": error.detail,
            }),
        });
    }
    Ok((StatusCode::CREATED, Json(json!({"items": results}))).into_response())
}

fn parse(value: Value, prefix: &str) -> Result<MailboxMake> {
    // What serde says of a value may quote it: a secret is not to come back.
    let made: MailboxMake = serde_json::from_value(value).map_err(|error| {
        let words = error.to_string();
        let is_safe = words.starts_with("missing field") || words.starts_with("unknown field");
        ApiError::field(
            prefix.trim_end_matches('.'),
            if is_safe { words } else { "a field has another type".to_owned() },
        )
    })?;
    check(&made, prefix)?;
    Ok(made)
}

pub(super) async fn read(app: &App, caller: &Caller, id: i64) -> Result<BoxRow> {
    let row =
        app.store.mailbox_row(&caller.reach, id).await?.ok_or_else(|| ApiError::not_found("mailbox"))?;
    caller.touches(row.tenant_id, Some(row.job_id));
    Ok(row)
}

async fn show_one(app: &App, caller: &Caller, id: i64) -> Result<MailboxView> {
    Ok(MailboxView::of(read(app, caller, id).await?))
}

/// `GET /migration/mailboxes/{mid}`.
#[utoipa::path(get, path = "/migration/mailboxes/{mid}", tag = "mailboxes", params(("mid" = i64, Path)),
    responses((status = 200, body = MailboxView), (status = 404)))]
pub async fn show(State(app): State<App>, caller: Caller, At(id): At<i64>) -> Result<Versioned<MailboxView>> {
    caller.may(Permission::ViewMigration)?;
    let view = show_one(&app, &caller, id).await?;
    Ok(Versioned(view.version, view))
}

/// What is to be changed of a mailbox; what is not said stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxChange {
    /// It is to be moved.
    enabled: Option<bool>,
    /// Why it is not.
    excluded_reason: Option<String>,
    /// `HOST` or `HOST:PORT`.
    source_host: Option<String>,
    /// Its name there.
    source_user: Option<String>,
    /// `HOST` or `HOST:PORT`.
    dest_host: Option<String>,
    /// Its name at the destination.
    dest_user: Option<String>,
    /// Higher ones first.
    priority: Option<i64>,
    /// Why its logins need not be proven.
    login_waived_reason: Option<String>,
    /// A credential that is kept at the source server; empty: none. The mailbox's own secret goes before it.
    source_credential_id: Option<String>,
    /// Likewise at the destination.
    dest_credential_id: Option<String>,
}

/// `PATCH /migration/mailboxes/{mid}`.
#[utoipa::path(patch, path = "/migration/mailboxes/{mid}", tag = "mailboxes", params(("mid" = i64, Path)),
    request_body = MailboxChange, responses((status = 200, body = MailboxView), (status = 409), (status = 412),
    (status = 422), (status = 428)))]
pub async fn change(
    State(app): State<App>,
    caller: Caller,
    At(id): At<i64>,
    headers: HeaderMap,
    Body(asked): Body<MailboxChange>,
) -> Result<Versioned<MailboxView>> {
    caller.may(Permission::ManageMigration)?;
    let mut row = read(&app, &caller, id).await?;
    row.version = seen_version(&headers, row.version)?;
    for (field, place) in [("source_host", &asked.source_host), ("dest_host", &asked.dest_host)] {
        check_place(place.as_deref().unwrap_or_default()).map_err(|words| ApiError::field(field, words))?;
    }
    for (field, name) in [("source_user", &asked.source_user), ("dest_user", &asked.dest_user)] {
        if name.as_deref().is_some_and(|name| !name.is_empty() && !check_name(name)) {
            return Err(ApiError::field(field, "a name without control characters, of at most 320 octets"));
        }
    }
    check_moves(&caller, &row, &asked)?;
    let is_added = asked.enabled == Some(true) && !row.enabled;
    row.enabled = asked.enabled.unwrap_or(row.enabled);
    row.excluded_reason = asked.excluded_reason.unwrap_or(row.excluded_reason);
    if !row.enabled && row.excluded_reason.trim().is_empty() {
        return Err(ApiError::field("excluded_reason", "say why it is left out"));
    }
    row.source_host = asked.source_host.unwrap_or(row.source_host);
    row.source_user = asked.source_user.unwrap_or(row.source_user);
    row.dest_host = asked.dest_host.unwrap_or(row.dest_host);
    row.dest_user = asked.dest_user.unwrap_or(row.dest_user);
    row.priority = asked.priority.unwrap_or(row.priority);
    row.login_waived_reason = asked.login_waived_reason.unwrap_or(row.login_waived_reason);
    if let Some(id) = asked.source_credential_id {
        let place = (row.source_endpoint_id.as_str(), row.tenant_id);
        may_name(&app, &caller, ("source_credential_id", &id), place).await?;
        row.source_credential_id = id;
    }
    if let Some(id) = asked.dest_credential_id {
        let place = (row.dest_endpoint_id.as_str(), row.tenant_id);
        may_name(&app, &caller, ("dest_credential_id", &id), place).await?;
        row.dest_credential_id = id;
    }
    save(&app, &caller, &row, is_added).await
}

/// The mailbox's own secrets are sent where it leads: whoever leads it elsewhere may as well know them.
fn check_moves(caller: &Caller, row: &BoxRow, asked: &MailboxChange) -> Result<()> {
    let is_other = |told: &Option<String>, held: &str| told.as_deref().is_some_and(|told| told != held);
    let source = !row.credentials_ref.is_empty() && is_other(&asked.source_host, &row.source_host);
    let destination = !row.dest_credentials_ref.is_empty() && is_other(&asked.dest_host, &row.dest_host);
    if source || destination { caller.may(Permission::ManageCredentials) } else { Ok(()) }
}

/// A mailbox of a file that is gone cannot be copied; one of octets that another has would count their mail twice.
async fn check_file(transaction: &mut Transaction, id: i64) -> Result<()> {
    let words = match transaction.own_file(id).await? {
        Some((state, _)) if state != "complete" => format!("its uploaded file is {state}: upload it again"),
        Some((_, 1..)) => "another mailbox of this address is moved from the same octets".to_owned(),
        Some((_, 0)) | None => return Ok(()),
    };
    Err(ApiError::conflict("conflict", words))
}

/// Writes a changed mailbox. One that is added to those that are moved is held against the job's phase, in which the
/// job is held meanwhile.
pub(super) async fn save(
    app: &App,
    caller: &Caller,
    row: &BoxRow,
    is_added: bool,
) -> Result<Versioned<MailboxView>> {
    let mut transaction = app.store.begin().await?;
    if is_added {
        check_open(&transaction.hold_phase(row.job_id).await?)?;
        check_file(&mut transaction, row.id).await?;
    }
    if !transaction.change_mailbox(row).await? {
        return Err(StoreError::Stale("the mailbox").into());
    }
    transaction.commit().await?;
    super::gates::look_quietly(app, row.job_id).await;
    let view = show_one(app, caller, row.id).await?;
    Ok(Versioned(view.version, view))
}
