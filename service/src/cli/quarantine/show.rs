//! The command `quarantine show`: why each message lies there, and what its octets have that servers mind.
//! Never shows a text, only headers, and none of their control characters.

use malote_engine::plan::examine::{self, Circumstances};
use malote_engine::plan::repair::{Remedy, remedies_of};
use malote_engine::report::QuarantineEntry;
use serde::Serialize;

use super::super::args::LedgerArgs;
use super::super::exit::{Exit, Stopped};
use super::super::output;
use super::super::progress::Screen;
use super::super::render::{Look, clean, size};
use super::heading;
use super::item::Item;
use super::shelf::Shelf;

/// Header lines that are shown of one message.
const HEADER_LINES_MAX: usize = 60;

/// Letters of one header line that are shown.
const LINE_LETTERS_MAX: usize = 400;

/// The format.
const SCHEMA: &str = "malote.quarantine.show/1";

/// Everything that is known of one message.
#[derive(Debug, Serialize)]
struct View {
    #[serde(flatten)]
    entry: QuarantineEntry,
    /// What its octets have, as sentences; nothing where they were never had.
    findings: Vec<String>,
    /// Repairs that could be made, in the order of trying.
    remedies: Vec<String>,
    /// Its header, line by line, made safe for a terminal.
    header: Vec<String>,
    /// False where the octets were never had, or are no longer where they were kept.
    is_kept: bool,
    /// What its property dump tells, where it is an item of a store.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
}

#[derive(Debug, Serialize)]
struct Views<'a> {
    schema: &'a str,
    messages: Vec<View>,
}

/// Tells everything that is known of the chosen messages.
pub async fn show(args: LedgerArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let shelf = Shelf::open(&args).await?;
    let read = shelf.entries().into_iter().map(|entry| {
        let octets = shelf.octets(&entry)?;
        Ok(match shelf.item(&entry) {
            Some(item) => View { is_kept: true, item: Some(item), ..view(entry, None) },
            None => view(entry, octets.as_deref()),
        })
    });
    let views: Result<Vec<View>, Stopped> = read.collect();
    shelf.close().await;
    let views = views?;
    if args.output.json {
        output::print_json(&Views { schema: SCHEMA, messages: views })?;
    } else {
        let look = output::look();
        output::print(&views.iter().map(|view| text(view, look)).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(Exit::Success)
}

fn view(entry: QuarantineEntry, octets: Option<&[u8]>) -> View {
    let whole = octets.unwrap_or_default();
    let found = match octets {
        Some(octets) => examine::examine(octets, &Circumstances::default()),
        None => Vec::new(),
    };
    View {
        entry,
        findings: found.iter().map(ToString::to_string).collect(),
        remedies: octets.map(remedies_of).unwrap_or_default().iter().map(Remedy::names).collect(),
        header: header(whole),
        is_kept: octets.is_some(),
        item: None,
    }
}

/// Lines up to the first blank one, shortened and cleaned.
fn header(octets: &[u8]) -> Vec<String> {
    let lines = octets.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let shown = lines.take_while(|line| !line.is_empty()).take(HEADER_LINES_MAX);
    shown
        .map(|line| {
            let line = clean(&String::from_utf8_lossy(line));
            line.chars().take(LINE_LETTERS_MAX).collect()
        })
        .collect()
}

fn text(view: &View, look: Look) -> String {
    let View { entry, findings, remedies, header, is_kept, item } = view;
    if let Some(item) = item {
        return text_of_item(entry, item, look);
    }
    let lines = |lines: &[String], none: &str| match lines {
        [] => format!("    {none}\n"),
        lines => lines.iter().map(|line| format!("    {line}\n")).collect(),
    };
    let accepted = if entry.acknowledged { ", accepted as left out" } else { "" };
    let kept = match (is_kept, entry.file.as_str()) {
        (true, file) => clean(file),
        (false, "") => "never: its octets were not had".to_owned(),
        (false, file) => format!("{}, which is no longer there", clean(file)),
    };
    format!(
        "{}\n  reason   {}{accepted}, tried {} times, {}\n  server   {}\n  kept as  {kept}\n  found\n{}  \
         repairs that could be made\n{}  header\n{}",
        heading(entry, look),
        clean(&entry.reason),
        entry.attempts,
        size(entry.size),
        clean(&entry.detail),
        lines(findings, "nothing that servers are known to refuse"),
        lines(remedies, "none"),
        lines(header, "none"),
    )
}

/// An item of a store for the eye.
fn text_of_item(entry: &QuarantineEntry, item: &Item, look: Look) -> String {
    let told = |text: &str| if text.is_empty() { "cannot be read".to_owned() } else { clean(text) };
    let accepted = if entry.acknowledged { ", accepted as left out" } else { "" };
    let damage: String = match item.damage.as_slice() {
        [] => "    nothing beyond what is said above\n".to_owned(),
        damage => damage.iter().map(|line| format!("    {}\n", clean(line))).collect(),
    };
    format!(
        "{}\n  reason   {}{accepted}, tried {} times\n  why      {}\n  item     {}\n  folder   {}\n  subject  {}\n  \
         from     {}\n  date     {}\n  kept as  {}, with {} properties\n  damaged\n{damage}",
        look.strong(&clean(&format!("{} UID {} ({})", entry.folder, entry.uid, item.name()))),
        clean(&entry.reason),
        entry.attempts,
        clean(&entry.detail),
        clean(&item.name()),
        told(&item.folder.join(" / ")),
        told(&item.subject),
        told(&item.sender),
        told(item.date.as_deref().unwrap_or_default()),
        clean(&entry.file),
        item.properties,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_shown_without_what_could_steer_the_terminal() {
        let octets = b"Subject: \x1b[2J\xff\x00x\r\nFrom: a\n\nsecret text\n";
        let entry = QuarantineEntry { uid: 7, file: "f.eml".to_owned(), ..QuarantineEntry::default() };
        let shown = text(&view(entry, Some(octets)), Look::default());
        assert!(shown.contains("Subject: \u{fffd}[2J") && shown.contains("    From: a\n"), "{shown}");
        assert!(!shown.contains('\u{1b}') && !shown.contains("secret"), "{shown}");
        assert!(
            shown.contains("nul x1, first at octet 14") && shown.contains("    nul line_ends\n"),
            "{shown}"
        );
        assert!(shown.contains("kept as  f.eml\n"), "{shown}");
    }

    #[test]
    fn what_was_never_had_is_said_to_be_so() {
        let shown = text(&view(QuarantineEntry::default(), None), Look::default());
        assert!(shown.contains("never: its octets were not had"), "{shown}");
    }
}
