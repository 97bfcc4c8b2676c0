//! The command `quarantine export`: kept messages as files, with a manifest.
//! Never writes over a file, nor outside of the folder it is given.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use malote_engine::report::QuarantineEntry;
use serde::Serialize;

use super::super::args::LedgerArgs;
use super::super::exit::{Exit, Stopped};
use super::super::output;
use super::super::progress::Screen;
use super::super::render::counted;
use super::item::{self, Item};
use super::shelf::Shelf;

/// The manifest's format.
const SCHEMA: &str = "malote.quarantine.manifest/1";

/// The manifest's name.
const MANIFEST: &str = "manifest.json";

/// Letters of a folder's name in a file's name.
const NAME_LETTERS_MAX: usize = 60;

#[derive(Debug, Serialize)]
struct Manifest {
    schema: &'static str,
    messages: Vec<Line>,
}

/// One message and the file that it was written to; empty where its octets were never had or are gone.
#[derive(Debug, Serialize)]
struct Line {
    exported: String,
    #[serde(flatten)]
    entry: QuarantineEntry,
    /// What is known of it, where it is an item of a store: its property dump is what was exported.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
}

/// Writes the chosen messages below `out`.
pub async fn export(out: &Path, args: LedgerArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let shelf = Shelf::open(&args).await?;
    let written = write(out, &shelf);
    shelf.close().await;
    let manifest = written?;
    if args.output.json {
        output::print_json(&manifest)?;
    } else {
        let lost = manifest.messages.iter().filter(|line| line.exported.is_empty()).count();
        let count = counted((manifest.messages.len() - lost) as u64, "message", "messages");
        let lost = if lost == 0 { String::new() } else { format!("; of {lost} no octets are kept") };
        output::print(&format!("{count} written to {}{lost}\n", out.display()))?;
    }
    Ok(Exit::Success)
}

fn write(out: &Path, shelf: &Shelf) -> Result<Manifest, Stopped> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(out)
        .map_err(|cause| Stopped::usage(format!("making the folder {}: {cause}", out.display())))?;
    let mut messages = Vec::new();
    for (at, entry) in shelf.entries().into_iter().enumerate() {
        let exported = match shelf.octets(&entry)? {
            Some(octets) => {
                let name = name(at + 1, &entry);
                put(&out.join(&name), &octets)?;
                name
            }
            None => String::new(),
        };
        messages.push(Line { exported, item: shelf.item(&entry), entry });
    }
    let manifest = Manifest { schema: SCHEMA, messages };
    let mut text = serde_json::to_vec_pretty(&manifest)
        .map_err(|cause| Stopped::bug(format!("writing JSON: {cause}")))?;
    text.push(b'\n');
    put(&out.join(MANIFEST), &text)?;
    Ok(manifest)
}

fn put(path: &Path, octets: &[u8]) -> Result<(), Stopped> {
    let new = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    new.and_then(|mut file| {
        file.write_all(octets)?;
        file.sync_all()
    })
    .map_err(|cause| {
        Stopped::usage(format!("writing {}: {cause}; give an empty folder to --out", path.display()))
    })
}

/// `0001-INBOX-7.eml`, or `.json` for a property dump: letters and digits alone, and a number that no two share.
fn name(number: usize, entry: &QuarantineEntry) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let folder: String = entry.folder.chars().map(plain).take(NAME_LETTERS_MAX).collect();
    let extension = if item::is_dump(&entry.file) { "json" } else { "eml" };
    format!("{number:04}-{folder}-{}.{extension}", entry.uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_whatever_the_folder_is_called() {
        let entry =
            QuarantineEntry { folder: "../é/a\0\n".to_owned(), uid: 7, ..QuarantineEntry::default() };
        assert_eq!(name(3, &entry), "0003-_____a__-7.eml");
    }
}
