//! The canonical JSON of all that an approver sees, and its digest.
//! Never holds an age or a clock: the same numbers give the same digest an hour later.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::input::{Bytes, Counts, FolderRole, JobInput, Known, MailboxInput};
use super::{Check, CheckId};

/// Canonical JSON: names in order, no blanks, whole numbers only (RFC 8785, where its rules for numbers rest).
enum Json {
    Null,
    Truth(bool),
    Number(u64),
    Text(String),
    List(Vec<Self>),
    /// Names must come in order; [`object`] sees to it.
    Object(Vec<(&'static str, Self)>),
}

fn object(mut members: Vec<(&'static str, Json)>) -> Json {
    members.sort_unstable_by_key(|(name, _)| *name);
    Json::Object(members)
}

impl Json {
    fn write(&self, into: &mut String) {
        match self {
            Self::Null => into.push_str("null"),
            Self::Truth(truth) => into.push_str(if *truth { "true" } else { "false" }),
            Self::Number(number) => into.push_str(&number.to_string()),
            Self::Text(text) => write_text(text, into),
            Self::List(items) => {
                into.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        into.push(',');
                    }
                    item.write(into);
                }
                into.push(']');
            }
            Self::Object(members) => {
                into.push('{');
                for (place, (name, member)) in members.iter().enumerate() {
                    if place > 0 {
                        into.push(',');
                    }
                    write_text(name, into);
                    into.push(':');
                    member.write(into);
                }
                into.push('}');
            }
        }
    }
}

/// A JSON string with the fewest escapes (RFC 8785 §3.2.2.2).
fn write_text(text: &str, into: &mut String) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\u{8}' => into.push_str("\\b"),
            '\t' => into.push_str("\\t"),
            '\n' => into.push_str("\\n"),
            '\u{c}' => into.push_str("\\f"),
            '\r' => into.push_str("\\r"),
            control if u32::from(control) < 0x20 => {
                into.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => into.push(other),
        }
    }
    into.push('"');
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
    let statuses = checks.iter().filter(|check| check.id != CheckId::ManualApproval);
    let whole = object(
        [
            ("checks", Json::List(statuses.map(status).collect())),
            ("dns_plan", Json::Text(job.dns_plan_hash.clone())),
            ("folder_map", Json::Text(job.folder_map_hash.clone())),
            ("mailboxes", Json::List(mailboxes.into_iter().map(mailbox).collect())),
            ("schema", Json::Text("malote.gate/1".to_string())),
        ]
        .into(),
    );
    let mut text = String::new();
    whole.write(&mut text);
    text
}

fn status(check: &Check) -> Json {
    object(
        [
            ("id", Json::Text(check.id.as_str().to_string())),
            ("status", Json::Text(check.status.as_str().to_string())),
        ]
        .into(),
    )
}

fn mailbox(mailbox: &MailboxInput) -> Json {
    let mut folders: Vec<_> = mailbox.folders.iter().collect();
    folders.sort_by(|a, b| a.path.cmp(&b.path));
    let told = folders.into_iter().map(|folder| {
        let role = match folder.role {
            FolderRole::Inbox => "inbox",
            FolderRole::Sent => "sent",
            FolderRole::Other => "other",
        };
        object(
            [
                ("counts", folder.counts.as_ref().map_or(Json::Null, counts)),
                ("path", Json::Text(folder.path.clone())),
                ("role", Json::Text(role.to_string())),
            ]
            .into(),
        )
    });
    object(
        [
            ("bytes", bytes(&mailbox.bytes)),
            ("counts", mailbox.sums().as_ref().map_or(Json::Null, counts)),
            ("enabled", Json::Truth(mailbox.is_enabled)),
            ("folders", Json::List(told.collect())),
            ("id", Json::Number(mailbox.id)),
            ("scanned", Json::Truth(mailbox.is_scanned)),
        ]
        .into(),
    )
}

fn bytes(bytes: &Known<Bytes>) -> Json {
    match bytes {
        Known::Is(bytes) => object(
            [("destination", Json::Number(bytes.destination)), ("source", Json::Number(bytes.source))].into(),
        ),
        Known::Unknown | Known::NotApplicable => Json::Null,
    }
}

fn counts(counts: &Counts) -> Json {
    object(
        [
            ("a", Json::Number(counts.quarantine_acknowledged)),
            ("e", Json::Number(counts.eligible)),
            ("m", Json::Number(counts.matched)),
            ("pending", Json::Number(counts.pending)),
            ("q", Json::Number(counts.quarantine_open)),
            ("x", counts.missing().map_or(Json::Null, Json::Number)),
        ]
        .into(),
    )
}
