//! Reads a command line as Perl's Getopt::Long does by default, which is what imapsync's users type.
//! Never knows what an option means: it is given the names and the kinds of values.
//!
//! `--name`, `-name` and `+name` are one; case does not count; the beginning of a name is enough where it fits one
//! option only; a value follows as the next word or after `=`; `--noname` and `--no-name` switch off; options and
//! other words may be mixed; `--` ends the options.

use std::collections::BTreeSet;

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing (Getopt's bare name).
    Nothing,
    /// Nothing, and may be switched off (`!`).
    Switch,
    /// Text (`=s`), which may begin with a hyphen.
    Text,
    /// A whole number (`=i`).
    Whole,
    /// A number (`=f`).
    Real,
    /// `KEY=TEXT` (`=s%`).
    Pair,
}

impl Takes {
    /// The ending of Getopt::Long's specification of such an option.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Switch => "!",
            Self::Text => "=s",
            Self::Whole => "=i",
            Self::Real => "=f",
            Self::Pair => "=s%",
        }
    }
}

/// One option as it may be written.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// Its names, parted by `|`; the first one names it everywhere else.
    pub names: &'static str,
    /// What it takes.
    pub takes: Takes,
}

impl Spelling {
    /// The name that stands for the option.
    pub fn name(&self) -> &'static str {
        self.names.split('|').next().unwrap_or(self.names)
    }
}

/// An option's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Switched on, or merely given.
    On,
    /// Switched off.
    Off,
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number.
    Real(f64),
    /// A key and its text.
    Pair(String, String),
}

/// One option that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The option's first name.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
}

/// A command line, read.
#[derive(Debug, Default, PartialEq)]
pub struct Line {
    /// Options in their order.
    pub given: Vec<Given>,
    /// Words that are no options.
    pub extra: Vec<String>,
    /// What is wrong with it, as sentences.
    pub wrong: Vec<String>,
}

/// Reads the words after the program's name.
pub fn read(spellings: &[Spelling], words: impl IntoIterator<Item = String>) -> Line {
    let mut line = Line::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            line.extra.extend(words);
            break;
        }
        let Some(bare) = ["--", "-", "+"].iter().find_map(|start| word.strip_prefix(start)) else {
            line.extra.push(word);
            continue;
        };
        if bare.is_empty() {
            line.extra.push(word);
            continue;
        }
        let (written, attached) = match bare.split_once('=') {
            Some((written, value)) if !written.is_empty() => (written, Some(value.to_owned())),
            _ => (bare, None),
        };
        match find(spellings, written) {
            Err(wrong) => line.wrong.push(wrong),
            Ok((spelling, is_on)) => {
                let value = match spelling.takes {
                    Takes::Nothing | Takes::Switch if attached.is_some() => {
                        Err(format!("Option {written} does not take an argument"))
                    }
                    Takes::Nothing | Takes::Switch => Ok(if is_on { Value::On } else { Value::Off }),
                    // `--name=` is no value, while an empty word of its own is one.
                    _ if attached.as_deref() == Some("") => value(spelling.takes, written, None),
                    _ => value(spelling.takes, written, attached.or_else(|| words.next())),
                };
                match value {
                    Ok(value) => line.given.push(Given { name: spelling.name(), value }),
                    Err(wrong) => line.wrong.push(wrong),
                }
            }
        }
    }
    line
}

/// The option that is meant, and whether it is switched on.
fn find<'a>(spellings: &'a [Spelling], written: &str) -> Result<(&'a Spelling, bool), String> {
    let written = written.to_ascii_lowercase();
    let mut hits: Vec<(&Spelling, bool)> = Vec::new();
    for spelling in spellings {
        for name in spelling.names.split('|') {
            let name = name.to_ascii_lowercase();
            let mut forms = vec![(name.clone(), true)];
            if spelling.takes == Takes::Switch {
                forms.extend([(format!("no{name}"), false), (format!("no-{name}"), false)]);
            }
            for (form, is_on) in forms {
                if form == written {
                    return Ok((spelling, is_on));
                }
                if form.starts_with(&written) {
                    hits.push((spelling, is_on));
                }
            }
        }
    }
    let meant: BTreeSet<String> = hits
        .iter()
        .map(|(spelling, is_on)| format!("{}{}", if *is_on { "" } else { "no" }, spelling.name()))
        .collect();
    match (hits.first(), meant.len()) {
        (None, _) => Err(format!("Unknown option: {written}")),
        (Some(hit), 1) => Ok(*hit),
        _ => {
            let meant: Vec<String> = meant.into_iter().collect();
            Err(format!("Option {written} is ambiguous ({})", meant.join(", ")))
        }
    }
}

fn value(takes: Takes, written: &str, text: Option<String>) -> Result<Value, String> {
    let Some(text) = text else { return Err(format!("Option {written} requires an argument")) };
    let wrong =
        |expected: &str| Err(format!("Value \"{text}\" invalid for option {written} ({expected} expected)"));
    match takes {
        Takes::Nothing | Takes::Switch | Takes::Text => Ok(Value::Text(text)),
        Takes::Whole => match digits(&text).and_then(|digits| digits.parse().ok()) {
            Some(number) => Ok(Value::Whole(number)),
            None => wrong("number"),
        },
        Takes::Real => match digits(&text)
            .filter(|_| !text.starts_with('_'))
            .and_then(|digits| digits.parse::<f64>().ok())
        {
            Some(number) if number.is_finite() => Ok(Value::Real(number)),
            _ => wrong("real number"),
        },
        Takes::Pair => match text.split_once('=') {
            Some((key, text)) => Ok(Value::Pair(key.to_owned(), text.to_owned())),
            None => Err(format!("Option {written}, key \"{text}\", requires a value")),
        },
    }
}

