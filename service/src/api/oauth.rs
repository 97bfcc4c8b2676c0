//! Consents to read mail: started, and come back from in the browser that began: `/oauth/…`.
//! Never shows a token, a verifier or a device's code; a state is good for one answer, in the browser that began.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use malote_engine::failure::Side;
use malote_engine::token::{Consented, Refused};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::body::{Asked, At, Body};
use super::caller::Caller;
use super::kept::{self, may_name};
use super::mailboxes::read as read_mailbox;
use super::{ApiError, Result};
use crate::app::App;
use crate::audit::Entry;
use crate::auth::permission::Permission;
use crate::auth::token::{self, uuid};
use crate::oauth::{Addresses, Flow, Plan, Secrets, broker, client, consenter};
use crate::store::at;
use crate::store::flows::FlowRow;
use crate::store::kept::KeptRow;
use crate::vault::Place;
use crate::vault::key::hex;

/// A person has so long to consent in a browser, in milliseconds: ten minutes.
const FLOW_MILLIS: i64 = 600_000;
/// Longer than any answer of a provider, in milliseconds: nobody else asks meanwhile.
pub(super) const ANSWER_MILLIS: i64 = 30_000;
/// A caller waits so long for a token; runs have more patience.
const FRESH_MAX: Duration = Duration::from_secs(8);
/// Mailboxes that one consent becomes the credential of, at most.
const MAILBOXES_MAX: usize = 200;
/// Where a person comes back to.
const CALLBACK: &str = "/oauth/callback";
/// Where the console is.
const CONSOLE: &str = "/console";

/// For which credential a person is to consent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// A credential that is kept at a server, with a grant of this provider.
    credential_id: String,
    /// Mailboxes of that server that name it once somebody has consented.
    #[serde(default)]
    mailbox_ids: Vec<i64>,
    /// Their side: `source` or `destination`.
    #[serde(default = "source")]
    side: String,
}

fn source() -> String {
    "source".to_owned()
}

/// What to do next.
#[derive(Serialize, ToSchema, Default)]
pub struct Started {
    /// The consent; empty where nobody has to give one.
    flow_id: String,
    /// `auth_code`, `device_code`, `client_credentials` or `dwd`.
    flow: &'static str,
    /// Send the browser there.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_url: Option<String>,
    /// What comes back with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// What to type.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_code: Option<String>,
    /// Where to type it.
    #[serde(skip_serializing_if = "Option::is_none")]
    verification_uri: Option<String>,
    /// Seconds between two questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<i64>,
    /// Until then; empty where nobody has to consent.
    expires_at: String,
}

pub(super) async fn planned(app: &App, row: &KeptRow, provider: &str) -> Result<(Plan, Addresses, Secrets)> {
    let plan = Plan::parse(&row.grant_json)
        .map_err(|_| ApiError::field("credential_id", "it holds a password or a token, and no grant"))?;
    if plan.provider != provider {
        let words = format!("its grant is of {}", plan.provider);
        return Err(ApiError::field("credential_id", words));
    }
    let addresses = plan
        .check(&app.config.outside)
        .map_err(|(field, words)| ApiError::conflict("conflict", format!("{field}: {words}")))?;
    let secrets = Secrets::open(&app.vault, &row.id, &row.sealed).await?;
    Ok((plan, addresses, secrets))
}

/// What a provider's refusal is to a caller.
pub(super) fn told(refused: &Refused) -> ApiError {
    match refused {
        Refused::Final { .. } => ApiError::conflict("oauth_refused", refused.to_string()),
        _ => {
            let mut told =
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "provider_unavailable", refused.to_string());
            told.retry_after = Some(30);
            told
        }
    }
}

pub(super) fn place(id: &str) -> Place<'_> {
    Place { table: "oauth_flows", column: "secret_encrypted", row: id }
}

fn digest(state: &SecretString) -> String {
    hex(&token::digest(state))
}

/// `POST /oauth/{provider}/start`: by the flow of the credential's grant. Applications that ask for themselves are
/// asked for a token at once, which nobody is shown.
#[utoipa::path(post, path = "/oauth/{provider}/start", tag = "credentials", params(("provider" = String, Path)),
    request_body = Start,
    responses((status = 200, body = Started), (status = 403), (status = 404), (status = 409), (status = 422),
    (status = 503)))]
