//! The wizard's fourth step: what every run is told, and by which rhythm the mail that still comes is fetched.
//! Never fires anything, and never keeps what was only looked at.

use axum::extract::Path;
use axum::http::Method;
use minijinja::context;
use serde_json::{Map, Value, json};

use super::run_options;
use super::schedule::{RHYTHMS, kept, wanted};
use crate::console::Answer;
use crate::console::client::{Told, escaped};
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::{FieldProblem, Problem};
use crate::console::rhythm;
use crate::console::view::go;

/// What is proposed: every six hours.
const PROPOSED: [(&str, &str); 3] = [("rhythm", "six-hours"), ("skip", "1"), ("enabled", "1")];
/// What is kept where nothing shall begin by itself.
const STILL: &str = "rhythm=six-hours&skip=1";
/// What is chosen where nothing shall begin by itself.
const BY_HAND: &str = "by-hand";
/// Options that are folded in, until one of them is set or wrong.
const FOLDED: [&str; 9] = [
    "folder_map",
    "folders",
    "into",
    "size_bytes_max",
    "connections",
    "content",
    "unreadable",
    "accept_damage",
    "repair",
];

/// `GET /console/jobs/{id}/options`: what is kept, or the proposal.
pub async fn show(member: Member, Path(id): Path<i64>) -> Answer {
    let schedule = kept(&member, id).await?.map(|told| told.json);
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    let mut typed = run_options::typed(&job["options"]);
    let chosen = match &schedule {
        Some(schedule) if schedule["enabled"] == false => json!({"rhythm": BY_HAND, "skip": "1"}),
        Some(schedule) => super::schedule::as_typed(Some(schedule)),
        None => PROPOSED.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect(),
    };
    typed.extend(chosen.as_object().cloned().unwrap_or_default());
    let zone = schedule.as_ref().and_then(|one| one["timezone"].as_str()).map(str::to_owned);
    page(&member, &job, None, &Form::of(&Value::Object(typed)), zone).await
}

/// When a form's rhythm would fire; nothing where it is by hand, or nobody here may ask.
async fn looked(member: &Member, form: &Form, zone: &str) -> Result<Value, Problem> {
    if form.get("rhythm") == BY_HAND || !member.may("can_manage_schedules") {
        return Ok(Value::Null);
    }
    let cron = wanted(form, zone)["cron"].as_str().map(escaped).unwrap_or_default();
    let (zone, from, to) = (escaped(zone), escaped(form.get("from")), escaped(form.get("to")));
    let path = format!("/schedule-preview?cron={cron}&timezone={zone}&from={from}&to={to}");
    member.api().read(&path).await
}

/// What is wrong with the rhythm of a form.
fn schedule_faults(problem: &Problem) -> Vec<FieldProblem> {
    let is_of = |one: &&FieldProblem| ["cron", "window", "timezone"].contains(&one.field.as_str());
    problem.errors.iter().filter(is_of).cloned().collect()
}

/// True where a folded option is set, or is what is wrong.
pub(super) fn is_open(options: &Value, problem: Option<&Problem>) -> bool {
    let is_wrong = |name: &str| problem.is_some_and(|problem| problem.is_of(name));
    FOLDED.iter().any(|name| !options[*name].is_null() || is_wrong(name))
}

async fn page(
    member: &Member,
    job: &Value,
    problem: Option<&Problem>,
    form: &Form,
    zone: Option<String>,
) -> Answer {
    let zone = zone.unwrap_or_else(|| member.visitor.format.zone_name.clone());
    let (mut seen, mut wrong) = (Value::Null, None);
    // What is wrong with the rest of the form says nothing of the rhythm.
    if problem.is_none_or(|problem| schedule_faults(problem).is_empty()) {
        match looked(member, form, &zone).await {
            Ok(told) => seen = told,
            // What cannot be read is said beside its field.
            Err(told) => wrong = Some(told),
        }
    }
    let in_words = rhythm::words(&member.visitor.format, seen["cron"].as_str().unwrap_or_default());
    let own = context! {
        job => job,
        rhythms => RHYTHMS.map(|(name, _)| name),
        by_hand => BY_HAND,
        seen => seen,
        in_words => in_words,
        chosen_zone => zone,
        has_options => run_options::offered(member, job),
        has_schedule => member.may("can_manage_schedules") && job["phase"] != "closed",
        options_open => is_open(&job["options"], problem),
        schedule_faults => problem.or(wrong.as_ref()).map(schedule_faults).unwrap_or_default(),
        typed => form.shown(),
    };
    Ok(member.page_with("options.html", problem.or(wrong.as_ref()), own))
}

