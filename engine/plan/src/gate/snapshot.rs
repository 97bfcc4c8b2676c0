//! The canonical JSON of all that an approver sees, and its digest.
//! Never holds an age or a clock: the same numbers give the same digest an hour later.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::input::{Bytes, Counts, FolderInput, FolderRole, JobInput, Known, MailboxInput};
use super::{Check, CheckId};

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;
/// So many octets a folder takes, about.
const FOLDER_OCTETS: usize = 96;

/// The text of canonical JSON as it grows: no blanks, whole numbers only (RFC 8785, where its rules for numbers rest).
/// Names come in order because whoever writes an object writes them so: a domain has ten thousand folders, and a tree
/// of values that is sorted and then written would cost several times as much as all else about them.
struct Text(String);

impl Text {
    /// What stands between values and needs no escape: names, braces, commas.
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// Digit by digit: the formatter would cost as much as all other text.
    fn number(&mut self, number: u64) {
        let (mut digits, mut first, mut rest) = ([b'0'; DIGITS_MAX], DIGITS_MAX, number);
        loop {
            first -= 1;
            digits[first] += (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend(digits[first..].iter().copied().map(char::from));
    }

    /// A JSON string with the fewest escapes (RFC 8785 §3.2.2.2).
    fn string(&mut self, text: &str) {
        self.0.push('"');
        let is_plain = |octet: u8| octet >= 0x20 && octet != b'"' && octet != b'\\';
        if text.bytes().all(is_plain) {
            self.0.push_str(text);
        } else {
            text.chars().for_each(|character| self.escaped(character));
        }
        self.0.push('"');
    }

    fn escaped(&mut self, character: char) {
        match character {
            '"' => self.raw("\\\""),
            '\\' => self.raw("\\\\"),
            '\u{8}' => self.raw("\\b"),
            '\t' => self.raw("\\t"),
            '\n' => self.raw("\\n"),
            '\u{c}' => self.raw("\\f"),
            '\r' => self.raw("\\r"),
            control if u32::from(control) < 0x20 => {
                self.raw(&format!("\\u{:04x}", u32::from(control)));
            }
            other => self.0.push(other),
        }
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.raw("[");
        for (place, item) in items.into_iter().enumerate() {
            if place > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self.raw("]");
    }
}

/// The digest of the canonical text, as `sha256:` and 64 hexadecimal digits.
pub(super) fn hash(canonical: &str) -> String {
    let digest = Sha256::digest(canonical.as_bytes());
    let mut text = String::from("sha256:");
    for octet in digest {
        text.push_str(&format!("{octet:02x}"));
    }
    text
}

/// The text that is hashed. The approval itself is left out: it names the digest.
pub(super) fn canonical(job: &JobInput, checks: &[Check]) -> String {
    let mut mailboxes: Vec<&MailboxInput> = job.mailboxes.iter().collect();
    mailboxes.sort_by_key(|mailbox| mailbox.id);
    let folders: usize = mailboxes.iter().map(|mailbox| mailbox.folders.len() + 2).sum();
    let mut text = Text(String::with_capacity((folders + checks.len()) * FOLDER_OCTETS));
    text.raw("{\"checks\":");
    text.list(checks.iter().filter(|check| check.id != CheckId::ManualApproval), status);
    text.raw(",\"dns_plan\":");
    text.string(&job.dns_plan_hash);
    text.raw(",\"folder_map\":");
    text.string(&job.folder_map_hash);
    text.raw(",\"mailboxes\":");
    text.list(mailboxes, mailbox);
    text.raw(",\"schema\":\"malote.gate/1\"}");
    text.0
}

fn status(text: &mut Text, check: &Check) {
    text.raw("{\"id\":");
    text.string(check.id.as_str());
    text.raw(",\"status\":");
    text.string(check.status.as_str());
    text.raw("}");
}

fn mailbox(text: &mut Text, mailbox: &MailboxInput) {
    let mut folders: Vec<&FolderInput> = mailbox.folders.iter().collect();
    folders.sort_by(|a, b| a.path.cmp(&b.path));
    text.raw("{\"bytes\":");
    bytes(text, &mailbox.bytes);
    text.raw(",\"counts\":");
    counts(text, mailbox.sums().as_ref());
    text.raw(",\"enabled\":");
    truth(text, mailbox.is_enabled);
    text.raw(",\"folders\":");
    text.list(folders, folder);
    text.raw(",\"id\":");
    text.number(mailbox.id);
    text.raw(",\"scanned\":");
    truth(text, mailbox.is_scanned);
    text.raw("}");
}

fn folder(text: &mut Text, folder: &FolderInput) {
    text.raw("{\"counts\":");
    counts(text, folder.counts.as_ref());
    text.raw(",\"path\":");
    text.string(&folder.path);
    text.raw(match folder.role {
        FolderRole::Inbox => ",\"role\":\"inbox\"}",
        FolderRole::Sent => ",\"role\":\"sent\"}",
        FolderRole::Other => ",\"role\":\"other\"}",
    });
}

fn truth(text: &mut Text, truth: bool) {
    text.raw(if truth { "true" } else { "false" });
}

fn bytes(text: &mut Text, bytes: &Known<Bytes>) {
    let Known::Is(bytes) = bytes else { return text.raw("null") };
    text.raw("{\"destination\":");
    text.number(bytes.destination);
    text.raw(",\"source\":");
    text.number(bytes.source);
    text.raw("}");
}

fn counts(text: &mut Text, counts: Option<&Counts>) {
    let Some(counts) = counts else { return text.raw("null") };
    text.raw("{\"a\":");
    text.number(counts.quarantine_acknowledged);
    text.raw(",\"e\":");
    text.number(counts.eligible);
    text.raw(",\"m\":");
    text.number(counts.matched);
    text.raw(",\"pending\":");
    text.number(counts.pending);
    text.raw(",\"q\":");
    text.number(counts.quarantine_open);
    text.raw(",\"x\":");
    match counts.missing() {
        Some(missing) => text.number(missing),
        None => text.raw("null"),
    }
    text.raw("}");
}
