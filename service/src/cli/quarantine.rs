//! The commands of `quarantine`: what was refused or unreadable, and what to do about it.
//! Never takes a kept file away, and never touches a mailbox but through a copy.

mod export;
mod item;
mod shelf;
mod show;

use malote_engine::policy::Retry;
use malote_engine::report::QuarantineEntry;
use serde::Serialize;

use super::args::{LedgerArgs, QuarantineCommand, RetryArgs};
use super::exit::{Exit, Stopped};
use super::progress::Screen;
use super::render::{self, Column, Table, clean, counted, number, size};
use super::{output, pair};
use item::Item;
use shelf::Shelf;

/// The list's format.
const SCHEMA: &str = "malote.quarantine/1";

/// The list as JSON.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    schema: &'a str,
    messages: &'a [Line],
}

/// One message, with what is known of it where it is an item of a store.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    entry: QuarantineEntry,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<Item>,
}

/// Does what is asked.
pub async fn quarantine(command: QuarantineCommand) -> Result<Exit, Stopped> {
    match command {
        QuarantineCommand::Ls(args) => ls(args).await,
        QuarantineCommand::Show(args) => show::show(args).await,
        QuarantineCommand::Export { out, ledger } => export::export(&out, ledger).await,
        QuarantineCommand::Acknowledge(args) => acknowledge(args).await,
        QuarantineCommand::Retry(args) => {
            let RetryArgs { choice, pair } = *args;
            let uids = choice.uid.unwrap_or_default();
            pair::retry(pair, Retry { reasons: choice.reason, uids }).await
        }
    }
}

async fn ls(args: LedgerArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let shelf = Shelf::open(&args).await?;
    let lines = lines(&shelf);
    shelf.close().await;
    tell(&lines, args.output.json)?;
    Ok(Exit::Success)
}

fn lines(shelf: &Shelf) -> Vec<Line> {
    let line = |entry: QuarantineEntry| Line { item: shelf.item(&entry), entry };
    shelf.entries().into_iter().map(line).collect()
}

fn tell(lines: &[Line], is_json: bool) -> Result<(), Stopped> {
    if is_json {
        return output::print_json(&Listing { schema: SCHEMA, messages: lines });
    }
    let look = output::look();
    // Items of a store have no Message-ID that their user would know.
    let has_items = lines.iter().any(|line| line.item.is_some());
    let named = if has_items { "Message" } else { "Message-ID" };
    let names = ["Folder", "UID", "Size", "Tried", "Reason", "Accepted", named, "Why"];
    let is_number = |name: &&str| matches!(*name, "UID" | "Size" | "Tried");
    let column = |name| if is_number(&name) { Column::number(name) } else { Column::text(name) };
    let mut table = Table::new(names.into_iter().map(column).collect());
    for Line { entry, item } in lines {
        let name = match item {
            Some(item) if item.subject.is_empty() => item.name(),
            Some(item) => format!("{} ({})", item.subject, item.name()),
            None => entry.message_id.clone(),
        };
        table.row(vec![
            entry.folder.clone(),
            entry.uid.to_string(),
            size(entry.size),
            number(u64::from(entry.attempts)),
            entry.reason.clone(),
            if entry.acknowledged { "yes" } else { "no" }.to_owned(),
            name,
            entry.detail.clone(),
        ]);
    }
    let count = counted(lines.len() as u64, "message lies", "messages lie");
    let table = if lines.is_empty() { String::new() } else { table.render(look) };
    output::print(&format!("{table}{count} in quarantine\n"))
}

async fn acknowledge(args: LedgerArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let shelf = Shelf::open(&args).await?;
    let done = shelf.acknowledge().await;
    let mut lines = lines(&shelf);
    shelf.close().await;
    done?;
    lines.iter_mut().for_each(|line| line.entry.acknowledged = true);
    tell(&lines, args.output.json)?;
    Ok(Exit::Success)
}

/// One message for the eye: `INBOX UID 7 (<id@example>)`.
fn heading(entry: &QuarantineEntry, look: render::Look) -> String {
    let id = if entry.message_id.is_empty() { "no Message-ID" } else { &entry.message_id };
    look.strong(&clean(&format!("{} UID {} ({id})", entry.folder, entry.uid)))
}