/// `POST /console/jobs/{id}/options`: looked at, or kept on the way to the preflight.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let zone = form.get("zone").to_owned();
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    if form.get("step") != "keep" {
        return page(&member, &job, None, &form, Some(zone)).await;
    }
    match keep(&member, &job, &form, &zone).await {
        Ok(done) => Ok(go(&format!("/console/jobs/{id}"), done)),
        Err(problem) => page(&member, &job, Some(&problem), &form, Some(zone)).await,
    }
}

/// Keeps what the form holds of what this visitor may keep; what is wrong with the rhythm is found before anything is.
async fn keep(member: &Member, job: &Value, form: &Form, zone: &str) -> Result<&'static str, Problem> {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    looked(member, form, zone).await?;
    // What was offered is asked for, also where the migration went on meanwhile: the refusal is told.
    if form.has("seen") {
        run_options::keep(&api, job, form).await?;
    }
    if !form.has("rhythm") {
        return Ok("saved");
    }
    let id = job["id"].as_i64().unwrap_or_default();
    let before = kept(member, id).await?;
    let seen = before.as_ref().map(Told::version).unwrap_or_default();
    let (body, done) = if form.get("rhythm") == BY_HAND {
        // A migration without any schedule is given one after its first copies: this one is kept and does not fire.
        (wanted(&Form::parse(STILL.as_bytes()), zone), "schedule-still")
    } else {
        (wanted(form, zone), "schedule-kept")
    };
    api.change(Method::PUT, &format!("/migration/jobs/{id}/schedule"), seen, &body).await.map(|_| done)
}

/// `GET /console/jobs/{id}/edit`: what was said of a migration as it was registered, and what every run is told.
pub async fn edit(member: Member, Path(id): Path<i64>) -> Answer {
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    let mut typed = run_options::typed(&job["options"]);
    for name in ["source_server_label", "dest_imap_host", "notes"] {
        typed.insert(name.to_owned(), job[name].clone());
    }
    let ticket = job["ticket_id"].as_i64().map(|ticket| ticket.to_string()).unwrap_or_default();
    typed.insert("ticket_id".to_owned(), ticket.into());
    Ok(editor(&member, &job, None, Value::Object(typed)))
}

fn editor(member: &Member, job: &Value, problem: Option<&Problem>, typed: Value) -> axum::response::Response {
    let own = context! {
        job => job,
        has_options => run_options::may_change(job),
        options_open => is_open(&job["options"], problem),
        typed => typed,
    };
    member.page_with("edit.html", problem, own)
}

/// `POST /console/jobs/{id}/edit`.
pub async fn save(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/migration/jobs/{id}");
    let job = api.read(&path).await?;
    let asked = match change(&form, &job) {
        Ok(body) => {
            let seen = format!("\"{}\"", form.get("seen"));
            api.change(Method::PATCH, &path, &seen, &Value::Object(body)).await
        }
        Err(problem) => Err(problem),
    };
    match asked {
        Ok(_) => Ok(go(&format!("/console/jobs/{id}"), "saved")),
        Err(problem) => Ok(editor(&member, &job, Some(&problem), form.shown())),
    }
}

/// What a form changes of a job, as the API takes it.
fn change(form: &Form, job: &Value) -> Result<Map<String, Value>, Problem> {
    let mut body = Map::new();
    for name in ["source_server_label", "notes"] {
        body.insert(name.to_owned(), form.get(name).into());
    }
    if form.has("ticket_id") {
        let ticket = form.get("ticket_id").parse::<i64>();
        let ticket = ticket.map_err(|_| Problem::of_field("ticket_id", "a whole number"))?;
        body.insert("ticket_id".to_owned(), ticket.into());
    }
    // What was offered is asked for, also where the migration went on meanwhile: the refusal is told.
    if run_options::may_change(job) || form.has("flags") {
        body.insert("dest_imap_host".to_owned(), form.get("dest_imap_host").into());
        body.insert("options".to_owned(), run_options::wanted(form, &job["options"])?);
    }
    Ok(body)
}
