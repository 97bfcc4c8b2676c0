//! What is looked after beside migrations: approvals, reports, links, the system itself, help.
//! Never a right that the API does not check again.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use futures_util::future::try_join3;
use minijinja::context;
use serde_json::{Value, json};

use super::jobs::all_jobs;
use crate::console::client::escaped;
use crate::console::form::{Form, Query};
use crate::console::format::Format;
use crate::console::language::Language;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::visitor::Visitor;
use crate::console::words::{CHECKS, PHASES};
use crate::console::{Answer, chart, names, texts};

/// `GET /console/approvals`: every gate that waits for a person, and those that stand open.
pub async fn approvals(member: Member) -> Answer {
    let jobs = all_jobs(member.api()).await?;
    let requests = member.api().read_if_there("/approvals?status=pending").await?;
    let requests = requests.map_or_else(|| json!([]), |all| all["items"].clone());
    let shown: Vec<&Value> = jobs.iter().map(|job| &job["approved_by"]).chain([&requests]).collect();
    let names = names::of(member.api(), &shown).await?;
    let with = |gate: &str| -> Vec<&Value> {
        jobs.iter().filter(|job| job["migration_gate"] == gate && waits_for_dns(job)).collect()
    };
    let own = context! {
        names => names,
        waiting => with("warning"),
        open => with("ready_for_dns"),
        blocked => with("blocked").len(),
        requests => requests,
    };
    Ok(member.page("approvals.html", own))
}

/// True while a gate decides anything: DNS was not switched yet.
pub(super) fn waits_for_dns(job: &Value) -> bool {
    !matches!(job["phase"].as_str(), Some("dns_cutover" | "final_sync" | "verified" | "closed"))
}

/// `GET /console/jobs/{id}/report`.
pub async fn report(member: Member, Path(id): Path<i64>) -> Answer {
    report_page(&member, id, None, json!({})).await
}

/// The page of a report, also with what went wrong with its form.
pub(super) async fn report_page(member: &Member, id: i64, problem: Option<&Problem>, typed: Value) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let report = api.read_if_there(&format!("/migration/jobs/{id}/report?format=json")).await?;
    let deliveries = api.read(&format!("/migration/jobs/{id}/deliveries")).await?;
    let own = context! { job => job, report => report, deliveries => deliveries["items"], typed => typed };
    Ok(member.page_with("report.html", problem, own))
}

