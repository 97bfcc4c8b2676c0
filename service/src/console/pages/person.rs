//! One person: what they may do and where, where they are logged in, another password, and their end here.
//! Never shows a password, nor takes the last administrator's rights: the API sees to that.

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

/// Where people stand.
const PLACE: &str = "/console/access";

/// `GET /console/access/users/{id}`.
pub async fn show(member: Member, Path(id): Path<String>) -> Answer {
    one(&member, &id, None, None).await
}

/// The page; `form` is what was refused and stands in it again.
async fn one(member: &Member, id: &str, problem: Option<&Problem>, form: Option<&Form>) -> Answer {
    let (path, api) = (format!("/access/users/{}", escaped(id)), member.api());
    let scopes_path = format!("{path}/scopes");
    let (told, scopes, roles) =
        try_join3(api.get(&path), api.get(&scopes_path), api.read("/access/roles")).await?;
    let sessions = api.read_if_there(&format!("{path}/sessions?limit=200")).await?;
    let version = told.version().to_owned();
    let person = told.json;
    let changed = form.filter(|form| form.get("action") == "change");
    let is_given = |name: &str| match changed {
        Some(form) => form.all("role").any(|one| one == name),
        None => person["roles"].as_array().is_some_and(|all| all.iter().any(|one| one == name)),
    };
    let offered = roles["items"].as_array().into_iter().flatten().map(|role| {
        let is_given = is_given(role["name"].as_str().unwrap_or_default());
        json!({"id": role["id"], "name": role["name"], "description": role["description"],
            "is_system": role["is_system"], "is_given": is_given})
    });
    let tenants = person["tenants"].as_array().into_iter().flatten().map(Value::to_string);
    let shown = json!({
        "display_name": person["display_name"], "email": person["email"],
        "tenants": tenants.collect::<Vec<_>>().join(", "),
        "all_tenants": if person["sees_all_tenants"] == true { "1" } else { "" },
    });
    let lines = match form.filter(|form| form.get("action") == "scopes") {
        Some(form) => scopes::lines(&scopes::typed(form)),
        None => scopes::lines(&scopes.json["items"]),
    };
    let own = context! {
        offered => offered.collect::<Vec<_>>(),
        seen => version,
        seen_scopes => scopes.version(),
        lines => lines,
        sessions => sessions.map(|all| all["items"].clone()),
        typed => changed.map_or(shown, Form::shown),
        person => person,
    };
    Ok(member.page_with("person.html", problem, own))
}

/// `POST /console/access/users/{id}/act`.
pub async fn act(member: Member, Path(id): Path<String>, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/access/users/{}", escaped(&id));
    match carry_out(&api, &path, &form).await {
        Ok("user-removed") => Ok(go(PLACE, "user-removed")),
        Ok(done) => Ok(go(&format!("{PLACE}/users/{}", escaped(&id)), done)),
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => one(&member, &id, Some(&problem), Some(&form)).await,
    }
}

async fn carry_out(api: &Api, path: &str, form: &Form) -> Result<&'static str, Problem> {
    match form.get("action") {
        "change" => {
            let body = json!({
                "display_name": form.get("display_name"), "email": form.get("email"),
                "roles": form.all("role").collect::<Vec<_>>(), "tenants": tenants(form)?,
                "sees_all_tenants": form.has("all_tenants"),
            });
            api.change(Method::PUT, path, form.get("seen"), &body).await.map(|_| "user-changed")
        }
        "scopes" => scopes::keep(api, &format!("{path}/scopes"), form).await.map(|()| "scopes-kept"),
        how @ ("enable" | "disable") => {
            let body = json!({"enabled": how == "enable"});
            api.change(Method::PUT, path, form.get("seen"), &body).await.map(|_| "saved")
        }
        "password" => {
            let body = json!({"password": form.raw("password")});
            api.send(Method::PUT, &format!("{path}/password"), &body).await.map(|_| "password-given")
        }
        "end-session" => {
            let path = format!("{path}/sessions/{}", escaped(form.get("session")));
            api.send(Method::DELETE, &path, &json!({})).await.map(|_| "session-ended")
        }
        "end-sessions" => {
            api.send(Method::DELETE, &format!("{path}/sessions"), &json!({})).await.map(|_| "sessions-ended")
        }
        "remove" => api.send(Method::DELETE, path, &json!({})).await.map(|_| "user-removed"),
        _ => Err(Problem::of_form()),
    }
}

/// The tenants of a form: numbers, parted by commas.
///
/// # Errors
/// Where one is no number.
pub(super) fn tenants(form: &Form) -> Result<Vec<i64>, Problem> {
    let words = form.get("tenants").split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
    let read = |word: &str| word.parse().map_err(|_| Problem::of_field("tenants", "a whole number"));
    words.map(read).collect()
}
