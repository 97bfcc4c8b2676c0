//! Every option of imapsync 2.229 and what becomes of it here: the one table that parsing, help, `--explain` and the
//! documentation read.
//! Never carries an option out: `wish` reads the values.

mod folders;
mod messages;
mod running;
mod servers;

use super::getopt::{Given, Spelling, Takes, Value};

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out, by what is named.
    Translated(&'static str),
    /// It is accepted, and nothing has to be done; why.
    Automatic(&'static str),
    /// The run does not begin; why, and how it is done here.
    Refused(&'static str),
}

impl Fate {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Translated(_) => "translated",
            Self::Automatic(_) => "automatic",
            Self::Refused(_) => "refused",
        }
    }

    /// To what, or why.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Translated(text) | Self::Automatic(text) | Self::Refused(text) => text,
        }
    }
}

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// How it is written.
    pub spelling: Spelling,
    /// What becomes of it.
    pub fate: Fate,
    /// What becomes of `--no…`, where that may be written and is another matter.
    pub off: Option<Fate>,
}

impl Row {
    const fn new(names: &'static str, takes: Takes, fate: Fate) -> Self {
        Self { spelling: Spelling { names, takes }, fate, off: None }
    }

    const fn off(self, fate: Fate) -> Self {
        Self { off: Some(fate), ..self }
    }

    /// What becomes of it with this value.
    pub fn fate_of(&self, value: &Value) -> Fate {
        if *value != Value::Off {
            return self.fate;
        }
        match (self.off, self.fate) {
            (Some(off), _) => off,
            (None, Fate::Refused(_) | Fate::Translated(_)) => Fate::Automatic("it is not done anyway"),
            (None, fate) => fate,
        }
    }
}

const fn to(names: &'static str, takes: Takes, text: &'static str) -> Row {
    Row::new(names, takes, Fate::Translated(text))
}

const fn auto(names: &'static str, takes: Takes, why: &'static str) -> Row {
    Row::new(names, takes, Fate::Automatic(why))
}

const fn no(names: &'static str, takes: Takes, why: &'static str) -> Row {
    Row::new(names, takes, Fate::Refused(why))
}

/// All options, in the order of the documentation: a heading and its rows.
pub const GROUPS: [(&str, &[Row]); 8] = [
    ("Servers and logins", servers::LOGINS),
    ("Protection and lines", servers::LINES),
    ("Folders", folders::CHOICE),
    ("Folder names", folders::NAMES),
    ("Messages", messages::CHOICE),
    ("Flags, dates, deletions", messages::CHANGES),
    ("Speed and limits", running::LIMITS),
    ("Running and telling", running::TELLING),
];

/// All options.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row of an option that was given.
pub fn row_of(given: &Given) -> &'static Row {
    rows().find(|row| row.spelling.name() == given.name).expect("options are read by this very table")
}

/// An option as its user writes it, with its value; secrets are masked.
pub fn written(given: &Given) -> String {
    let is_secret =
        ["password1", "password2", "oauthaccesstoken1", "oauthaccesstoken2"].contains(&given.name);
    match &given.value {
        Value::On => format!("--{}", given.name),
        Value::Off => format!("--no{}", given.name),
        Value::Text(_) if is_secret => format!("--{} MASKED", given.name),
        Value::Text(text) => format!("--{} {}", given.name, quoted(text)),
        Value::Whole(number) => format!("--{} {number}", given.name),
        Value::Real(number) => format!("--{} {number}", given.name),
        Value::Pair(key, text) => format!("--{} {}", given.name, quoted(&format!("{key}={text}"))),
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_name_stands_once_and_each_fate_says_why() {
        let mut seen = BTreeSet::new();
        for row in rows() {
            for name in row.spelling.names.split('|') {
                assert!(seen.insert(name.to_lowercase()), "{name} stands twice");
            }
            for fate in [Some(row.fate), row.off].into_iter().flatten() {
                assert!(fate.text().len() > 4, "{}: {:?}", row.spelling.names, fate);
            }
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell_and_secrets_masked() {
        for (word, expected) in [("a/b", "a/b"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")] {
            assert_eq!(quoted(word), expected);
        }
        let secret = Given { name: "password1", value: Value::Text("hunter2".to_owned()) };
        assert_eq!(written(&secret), "--password1 MASKED");
        let off = Given { name: "automap", value: Value::Off };
        assert_eq!(
            (written(&off).as_str(), row_of(&off).fate_of(&off.value).word()),
            ("--noautomap", "translated")
        );
    }
}
