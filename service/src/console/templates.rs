//! The templates and what they may call: texts, words, numbers, dates.
//! Never lets a template say a word of its own, nor use a value that is not there.

use std::sync::LazyLock;

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, HtmlEscape, State, UndefinedBehavior};

use super::format::{self, Format};
use super::language::Language;
use super::{phrases, texts};

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        /// Every template by its name.
        pub const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("templates/", $name)))),+];
    };
}

templates! {
    "base.html", "parts.html", "problem.html",
    "setup.html", "login.html", "code.html", "step_up.html", "account.html", "factor.html",
    "overview.html", "jobs.html", "job.html", "cutover.html", "new.html", "servers.html", "mailboxes.html",
    "uploads.html", "upload.html", "schedule.html", "options.html", "run_options.html", "edit.html",
    "roles.html", "role.html", "person.html",
    "mailbox.html", "folders.html", "runs.html", "tree.html", "run.html", "quarantine.html", "report.html",
    "approvals.html", "access.html", "audit.html", "system.html", "help.html", "share.html", "shared.html",
    "own_schedule.html", "about.html", "hook.html", "credentials.html", "credential.html",
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

/// The templates for a visitor: what filters and macros need is there wherever they are called from.
pub fn for_visitor(format: &Format) -> Environment<'static> {
    let mut environment = ENVIRONMENT.clone();
    environment.add_global("lang", format.language.tag());
    environment.add_global("zone", format.zone_name.clone());
    environment.add_global("now_ms", format.now_ms);
    environment
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).expect("a test reads every template");
    }
    environment.add_function("t", text);
    environment.add_filter("word", |state: &State<'_, '_>, value: String, family: String| {
        Ok::<_, Error>(texts::word(language(state)?, &family, &value))
    });
    // A field in a row of several: its word, and which row.
    environment.add_filter("called", |state: &State<'_, '_>, field: String| {
        let language = language(state)?;
        let Some((front, rest)) = field.split_once('[') else {
            return Ok::<_, Error>(texts::word(language, "called", &field));
        };
        let (row, own) = rest.split_once(']').unwrap_or((rest, ""));
        let own = own.trim_start_matches('_');
        let word = texts::word(language, "called", if own.is_empty() { front } else { own });
        Ok(row.parse::<u32>().map_or(word.clone(), |row| format!("{word} ({})", row.saturating_add(1))))
    });
    // Names are those of the page: `names`, by their actors.
    environment.add_filter("who", |state: &State<'_, '_>, actor: String| {
        let names = state.lookup("names").unwrap_or_default();
        let name = names.get_attr(&actor).unwrap_or_default();
        Ok::<_, Error>(texts::who(language(state)?, name.as_str(), &actor))
    });
    environment.add_filter("number", |state: &State<'_, '_>, value: Value| {
        Ok::<_, Error>(format::plain(language(state)?, number(&value)?))
    });
    environment.add_filter("percent", |state: &State<'_, '_>, value: Value| {
        Ok::<_, Error>(format::percent(language(state)?, number(&value)?))
    });
    environment.add_filter("bytes", |state: &State<'_, '_>, value: Value| {
        Ok::<_, Error>(format::bytes(language(state)?, number(&value)?))
    });
    environment.add_filter("span", |value: Value| Ok::<_, Error>(format::span(number(&value)? as i64)));
    environment.add_filter("moment", |state: &State<'_, '_>, value: String| {
        Ok::<_, Error>(of(state)?.moment(&value))
    });
    environment
        .add_filter("exact", |state: &State<'_, '_>, value: String| Ok::<_, Error>(of(state)?.exact(&value)));
    environment
        .add_filter("clock", |state: &State<'_, '_>, value: String| Ok::<_, Error>(of(state)?.clock(&value)));
    environment.add_filter("ago", ago);
    // A path may be broken after each of its parts, and nowhere else.
    environment.add_filter("path", |value: String| {
        let parts = value.split_inclusive('/').map(|part| HtmlEscape(part).to_string());
        Value::from_safe_string(parts.collect::<Vec<_>>().join("<wbr>"))
    });
    environment.add_filter("phrase", |state: &State<'_, '_>, value: String| {
        Ok::<_, Error>(Value::from_safe_string(phrases::html(language(state)?, &value)))
    });
    environment
}

fn of(state: &State<'_, '_>) -> Result<Format, Error> {
    let text = |name: &str| {
        state.lookup(name).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let now = state.lookup("now_ms").and_then(|value| i64::try_from(value).ok()).unwrap_or(0);
    Ok(Format::new(language(state)?, &text("zone"), now))
}

fn language(state: &State<'_, '_>) -> Result<Language, Error> {
    let tag = state.lookup("lang");
    let known = tag.as_ref().and_then(Value::as_str).and_then(Language::tagged);
    known.ok_or_else(|| Error::new(ErrorKind::UndefinedError, "a page without a language"))
}

fn number(value: &Value) -> Result<f64, Error> {
    if value.is_none() {
        return Ok(0.0);
    }
    f64::try_from(value.clone()).map_err(|_| Error::new(ErrorKind::InvalidOperation, "a number was expected"))
}

/// `t("key", name=value, …)`.
fn text(state: &State<'_, '_>, key: String, values: Kwargs) -> Result<String, Error> {
    let mut arguments = FluentArgs::new();
    for name in values.args() {
        let value: Value = values.get(name)?;
        let value = match f64::try_from(value.clone()) {
            Ok(number) if value.is_number() => FluentValue::from(number),
            _ => FluentValue::from(value.to_string()),
        };
        arguments.set(name.to_owned(), value);
    }
    Ok(texts::text(language(state)?, &key, Some(&arguments)))
}

/// How long ago, in words.
fn ago(state: &State<'_, '_>, value: String) -> Result<String, Error> {
    let format = of(state)?;
    let Some(seconds) = format.seconds_since(&value) else { return Ok(texts::plain(&format, "never")) };
    if seconds < 10 {
        return Ok(texts::plain(&format, "just-now"));
    }
    let arguments = texts::arguments([("span", FluentValue::from(format::span(seconds)))]);
    Ok(texts::text(format.language, "ago", Some(&arguments)))
}
