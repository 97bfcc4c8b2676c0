//! SEARCH: the keys that a migration asks with.

use super::fetch::field_holds;
use super::grammar::{Command, Token, in_set};
use super::session::Session;
use super::store::Stored;

/// What a key is asked of.
struct Candidate<'a> {
    number: u32,
    stored: &'a Stored,
    last_number: u32,
    last_uid: u32,
}

impl Session {
    pub(super) fn search(&mut self, command: &Command) -> String {
        if self.selected.is_none() {
            return "BAD select a folder first".to_owned();
        }
        let by_uid = command.verb.starts_with("UID ");
        let mut keys = command.arguments.as_slice();
        let mut returns = None;
        if let [word, Token::List(options), rest @ ..] = keys
            && word.upper() == "RETURN"
        {
            if !self.has("ESEARCH") {
                return "BAD unknown search key".to_owned();
            }
            returns = Some(options.iter().map(Token::upper).collect::<Vec<_>>());
            keys = rest;
        }
        if let [word, _, rest @ ..] = keys
            && word.upper() == "CHARSET"
        {
            keys = rest;
        }
        let all = self.numbered(|_, _| true);
        let (last_number, last_uid) = self.last_known();
        let mut found = Vec::new();
        for (number, stored) in &all {
            let candidate = Candidate { number: *number, stored, last_number, last_uid };
            match holds_all(keys, &candidate) {
                Some(true) => found.push(if by_uid { stored.uid } else { *number }),
                Some(false) => {}
                None => return "BAD unknown search key".to_owned(),
            }
        }
        if by_uid {
            found.extend(&self.shared.manners.ghosts);
        }
        let line = match returns {
            None => found.iter().fold("* SEARCH".to_owned(), |line, number| format!("{line} {number}")),
            Some(options) => extended(&command.tag, by_uid, &options, &found),
        };
        self.line(&line);
        "OK searched".to_owned()
    }
}

/// The answer of RFC 4731, numbers gathered into ranges.
fn extended(tag: &str, by_uid: bool, options: &[String], found: &[u32]) -> String {
    let mut line = format!("* ESEARCH (TAG \"{tag}\"){}", if by_uid { " UID" } else { "" });
    let asks = |option: &str| options.iter().any(|own| own == option);
    if let (Some(first), Some(last)) = (found.first(), found.last()) {
        if asks("MIN") {
            line.push_str(&format!(" MIN {first}"));
        }
        if asks("MAX") {
            line.push_str(&format!(" MAX {last}"));
        }
        if asks("ALL") || options.is_empty() {
            line.push_str(&format!(" ALL {}", ranges(found)));
        }
    }
    if asks("COUNT") {
        line.push_str(&format!(" COUNT {}", found.len()));
    }
    line
}

fn ranges(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == *number => *end = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let written =
        ranges.iter().map(|(from, to)| if from == to { from.to_string() } else { format!("{from}:{to}") });
    written.collect::<Vec<_>>().join(",")
}

/// Whether every key holds; `None` when one is unknown.
fn holds_all(mut keys: &[Token], candidate: &Candidate<'_>) -> Option<bool> {
    let mut holds = true;
    while !keys.is_empty() {
        let (this, rest) = holds_one(keys, candidate)?;
        holds &= this;
        keys = rest;
    }
    Some(holds)
}

fn holds_one<'a>(keys: &'a [Token], candidate: &Candidate<'_>) -> Option<(bool, &'a [Token])> {
    let (key, rest) = keys.split_first()?;
    if let Token::List(members) = key {
        return Some((holds_all(members, candidate)?, rest));
    }
    let stored = candidate.stored;
    let letter = &stored.letter;
    let word = key.upper();
    let argument = || rest.first().map(Token::text);
    let after = |count: usize| rest.get(count..).unwrap_or_default();
    Some(match word.as_str() {
        "ALL" => (true, rest),
        "SEEN" | "ANSWERED" | "FLAGGED" | "DELETED" | "DRAFT" => {
            (stored.has_flag(&format!("\\{word}")), rest)
        }
        "UNSEEN" | "UNANSWERED" | "UNFLAGGED" | "UNDELETED" | "UNDRAFT" => {
            (!stored.has_flag(&format!("\\{}", &word[2..])), rest)
        }
        "KEYWORD" => (stored.has_flag(&argument()?), after(1)),
        "UNKEYWORD" => (!stored.has_flag(&argument()?), after(1)),
        "UID" => (in_set(&argument()?, stored.uid, candidate.last_uid), after(1)),
        "LARGER" => (letter.octets.len() > argument()?.parse().ok()?, after(1)),
        "SMALLER" => (letter.octets.len() < argument()?.parse().ok()?, after(1)),
        "MODSEQ" => (stored.modseq >= argument()?.parse().ok()?, after(1)),
        "HEADER" => (field_holds(&letter.octets, &argument()?, &rest.get(1)?.text()), after(2)),
        "NOT" => {
            let (inner, rest) = holds_one(rest, candidate)?;
            (!inner, rest)
        }
        "OR" => {
            let (left, rest) = holds_one(rest, candidate)?;
            let (right, rest) = holds_one(rest, candidate)?;
            (left || right, rest)
        }
        set if set.starts_with(|first: char| first.is_ascii_digit() || first == '*') => {
            (in_set(set, candidate.number, candidate.last_number), rest)
        }
        _ => return None,
    })
}
