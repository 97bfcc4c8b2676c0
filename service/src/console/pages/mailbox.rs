//! One mailbox: every bucket of every folder, its runs, its logins, and what can be changed of it.
//! Never a secret: those go in and do not come out.

use axum::extract::Path;
use axum::http::Method;
use futures_util::future::try_join;
use minijinja::context;
use serde_json::{Map, Value, json};

use super::own_schedule;
use crate::console::form::Form;
use crate::console::format::Format;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::{Answer, chart, texts};

/// Folders that are drawn, at most; the tree shows them all.
const DRAWN_MAX: usize = 12;
/// Levels that the tree sets in.
const DEPTH_MAX: usize = 6;

/// `GET /console/mailboxes/{mid}`.
pub async fn show(member: Member, Path(id): Path<i64>) -> Answer {
    page(&member, id, None).await
}

async fn page(member: &Member, id: i64, problem: Option<&Problem>) -> Answer {
    let api = member.api();
    let (mailbox, folders) = try_join(
        api.read(&format!("/migration/mailboxes/{id}")),
        api.read(&format!("/migration/mailboxes/{id}/folders")),
    )
    .await?;
    let job_id = mailbox["job_id"].clone();
    let (job, runs) = try_join(
        api.read(&format!("/migration/jobs/{job_id}")),
        api.read(&format!("/migration/jobs/{job_id}/runs?mailbox_id={id}&limit=20")),
    )
    .await?;
    let files = api.read_if_there(&format!("/migration/jobs/{job_id}/uploads")).await?;
    let files = files.as_ref().and_then(|all| all["items"].as_array()).into_iter().flatten();
    let files: Vec<&Value> =
        files.filter(|file| file["mailbox_id"] == id && file["state"] != "deleted").collect();
    let (waits, waited) = own_schedule::waits(member, id).await?;
    let format = &member.visitor.format;
    let rows = folders["items"].as_array().cloned().unwrap_or_default();
    let own = context! {
        goes_by => own_schedule::told(member, id, job_id.as_i64().unwrap_or_default()).await?,
        waits => waits,
        waited => waited,
        job => job,
        folders => tree(&rows),
        troubles => troubles(&runs["items"]),
        files => files,
        runs => runs["items"],
        picture => bars(format, "chart-folders", &rows, "messages_source", chart::Unit::Count),
        sizes => bars(format, "chart-folder-bytes", &rows, "bytes_dest", chart::Unit::Bytes),
        map_lines => map_lines(&mailbox["folder_map"]),
        is_running => mailbox["status"] == "syncing",
        mailbox => mailbox,
    };
    Ok(member.page_with("mailbox.html", problem, own))
}

/// Errors of the last runs by class, the most frequent first: each with how often, and the newest as a sample.
fn troubles(runs: &Value) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for run in runs.as_array().into_iter().flatten() {
        let class = run["error_class"].as_str().unwrap_or_default();
        if class.is_empty() {
            continue;
        }
        match found.iter_mut().find(|one| one["class"] == class) {
            Some(one) => one["count"] = json!(one["count"].as_i64().unwrap_or(0) + 1),
            None => found.push(json!({
                "class": class, "count": 1, "sample": run["error_details"], "run": run["id"],
                "at": run["finished_at"],
            })),
        }
    }
    found.sort_by_key(|one| std::cmp::Reverse(one["count"].as_i64()));
    found
}

/// The greatest folders by one of their numbers.
fn bars(format: &Format, title: &str, rows: &[Value], name: &str, unit: chart::Unit) -> minijinja::Value {
    let bar = |row: &Value| {
        let path = row["source_path"].as_str().unwrap_or_default().to_owned();
        chart::Bar::new(path, row[name].as_f64().unwrap_or(0.0))
    };
    let mut bars: Vec<chart::Bar> = rows.iter().map(bar).collect();
    bars.sort_by(|one, other| other.value.total_cmp(&one.value));
    bars.truncate(DRAWN_MAX);
    chart::bars(format, &texts::plain(format, title), &bars, unit)
}

/// The folders in the order of their paths, each with its depth and its last name.
fn tree(rows: &[Value]) -> Vec<Value> {
    let mut rows: Vec<Value> = rows.to_vec();
    let is_inbox =
        |row: &Value| row["source_path"].as_str().is_some_and(|path| path.eq_ignore_ascii_case("inbox"));
    let path = |row: &Value| row["source_path"].as_str().unwrap_or_default().to_lowercase();
    rows.sort_by_key(|row| (!is_inbox(row), path(row)));
    for row in &mut rows {
        let path = row["source_path"].as_str().unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        row["depth"] = json!((parts.len() - 1).min(DEPTH_MAX));
        row["name"] = json!(parts.last());
    }
    rows
}

