//! The wizard's fourth step: by which rhythm the mail that still comes is fetched, seen before it is kept.
//! Never fires anything, and never keeps what was only looked at.

use axum::extract::Path;
use axum::http::Method;
use minijinja::context;
use serde_json::{Value, json};

use super::schedule::{RHYTHMS, kept, wanted};
use crate::console::Answer;
use crate::console::client::{Told, escaped};
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::rhythm;
use crate::console::view::go;

/// What is proposed: every six hours.
const PROPOSED: &str = "rhythm=six-hours&skip=1&enabled=1";
/// What is kept where nothing shall begin by itself.
const STILL: &str = "rhythm=six-hours&skip=1";
/// What is chosen where nothing shall begin by itself.
const BY_HAND: &str = "by-hand";

/// `GET /console/jobs/{id}/options`: the schedule that is kept, or the proposal.
pub async fn show(member: Member, Path(id): Path<i64>) -> Answer {
    let schedule = kept(&member, id).await?.map(|told| told.json);
    let form = match &schedule {
        Some(schedule) if schedule["enabled"] == false => Form::of(&json!({"rhythm": BY_HAND, "skip": "1"})),
        Some(schedule) => Form::of(&super::schedule::as_typed(Some(schedule))),
        None => Form::parse(PROPOSED.as_bytes()),
    };
    let zone = schedule.as_ref().and_then(|one| one["timezone"].as_str()).map(str::to_owned);
    page(&member, id, None, &form, zone).await
}

async fn page(
    member: &Member,
    id: i64,
    problem: Option<&Problem>,
    form: &Form,
    zone: Option<String>,
) -> Answer {
    let job = member.api().read(&format!("/migration/jobs/{id}")).await?;
    let zone = zone.unwrap_or_else(|| member.visitor.format.zone_name.clone());
    let (mut seen, mut wrong) = (Value::Null, None);
    if problem.is_none() && form.get("rhythm") != BY_HAND {
        let cron = wanted(form, &zone)["cron"].as_str().map(escaped).unwrap_or_default();
        let (zone, from, to) = (escaped(&zone), escaped(form.get("from")), escaped(form.get("to")));
        let path = format!("/schedule-preview?cron={cron}&timezone={zone}&from={from}&to={to}");
        match member.api().read(&path).await {
            Ok(told) => seen = told,
            // A visitor who may not keep a schedule sees none; what cannot be read is said beside its field.
            Err(told) if told.status.as_u16() == 403 => (),
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
        typed => form.shown(),
    };
    Ok(member.page_with("options.html", problem.or(wrong.as_ref()), own))
}

/// `POST /console/jobs/{id}/options`: looked at, or kept on the way to the preflight.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let zone = form.get("zone").to_owned();
    if form.get("step") != "keep" {
        return page(&member, id, None, &form, Some(zone)).await;
    }
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/migration/jobs/{id}/schedule");
    let before = kept(&member, id).await?;
    let seen = before.as_ref().map(Told::version).unwrap_or_default();
    let (body, done) = if form.get("rhythm") == BY_HAND {
        // A migration without any schedule is given one after its first copies: this one is kept and does not fire.
        (wanted(&Form::parse(STILL.as_bytes()), &zone), "schedule-still")
    } else {
        (wanted(&form, &zone), "schedule-kept")
    };
    match api.change(Method::PUT, &path, seen, &body).await {
        Ok(_) => Ok(go(&format!("/console/jobs/{id}"), done)),
        Err(problem) => page(&member, id, Some(&problem), &form, Some(zone)).await,
    }
}
