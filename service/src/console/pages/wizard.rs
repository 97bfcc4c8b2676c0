//! A new migration: domain, servers, then its mailboxes. Each step is kept by the API, so that one may go on later.
//! Never anything written at a mail server, and never a login kept that was seen to fail, unless somebody wants it so.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{Method, header};
use minijinja::context;
use serde_json::{Map, Value, json};

use crate::console::Answer;
use crate::console::client::told;
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;

/// `GET /console/jobs/new`: which domain.
pub async fn begin(member: Member, query: Query) -> Answer {
    let typed = json!({"domain": query.0.get("domain"), "tenant_id": "1"});
    Ok(member.page("new.html", context! { typed => typed }))
}

/// `POST /console/jobs/new`: where its mail may be. What is found is a proposal in the next form.
pub async fn discover(member: Member, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let body = json!({"domain": form.get("domain")});
    let found = match api.send(Method::POST, "/migration/discover", &body).await {
        Ok(told) => told.json["items"].clone(),
        // Without discovery the form is merely empty.
        Err(problem) if matches!(problem.status.as_u16(), 404 | 405 | 429) => json!([]),
        Err(problem) => {
            return Ok(member.page_with("new.html", Some(&problem), context! { typed => form.shown() }));
        }
    };
    let mut typed = form.shown();
    if let Some(first) = found.as_array().and_then(|all| all.first()) {
        typed["source_host"] = first["host"].clone();
        typed["source_port"] = first["port"].to_string().into();
        typed["source_tls"] = first["tls"].clone();
        typed["source_profile"] = first["profile"].clone();
    }
    servers(&member, None, typed, found).await
}

async fn servers(member: &Member, problem: Option<&Problem>, typed: Value, found: Value) -> Answer {
    let endpoints = member.api().read_if_there("/endpoints").await?.unwrap_or_else(|| json!({"items": []}));
    let profiles = member.api().read_if_there("/provider-profiles").await?;
    let kept = match member.may("can_manage_credentials") {
        true => member.api().read_if_there("/credentials?at_servers=true&limit=200").await?,
        false => None,
    };
    let own = context! {
        kept => credentials(kept.as_ref(), &endpoints["items"]),
        typed => typed,
        found => found,
        endpoints => endpoints["items"],
        profiles => profiles.map(|all| all["items"].clone()),
    };
    Ok(member.page_with("servers.html", problem, own))
}

/// Credentials that are kept at servers and were not taken back, each with its server's name.
fn credentials(kept: Option<&Value>, endpoints: &Value) -> Vec<Value> {
    let servers = endpoints.as_array().map(Vec::as_slice).unwrap_or_default();
    let kept = kept.and_then(|all| all["items"].as_array()).into_iter().flatten();
    let living = kept.filter(|one| one["status"] != "revoked");
    let named = living.filter_map(|one| {
        let server = servers.iter().find(|server| server["id"] == one["endpoint_id"])?;
        Some(json!({"id": one["id"], "name": one["name"], "server": server["name"]}))
    });
    named.collect()
}

/// One side's server, as the API takes it.
fn side(form: &Form, which: &str) -> Value {
    let get = |name: &str| form.get(&format!("{which}_{name}")).to_owned();
    let mut side = Map::new();
    if !get("credential_id").is_empty() {
        side.insert("credential_id".to_owned(), get("credential_id").into());
    }
    if !get("endpoint").is_empty() {
        side.insert("endpoint_id".to_owned(), get("endpoint").into());
        return Value::Object(side);
    }
    for name in ["host", "tls", "profile", "pin"] {
        let value = get(name);
        if !value.is_empty() {
            side.insert(name.to_owned(), value.into());
        }
    }
    if let Ok(port) = get("port").parse::<u16>() {
        side.insert("port".to_owned(), port.into());
    }
    Value::Object(side)
}

/// `POST /console/jobs/servers`: the migration is registered.
pub async fn make(member: Member, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let mut body = json!({
        "domain": form.get("domain"),
        "tenant_id": form.get("tenant_id").parse::<i64>().unwrap_or(0),
        "source_server_label": form.get("source_server_label"),
        "dest_imap_host": destination(&form),
        "notes": form.get("notes"),
        "source": side(&form, "source"),
        "dest": side(&form, "dest"),
    });
    if let Ok(ticket) = form.get("ticket_id").parse::<i64>() {
        body["ticket_id"] = ticket.into();
    }
    match api.send(Method::POST, "/migration/jobs", &body).await {
        Ok(told) => Ok(go(&format!("/console/jobs/{}/mailboxes/new", told.json["id"]), "job-made")),
        Err(problem) => servers(&member, Some(&problem), form.shown(), json!([])).await,
    }
}

