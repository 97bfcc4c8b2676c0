//! Why there is no token: trouble that passes, or a grant that only a person can mend.
//! Never holds a secret: what others said is cleaned before it comes in here.

use std::time::Duration;

use malote_plan::failure::Class;

/// Longest part of somebody else's words that is repeated, in characters.
const SAID_CHARACTERS_MAX: usize = 300;

/// Longest word that is repeated: tokens, keys and assertions are longer, words and request ids shorter.
const WORD_CHARACTERS_MAX: usize = 40;

/// What is to be made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be gone in a moment, or after the wait that the provider asked for.
    Passing(Option<Duration>),
    /// Somebody has to change something first.
    Final(Class),
}

/// Why a token could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What is to be made of it.
    pub verdict: Verdict,
    /// The provider's own name for it; empty where it gave none.
    pub code: String,
    /// What happened.
    pub message: String,
}

impl Trouble {
    /// Trouble that may be gone in a moment.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Passing(None), code: String::new(), message: message.into() }
    }

    /// Trouble that somebody has to mend.
    pub fn lasting(class: Class, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Final(class), code: String::new(), message: message.into() }
    }

    /// A wrong file or setting.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::lasting(Class::Usage, message)
    }
}

/// Somebody else's words, fit to be shown: short, printable, without `hidden` and without any word as long as a token.
pub(super) fn cleaned(said: &str, hidden: &[&str]) -> String {
    let mut text = said.to_owned();
    for secret in hidden.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let words = words.map(|word| if word.chars().count() > WORD_CHARACTERS_MAX { "…" } else { word });
    let joined = words.collect::<Vec<_>>().join(" ");
    joined.chars().take(SAID_CHARACTERS_MAX).map(|c| if c == '"' { '\'' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_is_repeated_without_secrets_and_without_an_end() {
        for (said, hidden, expected) in [
            ("AADSTS70008: expired.\r\nTrace", &[][..], "AADSTS70008: expired. Trace"),
            ("bad secret hunter2!", &["hunter2"], "bad secret …!"),
            ("a\u{1}b \u{1b}[31mred", &[], "a b [31mred"),
            ("key eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl gone", &[], "key … gone"),
            ("say \"x\"", &[""], "say 'x'"),
        ] {
            assert_eq!(cleaned(said, hidden), expected);
        }
        assert_eq!(cleaned(&"ab ".repeat(4_000), &[]).chars().count(), SAID_CHARACTERS_MAX);
    }
}