pub async fn start(
    State(app): State<App>,
    caller: Caller,
    At(provider): At<String>,
    Body(asked): Body<Start>,
) -> Result<Json<Started>> {
    caller.may(Permission::ManageCredentials)?;
    let row = kept::read(&app, &caller, &asked.credential_id).await?;
    let (plan, addresses, secrets) = planned(&app, &row, &provider).await?;
    let is_source = match asked.side.as_str() {
        "source" => true,
        "destination" => false,
        _ => return Err(ApiError::field("side", "source or destination")),
    };
    check_mailboxes(&app, &caller, &row, (&asked.mailbox_ids, is_source)).await?;
    let now_ms = app.now_ms();
    let mut flow = FlowRow {
        id: uuid()?,
        credential_id: row.id.clone(),
        provider,
        actor: caller.actor.clone(),
        mailboxes_json: serde_json::json!(asked.mailbox_ids).to_string(),
        side: asked.side,
        kind: plan.flow.as_str().to_owned(),
        ..FlowRow::default()
    };
    let mut started = Started { flow: plan.flow.as_str(), ..Started::default() };
    match plan.flow {
        Flow::AuthCode => {
            let session = caller.session.as_ref().ok_or_else(|| {
                ApiError::new(StatusCode::FORBIDDEN, "forbidden", "a person's browser comes back: log in")
            })?;
            let (state, verifier) = (token::new("")?, token::new("")?);
            flow.redirect_uri = redirect_uri(&app)?;
            flow.session_id.clone_from(&session.id);
            (flow.state_hash, flow.expires_ms) = (digest(&state), now_ms + FLOW_MILLIS);
            flow.sealed = app.vault.seal(place(&flow.id), &verifier).await?;
            started.authorization_url =
                Some(authorization_url(&plan, &addresses, &flow.redirect_uri, (&state, &verifier)));
            started.state = Some(state.expose_secret().to_owned());
        }
        Flow::DeviceCode => {
            let url = addresses.device.as_ref().ok_or_else(|| ApiError::not_found("device flow"))?;
            let client = client(&plan, &secrets, &addresses);
            let shown = consenter(&app, &addresses).device(&client, url, &addresses.scope).await;
            let shown = shown.map_err(|refused| told(&refused))?;
            let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(0);
            flow.interval_seconds = seconds(shown.interval);
            flow.next_poll_ms = now_ms + flow.interval_seconds * 1000;
            flow.expires_ms = now_ms + seconds(shown.holds) * 1000;
            flow.sealed = app.vault.seal(place(&flow.id), &shown.device_code).await?;
            started.user_code = Some(shown.user_code);
            started.verification_uri = Some(shown.url);
            started.interval = Some(flow.interval_seconds);
        }
        Flow::ClientCredentials | Flow::Dwd => {
            let user = first_user(&app, &caller, &row, &asked.mailbox_ids).await?;
            app.brokers.forget(&row.id);
            fresh(&app, &row, &user).await?;
            name_all(&app, &flow).await?;
            return Ok(Json(started));
        }
    }
    app.store.insert_flow(&flow).await?;
    (started.flow_id, started.expires_at) = (flow.id, at(flow.expires_ms));
    Ok(Json(started))
}

/// The mailboxes that are to name the credential: of its server, each.
async fn check_mailboxes(
    app: &App,
    caller: &Caller,
    row: &KeptRow,
    (ids, is_source): (&[i64], bool),
) -> Result<()> {
    if ids.len() > MAILBOXES_MAX {
        return Err(ApiError::field("mailbox_ids", format!("at most {MAILBOXES_MAX}")));
    }
    for (place, id) in ids.iter().enumerate() {
        let mailbox = read_mailbox(app, caller, *id).await?;
        let server = if is_source { &mailbox.source_endpoint_id } else { &mailbox.dest_endpoint_id };
        let field = format!("mailbox_ids[{place}]");
        may_name(app, caller, (&field, &row.id), (server, mailbox.tenant_id)).await?;
    }
    Ok(())
}

