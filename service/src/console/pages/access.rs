//! People and service tokens: who there is, one more, and tokens that programs ask with.
//! Never a right that the API does not check again.

use axum::http::Method;
use futures_util::future::try_join3;
use minijinja::context;
use serde_json::json;

use super::person::tenants;
use crate::console::Answer;
use crate::console::client::{Api, escaped};
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;

/// `GET /console/access`.
pub async fn show(member: Member) -> Answer {
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
pub async fn act(member: Member, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let id = escaped(form.get("id"));
    let asked = match form.get("action") {
        "user" => make(&api, &form).await,
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

/// One more person.
async fn make(api: &Api, form: &Form) -> Result<&'static str, Problem> {
    let body = json!({
        "name": form.get("name"), "display_name": form.get("name"), "email": form.get("email"),
        "password": form.raw("password"), "roles": form.all("role").collect::<Vec<_>>(),
        "sees_all_tenants": form.has("all_tenants"), "tenants": tenants(form)?,
    });
    api.send(Method::POST, "/access/users", &body).await.map(|_| "user-made")
}
