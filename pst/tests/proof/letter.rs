//! What a reader of mail finds in a message: mail-parser here, Python's `email` by a script, in the same words.
//! Never knows what the message was made of.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Address, Encoding, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A file in a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct FileFound {
    pub media_type: String,
    pub sha256: String,
}

/// What is found in one message, what is embedded in it included.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Letter {
    pub subject: String,
    pub message_id: String,
    /// Seconds since 1970, of the `Date` field.
    pub date: Option<i64>,
    /// Addresses of From, Sender, To, Cc and Bcc, in lower case.
    pub people: BTreeSet<String>,
    /// Texts without a file's name, in [`words`]' form.
    pub texts: Vec<String>,
    pub files: Vec<FileFound>,
    /// Messages within the message, at any depth.
    pub embedded: usize,
    /// What the parser had to overlook.
    pub defects: Vec<String>,
}

/// Lines end in LF, control characters are gone, and so is white space at the end.
pub fn words(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = lines.chars().filter(|c| !c.is_ascii_control() || "\t\n\u{c}".contains(*c)).collect();
    kept.trim_end().to_owned()
}

/// The SHA-256 of octets, in hexadecimal.
pub fn hash(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What mail-parser finds.
pub fn read(octets: &[u8]) -> Letter {
    let mut letter = Letter::default();
    let Some(message) = MessageParser::default().parse(octets) else {
        letter.defects.push("not a message".to_owned());
        return letter;
    };
    letter.subject = message.subject().unwrap_or_default().to_owned();
    letter.message_id = message.message_id().unwrap_or_default().to_owned();
    letter.date = message.date().map(mail_parser::DateTime::to_timestamp);
    for address in [message.from(), message.sender(), message.to(), message.cc(), message.bcc()] {
        let all = address.into_iter().flat_map(Address::iter).filter_map(|one| one.address());
        letter.people.extend(all.map(str::to_lowercase));
    }
    parts(octets, &message, &mut letter);
    letter
}

fn parts(octets: &[u8], message: &Message<'_>, letter: &mut Letter) {
    for part in &message.parts {
        if part.is_encoding_problem {
            letter.defects.push("a part does not decode".to_owned());
        }
        let body = octets.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize);
        let Some(body) = body else {
            letter.defects.push("a part lies outside of the message".to_owned());
            continue;
        };
        match &part.body {
            PartType::Multipart(_) => {}
            PartType::Message(_) => {
                letter.embedded += 1;
                match MessageParser::default().parse(body) {
                    Some(inner) => parts(body, &inner, letter),
                    None => letter.defects.push("what is embedded is not a message".to_owned()),
                }
            }
            PartType::Text(text) | PartType::Html(text) if part.attachment_name().is_none() => {
                letter.texts.push(words(text));
            }
            _ => letter
                .files
                .push(FileFound { media_type: media_type(part), sha256: hash(&plain(body, part)) }),
        }
    }
}

fn media_type(part: &MessagePart<'_>) -> String {
    let found =
        part.content_type().map(|one| format!("{}/{}", one.ctype(), one.subtype().unwrap_or_default()));
    found.unwrap_or_default().to_lowercase()
}

/// The octets of a part, its transfer encoding taken off and nothing else.
pub fn plain(body: &[u8], part: &MessagePart<'_>) -> Vec<u8> {
    match part.encoding {
        Encoding::Base64 => base64_decode(body).unwrap_or_default(),
        Encoding::QuotedPrintable => quoted_printable_decode(body).unwrap_or_default(),
        Encoding::None => body.to_vec(),
    }
}

/// What Python finds in every file of a folder, in the order of their names; nothing, aloud, where there is no Python.
pub fn read_by_python(folder: &Path) -> Result<Option<Vec<Letter>>> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no python3 here; a second reader of our messages was not asked");
        return Ok(None);
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proof/letter.py");
    let output = Command::new("python3").arg(script).arg(folder).output()?;
    ensure!(output.status.success(), "python: {}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout)?;
    let letters: Result<Vec<Letter>, _> = told.lines().map(serde_json::from_str).collect();
    let letters = letters.context("one letter in each line")?;
    ensure!(letters.len() == fs::read_dir(folder)?.count(), "one letter for each file");
    Ok(Some(
        letters
            .into_iter()
            .map(|letter| Letter { texts: letter.texts.iter().map(|text| words(text)).collect(), ..letter })
            .collect(),
    ))
}