/// `GET /console/jobs/{id}/report.json`: the document itself.
pub async fn report_file(member: Member, Path(id): Path<i64>) -> Response {
    let path = format!("/migration/jobs/{id}/report?format=json");
    let mut response = member.api().pass(Method::GET, &path, &[], Body::empty()).await;
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"malote-job-{id}.json\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// `GET /console/jobs/{id}/report.pdf`: the same as a PDF, in the language asked for or the visitor's.
pub async fn report_pdf(member: Member, Path(id): Path<i64>, query: Query) -> Response {
    printed(&member, &format!("/migration/jobs/{id}/report"), &query).await
}

/// `GET /console/mailboxes/{mid}/report.pdf`: likewise, of one mailbox.
pub async fn mailbox_report_pdf(member: Member, Path(id): Path<i64>, query: Query) -> Response {
    printed(&member, &format!("/migration/mailboxes/{id}/report"), &query).await
}

async fn printed(member: &Member, path: &str, query: &Query) -> Response {
    let language = Language::tagged(query.0.get("lang")).unwrap_or(member.visitor.format.language);
    let path = format!("{path}?format=pdf&lang={}", language.tag());
    member.api().pass(Method::GET, &path, &[], Body::empty()).await
}

/// `GET /console/jobs/{id}/share`: a link for the customer.
pub async fn share(member: Member, Path(id): Path<i64>) -> Answer {
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    let links = member.api().read_if_there(&format!("/migration/jobs/{id}/share")).await?;
    let links = links.map(|all| all["items"].clone());
    let names = names::of(member.api(), &links.iter().collect::<Vec<_>>()).await?;
    Ok(member.page("share.html", context! { job => job, link => (), links => links, names => names }))
}

/// `POST /console/jobs/{id}/share`: the link, shown once.
pub async fn make_share(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let body = json!({"days": form.get("days").parse::<i64>().unwrap_or(0)});
    match api.send(Method::POST, &format!("/migration/jobs/{id}/share"), &body).await {
        Ok(told) => {
            let token = told.json["token"].as_str().unwrap_or_default();
            let whole = format!("{}/console/share/{token}", member.visitor.origin);
            let own = context! { job => job, link => told.json, whole => whole };
            Ok(member.page("share.html", own))
        }
        Err(problem) => {
            let own = context! { job => job, link => (), typed => form.shown() };
            Ok(member.page_with("share.html", Some(&problem), own))
        }
    }
}

/// `GET /console/share/{token}`: what the holder of a link sees, logged in or not.
pub async fn shared(visitor: Visitor, Path(token): Path<String>) -> Answer {
    let job = visitor.api.read(&format!("/share/{}", escaped(&token))).await?;
    let steps = super::job::steps(&job);
    Ok(visitor.page("shared.html", None, context! { job => job, steps => steps }))
}

/// `GET /console/system`.
pub async fn system(member: Member) -> Answer {
    machine(&member, None, context! {}).await
}

async fn machine(member: &Member, problem: Option<&Problem>, own: minijinja::Value) -> Answer {
    let api = member.api();
    let (metrics, endpoints, version) =
        try_join3(api.read("/migration/metrics"), api.read("/endpoints"), api.read("/version")).await?;
    let ready = api.read("/health/ready").await.is_ok();
    let settings = api.read_if_there("/system/settings").await?;
    let conflicts = api.read("/system/jobs-conflicts?limit=50").await?;
    let quota = api.read_if_there("/quota").await?;
    let budget = quota.as_ref().map(|all| budget(&member.visitor.format, all));
    let items = |found: Option<Value>| found.map(|all| all["items"].clone());
    let frame = context! { ..own, ..context! { trial => () } };
    let page = context! {
        is_ready => ready,
        workers => metrics["workers"],
        endpoints => endpoints["items"],
        conflicts => conflicts["items"],
        program => version,
        licence => env!("CARGO_PKG_LICENSE"),
        settings => items(settings),
        quota => items(quota),
        budget => budget,
        ..frame
    };
    Ok(member.page_with("system.html", problem, page))
}

/// What the busiest mailbox of each provider used today of what a mailbox may.
fn budget(format: &Format, quota: &Value) -> minijinja::Value {
    let rows = quota["items"].as_array().into_iter().flatten().map(|row| chart::Use {
        name: row["provider"].as_str().unwrap_or_default().to_owned(),
        value: row["busiest_bytes_today"].as_f64().unwrap_or(0.0),
        of: row["octets_down_per_day"].as_f64().unwrap_or(0.0),
    });
    let title = texts::plain(format, "chart-budget");
    chart::bullets(format, &title, &rows.collect::<Vec<_>>(), chart::Unit::Bytes)
}

/// `POST /console/system/act`.
pub async fn act_on_system(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let asked = match form.get("action") {
        "test" => {
            let path = format!("/endpoints/{}/test", escaped(form.get("id")));
            match api.send(Method::POST, &path, &json!({})).await {
                Ok(told) => {
                    return machine(&member, None, context! { trial => told.json }).await;
                }
                Err(problem) => Err(problem),
            }
        }
        "endpoint" => api.send(Method::POST, "/endpoints", &endpoint(&form)).await.map(|_| "saved"),
        "setting" => {
            let path = format!("/system/settings/{}", escaped(form.get("key")));
            let text = form.get("value");
            let value = serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
            api.send(Method::PUT, &path, &json!({"value": value})).await.map(|_| "saved")
        }
        "rotate" => {
            let body = json!({"deep": form.has("deep")});
            api.send(Method::POST, "/system/keys/rotate", &body).await.map(|_| "keys-rotated")
        }
        _ => Err(Problem::of_form()),
    };
    match asked {
        Ok(done) => Ok(go("/console/system", done)),
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => machine(&member, Some(&problem), context! { typed => form.shown() }).await,
    }
}

fn endpoint(form: &Form) -> Value {
    let networks: Vec<&str> = form.get("networks").split([' ', ',']).filter(|one| !one.is_empty()).collect();
    let mut body = json!({
        "name": form.get("name"), "kind": "imap", "host": form.get("host"), "tls": form.get("tls"),
        "port": form.get("port").parse::<u16>().unwrap_or(0), "pin": form.get("pin"),
        "allow_private": !networks.is_empty(), "allowed_networks": networks,
        "allow_cleartext": form.get("tls") == "off",
    });
    if let Ok(tenant) = form.get("tenant_id").parse::<i64>() {
        body["tenant_id"] = tenant.into();
    }
    body
}

/// `GET /console/help`: the words of the console, and what each phase and check asks for.
pub async fn help(member: Member) -> Answer {
    Ok(member.page("help.html", context! { phases => PHASES, checks => CHECKS }))
}
