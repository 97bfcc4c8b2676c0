//! What every run of a migration is told: as a form, as the API takes it, and in words.
//! Never drops an option that the form does not know: it goes back as it came.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use malote_plan::phase::Phase;
use serde_json::{Map, Value, json};

use super::mailbox::{map_lines, map_of};
use crate::console::form::Form;
use crate::console::format::{self, Format};
use crate::console::member::Member;
use crate::console::problem::Problem;
use crate::console::{client::Api, texts};

/// Options that are lists, one of them in a line.
const LISTS: [&str; 3] = ["folders", "exclude", "accept_damage"];
/// Options that are moments, typed as days.
const DAYS: [&str; 2] = ["since_unix_seconds", "before_unix_seconds"];
/// Options that are sizes, typed with their unit.
const SIZES: [&str; 2] = ["size_bytes_max", "bytes_per_second"];
/// Options that are counts.
const COUNTS: [&str; 2] = ["messages_per_second", "connections"];
/// Options that are one of a few words; the first is what holds where nothing is said.
const WORDS: [(&str, &[&str]); 3] = [
    ("flags", &["merge", "source", "destination"]),
    ("content", &["sample", "none", "full"]),
    ("unreadable", &["quarantine", "stub"]),
];
/// Units of sizes with their octets, the largest first.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// True while the API takes other options: the destination stands once DNS points to it.
pub(super) fn may_change(job: &Value) -> bool {
    let phase = job["phase"].as_str().and_then(Phase::named);
    phase.is_some_and(|phase| phase.is_before_cutover() || phase == Phase::Failed)
}

/// True where this visitor may change them now.
pub(super) fn offered(member: &Member, job: &Value) -> bool {
    member.may("can_manage_migration") && may_change(job)
}

/// What the form shows of options, as if it had been typed.
pub(super) fn typed(options: &Value) -> Map<String, Value> {
    let mut typed = Map::new();
    let mut put = |name: &str, text: String| typed.insert(name.to_owned(), text.into());
    for name in LISTS {
        let lines = options[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        put(name, lines.collect::<Vec<_>>().join("\n"));
    }
    for name in DAYS {
        put(name, options[name].as_i64().and_then(day).unwrap_or_default());
    }
    for name in SIZES {
        put(name, options[name].as_u64().map(size).unwrap_or_default());
    }
    for name in COUNTS {
        put(name, options[name].as_u64().map(|count| count.to_string()).unwrap_or_default());
    }
    for (name, words) in WORDS {
        put(name, options[name].as_str().unwrap_or(words[0]).to_owned());
    }
    put("into", options["into"].as_str().unwrap_or_default().to_owned());
    put("folder_map", map_lines(&options["folder_map"]));
    let tick = |is_set: bool| if is_set { "1" } else { "" };
    put("collapse_duplicates", tick(options["collapse_duplicates"] == true).to_owned());
    put("repair", tick(options["repair"] != false).to_owned());
    typed
}

/// The UTC day of a moment.
fn day(seconds: i64) -> Option<String> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date().to_string())
}

/// Octets with the largest unit that says them exactly.
fn size(octets: u64) -> String {
    let whole = UNITS.iter().find(|(_, unit)| octets >= *unit && octets.is_multiple_of(*unit));
    whole.map_or_else(|| octets.to_string(), |(name, unit)| format!("{} {name}", octets / unit))
}

