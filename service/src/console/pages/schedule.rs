//! When a migration's deltas run by themselves: a rhythm in words, its hours, and the next five times.
//! Never fires anything, and never guesses a pattern: what the API cannot read is said beside its field.

use axum::extract::Path;
use axum::http::Method;
use minijinja::context;
use serde_json::{Value, json};

use crate::console::Answer;
use crate::console::client::Told;
use crate::console::form::Form;
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::rhythm;
use crate::console::view::go;

/// Rhythms that have words, each with its pattern (minute, hour, day, month, weekday).
pub const RHYTHMS: [(&str, &str); 5] = [
    ("hourly", "0 * * * *"),
    ("six-hours", "0 */6 * * *"),
    ("evening", "0 22 * * *"),
    ("night", "0 2 * * *"),
    ("workdays", "0 20 * * 1-5"),
];
/// Firings of the past that are shown, at most.
const SHOWN_MAX: usize = 20;

/// `GET /console/jobs/{id}/schedule`.
pub async fn show(member: Member, Path(id): Path<i64>) -> Answer {
    page(&member, id, None, &Form::default()).await
}

/// The schedule as it is kept; nothing where there is none.
pub(super) async fn kept(member: &Member, id: i64) -> Result<Option<Told>, Problem> {
    match member.api().get(&format!("/migration/jobs/{id}/schedule")).await {
        Ok(told) => Ok(Some(told)),
        Err(problem) if problem.status.as_u16() == 404 => Ok(None),
        Err(problem) => Err(problem),
    }
}

async fn page(member: &Member, id: i64, problem: Option<&Problem>, form: &Form) -> Answer {
    let api = member.api();
    let job = api.read(&format!("/migration/jobs/{id}")).await?;
    let schedule = kept(member, id).await?.map(|told| told.json);
    let fired = match &schedule {
        Some(_) => api.read_if_there(&format!("/migration/jobs/{id}/schedule/executions")).await?,
        None => None,
    };
    let fired = fired.and_then(|all| all["items"].as_array().cloned()).unwrap_or_default();
    let typed = if problem.is_some() { form.shown() } else { as_typed(schedule.as_ref()) };
    let own = context! {
        job => job,
        in_words => schedule.as_ref().and_then(|one| {
            rhythm::words(&member.visitor.format, one["cron"].as_str().unwrap_or_default())
        }),
        schedule => schedule,
        rhythms => RHYTHMS.map(|(name, _)| name),
        fired => fired.into_iter().take(SHOWN_MAX).collect::<Vec<_>>(),
        typed => typed,
    };
    Ok(member.page_with("schedule.html", problem, own))
}

/// The word for a pattern; `own` for one that somebody wrote.
fn rhythm_named(pattern: &str) -> &'static str {
    RHYTHMS.iter().find(|(_, known)| *known == pattern).map_or("own", |(name, _)| name)
}

/// What the form shows of a schedule that is kept.
pub(super) fn as_typed(schedule: Option<&Value>) -> Value {
    let Some(one) = schedule else { return json!({"rhythm": "six-hours", "skip": "1", "enabled": "1"}) };
    let tick = |name: &str| if one[name] == true { "1" } else { "" };
    json!({
        "rhythm": rhythm_named(one["cron"].as_str().unwrap_or_default()), "cron": one["cron"],
        "from": one["window"]["from"].as_str().unwrap_or_default(),
        "to": one["window"]["to"].as_str().unwrap_or_default(),
        "enabled": tick("enabled"), "skip": tick("skip_if_running"),
    })
}

/// `POST /console/jobs/{id}/schedule/act`: kept anew, or taken away.
pub async fn act(member: Member, Path(id): Path<i64>, form: Form) -> Answer {
    let api = member.api().clone().with_csrf(form.get("csrf"));
    let path = format!("/migration/jobs/{id}/schedule");
    let asked = match form.get("action") {
        "remove" => api.send(Method::DELETE, &path, &json!({})).await.map(|_| "schedule-removed"),
        "keep" => {
            let zone = member.visitor.format.zone_name.clone();
            let seen = kept(&member, id).await?;
            let seen = seen.as_ref().map(Told::version).unwrap_or_default();
            api.change(Method::PUT, &path, seen, &wanted(&form, &zone)).await.map(|_| "schedule-kept")
        }
        _ => Err(Problem::of_form()),
    };
    match asked {
        Ok(done) => Ok(go(&format!("/console/jobs/{id}/schedule"), done)),
        Err(problem) => page(&member, id, Some(&problem), &form).await,
    }
}

/// The form as the API takes it; the zone is the one that the visitor reads all times in.
pub(super) fn wanted(form: &Form, zone: &str) -> Value {
    let known = RHYTHMS.iter().find(|(name, _)| *name == form.get("rhythm"));
    let mut body = json!({
        "cron": known.map_or(form.get("cron"), |(_, pattern)| pattern), "timezone": zone,
        "enabled": form.has("enabled"), "skip_if_running": form.has("skip"),
    });
    if form.has("from") || form.has("to") {
        body["window"] = json!({"from": form.get("from"), "to": form.get("to")});
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_in_words_outweighs_what_stands_in_the_field_for_ones_own() {
        let form = Form::parse(b"rhythm=night&cron=1+1+1+1+1&enabled=1&from=22:00&to=06:00");
        let body = wanted(&form, "UTC");
        assert_eq!((&body["cron"], &body["enabled"]), (&json!("0 2 * * *"), &json!(true)));
        assert_eq!(body["window"], json!({"from": "22:00", "to": "06:00"}));
        let own = wanted(&Form::parse(b"rhythm=own&cron=5+4+*+*+*"), "UTC");
        assert_eq!((&own["cron"], &own["skip_if_running"]), (&json!("5 4 * * *"), &json!(false)));
    }

    #[test]
    fn every_rhythm_is_a_pattern_and_finds_its_word_again() {
        for (name, pattern) in RHYTHMS {
            assert_eq!(rhythm_named(pattern), name);
            assert!(crate::jobs::Cron::parse(pattern, "America/Sao_Paulo", "{}").is_ok(), "{pattern}");
        }
        assert_eq!(rhythm_named("5 4 * * *"), "own");
    }
}
