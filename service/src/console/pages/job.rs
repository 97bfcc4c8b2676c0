//! One migration: where it stands, what keeps its gate shut, its mailboxes, and what can be done next.
//! Never offers a step that the phase does not have.

use axum::extract::Path;
use axum::http::Method;
use futures_util::future::try_join5;
use minijinja::context;
use serde_json::{Value, json};

use crate::console::form::{Form, Query};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::report::sentence;
use crate::console::view::go;
use crate::console::words::PHASES;
use crate::console::{Answer, chart, names, texts};

/// Mailboxes of one page.
const ROWS: i64 = 50;
/// Runs under way that are shown, at most.
const UNDER_WAY_MAX: usize = 12;

/// `GET /console/jobs/{id}`.
pub async fn show(member: Member, Path(id): Path<i64>, query: Query) -> Answer {
    page(&member, id, &query.0, None).await
}

/// The page, also with what went wrong with one of its forms.
async fn page(member: &Member, id: i64, query: &Form, problem: Option<&Problem>) -> Answer {
    let api = member.api();
    let status = crate::console::client::escaped(query.get("status"));
    let search = crate::console::client::escaped(query.get("q"));
    let cursor = crate::console::client::escaped(query.get("cursor"));
    let (job, gate, boxes, runs, timeline) = try_join5(
        api.read(&format!("/migration/jobs/{id}")),
        api.read(&format!("/migration/jobs/{id}/gate?history=true")),
        api.read(&format!(
            "/migration/jobs/{id}/mailboxes?limit={ROWS}&cursor={cursor}&status={status}&q={search}"
        )),
        api.read(&format!("/migration/jobs/{id}/runs?limit=200")),
        api.read(&format!("/migration/jobs/{id}/timeline")),
    )
    .await?;
    let format = &member.visitor.format;
    let active = runs["items"].as_array().into_iter().flatten();
    let active: Vec<&Value> =
        active.filter(|run| run["status"] == "running" || run["status"] == "queued").collect();
    let (cutover, passes) = after_the_gate(member, id, job["phase"].as_str().unwrap_or_default()).await?;
    let names = names::of(api, &[&job, &gate, &timeline, &cutover, &passes]).await?;
    let own = context! {
        names => names,
        cutover => cutover,
        passes => passes,
        steps => steps(&job),
        actions => actions(member, &job, active.len(), &passes),
        checks => checks(format, &gate),
        active_runs => active.len(),
        rate_bps => active.iter().filter_map(|run| run["rate_bps"].as_i64()).sum::<i64>(),
        eta_seconds => active.iter().filter_map(|run| run["eta_seconds"].as_i64()).max().unwrap_or(0),
        under_way => under_way(&active, &boxes),
        progress => progress(format, &gate),
        throughput => throughput(format, &runs),
        strip => chart::strip(format, &texts::plain(format, "chart-gates"), &states(&gate)),
        boxes => boxes,
        filters => format!("&status={status}&q={search}"),
        asked => context! { q => query.get("q"), status => query.get("status") },
        options => super::run_options::said(format, &job["options"]),
        gate => gate,
        timeline => timeline["items"],
        job => job,
    };
    Ok(member.page_with("job.html", problem, own))
}

/// What is known of DNS and of the final passes, in the phases in which that matters.
async fn after_the_gate(member: &Member, id: i64, phase: &str) -> Result<(Value, Value), Problem> {
    let api = member.api();
    let (dns, passes) = match phase {
        "cutover_ready" | "dns_cutover" => (true, false),
        "final_sync" | "verified" | "closed" => (true, true),
        _ => (false, false),
    };
    let cutover = match dns {
        true => api.read(&format!("/migration/jobs/{id}/dns/propagation")).await?,
        false => Value::Null,
    };
    let passes = match passes {
        true => api.read(&format!("/migration/jobs/{id}/final-passes")).await?,
        false => Value::Null,
    };
    Ok((cutover, passes))
}

/// Runs under way, as many as one looks at, each with its mailbox's name where the page knows it.
fn under_way(active: &[&Value], boxes: &Value) -> Vec<Value> {
    let known = boxes["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |run: &&Value| {
        let mailbox = known.iter().find(|mailbox| mailbox["id"] == run["mailbox_id"]);
        let mut run = (*run).clone();
        run["email"] = mailbox.map_or(Value::Null, |mailbox| mailbox["email"].clone());
        run
    };
    active.iter().take(UNDER_WAY_MAX).map(named).collect()
}

