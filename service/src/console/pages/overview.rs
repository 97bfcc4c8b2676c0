//! The first page: what moves, what waits for somebody, what is wrong, and whether the machine is well.
//! Never more than the API's numbers put side by side.

use futures_util::future::try_join5;
use minijinja::context;
use minijinja::value::Value as View;
use serde_json::{Value, json};

use super::control::waits_for_dns;
use super::jobs::all_jobs;
use crate::console::chart;
use crate::console::client::escaped;
use crate::console::format::Format;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::words::PHASES;
use crate::console::{Answer, texts};

/// Jobs of the list below the tiles, at most.
const SHOWN_MAX: usize = 12;
/// Classes of errors that are drawn, at most.
const CLASSES_MAX: usize = 10;

/// `GET /console`.
pub async fn show(member: Member) -> Answer {
    let api = member.api();
    let (day, week, jobs, consents, throttled) = try_join5(
        api.read("/migration/metrics?window=24h"),
        api.read("/migration/metrics?window=7d"),
        all_jobs(api),
        consents(&member),
        throttled(&member),
    )
    .await?;
    if jobs.is_empty() {
        return Ok(member.page("overview.html", context! { is_empty => true }));
    }
    let format = &member.visitor.format;
    let open: Vec<&Value> = jobs.iter().filter(|job| job["phase"] != "closed").collect();
    let mut active: Vec<&Value> = open.clone();
    active.sort_by_key(|job| std::cmp::Reverse(job["updated_at"].as_str().unwrap_or_default().to_owned()));
    active.truncate(SHOWN_MAX);
    let own = context! {
        is_empty => false,
        day => day,
        week => week,
        active => active,
        open_jobs => open.len(),
        waiting => waiting(&open, &consents),
        throttled => throttled,
        is_disk_low => is_disk_low(&day["disk"]),
        gates => counted(&day["jobs_by_gate"], &["ready_for_dns", "warning", "blocked"]),
        boxes => counted(&day["mailboxes_by_status"], &["ok", "syncing", "pending", "quarantine", "error"]),
        funnel => funnel(format, &day["jobs_by_phase"]),
        errors => errors(format, &day["errors_by_class"]),
        throughput => throughput(format, &day),
        workers => workers(format, &day["workers"]),
    };
    Ok(member.page("overview.html", own))
}

fn counted(map: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({"name": name, "count": map[*name].as_i64().unwrap_or(0)})).collect()
}

/// Credentials that wait for a consent, where the visitor looks after them.
async fn consents(member: &Member) -> Result<Vec<Value>, Problem> {
    if !member.may("can_manage_credentials") {
        return Ok(Vec::new());
    }
    let kept = member.api().read_if_there("/credentials?at_servers=true&limit=200").await?;
    let kept = kept.and_then(|all| all["items"].as_array().cloned()).unwrap_or_default();
    let waits = |one: &Value| matches!(one["status"].as_str(), Some("waiting" | "needs_consent"));
    Ok(kept.into_iter().filter(waits).collect())
}

/// Mailboxes that wait for a provider's next day.
async fn throttled(member: &Member) -> Result<i64, Problem> {
    let quota = member.api().read_if_there("/quota").await?;
    let rows = quota.as_ref().and_then(|all| all["items"].as_array()).into_iter().flatten();
    Ok(rows.filter_map(|row| row["waiting"].as_i64()).sum())
}

/// True where less is free than an upload would leave, twice over.
fn is_disk_low(disk: &Value) -> bool {
    let number = |name: &str| disk[name].as_u64();
    number("free_bytes").zip(number("reserve_bytes")).is_some_and(|(free, reserve)| free / 2 < reserve)
}

/// What somebody has to do, the gravest first: each with its job and the page where it is done.
fn waiting(open: &[&Value], consents: &[Value]) -> Vec<Value> {
    let mut found = Vec::new();
    for one in consents {
        let id = escaped(one["id"].as_str().unwrap_or_default());
        found.push(json!({
            "kind": "consent", "count": 0, "domain": one["name"], "href": format!("/console/credentials/{id}")
        }));
    }
    for job in open {
        let (id, domain) = (&job["id"], &job["domain"]);
        let mut add = |kind: &str, count: i64, place: String| {
            found.push(json!({"kind": kind, "count": count, "domain": domain, "href": place}));
        };
        let quarantine = job["open_quarantine"].as_i64().unwrap_or(0);
        if job["phase"] == "failed" {
            add("failed", 0, format!("/console/jobs/{id}"));
        }
        let errors = job["by_status"]["error"].as_i64().unwrap_or(0);
        if errors > 0 && job["phase"] != "failed" {
            add("errors", errors, format!("/console/jobs/{id}?status=error#mailboxes"));
        }
        if quarantine > 0 {
            add("quarantine", quarantine, format!("/console/jobs/{id}/quarantine"));
        }
        if job["migration_gate"] == "warning" && waits_for_dns(job) {
            add("approval", 0, format!("/console/jobs/{id}#gate"));
        }
        if job["mailboxes_total"] == 0 {
            add("mailboxes", 0, format!("/console/jobs/{id}/mailboxes/new"));
        }
        if job["is_paused"] == true {
            add("paused", 0, format!("/console/jobs/{id}"));
        }
    }
    let order = ["failed", "errors", "consent", "quarantine", "approval", "mailboxes", "paused"];
    found.sort_by_key(|one| order.iter().position(|kind| one["kind"] == *kind));
    found
}

fn funnel(format: &Format, phases: &Value) -> View {
    let rows = PHASES.iter().chain(&["failed"]).map(|phase| {
        let count = phases[*phase].as_f64().unwrap_or(0.0);
        chart::Bar::new(texts::word(format.language, "phase", phase), count)
    });
    chart::bars(format, &texts::plain(format, "chart-funnel"), &rows.collect::<Vec<_>>(), chart::Unit::Count)
}

fn errors(format: &Format, classes: &Value) -> View {
    let mut rows: Vec<chart::Bar> = classes
        .as_object()
        .into_iter()
        .flatten()
        .map(|(class, count)| {
            let word = texts::word(format.language, "class", class);
            chart::Bar::new(word, count.as_f64().unwrap_or(0.0))
        })
        .collect();
    rows.sort_by(|one, other| other.value.total_cmp(&one.value));
    rows.truncate(CLASSES_MAX);
    chart::bars(format, &texts::plain(format, "chart-errors"), &rows, chart::Unit::Count)
}

/// The API's series of octets by time, where it has one.
fn throughput(format: &Format, metrics: &Value) -> View {
    let series = metrics["throughput_series"].as_array().into_iter().flatten();
    let mut points: Vec<chart::Point> = series
        .filter_map(|one| {
            let at = one["at"].as_str()?.to_owned();
            Some(chart::Point { at, value: one["bytes"].as_f64()?, of: None })
        })
        .collect();
    // A day in which nothing moved has no picture.
    if points.iter().all(|point| point.value == 0.0) {
        points.clear();
    }
    chart::line(format, &texts::plain(format, "chart-throughput"), &points, chart::Unit::Bytes)
}

/// Workers that were heard of within two minutes are well.
fn workers(format: &Format, rows: &Value) -> Vec<Value> {
    let rows = rows.as_array().cloned().unwrap_or_default();
    rows.into_iter()
        .map(|mut row| {
            let seconds = format.seconds_since(row["seen_at"].as_str().unwrap_or_default());
            row["is_well"] = json!(seconds.is_some_and(|seconds| seconds < 120));
            row
        })
        .collect()
}