/// Whom a token is asked for where no person consents.
async fn first_user(app: &App, caller: &Caller, row: &KeptRow, ids: &[i64]) -> Result<String> {
    match ids.first() {
        Some(id) => {
            let mailbox = read_mailbox(app, caller, *id).await?;
            Ok(if mailbox.source_user.is_empty() { mailbox.email } else { mailbox.source_user })
        }
        None => Ok(row.login_user.clone()),
    }
}

/// Has a new token given, and shows nobody what it is.
pub(super) async fn fresh(app: &App, row: &KeptRow, user: &str) -> Result<()> {
    let refused = |words: String| ApiError::conflict("oauth_refused", words);
    let source = broker(app, row, user, Side::Source).await.map_err(|error| refused(error.to_string()))?;
    let asked = tokio::time::timeout(FRESH_MAX, source.secret()).await;
    let asked = asked.map_err(|_| told(&Refused::Passing("the provider keeps us waiting".to_owned())))?;
    match asked {
        Ok(_) => Ok(()),
        Err(failure) if failure.retry == malote_engine::failure::Retry::Never => {
            Err(refused(failure.message))
        }
        Err(failure) => Err(told(&Refused::Passing(failure.message))),
    }
}

fn redirect_uri(app: &App) -> Result<String> {
    if app.config.outside.public_url.is_empty() {
        let detail = "the service does not know where browsers reach it: start it with --public-url";
        return Err(ApiError::conflict("conflict", detail));
    }
    Ok(format!("{}{CALLBACK}", app.config.outside.public_url))
}

fn authorization_url(
    plan: &Plan,
    addresses: &Addresses,
    redirect_uri: &str,
    (state, verifier): (&SecretString, &SecretString),
) -> String {
    // RFC 7636 §4.2.
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose_secret().as_bytes()));
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("response_type", "code"),
            ("client_id", plan.client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("scope", addresses.scope.as_str()),
            ("state", state.expose_secret()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ])
        .extend_pairs(addresses.more)
        .finish();
    format!("{}?{query}", addresses.authorize)
}

/// What a provider sends a browser back with (RFC 6749 §4.1.2, RFC 9207).
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Back {
    /// What was sent along.
    #[serde(default)]
    state: String,
    /// What a token is given for.
    code: Option<String>,
    /// Why there is none.
    error: Option<String>,
    /// Who answers.
    iss: Option<String>,
}

/// `GET /oauth/callback`: in the session that began it, once, within ten minutes.
#[utoipa::path(get, path = "/oauth/callback", tag = "credentials", params(Back),
    responses((status = 302, description = "back to the console"), (status = 400), (status = 401), (status = 403),
    (status = 409), (status = 410), (status = 503)))]
pub async fn callback(State(app): State<App>, caller: Caller, Asked(back): Asked<Back>) -> Result<Response> {
    caller.may(Permission::ManageCredentials)?;
    let unknown = || ApiError::bad_request("nobody asked for this: begin again");
    let flow = app.store.flow_of_state(&digest(&SecretString::from(back.state))).await?;
    let flow = flow.ok_or_else(unknown)?;
    // Another browser's answer is nobody's: it neither counts nor ends what waits.
    if caller.session.as_ref().is_none_or(|session| session.id != flow.session_id) {
        return Err(unknown());
    }
    let now_ms = app.now_ms();
    if flow.expires_ms <= now_ms {
        app.store.end_flow(&flow.id, "expired", "nobody consented in time").await?;
        return Err(ApiError::new(StatusCode::GONE, "expired", "the consent came too late: begin again"));
    }
    if !app.store.take_flow(&flow.id, now_ms, now_ms + ANSWER_MILLIS).await? {
        return Err(ApiError::conflict("finished", "this answer was taken already"));
    }
    let ended = answered(&app, &caller, &flow, (back.code, back.error, back.iss)).await;
    let outcome = if ended.is_ok() { ("success", 302) } else { ("failed", 409) };
    write_down(&app, &caller, &flow, outcome).await?;
    if let Err(error) = ended {
        // A code is good for one question: whatever came of it, a person begins again.
        app.store.end_flow(&flow.id, "refused", &error.detail).await?;
        return Err(error);
    }
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(CONSOLE));
    Ok(response)
}