/// The phases with where the job stands in them: `done`, `now`, `next`; `stopped` is the one that it failed in.
pub(super) fn steps(job: &Value) -> Vec<Value> {
    let phase = job["phase"].as_str().unwrap_or_default();
    let has_failed = phase == "failed";
    let phase = if has_failed { job["phase_before_failure"].as_str().unwrap_or_default() } else { phase };
    let here = PHASES.iter().position(|known| *known == phase);
    let place = |at: usize| match here {
        Some(here) if at < here => "done",
        Some(here) if at == here && has_failed => "stopped",
        Some(here) if at == here => "now",
        _ => "next",
    };
    PHASES.iter().enumerate().map(|(at, name)| json!({"name": name, "place": place(at)})).collect()
}

/// What can be done now: the first is the next step, the others stand beside it.
fn actions(member: &Member, job: &Value, active_runs: usize, passes: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (phase, is_paused) = (job["phase"].as_str().unwrap_or_default(), job["is_paused"] == true);
    if member.may("can_approve_migration_gate") {
        let mut items = passes["items"].as_array().into_iter().flatten();
        match phase {
            "cutover_ready" => found.push("confirm-dns"),
            "final_sync" if items.any(|item| item["next"] == "not_verified") => found.push("accept-missing"),
            _ => (),
        }
    }
    if member.may("can_run_sync") {
        if is_paused {
            found.push("resume");
        } else {
            found.extend_from_slice(match phase {
                "discovered" => &["preflight"][..],
                "preflight" => &["initial", "preflight", "scan"],
                "initial_sync" => &["initial", "delta", "retry-errors"],
                "delta_sync" => &["delta", "retry-errors", "verify"],
                "cutover_ready" => &["delta", "verify"],
                "dns_cutover" | "final_sync" | "verified" => &["final", "verify"],
                _ => &[],
            });
            if phase != "closed" {
                found.push("pause");
            }
        }
        if active_runs > 0 {
            found.push("cancel");
        }
    }
    if member.may("can_close_migration") {
        match phase {
            "failed" => found.push("retry"),
            "verified" => found.push("close"),
            "closed" => (),
            _ => found.push("fail"),
        }
    }
    found
}

/// The checks, those that need somebody first, each with the mailboxes that keep it from passing.
fn checks(format: &crate::console::format::Format, gate: &Value) -> Vec<Value> {
    let mut checks: Vec<Value> = gate["checks"].as_array().cloned().unwrap_or_default();
    for check in &mut checks {
        let id = check["check_id"].clone();
        let offends = |own: &&Value| {
            let all = own["checks"].as_array().into_iter().flatten();
            all.into_iter().any(|one| one["check_id"] == id && one["status"] != "pass")
        };
        let boxes = gate["mailboxes"].as_array().into_iter().flatten().filter(offends);
        let boxes: Vec<&Value> = boxes.collect();
        let told = boxes.iter().take(10).map(|own| {
            let all = own["checks"].as_array().into_iter().flatten();
            let message = all.into_iter().find(|one| one["check_id"] == id).map(|one| sentence(format, one));
            json!({
                "mailbox_id": own["mailbox_id"], "email": own["email"], "message": message, "counts": own["counts"],
            })
        });
        let told: Vec<Value> = told.collect();
        check["message"] = sentence(format, check).into();
        check["boxes"] = json!(told);
        check["boxes_more"] = json!(boxes.len().saturating_sub(10));
    }
    let order = |check: &Value| match check["status"].as_str() {
        Some("fail") => 0,
        Some("warn") => 1,
        _ => 2,
    };
    checks.sort_by_key(order);
    checks
}

fn past(gate: &Value) -> Vec<&Value> {
    let mut rows: Vec<&Value> = gate["history"].as_array().into_iter().flatten().collect();
    rows.sort_by_key(|row| row["evaluated_at"].as_str().unwrap_or_default().to_owned());
    rows
}

/// What was there of what should be, each time the gate was looked at.
fn progress(format: &crate::console::format::Format, gate: &Value) -> minijinja::Value {
    let points = past(gate).into_iter().map(|row| chart::Point {
        at: row["evaluated_at"].as_str().unwrap_or_default().to_owned(),
        value: row["sync_percent"].as_f64().unwrap_or(0.0),
        of: Some(100.0),
    });
    let points: Vec<chart::Point> = points.collect();
    chart::line(format, &texts::plain(format, "chart-progress"), &points, chart::Unit::Percent)
}

