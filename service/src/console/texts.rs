//! Every text of the console in both languages, by Fluent.
//! Never holds a text in the program: a key that is missing shows itself, and a test finds it before that.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use super::format::{self, Format};
use super::language::Language;

/// The files of one language, which are the same in both.
macro_rules! files {
    ($folder:literal) => {
        [
            include_str!(concat!("locales/", $folder, "/frame.ftl")),
            include_str!(concat!("locales/", $folder, "/words.ftl")),
            include_str!(concat!("locales/", $folder, "/problems.ftl")),
            include_str!(concat!("locales/", $folder, "/gate.ftl")),
            include_str!(concat!("locales/", $folder, "/session.ftl")),
            include_str!(concat!("locales/", $folder, "/jobs.ftl")),
            include_str!(concat!("locales/", $folder, "/work.ftl")),
            include_str!(concat!("locales/", $folder, "/system.ftl")),
            include_str!(concat!("locales/", $folder, "/said.ftl")),
            include_str!(concat!("locales/", $folder, "/report.ftl")),
            include_str!(concat!("locales/", $folder, "/cutover.ftl")),
            include_str!(concat!("locales/", $folder, "/options.ftl")),
            include_str!(concat!("locales/", $folder, "/access.ftl")),
            include_str!(concat!("locales/", $folder, "/phrases.ftl")),
        ]
    };
}

/// The catalogue of a language, as its files.
pub fn sources(language: Language) -> [&'static str; 14] {
    match language {
        Language::Portuguese => files!("pt-BR"),
        Language::English => files!("en"),
    }
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 2]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = language.tag().parse().expect("the tags of our languages are well formed");
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(match language {
        Language::Portuguese => |value, _| shown(value, Language::Portuguese),
        Language::English => |value, _| shown(value, Language::English),
    }));
    for source in sources(language) {
        let resource = match FluentResource::try_new(source.to_owned()) {
            Ok(resource) => resource,
            // A test reads every file; here the rest of the page matters more than one text of it.
            Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Numbers inside of texts, by the language's own rules.
fn shown(value: &FluentValue<'_>, language: Language) -> Option<String> {
    match value {
        FluentValue::Number(number) => Some(format::plain(language, number.value)),
        _ => None,
    }
}

fn of(language: Language) -> &'static FluentBundle<FluentResource> {
    match language {
        Language::Portuguese => &BUNDLES[0],
        Language::English => &BUNDLES[1],
    }
}

/// True where the catalogue has this key.
pub fn has(language: Language, key: &str) -> bool {
    of(language).has_message(key)
}

/// The text of a key; the key itself where there is none.
pub fn text(language: Language, key: &str, arguments: Option<&FluentArgs<'_>>) -> String {
    let bundle = of(language);
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        return key.to_owned();
    };
    let mut errors = Vec::new();
    let text: Cow<'_, str> = bundle.format_pattern(pattern, arguments, &mut errors);
    text.into_owned()
}

/// Values for a text: numbers stay numbers, so that plurals are chosen by them.
pub fn arguments<'a>(pairs: impl IntoIterator<Item = (&'a str, FluentValue<'a>)>) -> FluentArgs<'a> {
    pairs.into_iter().collect()
}

/// The word for a value of a family, such as a phase; the value itself where the catalogue does not know it, and where
/// it is a name that people gave and that only looks like one of ours.
pub fn word(language: Language, family: &str, value: &str) -> String {
    let key = super::words::key(family, value);
    let is_ours = family != super::words::ROLES.name || super::words::ROLES.values.contains(&value);
    if is_ours && has(language, &key) { text(language, &key, None) } else { value.to_owned() }
}

/// Who did something, where `name` is what is known of them: a name goes before a word of ours, so that nobody who is
/// called as a part of the service is passes for it.
pub fn who(language: Language, name: Option<&str>, actor: &str) -> String {
    name.map_or_else(|| word(language, "actor", actor), str::to_owned)
}

/// A text that has no values.
pub fn plain(format: &Format, key: &str) -> String {
    text(format.language, key, None)
}