/// What the list shows of the destination: the host, with its port where that is its own.
fn destination(form: &Form) -> String {
    let (host, port) = (form.get("dest_host"), form.get("dest_port"));
    if host.is_empty() || port.is_empty() { host.to_owned() } else { format!("{host}:{port}") }
}

/// `GET /console/jobs/{id}/mailboxes/new`.
pub async fn mailboxes(member: Member, Path(id): Path<i64>) -> Answer {
    boxes(&member, id, None, context! {}).await
}

async fn boxes(member: &Member, id: i64, problem: Option<&Problem>, own: minijinja::Value) -> Answer {
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    let frame = context! { preview => (), trials => json!({}), is_refused => false };
    let own = context! { ..own, ..frame };
    Ok(member.page_with("mailboxes.html", problem, context! { job => job, ..own }))
}

/// `POST /console/jobs/{id}/mailboxes/one`: one mailbox, after its logins were tried; or a look at them alone.
pub async fn add_one(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let sides: &[&str] = match form.get("step") {
        "try-source" => &["source"],
        "try-dest" => &["destination"],
        "add" => &["source", "destination"],
        _ => &[],
    };
    let trials = match try_logins(&member, id, &form, sides).await {
        Ok(trials) => trials,
        Err(problem) => return boxes(&member, id, Some(&problem), context! { typed => form.shown() }).await,
    };
    let is_refused = trials.values().any(|trial| !matches!(trial["status"].as_str(), Some("ok" | "untried")));
    if is_refused || form.get("step").starts_with("try-") {
        // What is only looked at is not said to be refused: nothing was to be kept.
        let own =
            context! { typed => form.shown(), trials => trials, is_refused => form.get("step") == "add" };
        return boxes(&member, id, None, own).await;
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let mut body = form.object(&["email", "source_user", "source_host", "dest_user", "dest_host"]);
    for (field, name) in [("source_password", "secret"), ("dest_password", "dest_secret")] {
        if !form.raw(field).is_empty() {
            body.insert(name.to_owned(), json!({"password": form.raw(field)}));
        }
    }
    let path = format!("/migration/jobs/{id}/mailboxes");
    match api.send(Method::POST, &path, &Value::Object(body)).await {
        Ok(_) => Ok(go(&format!("/console/jobs/{id}/mailboxes/new"), "mailboxes-added")),
        Err(problem) => boxes(&member, id, Some(&problem), context! { typed => form.shown() }).await,
    }
}

/// How the logins of some sides went, by side. A side that has nothing to log in with is not tried.
async fn try_logins(
    member: &Member,
    id: i64,
    form: &Form,
    sides: &[&str],
) -> Result<Map<String, Value>, Problem> {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let api = &api;
    let trials = sides.iter().map(async |side| {
        let front = if *side == "source" { "source" } else { "dest" };
        let mut body = json!({"side": side, "email": form.get("email")});
        for name in ["user", "host"] {
            body[name] = form.get(&format!("{front}_{name}")).into();
        }
        let password = form.raw(&format!("{front}_password"));
        if !password.is_empty() {
            body["secret"] = json!({"password": password});
        }
        match api.send(Method::POST, &format!("/migration/jobs/{id}/try-login"), &body).await {
            Ok(told) => Ok(told.json),
            // Nothing was typed, and the migration names no credential that would do.
            Err(problem) if password.is_empty() && problem.is_of("secret") => {
                Ok(json!({"status": "untried"}))
            }
            Err(problem) => Err(problem),
        }
    });
    let told = futures_util::future::try_join_all(trials).await?;
    Ok(sides.iter().map(|side| (*side).to_owned()).zip(told).collect())
}

/// `POST /console/jobs/{id}/mailboxes/list`: a list is looked at first, and taken with a second press.
pub async fn add_list(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let is_dry = form.get("step") != "take";
    let path = format!("/migration/jobs/{id}/mailboxes/import?dry_run={is_dry}");
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned())];
    let list = form.raw("list").to_owned();
    match told(api.pass(Method::POST, &path, &kind, Body::from(list.clone())).await).await {
        Ok(answer) if is_dry => {
            // The list holds passwords: it goes back into the same field of the same person, and nowhere else.
            boxes(&member, id, None, context! { preview => answer.json, list => list }).await
        }
        Ok(_) => Ok(go(&format!("/console/jobs/{id}/options"), "mailboxes-added")),
        Err(problem) => boxes(&member, id, Some(&problem), context! { list => list }).await,
    }
}
