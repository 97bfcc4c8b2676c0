//! What a Zimbra export writes beside each item: `NAME.meta`, in JSON.
//! Never needs one: a message without it is delivered with what the archive itself tells.

use malote_plan::message::{Flag, Flags, InternalDate};
use serde_json::Value;

use crate::source::mbox::status;

/// Longest `.meta` entry that is read, in octets.
pub const META_OCTETS_MAX: u64 = 1024 * 1024;

/// Tags of one item that are read.
const TAGS_MAX: usize = 100;

/// A message among the item types; a chat is one with another number.
const TYPE_MESSAGE: i64 = 5;
const TYPE_CHAT: i64 = 16;

/// Letters of `FlagStr` and what they are; `u` is unread, others are not carried.
const LETTERS: [(char, &str); 6] = [
    ('f', "\\Flagged"),
    ('r', "\\Answered"),
    ('d', "\\Draft"),
    ('x', "\\Deleted"),
    ('w', "$Forwarded"),
    ('n', "$MDNSent"),
];

/// What a `.meta` tells of its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// False for contacts, appointments, documents.
    pub is_message: bool,
    /// When it came.
    pub date: Option<InternalDate>,
    /// Flags, and tags as keywords.
    pub flags: Flags,
    /// False where a field is not as Zimbra writes it: what it told is lost.
    pub is_whole: bool,
}

/// The fields of a `.meta`, each read for itself: one that is odd costs no other.
struct Fields {
    all: serde_json::Map<String, Value>,
    is_whole: bool,
}

impl Fields {
    fn number(&mut self, name: &str) -> Option<i64> {
        let read = match self.all.get(name) {
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) => text.trim().parse().ok(),
            // Some writers give a fraction to a whole number.
            Some(value) => value.as_i64().or_else(|| value.to_string().strip_suffix(".0")?.parse().ok()),
        };
        self.is_whole &= read.is_some();
        read
    }

    fn text(&mut self, name: &str) -> String {
        match self.all.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                self.is_whole = false;
                String::new()
            }
        }
    }
}

/// Reads a `.meta`; nothing where it is none.
#[must_use]
pub fn read(octets: &[u8]) -> Option<Meta> {
    let Value::Object(all) = serde_json::from_slice(octets).ok()? else { return None };
    let mut fields = Fields { all, is_whole: true };
    let letters = fields.text("FlagStr");
    let is_unread = fields.number("unread").is_some_and(|count| count > 0) || letters.contains('u');
    let set = LETTERS.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, flag)| *flag);
    let mut flags: Flags = set.chain((!is_unread).then_some("\\Seen")).filter_map(Flag::new).collect();
    let (named, numbered) = (fields.text("TagNames"), fields.text("TagStr"));
    let tags = tags(if named.is_empty() { &numbered } else { &named });
    flags.0.extend(tags.iter().filter_map(|tag| status::keyword(tag)));
    // Newer servers write seconds; milliseconds are seen in exports of older ones.
    let seconds = fields.number("date").map(|date| if date > 100_000_000_000 { date / 1000 } else { date });
    let kind = fields.number("type");
    Some(Meta {
        is_message: kind.is_none_or(|kind| [TYPE_MESSAGE, TYPE_CHAT].contains(&kind)),
        date: seconds
            .filter(|date| *date > 0)
            .map(|unix_seconds| InternalDate { unix_seconds, offset_minutes: 0 }),
        flags,
        is_whole: fields.is_whole,
    })
}

/// Names parted by `:`, which `\` escapes. Before 6.0.6 there were numbers, which say nothing without the mailbox.
fn tags(text: &str) -> Vec<String> {
    let is_number =
        |text: &str| text.bytes().all(|octet| octet.is_ascii_digit() || octet == b',' || octet == b'-');
    if is_number(text) {
        return Vec::new();
    }
    let (mut tags, mut tag, mut is_escaped) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            _ if is_escaped => {
                tag.push(letter);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            ':' => tags.push(std::mem::take(&mut tag)),
            _ => tag.push(letter),
        }
    }
    tags.push(tag);
    tags.into_iter().filter(|tag| !tag.is_empty()).take(TAGS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_tags_and_dates_are_read() {
        for (text, is_message, seconds, flags) in [
            (
                r#"{"type":5,"date":1719828000,"unread":0,"FlagStr":"fr","TagNames":"Kunden:a\\:b"}"#,
                true,
                Some(1_719_828_000),
                "\\Answered \\Flagged \\Seen a:b Kunden",
            ),
            (
                r#"{"type":5,"date":1719828000000,"unread":1,"FlagStr":"uw"}"#,
                true,
                Some(1_719_828_000),
                "$Forwarded",
            ),
            (r#"{"type":5,"unread":0,"TagStr":":um:dois"}"#, true, None, "\\Seen dois um"),
            (r#"{"type":5,"unread":0,"TagStr":"64,65"}"#, true, None, "\\Seen"),
            (r#"{"type":11,"unread":0}"#, false, None, "\\Seen"),
        ] {
            let meta = read(text.as_bytes()).unwrap();
            let found = (meta.is_message, meta.date.map(|date| date.unix_seconds), meta.flags);
            assert_eq!(found, (is_message, seconds, Flags::parse(flags)), "{text}");
        }
        for (text, is_whole, seconds, flags) in [
            (r#"{"date":"1719828000","unread":"1","FlagStr":null}"#, true, Some(1_719_828_000), ""),
            (r#"{"date":1719828000.0,"unread":null,"TagNames":"a"}"#, true, Some(1_719_828_000), "\\Seen a"),
            (r#"{"date":{},"FlagStr":"f"}"#, false, None, "\\Flagged \\Seen"),
            (r#"{"date":1719828000,"FlagStr":["f"],"TagNames":"a"}"#, false, Some(1_719_828_000), "\\Seen a"),
        ] {
            let meta = read(text.as_bytes()).unwrap();
            let found = (meta.is_whole, meta.date.map(|date| date.unix_seconds), meta.flags);
            assert_eq!(found, (is_whole, seconds, Flags::parse(flags)), "{text}");
        }
        assert_eq!(read(b"no json"), None);
        assert_eq!(read(b"[1]"), None);
    }
}
