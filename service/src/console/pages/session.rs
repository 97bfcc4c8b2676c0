//! Coming in and going out: set-up, login, second factor, proof of identity, preferences.
//! Never says more about a failed login than the API does.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::context;
use serde_json::json;

use crate::console::Answer;
use crate::console::client::Told;
use crate::console::form::{Form, Query, place};
use crate::console::format::ZONES;
use crate::console::language::Language;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::visitor::{LANGUAGE_COOKIE, THEME_COOKIE, Visitor, ZONE_COOKIE, theme};

/// A choice is remembered for so long, in seconds: a year.
const CHOICE_SECONDS: u32 = 31_536_000;

/// `/`: the console is what people come for.
pub async fn front() -> Redirect {
    Redirect::to("/console")
}

/// `GET /console/setup`: the first administrator. The token may come with the printed link.
pub async fn setup(visitor: Visitor, query: Query) -> Answer {
    let status = visitor.api.read("/auth/status").await?;
    if status["needs_setup"] != true {
        return Ok(Redirect::to("/console").into_response());
    }
    Ok(visitor.page("setup.html", None, context! { token => query.0.get("token") }))
}

/// `POST /console/setup`.
pub async fn set_up(visitor: Visitor, form: Form) -> Answer {
    let (token, shown) = (form.get("token").to_owned(), form.shown());
    let refused = |problem: Problem| {
        Ok(visitor.page("setup.html", Some(&problem), context! { token => token, typed => shown }))
    };
    if form.raw("password") != form.raw("again") {
        return refused(Problem::of_field("again", "the two passwords differ"));
    }
    let body = json!({"token": token, "name": form.get("name"), "password": form.raw("password")});
    match visitor.api.send(Method::POST, "/auth/setup", &body).await {
        Ok(told) => Ok(entered(&told, "/console/account/factor")),
        Err(problem) => refused(problem),
    }
}

/// Passes the session's cookie on and goes to a page.
fn entered(told: &Told, place: &str) -> Response {
    let mut response = Redirect::to(place).into_response();
    for cookie in told.headers.get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// `GET /console/login`.
pub async fn login(visitor: Visitor, query: Query) -> Answer {
    let status = visitor.api.read("/auth/status").await?;
    if status["needs_setup"] == true {
        return Ok(Redirect::to("/console/setup").into_response());
    }
    Ok(visitor.page("login.html", None, context! { next => place(query.0.get("next")) }))
}

/// `POST /console/login`.
pub async fn log_in(visitor: Visitor, form: Form) -> Answer {
    let next = place(form.get("next"));
    let body = json!({"name": form.get("name"), "password": form.raw("password")});
    match visitor.api.send(Method::POST, "/auth/login", &body).await {
        Ok(told) => Ok(entered(&told, next)),
        // Half a login is a refusal with a session that waits: the token for its second half comes with it.
        Err(problem) if problem.more["status"] == "mfa_required" => {
            let csrf = problem.more["csrf_token"].as_str().unwrap_or_default();
            let mut page = visitor.page("code.html", None, context! { next => next, csrf => csrf });
            for cookie in problem.cookies.get_all(header::SET_COOKIE) {
                page.headers_mut().append(header::SET_COOKIE, cookie.clone());
            }
            Ok(page)
        }
        Err(problem) => {
            Ok(visitor.page("login.html", Some(&problem), context! { next => next, typed => form.shown() }))
        }
    }
}

/// `GET /console/login/code`: a login is done in one go; whoever comes back begins anew.
pub async fn code() -> Redirect {
    Redirect::to("/console/login")
}

/// `POST /console/login/code`: the second factor.
pub async fn give_code(visitor: Visitor, form: Form) -> Answer {
    let (next, csrf) = (place(form.get("next")), form.get("csrf"));
    let api = visitor.api.clone().with_csrf(csrf);
    match api.send(Method::POST, "/auth/mfa", &json!({"code": form.get("code")})).await {
        Ok(told) => Ok(entered(&told, next)),
        Err(problem) if problem.code == "unauthenticated" => {
            Ok(Redirect::to("/console/login").into_response())
        }
        Err(problem) => {
            Ok(visitor.page("code.html", Some(&problem), context! { next => next, csrf => csrf }))
        }
    }
}

/// `POST /console/logout`.
pub async fn log_out(visitor: Visitor, form: Form) -> Answer {
    let told = visitor
        .api
        .clone()
        .with_csrf(form.get("csrf"))
        .send(Method::POST, "/auth/logout", &json!({}))
        .await?;
    Ok(entered(&told, "/console/login"))
}

/// `GET /console/step-up`: who it is, once more, for a page that is asked for again afterwards.
pub async fn step_up(member: Member, query: Query) -> Answer {
    let next = place(query.0.get("next"));
    let carried = [("csrf", member.csrf()), ("next", next)];
    Ok(member.page("step_up.html", context! { action => "/console/step-up", carried => carried }))
}

/// `POST /console/step-up`.
pub async fn prove(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    Ok(go(place(form.get("next")), "proof-given"))
}

/// `POST /console/preferences`: language, theme and zone, kept by this browser, and with the user who is logged in.
/// An empty language takes the choice back: the browser's wish holds again.
pub async fn prefer(visitor: Visitor, form: Form) -> Answer {
    let language = Language::tagged(form.get("language")).map_or("", Language::tag);
    let theme = theme(form.get("theme")).unwrap_or_default();
    let zone = ZONES.into_iter().find(|known| *known == form.get("zone")).unwrap_or_default();
    if form.has("csrf") {
        let body = json!({"language": language, "theme": theme, "zone": zone});
        let api = visitor.api.clone().with_csrf(form.get("csrf"));
        match api.send(Method::PUT, "/auth/preferences", &body).await {
            // Whoever was logged out meanwhile still chooses for this browser.
            Err(problem) if problem.status != StatusCode::UNAUTHORIZED => return Err(problem),
            _ => (),
        }
    }
    let mut response = go(form.get("here"), "");
    let secure = if visitor.is_local { "" } else { "; Secure" };
    for (name, value) in [(THEME_COOKIE, theme), (ZONE_COOKIE, zone), (LANGUAGE_COOKIE, language)] {
        let seconds = if value.is_empty() { 0 } else { CHOICE_SECONDS };
        let line =
            format!("{name}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(line) = HeaderValue::from_str(&line) {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
    }
    Ok(response)
}