/// Octets as people write them: `25 MiB`, `25M`, `26214400`.
fn octets(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// The options of a form over those that were there. What is as it is where nothing is said is not said.
///
/// # Errors
/// The first field that cannot be read.
pub(super) fn wanted(form: &Form, before: &Value) -> Result<Value, Problem> {
    let mut all = before.as_object().cloned().unwrap_or_default();
    let mut put = |name: &str, value: Option<Value>| match value {
        Some(value) => {
            all.insert(name.to_owned(), value);
        }
        None => {
            all.remove(name);
        }
    };
    for name in LISTS {
        let lines: Vec<&str> =
            form.raw(name).lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        put(name, (!lines.is_empty()).then(|| json!(lines)));
    }
    for name in DAYS {
        let text = form.get(name);
        // A moment within the day that is shown was set by a program, and stays.
        let kept = before[name].as_i64().filter(|seconds| day(*seconds).as_deref() == Some(text));
        let seconds = kept.or_else(|| {
            let midnight = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
            Some(midnight.timestamp().as_second())
        });
        if seconds.is_none() && !text.is_empty() {
            return Err(Problem::of_field(name, "write it as 2027-01-31"));
        }
        put(name, seconds.map(Value::from));
    }
    for name in SIZES {
        let text = form.get(name);
        let found = octets(text);
        if found.is_none() && !text.is_empty() {
            return Err(Problem::of_field(name, "write it as 25 MiB"));
        }
        put(name, found.map(Value::from));
    }
    for name in COUNTS {
        let text = form.get(name);
        let found = text.parse::<u64>().ok();
        if found.is_none() && !text.is_empty() {
            return Err(Problem::of_field(name, "a whole number"));
        }
        put(name, found.map(Value::from));
    }
    for (name, words) in WORDS {
        let word = words.iter().skip(1).find(|word| **word == form.get(name));
        put(name, word.map(|word| Value::from(*word)));
    }
    put("into", Some(form.get("into")).filter(|name| !name.is_empty()).map(Value::from));
    let map = map_of(form.raw("folder_map"), &before["folder_map"])?;
    put("folder_map", map.as_object().is_some_and(|map| !map.is_empty()).then_some(map));
    put("collapse_duplicates", form.has("collapse_duplicates").then_some(Value::Bool(true)));
    put("repair", (!form.has("repair")).then_some(Value::Bool(false)));
    Ok(Value::Object(all))
}

/// Keeps the options of a form with the job that was seen, where they are others.
///
/// # Errors
/// The first field that cannot be kept, or the API's refusal.
pub(super) async fn keep(api: &Api, job: &Value, form: &Form) -> Result<(), Problem> {
    let before = &job["options"];
    let wanted = wanted(form, before)?;
    if wanted == *before {
        return Ok(());
    }
    let seen = format!("\"{}\"", form.get("seen"));
    let body = json!({"options": wanted});
    let path = format!("/migration/jobs/{}", job["id"]);
    api.change(axum::http::Method::PATCH, &path, &seen, &body).await.map(|_| ())
}

/// Those options that were set, each with its value in words.
pub(super) fn said(format: &Format, options: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut tell = |name: &str, value: String| rows.push(json!({"name": name, "value": value}));
    for name in LISTS {
        let all: Vec<&str> =
            options[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !all.is_empty() {
            tell(name, all.join(", "));
        }
    }
    for name in DAYS {
        let moment = options[name].as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok());
        if let Some(moment) = moment {
            let utc = Format::new(format.language, "UTC", 0);
            tell(name, utc.day(&moment.to_string()));
        }
    }
    if let Some(octets) = options["size_bytes_max"].as_f64() {
        tell("size_bytes_max", format::bytes(format.language, octets));
    }
    if let Some(octets) = options["bytes_per_second"].as_f64() {
        tell("bytes_per_second", format!("{}/s", format::bytes(format.language, octets)));
    }
    for name in COUNTS {
        if let Some(count) = options[name].as_f64() {
            tell(name, format::plain(format.language, count));
        }
    }
    for (name, words) in WORDS {
        if let Some(word) = words.iter().skip(1).find(|word| options[name] == **word) {
            tell(name, texts::word(format.language, name, word));
        }
    }
    if let Some(into) = options["into"].as_str() {
        tell("into", into.to_owned());
    }
    let map = options["folder_map"].as_object().into_iter().flatten();
    let map: Vec<String> =
        map.map(|(from, to)| format!("{from} → {}", to.as_str().unwrap_or_default())).collect();
    if !map.is_empty() {
        tell("folder_map", map.join(", "));
    }
    if options["collapse_duplicates"] == true {
        tell("collapse_duplicates", texts::plain(format, "yes"));
    }
    if options["repair"] == false {
        tell("repair", texts::plain(format, "no"));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::super::language::Language;
    use super::*;

    /// As a browser sends what the form shows of these options.
    fn sent(options: &Value) -> Form {
        Form::of(&Value::Object(typed(options)))
    }

    #[test]
    fn options_go_into_a_form_and_back_as_they_were() {
        for options in [
            json!({}),
            json!({"exclude": ["Trash", "Old/**"], "folders": ["INBOX"], "into": "From the old server"}),
            json!({"since_unix_seconds": 1_700_006_400, "before_unix_seconds": 1_700_092_801}),
            json!({"size_bytes_max": 26_214_400, "bytes_per_second": 1_500, "messages_per_second": 7}),
            json!({"flags": "source", "content": "full", "unreadable": "stub", "connections": 2}),
            json!({"collapse_duplicates": true, "repair": false, "folder_map": {"Sent Items": "Sent"}}),
            // What the form does not know.
            json!({"four_eyes": false, "only_errors": true}),
        ] {
            assert_eq!(wanted(&sent(&options), &options).unwrap(), options);
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_of_its_field() {
        for (query, field) in [
            ("since_unix_seconds=yesterday", "since_unix_seconds"),
            ("size_bytes_max=much", "size_bytes_max"),
            ("bytes_per_second=99999999999999999999", "bytes_per_second"),
            ("connections=-1", "connections"),
            ("folder_map=no+equals+sign", "folder_map"),
        ] {
            let told = wanted(&Form::parse(query.as_bytes()), &json!({}));
            assert!(told.is_err_and(|problem| problem.is_of(field)), "{query}");
        }
    }

    #[test]
    fn a_size_is_read_as_it_is_written() {
        for (text, expected) in [
            ("25 MiB", Some(26_214_400)),
            ("1k", Some(1024)),
            ("17", Some(17)),
            ("-1", None),
            ("1 mile", None),
        ] {
            assert_eq!(octets(text), expected, "{text}");
        }
        assert_eq!(
            (size(26_214_400), size(1_500), size(1 << 30)),
            ("25 MiB".into(), "1500 B".into(), "1 GiB".into())
        );
    }

    #[test]
    fn what_was_set_is_said_and_nothing_else() {
        let format = Format::new(Language::English, "America/Sao_Paulo", 0);
        assert!(said(&format, &json!({"flags": "merge", "repair": true})).is_empty());
        let told =
            said(&format, &json!({"since_unix_seconds": 1_700_006_400, "bytes_per_second": 1_048_576}));
        assert_eq!(told[0], json!({"name": "since_unix_seconds", "value": "15 Nov 2023"}));
        assert_eq!(told[1]["value"], "1.0\u{a0}MiB/s");
    }
}
