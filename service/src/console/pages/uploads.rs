//! Uploaded files: brought by a form or by script, looked into, given to a mailbox, read through.
//! Never an octet of a file in a page's memory: what comes is passed on piece by piece.

use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::Response;
use futures_util::future::try_join;
use minijinja::context;
use serde_json::{Value, json};

use crate::api::caller::CSRF_HEADER;
use crate::console::Answer;
use crate::console::client::{escaped, told};
use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::visitor::Visitor;

/// Headers of a chunk that go on to the API as they came.
const CHUNK_HEADERS: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    HeaderName::from_static("upload-offset"),
    HeaderName::from_static("upload-checksum"),
];

/// `GET /console/jobs/{id}/uploads`: files, with what each is and which mailbox has it.
pub async fn list(member: Member, Path(id): Path<i64>) -> Answer {
    files(&member, id, None).await
}

async fn files(member: &Member, id: i64, problem: Option<&Problem>) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let uploads = api.read_if_there(&format!("/migration/jobs/{id}/uploads")).await?;
    let boxes = api.read(&format!("/migration/jobs/{id}/mailboxes?limit=200")).await?;
    let items = uploads.as_ref().and_then(|all| all["items"].as_array()).cloned().unwrap_or_default();
    // What is gone is told by the audit log; the list shows what is there or was refused.
    let shown: Vec<&Value> = items.iter().filter(|one| one["state"] != "deleted").collect();
    let own =
        context! { job => job, is_there => uploads.is_some(), uploads => shown, boxes => boxes["items"] };
    Ok(member.page_with("uploads.html", problem, own))
}

