//! Logging in and out, second factors, sessions: `/auth/…`.
//! Never tells whether a name, a password or a code was wrong, nor how long it took to find out.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{Asked, At, Body, no_content};
use super::caller::{COOKIE, Caller, SESSION_MILLIS_MAX, check_same_site, session_of};
use super::layers::{Note, Origin};
use super::list::{Listed, Short, Shown};
use super::preferences::{self, Preferences};
use super::{ApiError, Result};
use crate::app::App;
use crate::auth::{code, csrf, password, throttle, token, totp};
use crate::store::at;
use crate::store::doors::{NewSession, SessionRow};
use crate::store::people::{NewUser, UserRow};
use crate::vault::Place;

/// Whether somebody is logged in, and whether the service has been set up.
#[derive(Serialize, ToSchema)]
pub struct StatusView {
    /// There is no user yet: POST /auth/setup.
    needs_setup: bool,
    /// A session is open.
    authenticated: bool,
    /// A session waits for its second factor.
    mfa_required: bool,
}

/// `GET /auth/status`.
#[utoipa::path(get, path = "/auth/status", tag = "auth", responses((status = 200, body = StatusView)))]
pub async fn status(State(app): State<App>, headers: HeaderMap) -> Result<Json<StatusView>> {
    let session = session_of(&app, &headers).await?;
    Ok(Json(StatusView {
        needs_setup: app.store.users_count().await? == 0,
        authenticated: session.as_ref().is_some_and(|session| session.is_open),
        mfa_required: session.is_some_and(|session| !session.is_open),
    }))
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The token that the service printed at its start; it holds for one hour and once.
    #[schema(value_type = String)]
    token: SecretString,
    /// What is typed at login.
    name: String,
    /// At least twelve characters.
    #[schema(value_type = String)]
    password: SecretString,
}

/// `POST /auth/setup`: makes the first administrator.
#[utoipa::path(post, path = "/auth/setup", tag = "auth", request_body = Setup,
    responses((status = 201, body = LoggedIn), (status = 401), (status = 409), (status = 422)))]
pub async fn setup(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    Body(asked): Body<Setup>,
) -> Result<Response> {
    app.limits.log_in(&origin.ip())?;
    check_name(&asked.name)?;
    password::check(&asked.password, &[&asked.name])
        .map_err(|weak| ApiError::field("password", weak.to_string()))?;
    let hash = hashed(asked.password).await?;
    let now_ms = app.now_ms();
    let id = token::uuid()?;
    let mut transaction = app.store.begin().await?;
    if transaction.count_users().await? > 0 {
        return Err(ApiError::conflict("conflict", "the service has users already: log in"));
    }
    if !transaction.use_setup(token::digest(&asked.token), now_ms).await? {
        return Err(ApiError::new(
            StatusCode::UNAUTHORIZED,
            "bad_credentials",
            "the token is wrong, used or too old",
        ));
    }
    let new = NewUser {
        id: &id,
        name: &asked.name,
        display_name: &asked.name,
        email: "",
        password_hash: &hash,
        sees_all_tenants: true,
    };
    transaction.insert_user(&new, now_ms).await?;
    transaction.set_roles(&id, &["admin".to_owned()], "setup").await?;
    transaction.commit().await?;
    origin.set_user(&id);
    let mut response = begin_session(&app, &origin, &id, false).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// Refuses a name that is empty, too long or holds what nobody can type.
pub(super) fn check_name(name: &str) -> Result<()> {
    let is_fine = (1..=100).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if is_fine { Ok(()) } else { Err(ApiError::field("name", "1 to 100 characters without blanks")) }
}

/// Argon2 works for a while: not on the threads that answer others.
pub(super) async fn hashed(password: SecretString) -> Result<String> {
    let done = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    Ok(done.map_err(|error| ApiError::internal(&error))??)
}

async fn is_right(password: SecretString, hash: Option<String>) -> Result<bool> {
    let done = tokio::task::spawn_blocking(move || password::is_right(&password, hash.as_deref())).await;
    done.map_err(|error| ApiError::internal(&error))
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// What is typed at login.
    #[serde(alias = "username")]
    name: String,
    /// The password.
    #[schema(value_type = String)]
    password: SecretString,
}

/// Whether the login is complete.
#[derive(Serialize, ToSchema)]
pub struct LoggedIn {
    /// `ok`, or `mfa_required`: POST /auth/mfa with a code.
    status: &'static str,
    /// For the header `X-CSRF-Token` of every request that changes something.
    csrf_token: String,
    /// When the session ends however busy it is.
    expires_at: String,
}

/// `POST /auth/login`.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login,
    responses((status = 200, body = LoggedIn), (status = 401), (status = 429)))]
