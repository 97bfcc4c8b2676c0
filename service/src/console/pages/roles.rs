//! Roles: those that are shipped, as they are, and those of the house, made, changed and removed.
//! Never offers to give what the visitor has not: the API would refuse it.

use axum::extract::Path;
use axum::http::Method;
use futures_util::future::try_join3;
use minijinja::context;
use serde_json::{Value, json};

use super::scopes;
use crate::console::Answer;
use crate::console::client::{Api, escaped};
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::words::PERMISSIONS;

/// Where they stand.
const PLACE: &str = "/console/access/roles";
/// Stays with the shipped administrator.
const NEVER_GIVEN: &str = "can_manage_access";

/// What a form can give: each with whether it is given and whether the visitor has it.
fn offered(member: &Member, given: impl Fn(&str) -> bool) -> Vec<Value> {
    let all = PERMISSIONS.into_iter().filter(|name| *name != NEVER_GIVEN);
    all.map(|name| json!({"name": name, "is_given": given(name), "is_had": member.may(name)})).collect()
}

fn has(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one == name))
}

/// `GET /console/access/roles`.
pub async fn list(member: Member) -> Answer {
    all(&member, None, &Form::default()).await
}

async fn all(member: &Member, problem: Option<&Problem>, form: &Form) -> Answer {
    let roles = member.api().read("/access/roles").await?;
    let of = |is_system: bool| -> Vec<&Value> {
        roles["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|role| role["is_system"] == is_system)
            .collect()
    };
    let own = context! {
        own => of(false),
        shipped => of(true),
        offered => offered(member, |name| form.all("permission").any(|one| one == name)),
        typed => form.shown(),
    };
    Ok(member.page_with("roles.html", problem, own))
}

/// The role of a form, as the API takes it.
fn wanted(form: &Form) -> Value {
    json!({
        "name": form.get("name"), "description": form.get("description"),
        "permissions": form.all("permission").collect::<Vec<_>>(), "requires_mfa": form.has("requires_mfa"),
    })
}

/// `POST /console/access/roles`: one more.
pub async fn make(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    match api.send(Method::POST, "/access/roles", &wanted(&form)).await {
        Ok(told) => {
            let id = escaped(told.json["id"].as_str().unwrap_or_default());
            Ok(go(&format!("{PLACE}/{id}"), "role-made"))
        }
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => all(&member, Some(&problem), &form).await,
    }
}

/// `GET /console/access/roles/{id}`.
pub async fn show(member: Member, Path(id): Path<String>) -> Answer {
    one(&member, &id, None, None).await
}

/// The page; `form` is what was refused and stands in it again.
async fn one(member: &Member, id: &str, problem: Option<&Problem>, form: Option<&Form>) -> Answer {
    let (path, api) = (format!("/access/roles/{}", escaped(id)), member.api());
    let scopes_path = format!("{path}/scopes");
    let (role, scopes, users) =
        try_join3(api.get(&path), api.get(&scopes_path), api.read("/access/users")).await?;
    let version = role.version().to_owned();
    let role = role.json;
    let changed = form.filter(|form| form.get("action") == "change");
    let offered = offered(member, |name| match changed {
        Some(form) => form.all("permission").any(|one| one == name),
        None => has(&role["permissions"], name),
    });
    let shown = json!({"name": role["name"], "description": role["description"],
        "requires_mfa": if role["requires_mfa"] == true { "1" } else { "" }});
    let lines = match form.filter(|form| form.get("action") == "scopes") {
        Some(form) => scopes::lines(&scopes::typed(form)),
        None => scopes::lines(&scopes.json["items"]),
    };
    let holders = users["items"].as_array().into_iter().flatten();
    let holders: Vec<&Value> = holders.filter(|user| has(&user["roles"], text(&role, "name"))).collect();
    let own = context! {
        offered => offered,
        seen => version,
        seen_scopes => scopes.version(),
        lines => lines,
        scopes => scopes.json["items"],
        holders => holders,
        typed => changed.map_or(shown, Form::shown),
        role => role,
    };
    Ok(member.page_with("role.html", problem, own))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// `POST /console/access/roles/{id}/act`: changed, given other places, or removed.
pub async fn act(member: Member, Path(id): Path<String>, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/access/roles/{}", escaped(&id));
    match carry_out(&api, &path, &form).await {
        Ok("role-removed") => Ok(go(PLACE, "role-removed")),
        Ok(done) => Ok(go(&format!("{PLACE}/{}", escaped(&id)), done)),
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => one(&member, &id, Some(&problem), Some(&form)).await,
    }
}

async fn carry_out(api: &Api, path: &str, form: &Form) -> Result<&'static str, Problem> {
    match form.get("action") {
        "change" => {
            api.change(Method::PUT, path, form.get("seen"), &wanted(form)).await.map(|_| "role-changed")
        }
        "scopes" => scopes::keep(api, &format!("{path}/scopes"), form).await.map(|()| "scopes-kept"),
        "remove" => api.send(Method::DELETE, path, &json!({})).await.map(|_| "role-removed"),
        _ => Err(Problem::of_form()),
    }
}