/// `GET /console/uploads/{uid}`: one file, its folders, and how far it is read.
pub async fn show(member: Member, Path(upload): Path<String>) -> Answer {
    let api = member.api();
    let upload = api.read(&format!("/migration/uploads/{}", escaped(&upload))).await?;
    let job_id = &upload["job_id"];
    let (job, boxes) = try_join(
        api.read(&format!("/migration/jobs/{job_id}")),
        api.read(&format!("/migration/jobs/{job_id}/mailboxes?limit=200")),
    )
    .await?;
    let (run, steps) = match upload["mailbox_id"].as_i64().filter(|_| upload["is_mapped"] == true) {
        Some(mailbox) => last_run(&member, job_id, mailbox).await?,
        None => (Value::Null, Vec::new()),
    };
    // A file that cannot be looked into is no page that cannot be shown.
    let seen = match upload["state"].as_str() {
        Some("complete") => api.read(&format!("/migration/uploads/{}/folders", text(&upload, "id"))).await,
        _ => Ok(Value::Null),
    };
    let (seen, blind) = match seen {
        Ok(seen) => (seen, String::new()),
        Err(problem) => (Value::Null, problem.detail),
    };
    let own = context! {
        job => job,
        boxes => boxes["items"],
        folders => folders(&seen, &steps),
        seen => seen,
        blind => blind,
        is_read => matches!(run["status"].as_str(), Some("queued" | "running")),
        run => run,
        upload => upload,
    };
    Ok(member.page("upload.html", own))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The last run of a mailbox with its steps; nothing where it had none.
async fn last_run(member: &Member, job: &Value, mailbox: i64) -> Result<(Value, Vec<Value>), Problem> {
    let api = member.api();
    let mut runs = api.read(&format!("/migration/jobs/{job}/runs?mailbox_id={mailbox}&limit=1")).await?;
    let run = runs["items"].get_mut(0).map(Value::take).unwrap_or_default();
    let Some(id) = run["id"].as_i64() else { return Ok((Value::Null, Vec::new())) };
    let mut steps = api.read(&format!("/migration/runs/{id}/steps")).await?;
    let steps = match steps["items"].take() {
        Value::Array(steps) => steps,
        _ => Vec::new(),
    };
    Ok((run, steps))
}

/// The file's folders, each with how far the last run has come in it.
fn folders(seen: &Value, steps: &[Value]) -> Vec<Value> {
    let mut folders = seen["folders"].as_array().cloned().unwrap_or_default();
    for folder in &mut folders {
        let name = format!("folder:{}", text(folder, "path"));
        let step = steps.iter().rev().find(|step| step["name"] == name.as_str());
        let status = step.map_or("", |step| text(step, "status"));
        let done = match status {
            "completed" => folder["messages"].clone(),
            _ => step.map_or(json!(0), |step| step["messages_done"].clone()),
        };
        folder["status"] = json!(status);
        folder["done"] = done;
    }
    folders
}

/// `POST /console/jobs/{id}/uploads?csrf=…`: a file in a form, passed on as it comes.
pub async fn upload(member: Member, Path(id): Path<i64>, query: Query, request: Request) -> Answer {
    let api = member.api().clone().with_csrf(query.0.get("csrf"));
    let kept: Vec<(HeaderName, String)> = [header::CONTENT_TYPE, header::CONTENT_LENGTH]
        .into_iter()
        .filter_map(|name| {
            let value = request.headers().get(&name)?.to_str().ok()?.to_owned();
            Some((name, value))
        })
        .collect();
    let path = format!("/migration/jobs/{id}/upload-pst");
    match told(api.pass(Method::POST, &path, &kept, request.into_body()).await).await {
        Ok(answer) => Ok(go(&format!("/console/uploads/{}", text(&answer.json, "id")), "upload-done")),
        Err(problem) => files(&member, id, Some(&problem)).await,
    }
}

/// `POST /console/jobs/{id}/uploads/begin`: a file is announced by script; the API's own answer.
pub async fn begin(visitor: Visitor, Path(id): Path<i64>, request: Request) -> Response {
    let (api, headers) = (asked_by_script(&visitor, request.headers()), passed_on(request.headers()));
    let path = format!("/migration/jobs/{id}/uploads");
    api.pass(Method::POST, &path, &headers, request.into_body()).await
}

/// `GET`, `PATCH` and `DELETE /console/uploads/{uid}/octets`: where it goes on, a chunk, and the end of it.
pub async fn octets(visitor: Visitor, Path(upload): Path<String>, request: Request) -> Response {
    let (api, headers) = (asked_by_script(&visitor, request.headers()), passed_on(request.headers()));
    let path = format!("/migration/uploads/{}", escaped(&upload));
    let method = request.method().clone();
    api.pass(method, &path, &headers, request.into_body()).await
}

/// `POST /console/uploads/{uid}/octets`: all is there; it is checked, given to its mailbox and read through.
pub async fn complete(visitor: Visitor, Path(upload): Path<String>, request: Request) -> Response {
    let api = asked_by_script(&visitor, request.headers());
    let path = format!("/migration/uploads/{}/complete", escaped(&upload));
    let headers = passed_on(request.headers());
    api.pass(Method::POST, &path, &headers, request.into_body()).await
}

/// The API in the name of whoever's script asks: the page's token comes as a header.
fn asked_by_script(visitor: &Visitor, headers: &HeaderMap) -> crate::console::client::Api {
    let token = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    visitor.api.clone().with_csrf(token)
}

fn passed_on(headers: &HeaderMap) -> Vec<(HeaderName, String)> {
    let kept = CHUNK_HEADERS.into_iter();
    kept.filter_map(|name| {
        let value = headers.get(&name)?.to_str().ok()?.to_owned();
        Some((name, value))
    })
    .collect()
}

/// `POST /console/uploads/{uid}/act`: maps, reads through, or removes a file.
pub async fn act_on_upload(member: Member, Path(upload): Path<String>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let (job, upload) = (form.get("job").parse::<i64>().unwrap_or(0), escaped(&upload));
    let base = format!("/migration/uploads/{upload}");
    let asked = match form.get("action") {
        "map" => {
            let mailbox = form.get("mailbox_id").parse::<i64>().unwrap_or(0);
            api.send(Method::POST, &format!("{base}/map"), &json!({"mailbox_id": mailbox}))
                .await
                .map(|_| "saved")
        }
        "extract" => {
            api.send(Method::POST, &format!("{base}/extract"), &json!({})).await.map(|_| "run-started")
        }
        "remove" => api.send(Method::DELETE, &base, &json!({})).await.map(|_| "upload-removed"),
        _ => Err(Problem::of_form()),
    };
    match asked {
        Ok(done) => Ok(go(&format!("/console/jobs/{job}/uploads"), done)),
        Err(problem) => files(&member, job, Some(&problem)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_knows_how_far_the_last_run_has_come_in_it() {
        let seen = json!({"folders": [
            {"path": "Inbox", "messages": 7}, {"path": "Sent", "messages": 3}, {"path": "Old", "messages": 1},
        ]});
        let steps = [
            json!({"name": "folder:Inbox", "status": "completed", "messages_done": 0}),
            json!({"name": "folder:Sent", "status": "running", "messages_done": 2}),
        ];
        let told: Vec<_> =
            folders(&seen, &steps).iter().map(|one| (one["status"].clone(), one["done"].clone())).collect();
        let expected = [("completed", 7), ("running", 2), ("", 0)];
        assert_eq!(told, expected.map(|(status, done)| (json!(status), json!(done))));
    }
}
