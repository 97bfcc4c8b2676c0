//! The commands of `quarantine`: what was refused or unreadable, and what to do about it.
//! Never takes a kept file away, and never touches a mailbox but through a copy.

mod export;
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
use shelf::Shelf;

/// The list's format.
const SCHEMA: &str = "malote.quarantine/1";

/// The list as JSON.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    schema: &'a str,
    messages: &'a [QuarantineEntry],
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
    let entries = shelf.entries();
    shelf.close().await;
    tell(&entries, args.output.json)?;
    Ok(Exit::Success)
}

fn tell(entries: &[QuarantineEntry], is_json: bool) -> Result<(), Stopped> {
    if is_json {
        return output::print_json(&Listing { schema: SCHEMA, messages: entries });
    }
    let look = output::look();
    let names = ["Folder", "UID", "Size", "Tried", "Reason", "Accepted", "Message-ID", "Why"];
    let is_number = |name: &&str| matches!(*name, "UID" | "Size" | "Tried");
    let column = |name| if is_number(&name) { Column::number(name) } else { Column::text(name) };
    let mut table = Table::new(names.into_iter().map(column).collect());
    for entry in entries {
        table.row(vec![
            entry.folder.clone(),
            entry.uid.to_string(),
            size(entry.size),
            number(u64::from(entry.attempts)),
            entry.reason.clone(),
            if entry.acknowledged { "yes" } else { "no" }.to_owned(),
            entry.message_id.clone(),
            entry.detail.clone(),
        ]);
    }
    let count = counted(entries.len() as u64, "message lies", "messages lie");
    let table = if entries.is_empty() { String::new() } else { table.render(look) };
    output::print(&format!("{table}{count} in quarantine\n"))
}

async fn acknowledge(args: LedgerArgs) -> Result<Exit, Stopped> {
    let _screen = Screen::open(&args.output);
    let shelf = Shelf::open(&args).await?;
    let done = shelf.acknowledge().await;
    let entries = shelf.entries();
    shelf.close().await;
    done?;
    let entries: Vec<QuarantineEntry> =
        entries.into_iter().map(|entry| QuarantineEntry { acknowledged: true, ..entry }).collect();
    tell(&entries, args.output.json)?;
    Ok(Exit::Success)
}

/// One message for the eye: `INBOX UID 7 (<id@example>)`.
fn heading(entry: &QuarantineEntry, look: render::Look) -> String {
    let id = if entry.message_id.is_empty() { "no Message-ID" } else { &entry.message_id };
    look.strong(&clean(&format!("{} UID {} ({id})", entry.folder, entry.uid)))
}
