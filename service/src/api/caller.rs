//! Who is calling: a person with a session, or a program with a token, with what they may do and where.
//! Never taken from a URL, and never remembered beyond the request.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use ipnet::IpNet;
use secrecy::SecretString;

use super::error::ApiError;
use super::layers::{Origin, Touched};
use crate::app::App;
use crate::auth::permission::Permission;
use crate::auth::{csrf, token};
use crate::config::Mfa;
use crate::store::doors::{SessionRow, TokenRow};
use crate::store::reach::Reach;

/// The session's cookie. The prefix has browsers refuse it without `Secure`, with a domain or with another path.
pub const COOKIE: &str = "__Host-session";
/// The header that carries the page's token.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// A session ends after so long without a request, in milliseconds: 30 minutes.
pub const IDLE_MILLIS_MAX: i64 = 1_800_000;
/// And after so long whatever happens, in milliseconds: 12 hours.
pub const SESSION_MILLIS_MAX: i64 = 43_200_000;
/// A proof of identity is fresh for so long, in milliseconds: 5 minutes.
pub const STEP_UP_MILLIS: i64 = 300_000;
/// A session's last use is noted at most this often, in milliseconds: half a minute.
const TOUCH_MILLIS: i64 = 30_000;

/// Marks a request within the process that is one of several for one page: the page counts once.
#[derive(Clone, Copy)]
pub struct PartOfPage;

/// Who is calling.
#[derive(Clone)]
pub struct Caller {
    /// `u_…` of a user, `s_…` of a token: what stands in `approved_by` and its like.
    pub actor: String,
    /// The user's or token's id.
    pub id: String,
    /// What others see.
    pub name: String,
    /// What they may do.
    pub permissions: BTreeSet<Permission>,
    /// Where.
    pub reach: Reach,
    /// A person's session.
    pub session: Option<SessionRow>,
    /// A person's roles.
    pub roles: Vec<String>,
    /// A role asks for a second factor and none is set up.
    pub lacks_mfa: bool,
    /// Whose thing the request turned out to be about.
    pub touched: Arc<OnceLock<Touched>>,
}

impl Caller {
    /// Goes on where the caller has a permission.
    ///
    /// # Errors
    /// 403, naming the permission, or the second factor that has to be set up first.
    pub fn may(&self, permission: Permission) -> Result<(), ApiError> {
        if self.lacks_mfa {
            let detail = "your role asks for a second factor: POST /auth/totp, then /auth/totp/confirm";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "mfa_enrolment_required", detail));
        }
        if self.permissions.contains(&permission) { Ok(()) } else { Err(ApiError::lacks(permission)) }
    }

    /// Goes on where the caller sees the whole house: what is changed holds for every tenant.
    ///
    /// # Errors
    /// 403.
    pub fn sees_the_house(&self) -> Result<(), ApiError> {
        if self.reach.is_whole() {
            return Ok(());
        }
        let detail = "this is for those who see every tenant";
        Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail))
    }

    /// Notes whose thing a request is about, for the audit trail.
    pub fn touches(&self, tenant: i64, job: Option<i64>) {
        // A request is about one tenant's things.
        let _ = self.touched.set((tenant, job));
    }

    /// Goes on where a person proved within the last minutes who they are.
    ///
    /// # Errors
    /// 403 for programs, and for people who have to prove it again.
    pub fn has_stepped_up(&self, now_ms: i64) -> Result<(), ApiError> {
        match &self.session {
            Some(session) if now_ms - session.stepped_up_ms <= STEP_UP_MILLIS => Ok(()),
            Some(_) => {
                let detail = "prove again who you are: POST /auth/step-up with your password or a code";
                Err(ApiError::new(StatusCode::FORBIDDEN, "step_up_required", detail))
            }
            None => Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "only a person may do this")),
        }
    }
}

/// The token in the cookie of a request.
pub fn cookie(headers: &HeaderMap) -> Option<SecretString> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| SecretString::from(value.to_owned()))
}

/// The token of a program.
pub fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let line = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| SecretString::from(token.trim().to_owned()))
}

/// The open or waiting session of a request's cookie.
///
/// # Errors
/// What the database says.
pub async fn session_of(app: &App, headers: &HeaderMap) -> Result<Option<SessionRow>, ApiError> {
    let Some(token) = cookie(headers) else { return Ok(None) };
    let now_ms = app.now_ms();
    let found = app.store.session(token::digest(&token)).await?;
    Ok(found.filter(|session| {
        !session.is_revoked && now_ms < session.expires_ms && now_ms - session.last_seen_ms < IDLE_MILLIS_MAX
    }))
}

/// Whom a request's session or token lets in, whatever they may do then: `u_…` or `s_…`.
///
/// # Errors
/// What the database says.
pub async fn let_in(app: &App, headers: &HeaderMap, origin: &Origin) -> Result<Option<String>, ApiError> {
    if let Some(secret) = bearer(headers) {
        let found = app.store.service_token(token::digest(&secret)).await?;
        return Ok(found.filter(|row| takes(row, origin, app.now_ms())).map(|row| format!("s_{}", row.id)));
    }
    let session = session_of(app, headers).await?.filter(|session| session.is_open);
    Ok(session.map(|session| format!("u_{}", session.user_id)))
}

