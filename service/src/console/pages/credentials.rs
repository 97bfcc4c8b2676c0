//! What opens many mailboxes of a server: kept, tried, given another secret, consented to, taken back, removed.
//! Never a secret: those go in and do not come out; and never a consent that is not shown where it leads.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Method, header};
use futures_util::future::try_join;
use minijinja::context;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::console::Answer;
use crate::console::client::{escaped, told};
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::visitor::{Console, Visitor};

/// Where they stand.
const PLACE: &str = "/console/credentials";
/// Ways that a grant may go, in the order in which they are offered.
const FLOWS: [&str; 4] = ["auth_code", "device_code", "client_credentials", "dwd"];
/// Providers that give grants.
const PROVIDERS: [&str; 2] = ["microsoft", "google"];

/// `GET /console/credentials`: those that are kept at servers.
pub async fn list(member: Member, query: Query) -> Answer {
    all(&member, &query.0, None).await
}

async fn all(member: &Member, form: &Form, problem: Option<&Problem>) -> Answer {
    let api = member.api();
    let cursor = escaped(form.get("cursor"));
    let path = format!("/credentials?at_servers=true&limit=50&cursor={cursor}");
    let (mut kept, endpoints) = try_join(api.read(&path), api.read("/endpoints")).await?;
    let servers = endpoints["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    for one in kept["items"].as_array_mut().into_iter().flatten() {
        one["server"] = named(servers, &one["endpoint_id"]);
    }
    let own = context! {
        rows => kept["items"],
        next_cursor => kept["next_cursor"],
        servers => servers,
        flows => FLOWS,
        providers => PROVIDERS,
        typed => form.shown(),
    };
    Ok(member.page_with("credentials.html", problem, own))
}

/// A server's name.
fn named(servers: &[Value], id: &Value) -> Value {
    servers.iter().find(|server| server["id"] == *id).map_or(Value::Null, |server| server["name"].clone())
}

/// `POST /console/credentials`: one more.
pub async fn make(member: Member, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let mut body = Value::Object(form.object(&["endpoint_id", "name", "user"]));
    body["secret"] = secret(&form);
    if form.has("flow") {
        let grant = form.object(&["provider", "flow", "client_id", "directory", "scope"]);
        body["grant"] = Value::Object(grant);
    }
    match api.send(Method::POST, "/credentials", &body).await {
        Ok(told) => {
            Ok(go(&format!("{PLACE}/{}", told.json["id"].as_str().unwrap_or_default()), "secret-kept"))
        }
        Err(problem) => all(&member, &form, Some(&problem)).await,
    }
}

/// The secrets of a form, those that were filled in, as they were typed.
fn secret(form: &Form) -> Value {
    let names =
        ["password", "oauth_token", "client_secret", "refresh_token", "service_account_key", "expires_at"];
    let filled = names.iter().filter(|name| !form.get(&format!("secret_{name}")).is_empty());
    let pairs = filled.map(|name| ((*name).to_owned(), Value::from(form.raw(&format!("secret_{name}")))));
    Value::Object(pairs.collect::<Map<String, Value>>())
}

/// `GET /console/credentials/{id}`; `?flow=` looks how a consent stands.
pub async fn show(member: Member, Path(id): Path<String>, query: Query) -> Answer {
    one(&member, &id, query.0.get("flow"), None, context! {}).await
}