/// A number as Rust reads it: Perl lets `_` stand between digits. Nothing where a letter other than the exponent's
/// is in it, such as in `inf`, or where a point has no digit after it.
fn digits(text: &str) -> Option<String> {
    let is_number = text.chars().all(|letter| letter.is_ascii_digit() || "+-._eE".contains(letter));
    let digits = text.replace('_', "");
    let has_loose_point =
        digits.split_once('.').is_some_and(|(_, rest)| !rest.starts_with(|c: char| c.is_ascii_digit()));
    (is_number && !has_loose_point).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPELLINGS: [Spelling; 10] = [
        Spelling { names: "host1", takes: Takes::Text },
        Spelling { names: "maxsize", takes: Takes::Whole },
        Spelling { names: "maxage", takes: Takes::Real },
        Spelling { names: "dry", takes: Takes::Switch },
        Spelling { names: "dry1", takes: Takes::Switch },
        Spelling { names: "expunge1|expunge", takes: Takes::Switch },
        Spelling { names: "noexclude", takes: Takes::Nothing },
        Spelling { names: "fixInboxINBOX", takes: Takes::Switch },
        Spelling { names: "sslargs1", takes: Takes::Pair },
        Spelling { names: "log", takes: Takes::Switch },
    ];

    fn check(words: &[&str], expected: &[(&'static str, Value)]) {
        let line = read(&SPELLINGS, words.iter().map(ToString::to_string));
        assert_eq!(line.wrong, Vec::<String>::new(), "{words:?}");
        assert_eq!(line.extra, Vec::<String>::new(), "{words:?}");
        let given: Vec<_> = line.given.into_iter().map(|given| (given.name, given.value)).collect();
        assert_eq!(given, expected, "{words:?}");
    }

    fn check_wrong(words: &[&str], sentence: &str) {
        let line = read(&SPELLINGS, words.iter().map(ToString::to_string));
        assert_eq!(line.wrong, [sentence], "{words:?}");
    }

    #[test]
    fn an_option_is_written_in_many_ways() {
        let text = |text: &str| Value::Text(text.to_owned());
        for words in [
            &["--host1", "h"][..],
            &["--host1=h"],
            &["-host1", "h"],
            &["-host1=h"],
            &["+host1", "h"],
            &["--HOST1", "h"],
            &["--ho", "h"],
        ] {
            check(words, &[("host1", text("h"))]);
        }
        check(&["--host1", "--dry"], &[("host1", text("--dry"))]);
        check(&["--host1", ""], &[("host1", text(""))]);
        check(&["--host1=a=b"], &[("host1", text("a=b"))]);
        check(
            &["--sslargs1", "SSL_verify_mode=1"],
            &[("sslargs1", Value::Pair("SSL_verify_mode".to_owned(), "1".to_owned()))],
        );
    }

    #[test]
    fn switches_go_on_and_off_and_the_exact_name_goes_before_a_beginning() {
        check(
            &["--dry", "--nodry1", "--no-dry"],
            &[("dry", Value::On), ("dry1", Value::Off), ("dry", Value::Off)],
        );
        check(
            &["--expunge", "--noexpunge", "--expunge1"],
            &[("expunge1", Value::On), ("expunge1", Value::Off), ("expunge1", Value::On)],
        );
        check(
            &["--expu", "--noexp", "--fixinbox", "--nolog"],
            &[
                ("expunge1", Value::On),
                ("expunge1", Value::Off),
                ("fixInboxINBOX", Value::On),
                ("log", Value::Off),
            ],
        );
        check(&["--noexclude"], &[("noexclude", Value::On)]);
    }

    #[test]
    fn numbers_are_perls() {
        check(&["--maxsize", "45_000_000"], &[("maxsize", Value::Whole(45_000_000))]);
        check(&["--maxsize", "_1"], &[("maxsize", Value::Whole(1))]);
        check_wrong(&["--maxage", "_5"], "Value \"_5\" invalid for option maxage (real number expected)");
        check_wrong(&["--maxage", "5."], "Value \"5.\" invalid for option maxage (real number expected)");
        check(&["--maxsize=-1"], &[("maxsize", Value::Whole(-1))]);
        check(
            &["--maxage", "0.5", "--maxage", "1e2"],
            &[("maxage", Value::Real(0.5)), ("maxage", Value::Real(100.0))],
        );
        check_wrong(&["--maxsize", "ten"], "Value \"ten\" invalid for option maxsize (number expected)");
        check_wrong(&["--maxage", "inf"], "Value \"inf\" invalid for option maxage (real number expected)");
        check_wrong(&["--maxsize", "1.5"], "Value \"1.5\" invalid for option maxsize (number expected)");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        check_wrong(&["--hots1"], "Unknown option: hots1");
        check_wrong(&["--max", "3"], "Option max is ambiguous (maxage, maxsize)");
        check_wrong(&["--host1"], "Option host1 requires an argument");
        check_wrong(&["--host1="], "Option host1 requires an argument");
        check_wrong(&["--dry=1"], "Option dry does not take an argument");
        check_wrong(&["--nohost1"], "Unknown option: nohost1");
        check_wrong(&["--sslargs1", "x"], "Option sslargs1, key \"x\", requires a value");
        let line = read(&SPELLINGS, ["a", "--dry", "-", "--", "--dry"].map(str::to_owned));
        assert_eq!((line.extra, line.given.len()), (["a", "-", "--dry"].map(str::to_owned).to_vec(), 1));
    }
}
