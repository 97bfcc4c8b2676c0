//! What is looked after beside migrations: approvals, reports, access, audit, the system itself, help.
//! Never a right that the API does not check again.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use futures_util::future::try_join3;
use minijinja::context;
use serde_json::{Value, json};

use super::jobs::all_jobs;
use crate::console::client::{Api, escaped};
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
        jobs.iter().filter(|job| job["migration_gate"] == gate && job["phase"] != "closed").collect()
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

/// `GET /console/jobs/{id}/report`.
pub async fn report(member: Member, Path(id): Path<i64>) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let report = api.read_if_there(&format!("/migration/jobs/{id}/report?format=json")).await?;
    let deliveries = api.read(&format!("/migration/jobs/{id}/deliveries")).await?;
    let own = context! { job => job, report => report, deliveries => deliveries["items"] };
    Ok(member.page("report.html", own))
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
    let phase = job["phase"].as_str().unwrap_or_default();
    let steps = super::job::steps(phase);
    Ok(visitor.page("shared.html", None, context! { job => job, steps => steps }))
}

/// `GET /console/access`.
pub async fn access(member: Member) -> Answer {
    people(&member, None, context! {}).await
}

async fn people(member: &Member, problem: Option<&Problem>, own: minijinja::Value) -> Answer {
    let api = member.api();
    let (users, roles, tokens) =
        try_join3(api.read("/access/users"), api.read("/access/roles"), api.read("/access/service-tokens"))
            .await?;
    let frame = context! { ..own, ..context! { token => "" } };
    let page =
        context! { users => users["items"], roles => roles["items"], tokens => tokens["items"], ..frame };
    Ok(member.page_with("access.html", problem, page))
}

/// `POST /console/access/act`.
pub async fn act_on_access(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let id = escaped(form.get("id"));
    let asked = match form.get("action") {
        "user" => {
            let roles: Vec<&str> = form.all("role").collect();
            let body = json!({
                "name": form.get("name"), "display_name": form.get("name"), "email": form.get("email"),
                "password": form.raw("password"), "roles": roles, "sees_all_tenants": form.has("all_tenants"),
                "tenants": form.get("tenants").split(',').filter_map(|one| one.trim().parse::<i64>().ok())
                    .collect::<Vec<_>>(),
            });
            api.send(Method::POST, "/access/users", &body).await.map(|_| "user-made")
        }
        "enable" | "disable" => {
            let seen = api.get(&format!("/access/users/{id}")).await?;
            let body = json!({"enabled": form.get("action") == "enable"});
            api.change(Method::PUT, &format!("/access/users/{id}"), seen.version(), &body)
                .await
                .map(|_| "saved")
        }
        "token" => {
            let scopes: Vec<&str> =
                form.get("scopes").split([' ', ',']).filter(|one| !one.is_empty()).collect();
            let days = form.get("days").parse::<i64>().unwrap_or(90);
            let mut body = json!({"name": form.get("name"), "scopes": scopes, "expires_days": days});
            if let Ok(tenant) = form.get("tenant_id").parse::<i64>() {
                body["tenant_id"] = tenant.into();
            }
            match api.send(Method::POST, "/access/service-tokens", &body).await {
                Ok(told) => return people(&member, None, context! { token => told.json["token"] }).await,
                Err(problem) => Err(problem),
            }
        }
        "revoke" => api
            .send(Method::DELETE, &format!("/access/service-tokens/{id}"), &json!({}))
            .await
            .map(|_| "token-revoked"),
        _ => Err(Problem::of_form()),
    };
    match asked {
        Ok(done) => Ok(go("/console/access", done)),
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => people(&member, Some(&problem), context! { typed => form.shown() }).await,
    }
}

/// Filters of the audit log.
const AUDIT_FILTERS: [&str; 4] = ["actor", "action", "resource_kind", "resource_id"];

/// `GET /console/audit`; `?verify=1` walks the chain.
pub async fn audit(member: Member, query: Query) -> Answer {
    let (api, form) = (member.api(), &query.0);
    let filters = audit_filters(form);
    let cursor = escaped(form.get("cursor"));
    let rows = api.read(&format!("/audit-logs?limit=50&cursor={cursor}{filters}")).await?;
    let verified = if form.has("verify") { Some(api.read("/audit-logs/verify").await?) } else { None };
    let items = named(api, rows["items"].clone()).await?;
    let own = context! {
        rows => items,
        next_cursor => rows["next_cursor"],
        filters => filters,
        verified => verified,
        asked => context! { actor => form.get("actor"), action => form.get("action"),
            resource_kind => form.get("resource_kind"), resource_id => form.get("resource_id") },
    };
    Ok(member.page("audit.html", own))
}

/// Rows with the names of who is in them, for those who may know names; the filter goes by ids.
async fn named(api: &Api, mut rows: Value) -> Result<Value, Problem> {
    for row in rows.as_array_mut().into_iter().flatten() {
        let id = row["actor_id"].as_str().unwrap_or_default();
        row["actor"] = match row["actor_kind"].as_str() {
            Some("user") => format!("u_{id}").into(),
            Some("service") => format!("s_{id}").into(),
            _ => Value::Null,
        };
    }
    let actors: Value = rows.as_array().into_iter().flatten().map(|row| row["actor"].clone()).collect();
    let names = names::of(api, &[&actors]).await?;
    for row in rows.as_array_mut().into_iter().flatten() {
        row["actor_name"] = row["actor"].as_str().map_or(Value::Null, |actor| names[actor].clone());
    }
    Ok(rows)
}

fn audit_filters(form: &Form) -> String {
    let set = AUDIT_FILTERS.iter().filter(|name| form.has(name));
    set.map(|name| format!("&{name}={}", escaped(form.get(name)))).collect()
}

/// `GET /console/audit.csv`.
pub async fn audit_csv(member: Member, query: Query) -> Response {
    let path = format!("/audit-logs?limit=200{}", audit_filters(&query.0));
    let wish = (header::ACCEPT, "text/csv".to_owned());
    let mut response = member.api().pass(Method::GET, &path, &[wish], Body::empty()).await;
    let name = HeaderValue::from_static("attachment; filename=\"malote-audit.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
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
    let quota = api.read_if_there("/quota").await?;
    let budget = quota.as_ref().map(|all| budget(&member.visitor.format, all));
    let items = |found: Option<Value>| found.map(|all| all["items"].clone());
    let frame = context! { ..own, ..context! { trial => () } };
    let page = context! {
        is_ready => ready,
        workers => metrics["workers"],
        endpoints => endpoints["items"],
        program => version,
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