/// True where an issuer is the known one, or below it: a longer name of a host is another host.
fn is_of(issuer: &str, known: &str) -> bool {
    let rest = issuer.strip_prefix(known.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn answered(
    app: &App,
    caller: &Caller,
    flow: &FlowRow,
    (code, error, issuer): (Option<String>, Option<String>, Option<String>),
) -> Result<()> {
    let refused = |words: &str| ApiError::conflict("oauth_refused", words);
    let row = kept::read(app, caller, &flow.credential_id).await?;
    let (plan, addresses, secrets) = planned(app, &row, &flow.provider).await?;
    if issuer.is_some_and(|issuer| !is_of(&issuer, &addresses.issuer)) {
        return Err(refused("another provider answers than the one that was asked"));
    }
    if let Some(error) = error {
        let word: String = error
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
            .take(40)
            .collect();
        return Err(refused(&format!("the provider says {word}")));
    }
    let code = code.filter(|code| !code.is_empty()).ok_or_else(|| refused("the provider sent no code"))?;
    let verifier = app.vault.open_sealed(place(&flow.id), &flow.sealed).await?;
    let client = client(&plan, &secrets, &addresses);
    let given = consenter(app, &addresses)
        .by_code(&client, &SecretString::from(code), (&flow.redirect_uri, &verifier))
        .await;
    given_for(app, flow, given.map_err(|refused| told(&refused))?).await
}

/// A consent is there: what it left goes to the vault, and the mailboxes name the credential.
pub(super) async fn given_for(app: &App, flow: &FlowRow, given: Consented) -> Result<()> {
    let Some(refresh) = given.refresh else {
        let words = "the provider gave no refresh token: ask for offline access, and consent again";
        return Err(ApiError::conflict("oauth_refused", words));
    };
    let row = app.store.kept(&flow.credential_id).await?.ok_or_else(|| ApiError::not_found("credential"))?;
    let mut secrets = Secrets::open(&app.vault, &row.id, &row.sealed).await?;
    secrets.refresh_token = Some(refresh);
    let sealed = secrets.seal(&app.vault, &row.id).await?;
    app.store.change_kept(&row.id, (&row.kind, &sealed), row.expires_ms, "valid").await?;
    app.brokers.forget(&row.id);
    name_all(app, flow).await?;
    app.store.end_flow(&flow.id, "done", "").await?;
    Ok(())
}

async fn name_all(app: &App, flow: &FlowRow) -> Result<()> {
    let mailboxes: Vec<i64> = serde_json::from_str(&flow.mailboxes_json).unwrap_or_default();
    for mailbox in mailboxes {
        app.store.name_kept(mailbox, flow.side == "source", &flow.credential_id).await?;
    }
    Ok(())
}

/// A browser that comes back asks by GET, which the audit trail would pass over.
async fn write_down(
    app: &App,
    caller: &Caller,
    flow: &FlowRow,
    (outcome, status_code): (&'static str, u16),
) -> Result<()> {
    let entry = Entry {
        actor_kind: "user",
        actor_id: caller.actor.clone(),
        action: "GET /oauth/callback".to_owned(),
        resource_kind: "credential".to_owned(),
        resource_id: flow.credential_id.clone(),
        outcome,
        status_code,
        details_json: serde_json::json!({"flow_id": flow.id, "provider": flow.provider}).to_string(),
        ..Entry::default()
    };
    app.audit.write(&entry, app.now_ms()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_the_one_that_was_asked_or_below_it() {
        for (issuer, known, expected) in [
            ("https://accounts.google.com", "https://accounts.google.com", true),
            ("https://login.microsoftonline.com/tenant/v2.0", "https://login.microsoftonline.com/", true),
            ("https://accounts.google.com.evil.example", "https://accounts.google.com", false),
            ("https://login.microsoftonline.com.evil.example/", "https://login.microsoftonline.com/", false),
            ("", "https://accounts.google.com", false),
        ] {
            assert_eq!(is_of(issuer, known), expected, "{issuer}");
        }
    }
}
