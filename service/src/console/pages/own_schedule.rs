//! When one mailbox's deltas run by themselves: by its migration's schedule, by its own, or not at all.
//! Never fires anything, and never takes a schedule away that is not this mailbox's own.

use axum::extract::Path;
use axum::http::Method;
use minijinja::context;
use serde_json::{Value, json};

use super::schedule::{RHYTHMS, as_typed, kept as kept_of_job, wanted};
use crate::console::client::Told;
use crate::console::form::Form;
use crate::console::format::Format;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::view::go;
use crate::console::{Answer, chart, rhythm, texts};

/// The choice of going by the migration's schedule.
const OF_JOB: &str = "of-job";
/// The choice of going by none.
const BY_HAND: &str = "by-hand";
/// The pattern that a schedule has which is kept to fire never.
const PATTERN_UNUSED: &str = "0 */6 * * *";

async fn kept(member: &Member, id: i64) -> Result<Option<Told>, Problem> {
    match member.api().get(&format!("/migration/mailboxes/{id}/schedule")).await {
        Ok(told) => Ok(Some(told)),
        Err(problem) if problem.status.as_u16() == 404 => Ok(None),
        Err(problem) => Err(problem),
    }
}

/// What a mailbox goes by, for its page: whose schedule that is, its words, and the next time.
///
/// # Errors
/// The API's refusal.
pub(super) async fn told(member: &Member, id: i64, job: i64) -> Result<Value, Problem> {
    let (schedule, choice) = match kept(member, id).await? {
        Some(own) if own.json["enabled"] == true => (Some(own.json), "own"),
        Some(_) => (None, BY_HAND),
        None => (kept_of_job(member, job).await?.map(|told| told.json), OF_JOB),
    };
    let cron = schedule.as_ref().and_then(|one| one["cron"].as_str()).unwrap_or_default();
    let words = rhythm::words(&member.visitor.format, cron).unwrap_or_else(|| cron.to_owned());
    let next = schedule.as_ref().map(|one| one["next"][0].clone());
    Ok(json!({"choice": choice, "words": words, "next": next}))
}

/// What its runs waited because a server asked for it, as a picture; and how much that was in all.
///
/// # Errors
/// The API's refusal.
pub(super) async fn waits(member: &Member, id: i64) -> Result<(minijinja::Value, Value), Problem> {
    let told = member.api().read(&format!("/migration/mailboxes/{id}/throttling?window=24h")).await?;
    Ok((picture(&member.visitor.format, &told), told))
}

fn picture(format: &Format, told: &Value) -> minijinja::Value {
    let series = told["series"].as_array().into_iter().flatten();
    let points = series.filter_map(|one| {
        let at = one["at"].as_str()?.to_owned();
        Some(chart::Point { at, value: one["waited_ms"].as_f64()? / 1000.0, of: None })
    });
    let mut points: Vec<chart::Point> = points.collect();
    // A day in which nobody waited has no picture.
    if points.iter().all(|point| point.value == 0.0) {
        points.clear();
    }
    chart::line(format, &texts::plain(format, "chart-waits"), &points, chart::Unit::Seconds)
}

/// `GET /console/mailboxes/{mid}/schedule`.
pub async fn show(member: Member, Path(id): Path<i64>) -> Answer {
    page(&member, id, None, &Form::default()).await
}

async fn page(member: &Member, id: i64, problem: Option<&Problem>, form: &Form) -> Answer {
    let api = member.api();
    let mailbox = api.read(&format!("/migration/mailboxes/{id}")).await?;
    let job_id = mailbox["job_id"].as_i64().unwrap_or_default();
    let job = api.read(&format!("/migration/jobs/{job_id}")).await?;
    let own = kept(member, id).await?.map(|told| told.json);
    let typed = if problem.is_some() { form.shown() } else { typed(own.as_ref()) };
    let rhythms = [OF_JOB].into_iter().chain(RHYTHMS.map(|(name, _)| name)).chain(["own", BY_HAND]);
    let view = context! {
        told => told(member, id, job_id).await?,
        next => own.filter(|one| one["enabled"] == true).map(|one| one["next"].clone()),
        rhythms => rhythms.collect::<Vec<_>>(),
        job => job,
        mailbox => mailbox,
        typed => typed,
    };
    Ok(member.page_with("own_schedule.html", problem, view))
}

/// What the form shows of what is kept.
fn typed(own: Option<&Value>) -> Value {
    let mut typed = as_typed(own);
    match own {
        None => typed["rhythm"] = json!(OF_JOB),
        Some(one) if one["enabled"] != true => typed["rhythm"] = json!(BY_HAND),
        Some(_) => {}
    }
    typed
}

/// The form as the API takes it; nothing where the mailbox is to go by its migration's schedule.
fn asked(form: &Form, zone: &str) -> Option<Value> {
    let mut body = wanted(form, zone);
    match form.get("rhythm") {
        OF_JOB => return None,
        BY_HAND => {
            body = json!({"cron": PATTERN_UNUSED, "timezone": zone, "enabled": false});
        }
        _ => body["enabled"] = json!(true),
    }
    Some(body)
}

/// `POST /console/mailboxes/{mid}/schedule/act`.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/migration/mailboxes/{id}/schedule");
    let zone = member.visitor.format.zone_name.clone();
    let done = match (kept(&member, id).await?, asked(&form, &zone)) {
        (None, None) => Ok("schedule-kept"),
        (Some(_), None) => api.send(Method::DELETE, &path, &json!({})).await.map(|_| "schedule-kept"),
        (seen, Some(body)) => {
            let seen = seen.as_ref().map(Told::version).unwrap_or_default();
            api.change(Method::PUT, &path, seen, &body).await.map(|_| "schedule-kept")
        }
    };
    match done {
        Ok(done) => Ok(go(&format!("/console/mailboxes/{id}"), done)),
        Err(problem) => page(&member, id, Some(&problem), &form).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::language::Language;

    #[test]
    fn a_choice_goes_into_what_the_api_takes_and_back_into_the_form() {
        assert_eq!(asked(&Form::parse(b"rhythm=of-job&cron=1+1+1+1+1"), "UTC"), None);
        for (form, enabled, rhythm) in [
            (&b"rhythm=by-hand&from=22:00&to=06:00"[..], false, "by-hand"),
            (b"rhythm=night&skip=1", true, "night"),
            (b"rhythm=own&cron=5+4+*+*+*", true, "own"),
        ] {
            let body = asked(&Form::parse(form), "UTC").unwrap();
            assert_eq!((&body["enabled"], &typed(Some(&body))["rhythm"]), (&json!(enabled), &json!(rhythm)));
        }
        assert_eq!(typed(None)["rhythm"], json!("of-job"));
    }

    #[test]
    fn waits_are_drawn_in_seconds_with_a_table_and_none_are_no_picture() {
        let format = Format::new(Language::English, "UTC", 0);
        let one = |at: &str, waited: i64| json!({"at": at, "waited_ms": waited});
        let told = json!({"series": [one("1970-01-01T00:00:00Z", 0), one("1970-01-01T01:00:00Z", 90_000)]});
        let html = picture(&format, &told).to_string();
        assert!(html.contains("<svg") && html.contains("<td class=\"n\">1\u{a0}min</td>"), "{html}");
        let none = json!({"series": [one("1970-01-01T00:00:00Z", 0)]});
        assert!(!picture(&format, &none).to_string().contains("<svg"));
    }
}