pub async fn login(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    headers: HeaderMap,
    Body(asked): Body<Login>,
) -> Result<Response> {
    let ip = origin.ip();
    app.limits.log_in(&ip)?;
    let subjects = [format!("account:{}", asked.name.to_lowercase()), format!("ip:{ip}")];
    wait_over(&app, &subjects).await?;
    let user = app.store.user_named(&asked.name).await?;
    let known = user.as_ref().filter(|user| user.is_enabled && !user.password_hash.is_empty());
    let hash = known.map(|user| user.password_hash.clone());
    let is_right = is_right(asked.password.clone(), hash).await?;
    let Some(user) = user.filter(|_| is_right) else {
        return failed(&app, &subjects).await;
    };
    app.store.forgive(&subjects[0]).await?;
    origin.set_user(&user.id);
    if password::is_outdated(&user.password_hash) {
        let new = hashed(asked.password).await?;
        app.store.rehash(&user.id, &new, &user.password_hash).await?;
    }
    // A session that was there before the login is not the one after it.
    if let Some(old) = session_of(&app, &headers).await? {
        app.store.revoke_session(&old.id, "login").await?;
    }
    let is_waiting = app.store.totp(&user.id).await?.is_some_and(|totp| totp.is_confirmed);
    begin_session(&app, &origin, &user.id, is_waiting).await
}

/// Refuses who has to wait. The answer is the same for names that nobody has.
async fn wait_over(app: &App, subjects: &[String]) -> Result<()> {
    let now_ms = app.now_ms();
    for subject in subjects {
        let until_ms = app.store.throttled_until(subject).await?;
        if until_ms > now_ms {
            let seconds = u64::try_from((until_ms - now_ms).div_euclid(1000) + 1).unwrap_or(1);
            return Err(ApiError::rate_limited(seconds));
        }
    }
    Ok(())
}

async fn failed(app: &App, subjects: &[String]) -> Result<Response> {
    let now_ms = app.now_ms();
    for subject in subjects {
        let failures = app.store.login_failed(subject, now_ms, now_ms - throttle::FORGET_MILLIS).await?;
        // Many people may share an address: it waits later than a name.
        let failures = if subject.starts_with("ip:") { failures - 20 } else { failures };
        let wait = throttle::wait_millis(failures);
        if wait > 0 {
            app.store.throttle(subject, now_ms + wait).await?;
        }
    }
    let detail = "the name, the password or the code is wrong";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "bad_credentials", detail))
}

async fn begin_session(app: &App, origin: &Origin, user: &str, is_waiting: bool) -> Result<Response> {
    let now_ms = app.now_ms();
    let secret = token::new("")?;
    let (id, csrf_key) = (token::uuid()?, crate::vault::key::chance::<32>()?.to_vec());
    let expires_ms = now_ms + SESSION_MILLIS_MAX;
    let csrf_token = csrf::token(&csrf_key, &id)?;
    let new = NewSession {
        id: &id,
        token_hash: token::digest(&secret),
        user_id: user,
        csrf_key,
        is_waiting,
        now_ms,
        expires_ms,
        ip: &origin.ip(),
        user_agent: &origin.agent,
    };
    app.store.insert_session(&new).await?;
    let status = if is_waiting { "mfa_required" } else { "ok" };
    if !is_waiting {
        app.store.logged_in(user, now_ms).await?;
    }
    let view = LoggedIn { status, csrf_token, expires_at: at(expires_ms) };
    let mut response = Json(view).into_response();
    if is_waiting {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    set_cookie(&mut response, secret.expose_secret(), SESSION_MILLIS_MAX / 1000)?;
    Ok(response)
}

fn set_cookie(response: &mut Response, value: &str, seconds: i64) -> Result<()> {
    let line = format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    let mut line = HeaderValue::from_str(&line).map_err(|error| ApiError::internal(&error))?;
    line.set_sensitive(true);
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(())
}

/// A code of the authenticator, or a recovery code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// Six digits, or a recovery code.
    #[schema(value_type = String)]
    code: SecretString,
}