async fn one(
    member: &Member,
    id: &str,
    flow: &str,
    problem: Option<&Problem>,
    own: minijinja::Value,
) -> Answer {
    let api = member.api();
    let path = format!("/credentials/{}", escaped(id));
    let (mut credential, endpoints) = try_join(api.read(&path), api.read("/endpoints")).await?;
    let servers = endpoints["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    credential["server"] = named(servers, &credential["endpoint_id"]);
    let mut consent = Value::Null;
    if !flow.is_empty() {
        // Whoever looks has the provider asked, which hears of it no oftener than it bears.
        let asked = json!({"flow_id": flow});
        let provider = escaped(credential["grant"]["provider"].as_str().unwrap_or_default());
        let asker = api.clone().with_csrf(member.csrf());
        consent = asker.send(Method::POST, &format!("/oauth/{provider}/poll"), &asked).await?.json;
        if consent["status"] == "ok" {
            credential = api.read(&path).await?;
            credential["server"] = named(servers, &credential["endpoint_id"]);
        }
    }
    let frame = context! { trial => (), started => (), words => (), revoked => "" };
    let page = context! { one => credential, consent => consent, ..own };
    Ok(member.page_with("credential.html", problem, context! { ..page, ..frame }))
}

/// `POST /console/credentials/{id}/act`.
pub async fn act(member: Member, Path(id): Path<String>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let base = format!("/credentials/{}", escaped(&id));
    let here = format!("{PLACE}/{}", escaped(&id));
    let user = json!({"user": form.get("user")});
    let asked = match form.get("action") {
        "try" => match api.send(Method::POST, &format!("{base}/test"), &user).await {
            Ok(told) => {
                let own = context! { trial => told.json, typed => form.shown() };
                return one(&member, &id, "", None, own).await;
            }
            Err(problem) => Err(problem),
        },
        "secret" => {
            let body = json!({"secret": secret(&form)});
            api.send(Method::PUT, &format!("{base}/secret"), &body).await.map(|_| "secret-kept")
        }
        "renew" => api.send(Method::POST, &format!("{base}/refresh"), &user).await.map(|_| "token-renewed"),
        "revoke" => match api.send(Method::POST, &format!("{base}/revoke"), &json!({})).await {
            Ok(told) => {
                return one(&member, &id, "", None, context! { revoked => told.json["provider"] }).await;
            }
            Err(problem) => Err(problem),
        },
        "remove" => match api.send(Method::DELETE, &base, &json!({})).await {
            Ok(_) => return Ok(go(PLACE, "credential-removed")),
            Err(problem) => Err(problem),
        },
        step @ ("consent" | "words") => return consent(&member, &id, step, &form).await,
        _ => Err(Problem::of_form()),
    };
    match asked {
        Ok(done) => Ok(go(&here, done)),
        Err(problem) => one(&member, &id, "", Some(&problem), context! { typed => form.shown() }).await,
    }
}

/// Begins a consent, or tells what an administrator of the source has to do first.
async fn consent(member: &Member, id: &str, step: &str, form: &Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let credential = api.read(&format!("/credentials/{}", escaped(id))).await?;
    let provider = escaped(credential["grant"]["provider"].as_str().unwrap_or_default());
    let body = json!({"credential_id": id});
    let end = if step == "consent" { "start" } else { "admin-consent-url" };
    match api.send(Method::POST, &format!("/oauth/{provider}/{end}"), &body).await {
        Ok(told) if step == "words" => one(member, id, "", None, context! { words => told.json }).await,
        Ok(told) if told.json["flow_id"] == "" => {
            Ok(go(&format!("{PLACE}/{}", escaped(id)), "token-renewed"))
        }
        Ok(told) => {
            let flow = escaped(told.json["flow_id"].as_str().unwrap_or_default());
            // What is to be typed stands on this page alone; the page that follows it looks how the consent stands.
            let here = format!("{PLACE}/{}?flow={flow}", escaped(id));
            one(member, id, "", None, context! { started => told.json, here => here }).await
        }
        Err(problem) => one(member, id, "", Some(&problem), context! {}).await,
    }
}

/// `GET /oauth/callback`, where a provider sends a browser back to: the API takes the answer, a person is told of it in
/// words. Programs get the API's own answer.
pub async fn back(State(console): State<Console>, visitor: Visitor, request: Request) -> Answer {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let is_person = accept.is_some_and(|accept| accept.contains("text/html"));
    if !is_person || *request.method() != Method::GET {
        let answer = console.api.oneshot(request).await;
        return Ok(answer.unwrap_or_else(|never| match never {}));
    }
    let place = visitor.here.to_string();
    let answer = visitor.api.pass(Method::GET, &place, &[], Body::empty()).await;
    if answer.status().is_redirection() {
        return Ok(go(PLACE, "consent-given"));
    }
    match told(answer).await {
        Err(problem) => Err(problem),
        Ok(_) => Err(Problem::of_ours()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_as_it_was_typed_and_what_was_left_empty_does_not_go() {
        let form = Form::parse(b"secret_password=+x+&secret_oauth_token=&name=n");
        assert_eq!(secret(&form), json!({"password": " x "}));
    }
}
