//! The command `batch`: many mailboxes, one row of a CSV file each.
//! Never lets one row stop another.

mod outcome;
mod row;
mod sheet;
mod validate;
mod work;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use malote_engine::failure::Side;
use malote_engine::imap::host::Hosts;

use super::args::BatchArgs;
use super::assemble::Shared;
use super::exit::{Exit, Stopped};
use super::progress::Screen;
use super::secret::{self, Asking, Brokers, Wish};
use super::{output, signal};
use outcome::{BatchReport, Outcome};
use row::{Common, Mailbox};
use sheet::Sheet;

/// Largest CSV file that is read, in octets.
const SHEET_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// Reads the rows, tries every login, then copies.
pub async fn batch(args: BatchArgs) -> Result<Exit, Stopped> {
    let screen = Screen::open(&args.output);
    let (sheet, mut warnings) = read(&args.file)?;
    let mut shared = Shared::new(&args.work.pace);
    if let Some(connections) = args.host_connections {
        shared.hosts = Arc::new(Hosts::new(usize::from(connections)));
    }
    let (mailboxes, mut outcomes) = mailboxes(&sheet, &args)?;
    drop(sheet);
    signal::watch(shared.stop.clone(), signal::nothing())?;
    for outcome in &outcomes {
        screen.line(&format!("line {}: {}", outcome.line, outcome.first_error()));
    }
    let (ready, refused) = validate::logins(mailboxes, &shared.stop, &screen).await;
    validate::tell(&refused, ready.len(), &screen);
    outcomes.extend(refused);
    if args.validate_only {
        outcomes.extend(ready.into_iter().map(|mailbox| Outcome::valid(&mailbox)));
    } else if args.require_all && !outcomes.is_empty() {
        warnings.push("nothing was copied: --require-all, and not every row is ready".to_owned());
        outcomes.extend(ready.into_iter().map(|mailbox| Outcome::not_started(&mailbox)));
    } else {
        outcomes.extend(work::all(ready, usize::from(args.jobs), &shared, &screen).await);
    }
    let report = BatchReport::new(outcomes, warnings);
    if args.output.json {
        output::print_json(&report)?;
    } else {
        output::print(&outcome::render(&report, output::look()))?;
    }
    Ok(report.exit())
}

fn read(file: &Path) -> Result<(Sheet, Vec<String>), Stopped> {
    let fail = |cause: String| Stopped::usage(format!("reading {}: {cause}", file.display()));
    let metadata = std::fs::metadata(file).map_err(|cause| fail(cause.to_string()))?;
    if metadata.len() > SHEET_OCTETS_MAX {
        return Err(fail(format!("it is larger than {SHEET_OCTETS_MAX} octets")));
    }
    let octets = std::fs::read(file).map_err(|cause| fail(cause.to_string()))?;
    let sheet = Sheet::parse(&octets).map_err(fail)?;
    let mut warnings = sheet.warnings.clone();
    if sheet.has_passwords() && metadata.permissions().mode() & 0o077 != 0 {
        let name = file.display();
        warnings.push(format!("{name} holds passwords and others may read it: chmod 600 {name}"));
    }
    warnings.iter().for_each(|warning| output::tell(&format!("warning: {warning}")));
    Ok((sheet, warnings))
}

/// The rows that can be tried, and the outcomes of those that cannot.
fn mailboxes(sheet: &Sheet, args: &BatchArgs) -> Result<(Vec<Mailbox>, Vec<Outcome>), Stopped> {
    let (source, destination) = Wish::both(&args.secrets);
    secret::check_standard_input(&source, &destination)?;
    let around = secret::surroundings();
    let common = Common {
        args,
        source_secret: secret::without_prompt(Side::Source, &source, &around)?,
        destination_secret: secret::without_prompt(Side::Destination, &destination, &around)?,
        brokers: Brokers::new(&args.work.trust, Asking::Never)?,
        folder: args.file.parent().unwrap_or(Path::new("")).to_owned(),
    };
    Ok(row::mailboxes(sheet, &common))
}
