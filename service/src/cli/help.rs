//! `malote help errors`: the table by which refusals of servers are judged.
//! Never asks a server; help of commands is the command line's own.

use std::ffi::OsString;

use clap::Parser;
use malote_engine::failure::{Reach, Retry};
use malote_engine::plan::taxonomy::{Row, rows};
use serde::Serialize;

use super::exit::{Exit, Stopped};
use super::{output, render};

/// The words that lead here.
const TOPIC: [&str; 2] = ["help", "errors"];

/// Tell how refusals of servers are judged: what is seen, what kind it is, what stops, when it is tried again
#[derive(Debug, Parser)]
#[command(name = "malote help errors", bin_name = "malote help errors")]
struct ErrorsArgs {
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

/// One row for programs.
#[derive(Debug, Serialize)]
struct RowView {
    id: &'static str,
    class: &'static str,
    exit_status: u8,
    family: &'static str,
    side: Option<&'static str>,
    doing: Vec<&'static str>,
    answered: Option<&'static str>,
    code: Option<&'static str>,
    texts: &'static [&'static str],
    stops: &'static str,
    retry: &'static str,
    wait_seconds: f64,
    wait_seconds_max: u32,
    sample: &'static str,
    advice: &'static str,
    source: &'static str,
}

/// The whole table for programs.
#[derive(Debug, Serialize)]
struct TableView {
    schema: &'static str,
    errors: Vec<RowView>,
}

impl From<&'static Row> for RowView {
    fn from(row: &'static Row) -> Self {
        let wait_ms = if let Retry::After(wait_ms) = row.verdict.retry { wait_ms } else { 0 };
        Self {
            id: row.id,
            class: row.verdict.class.as_str(),
            exit_status: Exit::of_class(row.verdict.class).code(),
            family: row.seen.family,
            side: row.seen.side.map(malote_engine::failure::Side::as_str),
            doing: row.seen.doing.iter().map(|doing| doing.as_str()).collect(),
            answered: row.seen.answered.map(malote_engine::plan::taxonomy::Answered::as_str),
            code: Some(row.seen.code).filter(|code| !code.is_empty()),
            texts: row.seen.texts,
            stops: stops(row.verdict.reach),
            retry: match row.verdict.retry {
                Retry::Again => "again",
                Retry::After(_) => "after",
                Retry::Never => "never",
            },
            wait_seconds: wait_ms as f64 / 1_000.0,
            wait_seconds_max: row.verdict.wait_seconds_max,
            sample: row.sample,
            advice: row.advice,
            source: row.source,
        }
    }
}

/// What stops because of a failure of this reach.
pub const fn stops(reach: Reach) -> &'static str {
    match reach {
        Reach::Message => "message",
        Reach::Folder => "folder",
        Reach::Connection => "connection",
        Reach::Account => "mailbox",
        Reach::Endpoint => "server",
    }
}

/// Tells the table where the command line asks for it; nothing where it asks for something else.
pub fn topic(arguments: &[OsString]) -> Option<Result<Exit, Stopped>> {
    let is_asked = arguments.len() > TOPIC.len()
        && arguments[1..].iter().zip(TOPIC).all(|(given, expected)| given == expected);
    is_asked.then(|| errors(&arguments[TOPIC.len()..]))
}

fn errors(arguments: &[OsString]) -> Result<Exit, Stopped> {
    let args = match ErrorsArgs::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Where neither stream can be written there is nobody to tell.
            let _ = error.print();
            return Ok(if error.use_stderr() { Exit::Usage } else { Exit::Success });
        }
    };
    if args.json {
        let errors = rows().map(RowView::from).collect();
        output::print_json(&TableView { schema: "malote.errors/1", errors })?;
    } else {
        output::print(&render::errors(output::look()))?;
    }
    Ok(Exit::Success)
}