/// `POST /auth/mfa`: the second factor of a login. A new session takes the waiting one's place.
#[utoipa::path(post, path = "/auth/mfa", tag = "auth", request_body = Code,
    responses((status = 200, body = LoggedIn), (status = 401), (status = 429)))]
pub async fn mfa(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    parts: axum::http::request::Parts,
    Body(asked): Body<Code>,
) -> Result<Response> {
    app.limits.log_in(&origin.ip())?;
    let session = session_of(&app, &parts.headers).await?.filter(|session| !session.is_open);
    let session = session.ok_or_else(ApiError::unauthenticated)?;
    check_same_site(&parts.method, &parts.headers, &session)?;
    let subjects = [format!("mfa:{}", session.user_id), format!("ip:{}", origin.ip())];
    wait_over(&app, &subjects).await?;
    if !takes_code(&app, &session.user_id, &asked.code).await? {
        return failed(&app, &subjects).await;
    }
    app.store.forgive(&subjects[0]).await?;
    origin.set_user(&session.user_id);
    app.store.revoke_session(&session.id, "mfa").await?;
    begin_session(&app, &origin, &session.user_id, false).await
}

/// True where a code was the right one, which makes it a used one.
async fn takes_code(app: &App, user: &str, typed: &SecretString) -> Result<bool> {
    let now_ms = app.now_ms();
    if let Some(row) = app.store.totp(user).await?.filter(|row| row.is_confirmed) {
        let secret = app.vault.open_sealed(totp_place(user), &row.sealed).await?;
        let step = totp::accepted_step(&secret, typed.expose_secret().trim(), now_ms, row.last_step);
        if let Some(step) = step {
            return Ok(app.store.take_step(user, step, now_ms).await?);
        }
    }
    Ok(app.store.take_code(user, &code::digest(user, typed), now_ms).await?)
}

fn totp_place(user: &str) -> Place<'_> {
    Place { table: "user_totp", column: "secret_encrypted", row: user }
}

/// `POST /auth/logout`.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 204), (status = 401)))]
pub async fn logout(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    parts: axum::http::request::Parts,
) -> Result<Response> {
    let session = session_of(&app, &parts.headers).await?.ok_or_else(ApiError::unauthenticated)?;
    check_same_site(&parts.method, &parts.headers, &session)?;
    origin.set_user(&session.user_id);
    app.store.revoke_session(&session.id, "logout").await?;
    let mut response = no_content();
    set_cookie(&mut response, "", 0)?;
    Ok(response)
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// The user or token.
    id: String,
    /// Its name.
    name: String,
    /// Its roles.
    roles: Vec<String>,
    /// What it may do.
    permissions: Vec<&'static str>,
    /// Every tenant is seen.
    sees_all_tenants: bool,
    /// A second factor has to be set up before anything else.
    mfa_enrolment_required: bool,
    /// A second factor stands: grave steps want a code of it.
    has_mfa: bool,
    /// For the header `X-CSRF-Token`; nothing for tokens.
    csrf_token: Option<String>,
    /// How the console is to look; empty words for tokens.
    preferences: Preferences,
}

/// `GET /auth/me`.
#[utoipa::path(get, path = "/auth/me", tag = "auth", responses((status = 200, body = Me), (status = 401)))]
pub async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>> {
    let csrf_token =
        caller.session.as_ref().map(|session| csrf::token(&session.csrf_key, &session.id)).transpose()?;
    let has_mfa =
        caller.session.is_some() && app.store.totp(&caller.id).await?.is_some_and(|totp| totp.is_confirmed);
    let preferences = match &caller.session {
        Some(_) => preferences::of(&app, &caller.id).await?,
        None => Preferences::default(),
    };
    Ok(Json(Me {
        has_mfa,
        preferences,
        permissions: caller.permissions.iter().map(|permission| permission.as_str()).collect(),
        sees_all_tenants: caller.reach.sees_all(),
        mfa_enrolment_required: caller.lacks_mfa,
        id: caller.id,
        name: caller.name,
        roles: caller.roles,
        csrf_token,
    }))
}

/// A proof of identity: the password, or a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUp {
    /// The password.
    #[schema(value_type = Option<String>)]
    password: Option<SecretString>,
    /// A code.
    #[schema(value_type = Option<String>)]
    code: Option<SecretString>,
}

