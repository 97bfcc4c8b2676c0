//! The catalogues: complete in both languages, without a key that nobody uses, and no word outside of them.
//! Never a word itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use malote_service::console::language::Language;
use malote_service::console::phrases;
use malote_service::console::templates::TEMPLATES;
use malote_service::console::texts::sources;
use malote_service::console::words::{FAMILIES, key};

fn keys(language: Language) -> Vec<String> {
    let lines = sources(language).into_iter().flat_map(str::lines);
    let keys = lines.filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()));
    keys.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned())).collect()
}

/// Rust files of the console.
fn code(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            code(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Words between quotation marks of either kind that look like keys.
fn quoted(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for mark in ['"', '\''] {
        for word in text.split(mark) {
            let is_key = !word.is_empty()
                && word
                    .bytes()
                    .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-');
            if is_key {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

/// Keys that templates ask for by name.
fn asked(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for start in ["t(\"", "t('"] {
        for (place, _) in text.match_indices(start) {
            let before = text[..place].chars().next_back();
            if before.is_some_and(char::is_alphanumeric) {
                continue;
            }
            let rest = &text[place + start.len()..];
            let end = rest.find(['"', '\'']).unwrap_or(0);
            // A key that goes on is of a family, which its own test holds.
            if !rest[end + 1..].trim_start().starts_with('~') {
                found.insert(rest[..end].to_owned());
            }
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_keys_each_once() {
    let (portuguese, english) = (keys(Language::Portuguese), keys(Language::English));
    assert_eq!(portuguese, english);
    let all: BTreeSet<_> = english.iter().collect();
    assert_eq!(all.len(), english.len(), "a key stands twice");
}

#[test]
fn every_key_that_is_asked_for_is_there_and_every_key_is_asked_for() -> Result<()> {
    let known: BTreeSet<String> = keys(Language::English).into_iter().collect();
    let mut used = BTreeSet::new();
    for (name, text) in TEMPLATES {
        for key in asked(text) {
            assert!(known.contains(&key), "{name} asks for {key}");
            used.insert(key);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let mut files = Vec::new();
    code(&root.join("service/src/console"), &mut files)?;
    for file in files {
        used.extend(quoted(&fs::read_to_string(file)?));
    }
    for family in FAMILIES {
        used.extend(family.values.iter().map(|value| key(family.name, value)));
    }
    // Sentences are found by their English words; what says them is asked for in the test below.
    let left: Vec<_> = known.difference(&used).filter(|key| !key.starts_with(phrases::FAMILY)).collect();
    assert!(left.is_empty(), "nobody uses {left:?}");
    Ok(())
}

/// The sentences that a file of the API says of fields: the last text of each call that makes such a fault.
fn sentences(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = Vec::new();
    for (place, call) in text.match_indices("ApiError::field(") {
        let (mut depth, mut is_text, mut literal) = (1, false, String::new());
        let (mut last, mut letters) = (String::new(), text[place + call.len()..].chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if is_text => literal.extend(letters.next().filter(|letter| *letter != '\n')),
                '"' => {
                    // A row of a list is a field that has a blank in its name.
                    if is_text && literal.contains(' ') && !literal.starts_with("row ") {
                        last.clone_from(&literal);
                    }
                    is_text = !is_text;
                    literal.clear();
                }
                letter if is_text => literal.push(letter),
                '(' => depth += 1,
                ')' if depth == 1 => break,
                ')' => depth -= 1,
                _ => (),
            }
        }
        if !last.is_empty() {
            found.push(last);
        }
    }
    found
}

/// A sentence with a value in the place of each of its names.
fn filled(sentence: &str) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some((front, back)) = rest.split_once('{') {
        text.push_str(front);
        text.push('7');
        rest = back.split_once('}').map_or("", |(_, after)| after);
    }
    text + rest
}

#[test]
fn what_the_api_says_of_a_field_is_said_in_portuguese_too() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    let mut files = Vec::new();
    code(&root.join("service/src/api"), &mut files)?;
    let (mut count, mut missing) = (0, Vec::new());
    for file in files {
        for sentence in sentences(&fs::read_to_string(&file)?) {
            count += 1;
            if phrases::said(Language::Portuguese, &filled(&sentence)).is_none() {
                missing.push(format!("{}: {sentence}", file.display()));
            }
        }
    }
    assert!(count > 80, "only {count} sentences were found");
    assert!(missing.is_empty(), "no words for:\n{}", missing.join("\n"));
    Ok(())
}

#[test]
fn no_template_says_a_word_of_its_own() {
    for (name, text) in TEMPLATES {
        let mut rest = String::new();
        let mut left = *text;
        // What a template computes is not what it says.
        while let Some(place) = left.find('{') {
            rest.push_str(&left[..place]);
            let end = match left[place..].get(..2) {
                Some("{{") => "}}",
                Some("{%") => "%}",
                Some("{#") => "#}",
                _ => {
                    left = &left[place + 1..];
                    continue;
                }
            };
            left = left[place..].find(end).map_or("", |end| &left[place + end + 2..]);
        }
        rest.push_str(left);
        let mut words = String::new();
        let mut is_tag = false;
        for letter in rest.chars() {
            match letter {
                '<' => is_tag = true,
                '>' => is_tag = false,
                _ if !is_tag => words.push(letter),
                _ => (),
            }
        }
        // A macro may give attributes of a tag that stands elsewhere, and units are the same in every language.
        let plain: Vec<&str> = words.split_whitespace().filter(|word| !word.contains("=\"")).collect();
        let plain = plain.join(" ");
        let said: Vec<&str> = plain
            .split(|letter: char| !letter.is_alphabetic())
            .filter(|word| {
                word.len() > 1
                    && !["Malote", "email", "source", "user", "password", "dest", "ms"].contains(word)
            })
            .collect();
        assert!(said.is_empty(), "{name} says {said:?}");
        for attribute in ["title=\"", "aria-label=\"", "placeholder=\"", "alt=\""] {
            for (place, _) in rest.match_indices(attribute) {
                let value = rest[place + attribute.len()..].split('"').next().unwrap_or_default();
                assert!(!value.contains(char::is_alphabetic), "{name} says {attribute}{value}");
            }
        }
    }
}

#[test]
fn zero_is_one_in_portuguese_and_many_in_english() {
    use malote_service::console::texts::{arguments, text};
    for (language, count, expected) in [
        (Language::Portuguese, 0.0, "0 migração"),
        (Language::Portuguese, 1.0, "1 migração"),
        (Language::Portuguese, 2.0, "2 migrações"),
        (Language::Portuguese, 1234.0, "1.234 migrações"),
        (Language::English, 0.0, "0 migrations"),
        (Language::English, 1.0, "one migration"),
        (Language::English, 1234.0, "1,234 migrations"),
    ] {
        let values = arguments([("count", count.into())]);
        assert_eq!(text(language, "jobs-count", Some(&values)), expected);
    }
}
