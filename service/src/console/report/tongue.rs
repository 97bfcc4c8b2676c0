//! Words, numbers and moments of a report, as its language writes them.
//! Never leaves a place empty where something is not known: it says so.

use fluent_bundle::FluentValue;
use malote_paper::{Cell, Column, Tone};
use serde_json::Value;

use crate::console::format::{self, Format};
use crate::console::{phrases, texts};

/// How one report speaks.
pub(super) struct Tongue {
    /// Its language and zone.
    pub format: Format,
    /// Names by their actors.
    names: Value,
}

/// Items of a JSON list; none where it is none.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The text of a member; empty where it has none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A count of a member; 0 where it has none.
pub(super) fn count(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or(0)
}

impl Tongue {
    pub const fn new(format: Format, names: Value) -> Self {
        Self { format, names }
    }

    /// Who did something: a name, a word for what the service did by itself, or the id where nobody knows a name.
    pub fn who(&self, actor: &str) -> String {
        texts::who(self.format.language, self.names[actor].as_str(), actor)
    }

    /// A text without values.
    pub fn say(&self, key: &str) -> String {
        texts::plain(&self.format, key)
    }

    /// A text with values that are words already.
    pub fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let pairs = values.iter().map(|(name, value)| (*name, FluentValue::from(*value)));
        texts::text(self.format.language, key, Some(&texts::arguments(pairs)))
    }

    /// A text whose plural follows a number.
    pub fn counted(&self, key: &str, number: u64) -> String {
        let arguments = texts::arguments([("count", FluentValue::from(number))]);
        texts::text(self.format.language, key, Some(&arguments))
    }

    /// The word for a value of a family.
    pub fn word(&self, family: &str, value: &str) -> String {
        texts::word(self.format.language, family, value)
    }

    /// A sentence that the service wrote down in English; as it came where it is no such.
    pub fn phrase(&self, text: &str) -> String {
        phrases::said(self.format.language, text).unwrap_or_else(|| text.to_owned())
    }

    /// A number, digit by digit.
    pub fn number(&self, number: u64) -> String {
        i64::try_from(number)
            .map_or_else(|_| number.to_string(), |own| format::whole(self.format.language, own))
    }

    /// A number of a member.
    pub fn of(&self, value: &Value, name: &str) -> String {
        self.number(count(value, name))
    }

    /// Octets, exactly, with their size beside it where that is shorter.
    pub fn octets(&self, number: u64) -> String {
        if number < 1024 {
            return self.number(number);
        }
        format!("{} ({})", self.number(number), format::bytes(self.format.language, number as f64))
    }

    /// A share of a hundred; a dash where it is not known.
    pub fn percent(&self, value: &Value) -> String {
        value.as_f64().map_or_else(|| "–".to_owned(), |share| format::percent(self.format.language, share))
    }

    /// A moment; a word where it never was.
    pub fn moment(&self, at: &str) -> String {
        if at.is_empty() { self.say("pdf-never") } else { self.format.moment(at) }
    }

    /// A text, or a dash for none.
    pub fn or_dash(&self, text: &str) -> String {
        if text.trim().is_empty() { "–".to_owned() } else { text.to_owned() }
    }

    /// A fact: a name by its key, and its value.
    pub fn fact(&self, key: &str, value: impl Into<String>) -> (String, String) {
        (self.say(key), value.into())
    }

    /// A column of text.
    pub fn text_column(&self, key: &str, share: f32) -> Column {
        Column::text(self.say(key), share)
    }

    /// A column of numbers.
    pub fn number_column(&self, key: &str) -> Column {
        Column::number(self.say(key))
    }

    /// A number that should be 0.
    pub fn worry(&self, value: &Value, name: &str, tone: Tone) -> Cell {
        let number = count(value, name);
        Cell { text: self.number(number), tone: if number == 0 { Tone::Plain } else { tone } }
    }
}