/// `POST /auth/step-up`: five minutes in which what is grave may be done.
#[utoipa::path(post, path = "/auth/step-up", tag = "auth", request_body = StepUp,
    responses((status = 204), (status = 401), (status = 429)))]
pub async fn step_up(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    caller: Caller,
    Body(asked): Body<StepUp>,
) -> Result<Response> {
    let session = person(&caller)?;
    let subjects = [format!("step-up:{}", caller.id), format!("ip:{}", origin.ip())];
    wait_over(&app, &subjects).await?;
    let user = user(&app, &caller.id).await?;
    let has_totp = app.store.totp(&user.id).await?.is_some_and(|totp| totp.is_confirmed);
    let is_right = match (asked.code, asked.password) {
        (Some(code), _) => takes_code(&app, &user.id, &code).await?,
        // Who has a second factor proves it with that.
        (None, Some(password)) if !has_totp => is_right(password, Some(user.password_hash)).await?,
        _ => false,
    };
    if !is_right {
        return failed(&app, &subjects).await;
    }
    app.store.forgive(&subjects[0]).await?;
    app.store.step_up_session(&session.id, app.now_ms()).await?;
    Ok(no_content())
}

pub(super) fn person(caller: &Caller) -> Result<&SessionRow> {
    let refused = || ApiError::new(StatusCode::FORBIDDEN, "forbidden", "only a person may do this");
    caller.session.as_ref().ok_or_else(refused)
}

async fn user(app: &App, id: &str) -> Result<UserRow> {
    app.store.user(id).await?.ok_or_else(|| ApiError::not_found("user"))
}

/// A second factor that has yet to be confirmed.
#[derive(Serialize, ToSchema)]
pub struct TotpView {
    /// In base32, to be typed.
    secret: String,
    /// To be made a picture of.
    otpauth_url: String,
}

/// `POST /auth/totp`: a new authenticator secret, shown once.
#[utoipa::path(post, path = "/auth/totp", tag = "auth", responses((status = 201, body = TotpView), (status = 409)))]
pub async fn totp_begin(State(app): State<App>, caller: Caller) -> Result<Response> {
    let session = person(&caller)?;
    caller.has_stepped_up(app.now_ms())?;
    let secret = totp::new_secret()?;
    let sealed = app.vault.seal(totp_place(&session.user_id), &secret).await?;
    if !app.store.put_totp(&caller.id, &sealed).await? {
        let detail = "a second factor is set up already: remove it first, with DELETE /auth/totp";
        return Err(ApiError::conflict("conflict", detail));
    }
    let link = totp::link(&secret, &caller.name);
    let view =
        TotpView { secret: secret.expose_secret().to_owned(), otpauth_url: link.expose_secret().to_owned() };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

/// Recovery codes, shown once.
#[derive(Serialize, ToSchema)]
pub struct Codes {
    /// Each holds for one login.
    recovery_codes: Vec<String>,
}

/// `POST /auth/totp/confirm`: the first code makes the second factor stand, and gives recovery codes.
#[utoipa::path(post, path = "/auth/totp/confirm", tag = "auth", request_body = Code,
    responses((status = 200, body = Codes), (status = 401), (status = 409)))]
pub async fn totp_confirm(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    caller: Caller,
    Body(asked): Body<Code>,
) -> Result<Response> {
    person(&caller)?;
    let subjects = [format!("mfa:{}", caller.id), format!("ip:{}", origin.ip())];
    wait_over(&app, &subjects).await?;
    let row = app.store.totp(&caller.id).await?.filter(|row| !row.is_confirmed);
    let row = row.ok_or_else(|| ApiError::conflict("conflict", "no second factor waits to be confirmed"))?;
    let secret = app.vault.open_sealed(totp_place(&caller.id), &row.sealed).await?;
    let now_ms = app.now_ms();
    let step = totp::accepted_step(&secret, asked.code.expose_secret().trim(), now_ms, row.last_step);
    let is_taken = match step {
        Some(step) => app.store.take_step(&caller.id, step, now_ms).await?,
        None => false,
    };
    if !is_taken {
        return failed(&app, &subjects).await;
    }
    let codes = code::new()?;
    let hashes: Vec<String> = codes.iter().map(|one| code::digest(&caller.id, one)).collect();
    let mut transaction = app.store.begin().await?;
    transaction.set_codes(&caller.id, &hashes).await?;
    transaction.commit().await?;
    let recovery_codes = codes.iter().map(|one| one.expose_secret().to_owned()).collect();
    Ok(Json(Codes { recovery_codes }).into_response())
}

