//! One's own affairs: password, second factor, sessions.
//! Never shows a secret twice: the authenticator's picture and the recovery codes stand on the page that made them.

use axum::extract::Path;
use axum::http::Method;
use minijinja::context;
use serde_json::json;

use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::{Answer, qr};

/// `GET /console/account`.
pub async fn show(member: Member) -> Answer {
    account(&member, None).await
}

async fn account(member: &Member, problem: Option<&Problem>) -> Answer {
    let sessions = member.api().read("/auth/sessions").await?;
    Ok(member.page_with("account.html", problem, context! { sessions => sessions["items"] }))
}

/// `POST /console/account/password`.
pub async fn change_password(member: Member, form: Form) -> Answer {
    if form.raw("new") != form.raw("again") {
        return account(&member, Some(&Problem::of_field("again", "the two passwords differ"))).await;
    }
    let body = json!({"current": form.raw("current"), "new": form.raw("new")});
    let api = member.api().clone().with_csrf(form.get("csrf"));
    match api.send(Method::PUT, "/auth/password", &body).await {
        Ok(_) => Ok(go("/console/account", "password-changed")),
        Err(problem) => account(&member, Some(&problem)).await,
    }
}

/// `GET /console/account/factor`: what a second factor is for, and a button.
pub async fn factor(member: Member) -> Answer {
    Ok(member.page("factor.html", context! { step => "begin" }))
}

/// `POST /console/account/factor`: the secret, as a picture and to be typed.
pub async fn begin_factor(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    match api.send(Method::POST, "/auth/totp", &json!({})).await {
        Ok(told) => {
            let link = told.json["otpauth_url"].as_str().unwrap_or_default();
            let own =
                context! { step => "confirm", picture => qr::picture(link), secret => told.json["secret"] };
            Ok(member.page("factor.html", own))
        }
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => Ok(member.page_with("factor.html", Some(&problem), context! { step => "begin" })),
    }
}

/// `POST /console/account/factor/confirm`: the first code; recovery codes come back, once.
pub async fn confirm_factor(member: Member, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    match api.send(Method::POST, "/auth/totp/confirm", &json!({"code": form.get("code")})).await {
        Ok(told) => {
            let own = context! { step => "codes", codes => told.json["recovery_codes"] };
            Ok(member.page("factor.html", own))
        }
        Err(problem) => Ok(member.page_with("factor.html", Some(&problem), context! { step => "again" })),
    }
}

/// `POST /console/account/factor/remove`.
pub async fn remove_factor(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    match api.send(Method::DELETE, "/auth/totp", &json!({})).await {
        Ok(_) => Ok(go("/console/account", "factor-removed")),
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => account(&member, Some(&problem)).await,
    }
}

/// `POST /console/account/sessions/{id}/end`.
pub async fn end_session(member: Member, Path(id): Path<String>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let id = crate::console::client::escaped(&id);
    api.send(Method::DELETE, &format!("/auth/sessions/{id}"), &json!({})).await?;
    Ok(go("/console/account", "session-ended"))
}
