//! Messages that could not be brought over, and what is decided about them, one by one or together.
//! Never what a message says unasked: that needs a right of its own and a fresh proof.

use axum::body::Body;
use axum::extract::Path;
use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect};
use minijinja::context;
use serde_json::json;

use crate::console::Answer;
use crate::console::client::{escaped, told};
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;

/// `GET /console/jobs/{id}/quarantine`.
pub async fn list(member: Member, Path(id): Path<i64>, query: Query) -> Answer {
    page(&member, id, &query.0, None, &Form::default()).await
}

/// The page; what was ticked and typed in a form that was refused stands in it again.
async fn page(member: &Member, id: i64, query: &Form, problem: Option<&Problem>, form: &Form) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let set = ["status", "mailbox_id", "cursor"].into_iter().filter(|name| query.has(name));
    let filters: String = set.map(|name| format!("&{name}={}", escaped(query.get(name)))).collect();
    let path = format!("/migration/jobs/{id}/quarantine?limit=100{filters}");
    let has_subjects = query.has("subjects") && problem.is_none();
    let items = match api.read(&format!("{path}{}", if has_subjects { "&include=subject" } else { "" })).await
    {
        Err(problem) if has_subjects && problem.asks_for_proof() => {
            let back = escaped(&format!("/console/jobs/{id}/quarantine?subjects=1{filters}"));
            return Ok(Redirect::to(&format!("/console/step-up?next={back}")).into_response());
        }
        told => told?,
    };
    let own = context! {
        has_subjects => has_subjects,
        filters => filters,
        job => job,
        rows => items["items"],
        total => items["total"],
        next_cursor => items["next_cursor"],
        is_filtered => !filters.is_empty(),
        asked => context! { status => query.get("status") },
        ticked => form.numbers("id"),
        typed => form.shown(),
    };
    Ok(member.page_with("quarantine.html", problem, own))
}

/// `POST /console/jobs/{id}/quarantine`: what is ticked is acknowledged, or tried again.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let ids = form.numbers("id");
    if ids.is_empty() {
        let problem = Problem::of_field("id", "tick at least one message");
        return page(&member, id, &Form::default(), Some(&problem), &form).await;
    }
    let base = format!("/migration/jobs/{id}/quarantine");
    let asked = match form.get("action") {
        "acknowledge" => {
            let body = json!({"ids": ids, "reason": form.get("reason"), "note": form.get("note")});
            api.send(Method::POST, &format!("{base}/ack"), &body).await.map(|_| "acknowledged")
        }
        how @ ("again" | "repair" | "stub") => {
            let body = json!({"ids": ids, "how": how});
            api.send(Method::POST, &format!("{base}/retry"), &body).await.map(|_| "retried")
        }
        _ => Err(Problem::of_form()),
    };
    match asked {
        Ok(done) => Ok(go(&format!("/console/jobs/{id}/quarantine"), done)),
        Err(problem) => page(&member, id, &Form::default(), Some(&problem), &form).await,
    }
}

/// `GET /console/quarantine/{qid}/raw`: the message as a file, for those who may.
pub async fn raw(member: Member, Path(id): Path<i64>) -> Answer {
    let path = format!("/migration/quarantine/{id}/raw");
    let response = member.api().pass(Method::GET, &path, &[], Body::empty()).await;
    if response.status().is_success() {
        return Ok(response);
    }
    match told(response).await {
        Err(problem) if problem.asks_for_proof() => {
            let back = escaped(&format!("/console/quarantine/{id}/raw"));
            Ok(Redirect::to(&format!("/console/step-up?next={back}")).into_response())
        }
        Err(problem) => Err(problem),
        Ok(_) => Err(Problem::of_ours()),
    }
}