/// `DELETE /auth/totp`: removes the second factor; every other session ends.
#[utoipa::path(delete, path = "/auth/totp", tag = "auth", responses((status = 204), (status = 403)))]
pub async fn totp_remove(State(app): State<App>, caller: Caller) -> Result<Response> {
    let session = person(&caller)?;
    caller.has_stepped_up(app.now_ms())?;
    let mut transaction = app.store.begin().await?;
    transaction.drop_totp(&caller.id).await?;
    transaction.commit().await?;
    app.store.revoke_sessions(&caller.id, "mfa_removed", &session.id).await?;
    Ok(no_content())
}

/// A new password for oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The one until now.
    #[schema(value_type = String)]
    current: SecretString,
    /// The one from now on.
    #[schema(value_type = String)]
    new: SecretString,
}

/// `PUT /auth/password`: every other session ends.
#[utoipa::path(put, path = "/auth/password", tag = "auth", request_body = NewPassword,
    responses((status = 204), (status = 401), (status = 422)))]
pub async fn change_password(
    State(app): State<App>,
    axum::Extension(origin): axum::Extension<Origin>,
    caller: Caller,
    Body(asked): Body<NewPassword>,
) -> Result<Response> {
    let session = person(&caller)?;
    let subjects = [format!("step-up:{}", caller.id), format!("ip:{}", origin.ip())];
    wait_over(&app, &subjects).await?;
    let user = user(&app, &caller.id).await?;
    if !is_right(asked.current, Some(user.password_hash)).await? {
        return failed(&app, &subjects).await;
    }
    password::check(&asked.new, &[&user.name, &user.email])
        .map_err(|weak| ApiError::field("new", weak.to_string()))?;
    let hash = hashed(asked.new).await?;
    let mut transaction = app.store.begin().await?;
    transaction.set_password(&user.id, &hash, app.now_ms()).await?;
    transaction.commit().await?;
    app.store.revoke_sessions(&user.id, "password_changed", &session.id).await?;
    Ok(no_content())
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    id: String,
    /// It is the one that asks.
    is_current: bool,
    /// When it began.
    created_at: String,
    /// When it was last used.
    last_seen_at: String,
    /// When it ends.
    expires_at: String,
    /// Where it began.
    ip: String,
    /// With what.
    user_agent: String,
}

impl SessionView {
    /// What is shown of a row to whom uses the session `current`.
    pub(super) fn of(row: SessionRow, current: &str) -> Self {
        Self {
            is_current: row.id == current,
            created_at: at(row.created_ms),
            last_seen_at: at(row.last_seen_ms),
            expires_at: at(row.expires_ms),
            id: row.id,
            ip: row.ip,
            user_agent: row.user_agent,
        }
    }
}

/// `GET /auth/sessions`: one's own.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", params(Short),
    responses((status = 200, body = Listed<SessionView>)))]
pub async fn sessions(State(app): State<App>, caller: Caller, Asked(wanted): Asked<Short>) -> Result<Shown> {
    let current = &person(&caller)?.id;
    let rows = app.store.sessions(&caller.id).await?.into_iter();
    wanted.of(rows.map(|row| SessionView::of(row, current)).collect())
}

/// `DELETE /auth/sessions`: all of one's own but this one.
#[utoipa::path(delete, path = "/auth/sessions", tag = "auth", responses((status = 204)))]
pub async fn end_sessions(State(app): State<App>, caller: Caller) -> Result<Response> {
    let session = person(&caller)?;
    app.store.revoke_sessions(&caller.id, "ended", &session.id).await?;
    Ok(no_content())
}

/// `DELETE /auth/sessions/{id}`: one of one's own.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", params(("id" = String, Path)),
    responses((status = 204), (status = 404)))]
pub async fn end_session(State(app): State<App>, caller: Caller, At(id): At<String>) -> Result<Response> {
    person(&caller)?;
    let is_own = app.store.sessions(&caller.id).await?.iter().any(|session| session.id == id);
    if !is_own {
        return Err(ApiError::not_found("session"));
    }
    app.store.revoke_session(&id, "ended").await?;
    let mut response = no_content();
    response.extensions_mut().insert(Note { resource: Some(("sessions", id)), ..Note::default() });
    Ok(response)
}