/// A folder map as lines of `from = to`.
pub(super) fn map_lines(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let lines = pairs.map(|(from, to)| format!("{from} = {}", to.as_str().unwrap_or_default()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The same back, over the map that was shown: what nobody touched stays, also where lines cannot say it.
///
/// # Errors
/// A line that is none, or can be read in two ways, and a folder that leads to two.
pub(super) fn map_of(lines: &str, before: &Value) -> Result<Value, Problem> {
    if before.is_object() && lines.lines().eq(map_lines(before).lines()) {
        return Ok(before.clone());
    }
    let wrong = |words: &str| Problem::of_field("folder_map", words);
    let mut map = Map::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // Blanks around the sign tell it from one that is part of a name.
        let sign = if line.contains(" = ") { " = " } else { "=" };
        let Some((from, to)) = line.split_once(sign) else {
            return Err(wrong("write each line as: folder = folder"));
        };
        if to.contains(sign) {
            return Err(wrong(
                "a line has more than one sign of equality: nobody knows which parts the folders",
            ));
        }
        if map.insert(from.trim().to_owned(), to.trim().into()).is_some() {
            return Err(wrong("a folder is named in two lines"));
        }
    }
    Ok(Value::Object(map))
}

/// `POST /console/mailboxes/{mid}/act`.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    match carry_out(&member, id, &form).await {
        Ok(done) => Ok(go(&format!("/console/mailboxes/{id}"), done)),
        Err(problem) => page(&member, id, Some(&problem)).await,
    }
}

async fn carry_out(member: &Member, id: i64, form: &Form) -> Result<&'static str, Problem> {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let place = format!("/migration/mailboxes/{id}");
    let seen = api.get(&place).await?;
    let job = seen.json["job_id"].clone();
    let run = async |path: &str, mut body: Value| {
        body["mailbox_ids"] = json!([id]);
        api.send(Method::POST, &format!("/migration/jobs/{job}/{path}"), &body).await.map(|_| "run-started")
    };
    match form.get("action") {
        "preflight" => run("preflight", json!({"depth": "login"})).await,
        "scan" => run("preflight", json!({"depth": "scan"})).await,
        "copy" => {
            let phase = api.read(&format!("/migration/jobs/{job}")).await?["phase"].clone();
            let kind =
                if matches!(phase.as_str(), Some("preflight" | "discovered")) { "initial" } else { "delta" };
            run("sync", json!({"type": kind})).await
        }
        "verify" => run("verify", json!({})).await,
        "secret" => {
            let body = json!({"side": form.get("side"), "secret": {"password": form.raw("password")}});
            api.send(Method::PUT, &format!("{place}/secret"), &body).await?;
            Ok("secret-kept")
        }
        "map" => {
            let map = map_of(form.raw("folder_map"), &seen.json["folder_map"])?;
            api.change(Method::PUT, &format!("{place}/folder-map"), seen.version(), &map).await?;
            Ok("map-saved")
        }
        "change" => {
            let body = json!({
                "enabled": form.has("enabled"), "excluded_reason": form.get("excluded_reason"),
                "source_user": form.get("source_user"), "dest_user": form.get("dest_user"),
            });
            api.change(Method::PATCH, &place, seen.version(), &body).await?;
            Ok("saved")
        }
        _ => Err(Problem::of_form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_map_goes_into_lines_and_back() {
        let map = json!({"Sent Items": "Sent", "a=b": "c", "d": "e=f"});
        let told = |lines: &str, before: &Value| map_of(lines, before).ok();
        assert_eq!(told(&map_lines(&map), &Value::Null), Some(map.clone()));
        assert_eq!(told("A=B\n\nC = D", &map), Some(json!({"A": "B", "C": "D"})));
        for wrong in ["no sign", "A = B = C", "a=b=c", "A = B\nA = C"] {
            assert_eq!(told(wrong, &map), None, "{wrong}");
        }
        // What no line can say stays as long as nobody touches it; a browser ends lines in its own way.
        let odd = json!({"A": "B = C", " D": "E"});
        assert_eq!(told(&map_lines(&odd).replace('\n', "\r\n"), &odd), Some(odd.clone()));
        assert_eq!(told(&format!("{}\nF = G", map_lines(&odd)), &odd), None);
        assert_eq!(told("", &odd), Some(json!({})));
    }

    #[test]
    fn errors_are_counted_by_class_with_the_newest_as_a_sample() {
        let run = |id: i64, class: &str, words: &str| json!({"id": id, "error_class": class, "error_details": words});
        let runs = json!([
            run(5, "net", "reset"),
            run(4, "", ""),
            run(3, "auth.bad_credentials", "b"),
            run(2, "auth.bad_credentials", "a"),
        ]);
        let told: Vec<_> =
            troubles(&runs).iter().map(|one| (one["count"].clone(), one["sample"].clone())).collect();
        assert_eq!(told, [(json!(2), json!("b")), (json!(1), json!("reset"))]);
    }

    #[test]
    fn folders_stand_below_their_parents_and_the_inbox_first() {
        let rows = ["Work/Old", "INBOX", "Work", "archive"].map(|path| json!({"source_path": path}));
        let names: Vec<_> =
            tree(&rows).iter().map(|row| (row["name"].clone(), row["depth"].clone())).collect();
        let expected = [("INBOX", 0), ("archive", 0), ("Work", 0), ("Old", 1)];
        assert_eq!(names, expected.map(|(name, depth)| (json!(name), json!(depth))));
    }
}
