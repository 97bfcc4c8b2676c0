//! What the programs `pffexport` (libpff) and `readpst` (libpst) get out of a store, from the files that they write.
//! Never trusts what they say of themselves: only what is there counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;
use mail_parser::{Address, Message, MessageParser, MimeHeaders as _, PartType};

use super::harvest::{Harvest, add};
use crate::letter::{hash, plain};
use crate::stores::Subject;

/// Longest that one of them may take, in seconds: both can hang.
const SECONDS_MAX: &str = "120";

/// Runs a program with a limit of time; false where there is no such program.
fn run(program: &str, arguments: &[&str], folder: &Path) -> bool {
    let mut command = Command::new("timeout");
    command.arg(SECONDS_MAX).arg(program).args(arguments).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // How it ends is no matter: what it left behind is read.
    command.status().is_ok_and(|status| status.code() != Some(127))
}

/// True where both programs are there; told aloud where they are not.
pub fn are_there() -> bool {
    let missing: Vec<&str> = ["readpst", "pffexport", "timeout"]
        .into_iter()
        .filter(|program| Command::new(program).arg("--version").output().is_err())
        .collect();
    if !missing.is_empty() {
        eprintln!(
            "SKIPPED: {missing:?} are not here (pst-utils, pff-tools, coreutils); they were not compared with"
        );
    }
    missing.is_empty()
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files(&path, all)? } else { all.push(path) }
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// True for `Message00001` and its like: a word and five digits.
fn is_item(path: &Path) -> bool {
    let name = name(path);
    let digits = name.len().checked_sub(5).and_then(|start| name.get(start..));
    digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        && name.starts_with(|first: char| first.is_ascii_uppercase())
}

/// What `pffexport -f all` writes: a folder for each item, a file for each body, attachment and table.
pub fn pffexport(subject: &Subject) -> Result<Option<Harvest>> {
    let folder = tempfile::tempdir()?;
    let source = fs::canonicalize(&subject.path)?;
    run(
        "pffexport",
        &["-q", "-m", "items", "-f", "all", "-t", "out", &source.to_string_lossy()],
        folder.path(),
    );
    let mut all = Vec::new();
    files(folder.path(), &mut all)?;
    let mut harvest = Harvest::default();
    let mut items = std::collections::BTreeSet::new();
    for path in &all {
        let parent = path.parent().map(name).unwrap_or_default();
        // The outermost folder of an item's kind is the item.
        items.extend(path.ancestors().filter(|above| is_item(above)).last().map(Path::to_path_buf));
        match name(path).as_str() {
            _ if parent == "Attachments" => add(&mut harvest.files, hash(&fs::read(path)?)),
            "Message.txt" | "Message.html" | "Message.rtf" => harvest.body(&fs::read(path)?),
            "Recipients.txt" => {
                let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
                let value =
                    |line: &str, key: &str| line.strip_prefix(key).map(|value| value.trim().to_owned());
                let mut row = Vec::new();
                for line in text.lines() {
                    row.extend(value(line, "Display name:").or_else(|| value(line, "Email address:")));
                    if line.starts_with("Recipient type:") {
                        harvest.row(std::mem::take(&mut row));
                    }
                }
            }
            _ => {}
        }
    }
    harvest.items = items.len();
    Ok((harvest.items > 0).then_some(harvest))
}

/// What `readpst -e` writes: a file for each item. `-j 0`, for with several jobs it loses files.
pub fn readpst(subject: &Subject) -> Result<Option<Harvest>> {
    let folder = tempfile::tempdir()?;
    let source = fs::canonicalize(&subject.path)?;
    run(
        "readpst",
        &["-j", "0", "-e", "-D", "-q", "-8", "-t", "eajc", "-o", ".", &source.to_string_lossy()],
        folder.path(),
    );
    let mut all = Vec::new();
    files(folder.path(), &mut all)?;
    let mut harvest = Harvest::default();
    for path in &all {
        let octets = fs::read(path)?;
        if path.extension().is_none_or(|ending| ending != "eml") {
            harvest.items += 1;
        } else if let Some(message) = MessageParser::default().parse(&octets) {
            // It writes a husk for what is no message: no date, no subject, nobody but itself in it.
            let has_fields =
                message.date().is_some() || message.subject().is_some_and(|subject| !subject.is_empty());
            harvest.items += usize::from(has_fields);
            mail(&octets, &message, &mut harvest);
        }
    }
    Ok((harvest.items > 0).then_some(harvest))
}

fn mail(octets: &[u8], message: &Message<'_>, harvest: &mut Harvest) {
    for field in [message.to(), message.cc(), message.bcc()].into_iter().flatten() {
        for one in Address::iter(field).filter_map(mail_parser::Addr::address) {
            harvest.row([one.to_owned()]);
        }
    }
    for part in &message.parts {
        let name = part.attachment_name();
        let body =
            octets.get(part.raw_body_offset() as usize..part.raw_end_offset() as usize).unwrap_or_default();
        match &part.body {
            PartType::Multipart(_) => {}
            PartType::Message(_) => {
                if let Some(inner) = MessageParser::default().parse(body) {
                    mail(body, &inner, harvest);
                }
            }
            // It makes calendars of properties, with names and without; they are nobody's file.
            _ if memchr::memmem::find(part.contents(), b"PRODID:LibPST").is_some() => {}
            PartType::Text(text) | PartType::Html(text) if name.is_none() => harvest.body(text.as_bytes()),
            _ if name == Some("rtf-body.rtf") => harvest.body(&plain(body, part)),
            _ => add(&mut harvest.files, hash(&plain(body, part))),
        }
    }
}