/// Octets of each run that has ended, by when it did.
fn throughput(format: &crate::console::format::Format, runs: &Value) -> minijinja::Value {
    let mut points: Vec<chart::Point> = runs["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|run| run["finished_at"].as_str().is_some_and(|at| !at.is_empty()))
        .filter(|run| run["bytes_done"].as_i64().unwrap_or(0) > 0)
        .map(|run| chart::Point {
            at: run["finished_at"].as_str().unwrap_or_default().to_owned(),
            value: run["bytes_done"].as_f64().unwrap_or(0.0),
            of: None,
        })
        .collect();
    points.sort_by(|one, other| one.at.cmp(&other.at));
    chart::line(format, &texts::plain(format, "chart-run-bytes"), &points, chart::Unit::Bytes)
}

fn states(gate: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    past(gate).into_iter().map(|row| (text(row, "evaluated_at"), text(row, "migration_gate"))).collect()
}

/// `POST /console/jobs/{id}/act`: one button of the page.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    if let Some(page) = member.unproven(&form).await {
        return Ok(page);
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let reason = json!({"reason": form.get("reason")});
    let sync = |kind: &str, only_errors: bool| {
        let mut body = json!({"type": kind, "only_errors": only_errors});
        if form.has("confirm") {
            body["confirm"] = form.get("confirm").into();
        }
        ("sync", body, "run-started")
    };
    let (path, body, done) = match form.get("action") {
        "preflight" => ("preflight", json!({"depth": "login"}), "run-started"),
        "scan" => ("preflight", json!({"depth": "scan"}), "run-started"),
        "initial" => sync("initial", false),
        "delta" => sync("delta", false),
        "final" => sync("final", false),
        "retry-errors" => sync("delta", true),
        "verify" => ("verify", json!({}), "run-started"),
        "pause" => ("pause", reason, "job-paused"),
        "resume" => ("resume", reason, "job-resumed"),
        "cancel" => ("cancel", reason, "job-cancelled"),
        "fail" => ("fail", reason, "job-failed"),
        "retry" => ("retry", reason, "job-retried"),
        "evaluate" => ("gate/evaluate", json!({}), "gate-evaluated"),
        "approve" => ("approve-gate", approval(&form), "gate-approved"),
        "revoke" => ("revoke-approval", reason, "gate-revoked"),
        "reject" => ("reject-gate", reason, "gate-rejected"),
        "close" => ("close", closing(&form), "job-closed"),
        "confirm-dns" => ("dns/confirm", confirmation(&form), "dns-confirmed"),
        "accept-missing" => {
            let body = json!({"confirm": form.get("confirm"), "reason": form.get("reason")});
            ("verify/accept", body, "missing-accepted")
        }
        _ => return Err(Problem::of_form()),
    };
    match api.send(Method::POST, &format!("/migration/jobs/{id}/{path}"), &body).await {
        Ok(_) => Ok(go(&format!("/console/jobs/{id}"), done)),
        Err(problem) if problem.asks_for_proof() => Ok(member.asks_for_proof(&form, None)),
        Err(problem) => page(&member, id, &Form::default(), Some(&problem)).await,
    }
}

fn approval(form: &Form) -> Value {
    let accepted: Vec<&str> = form.all("accept").collect();
    json!({"snapshot_hash": form.get("snapshot_hash"), "accepted_warnings": accepted, "comment": form.get("comment")})
}

fn confirmation(form: &Form) -> Value {
    let hosts: Vec<&str> =
        form.get("expected_mx").split(['\n', '\r', ' ', ',']).filter(|host| !host.is_empty()).collect();
    let mut body = json!({"confirm": form.get("confirm")});
    if !hosts.is_empty() {
        body["expected_mx"] = json!(hosts);
    }
    if form.has("vouch_reason") {
        body["vouch_reason"] = form.get("vouch_reason").into();
    }
    body
}

fn closing(form: &Form) -> Value {
    let mut body = json!({"confirm": form.get("confirm")});
    if form.has("reason") {
        body["waive_straggler_reason"] = form.get("reason").into();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_migration_shows_what_was_done_and_where_it_stopped() {
        for (phase, before, expected) in [
            ("discovered", "", "now next next"),
            ("initial_sync", "", "done done now"),
            ("failed", "preflight", "done stopped next"),
            ("failed", "", "next next next"),
        ] {
            let job = json!({ "phase": phase, "phase_before_failure": before });
            let places: Vec<_> = steps(&job).iter().take(3).map(|step| step["place"].clone()).collect();
            let expected: Vec<_> = expected.split(' ').map(Value::from).collect();
            assert_eq!(places, expected, "{phase} after {before}");
        }
    }
}