/// True where a token lives and is used from where it may be.
fn takes(row: &TokenRow, origin: &Origin, now_ms: i64) -> bool {
    let networks: Vec<String> = serde_json::from_str(&row.networks_json).unwrap_or_default();
    // A network that cannot be read lets nobody in.
    let is_inside = |address: IpAddr| {
        networks.iter().any(|text| text.parse::<IpNet>().is_ok_and(|network| network.contains(&address)))
    };
    row.revoked_ms == 0
        && now_ms < row.expires_ms
        && (networks.is_empty() || origin.address.is_some_and(is_inside))
}

/// Refuses what another site's page had a browser send.
///
/// # Errors
/// 403.
pub fn check_same_site(method: &Method, headers: &HeaderMap, session: &SessionRow) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    let refuse = |detail: &str| Err(ApiError::new(StatusCode::FORBIDDEN, "csrf", detail));
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if told("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return refuse("the request comes from another site");
    }
    if let (Some(origin), Some(host)) = (told("origin"), told("host")) {
        let from = origin.split_once("://").map_or(origin, |(_, host)| host);
        if from != host {
            return refuse("the request comes from another origin");
        }
    }
    let is_right =
        told(CSRF_HEADER).is_some_and(|token| csrf::is_right(&session.csrf_key, &session.id, token));
    if is_right { Ok(()) } else { refuse("send the header X-CSRF-Token with the token of GET /auth/me") }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let origin = parts.extensions.get::<Origin>().cloned().unwrap_or_default();
        let caller = match bearer(&parts.headers) {
            Some(token) => program(app, &token, &origin).await?,
            None => person(app, parts, &origin).await?,
        };
        origin.set_caller(&caller);
        let is_counted = parts.method.is_safe() && parts.extensions.get::<PartOfPage>().is_some();
        if !is_counted {
            app.limits.ask(&caller.actor, &parts.method, parts.uri.path())?;
        }
        Ok(caller)
    }
}

async fn person(app: &App, parts: &Parts, origin: &Origin) -> Result<Caller, ApiError> {
    let session = session_of(app, &parts.headers).await?.ok_or_else(ApiError::unauthenticated)?;
    if !session.is_open {
        let detail = "the second factor is still to be given: POST /auth/mfa";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "mfa_required", detail));
    }
    check_same_site(&parts.method, &parts.headers, &session)?;
    let user = app.store.user(&session.user_id).await?.filter(|user| user.is_enabled);
    let user = user.ok_or_else(ApiError::unauthenticated)?;
    let rights = app.store.rights(&user.id).await?;
    let now_ms = app.now_ms();
    if now_ms - session.last_seen_ms >= TOUCH_MILLIS {
        app.store.touch_session(&session.id, now_ms).await?;
    }
    let asks_for_mfa = rights.roles.iter().any(|role| role.requires_mfa);
    let lacks_mfa = app.config.mfa == Mfa::Required
        && asks_for_mfa
        && app.store.totp(&user.id).await?.is_none_or(|totp| !totp.is_confirmed);
    Ok(Caller {
        actor: format!("u_{}", user.id),
        id: user.id.clone(),
        name: user.name.clone(),
        permissions: rights.permissions.iter().filter_map(|name| Permission::named(name)).collect(),
        reach: Reach::of_user(user.sees_all_tenants, &rights),
        session: Some(session),
        roles: rights.roles.into_iter().map(|role| role.name).collect(),
        lacks_mfa,
        touched: origin.touched(),
    })
}

async fn program(app: &App, secret: &SecretString, origin: &Origin) -> Result<Caller, ApiError> {
    let found = app.store.service_token(token::digest(secret)).await?;
    let now_ms = app.now_ms();
    let row = found.filter(|row| takes(row, origin, now_ms)).ok_or_else(ApiError::unauthenticated)?;
    if now_ms - row.last_used_ms >= TOUCH_MILLIS {
        let address = origin.address.map_or_else(String::new, |address| address.to_string());
        app.store.token_used(&row.id, now_ms, &address).await?;
    }
    let scopes: Vec<String> = serde_json::from_str(&row.scopes_json).unwrap_or_default();
    let permissions = scopes.iter().filter_map(|scope| Permission::named(scope));
    Ok(Caller {
        actor: format!("s_{}", row.id),
        id: row.id.clone(),
        name: row.name.clone(),
        permissions: permissions.filter(|permission| !permission.is_for_people_alone()).collect(),
        reach: row.tenant_id.map_or_else(Reach::everything, Reach::of_tenant),
        session: None,
        roles: Vec::new(),
        lacks_mfa: false,
        touched: origin.touched(),
    })
}
