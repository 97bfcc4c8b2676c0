//! What leaves the house: the ticket's hook and what it was told, the customer's links that can be taken back.
//! Never a secret but the one that was made a moment ago.

use axum::extract::Path;
use axum::http::Method;
use minijinja::context;
use serde_json::{Value, json};

use super::control::report_page as report;
use crate::console::client::escaped;
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::{Answer, names};

/// `GET /console/system/hook`.
pub async fn hook(member: Member) -> Answer {
    page(&member, None, context! { made => (), typed => json!({}) }).await
}

async fn page(member: &Member, problem: Option<&Problem>, own: minijinja::Value) -> Answer {
    let hook = member.api().read_if_there("/system/ticket-hook").await?;
    let names = names::of(member.api(), &hook.iter().collect::<Vec<_>>()).await?;
    Ok(member.page_with("hook.html", problem, context! { hook => hook, names => names, ..own }))
}

/// `POST /console/system/hook`: sets it, renews its secret, or takes it away.
pub async fn set_hook(member: Member, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = "/system/ticket-hook";
    let asked = if form.get("action") == "remove" {
        api.send(Method::DELETE, path, &json!({})).await
    } else {
        api.send(Method::PUT, path, &body(&form)).await
    };
    match asked {
        // A secret is shown this once: no going elsewhere before it is read.
        Ok(told) if told.json["secret"].is_string() => {
            page(&member, None, context! { made => told.json["secret"], typed => json!({}) }).await
        }
        Ok(_) => Ok(go("/console/system/hook", "saved")),
        Err(problem) if problem.asks_for_proof() => {
            Ok(go("/console/step-up?next=%2Fconsole%2Fsystem%2Fhook", ""))
        }
        Err(problem) => page(&member, Some(&problem), context! { made => (), typed => form.shown() }).await,
    }
}

fn body(form: &Form) -> Value {
    let networks = form.get("allowed_networks").split([' ', ',']).filter(|one| !one.is_empty());
    let mut body = json!({
        "url": form.get("url"), "public_url": form.get("public_url"), "enabled": form.has("enabled"),
        "renew_secret": form.has("renew_secret"), "allowed_networks": networks.collect::<Vec<_>>(),
    });
    if !form.raw("secret").is_empty() {
        body["secret"] = form.raw("secret").into();
    }
    body
}

/// `POST /console/jobs/{id}/report/replay`: tells an event once more.
pub async fn replay(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/migration/jobs/{id}/deliveries/{}/replay", escaped(form.get("event")));
    api.send(Method::POST, &path, &json!({})).await?;
    Ok(go(&format!("/console/jobs/{id}/report"), "replayed"))
}

/// `POST /console/jobs/{id}/report/attach`: has a ticket told where the report is; how that goes stands on the page.
pub async fn attach(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let body = match form.get("ticket_id") {
        "" => Ok(json!({})),
        typed => typed.parse::<i64>().map(|ticket| json!({"ticket_id": ticket})),
    };
    let asked = match body {
        Ok(body) => api.send(Method::POST, &format!("/migration/jobs/{id}/report/attach"), &body).await,
        Err(_) => Err(Problem::of_field("ticket_id", "a whole number")),
    };
    match asked {
        Ok(_) => Ok(go(&format!("/console/jobs/{id}/report#deliveries"), "report-attached")),
        Err(problem) => report(&member, id, Some(&problem), form.shown()).await,
    }
}

/// `POST /console/jobs/{id}/share/revoke`: takes one link back.
pub async fn revoke_share(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/migration/jobs/{id}/share/{}", escaped(form.get("link")));
    api.send(Method::DELETE, &path, &json!({})).await?;
    Ok(go(&format!("/console/jobs/{id}/share"), "link-revoked"))
}
