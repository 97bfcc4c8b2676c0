//! `pst export`: every item of a store as mail in files.
//! Never writes over anything that it did not write itself, and never leaves half a message under a lasting name.

use std::path::Path;

use malote_pst::both::Asking;
use malote_pst::mailbox::Mailbox;

use super::check::Found;
use super::listing::Listing;
use super::sink::Sink;
use super::{items, walk};
use crate::cli::args::ExportArgs;
use crate::cli::exit::{Exit, Stopped};
use crate::cli::output;
use crate::cli::progress::Screen;

/// The result's format.
const SCHEMA: &str = "malote.pst-export/1";

/// Exports.
pub fn export(args: &ExportArgs) -> Result<Exit, Stopped> {
    let screen = Screen::open(&args.output);
    let mut mailbox = super::open(&args.file, super::options(&args.store, Asking::Damaged))?;
    let mut sink = Sink::open(args.to, &args.out, !args.no_sync, &identity(&mailbox, &args.file))?;
    sink.name(&super::places(&mailbox));
    let listing = Listing::wanted(&args.listing, &args.file)?;
    let bar = screen.overall(items(&mailbox), "items written");
    let sums = walk(&mut mailbox, (Some(&sink), listing.as_ref()), &|items| bar.inc(items))?;
    let list = listing.map(Listing::finish).transpose()?;
    sink.keep()?;
    bar.finish_and_clear();
    let found = Found::of(SCHEMA, &mailbox, sums);
    if args.output.json {
        output::print_json(&found)?;
    } else {
        output::print(&found.text(list.as_deref()))?;
    }
    Ok(found.exit())
}

/// What tells a store from others: its own key (`PidTagRecordKey`, 0x0FF9), or its file's name where it has none.
fn identity(mailbox: &Mailbox, file: &Path) -> String {
    match mailbox.summary().properties.binary(0x0FF9) {
        Some(key) if !key.is_empty() => key.iter().map(|octet| format!("{octet:02x}")).collect(),
        _ => file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}
