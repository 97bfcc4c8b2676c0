//! What became of each row, and of all together (`malote.batch/1`).
//! Never holds a secret.

use std::time::Duration;

use malote_engine::failure::{Class, Failure, Side};
use malote_engine::report::{Counters, ErrorEntry, Report, Status};
use serde::Serialize;

use super::super::exit::{Exit, Stopped};
use super::super::render::{Column, Look, Table, clean, counted, duration, number, size};
use super::row::{Common, Mailbox, shown};
use super::sheet::Row;

/// The format's name.
const SCHEMA: &str = "malote.batch/1";

/// One row.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Its line in the CSV file.
    pub line: u64,
    /// Where mail came from.
    pub from: String,
    /// Where it went to.
    pub to: String,
    /// `success`, `partial`, `failed` as in a report; `invalid` for a row that cannot be read, `refused` for a
    /// login that does not work, `valid` with `--validate-only`, `not_started`.
    pub status: &'static str,
    /// What `malote copy` would have ended with.
    pub exit_code: u8,
    /// Names the run in logs; empty where there was none.
    pub run_id: String,
    /// The ledger; empty where the row is invalid.
    pub state: String,
    /// How long it took.
    pub elapsed_seconds: f64,
    /// The run's counters.
    pub totals: Counters,
    /// What the run coped with.
    pub warnings: Vec<String>,
    /// What went wrong.
    pub errors: Vec<ErrorEntry>,
    #[serde(skip)]
    exit: Exit,
}

impl Outcome {
    fn of(mailbox: &Mailbox, status: &'static str, exit: Exit) -> Self {
        Self {
            line: mailbox.line,
            from: mailbox.pair.identity.source.clone(),
            to: mailbox.pair.identity.destination.clone(),
            status,
            exit_code: exit.code(),
            run_id: String::new(),
            state: mailbox.state.display().to_string(),
            elapsed_seconds: 0.0,
            totals: Counters::default(),
            warnings: Vec::new(),
            errors: Vec::new(),
            exit,
        }
    }

    /// A row that cannot be read.
    pub fn invalid(row: &Row, common: &Common<'_>, stopped: Stopped) -> Self {
        Self {
            line: row.line,
            from: shown(row, common, Side::Source),
            to: shown(row, common, Side::Destination),
            status: "invalid",
            exit_code: stopped.exit.code(),
            run_id: String::new(),
            state: String::new(),
            elapsed_seconds: 0.0,
            totals: Counters::default(),
            warnings: Vec::new(),
            errors: vec![local(Class::Usage, stopped.message)],
            exit: stopped.exit,
        }
    }

    /// A login that does not work, on one side or both.
    pub fn refused(mailbox: &Mailbox, failures: &[Failure]) -> Self {
        let exit = failures.iter().map(|failure| Exit::of_class(failure.class)).max().unwrap_or_default();
        let errors = failures.iter().map(ErrorEntry::from).collect();
        Self { errors, ..Self::of(mailbox, "refused", exit) }
    }

    /// Both logins work, and that was all that was asked.
    pub fn valid(mailbox: &Mailbox) -> Self {
        Self::of(mailbox, "valid", Exit::Success)
    }

    /// Nothing was begun.
    pub fn not_started(mailbox: &Mailbox) -> Self {
        Self::of(mailbox, "not_started", Exit::Early)
    }

    /// A run that came to its end.
    pub fn done(mailbox: &Mailbox, report: Report) -> Self {
        let exit = Exit::of_report(&report);
        let status = match report.status {
            Status::Success => "success",
            Status::Partial => "partial",
            Status::Failed => "failed",
        };
        Self {
            run_id: report.run_id,
            elapsed_seconds: report.elapsed_ms as f64 / 1000.0,
            totals: report.totals,
            warnings: report.warnings,
            errors: report.errors,
            ..Self::of(mailbox, status, exit)
        }
    }

    /// A run that could not be put together.
    pub fn stopped(mailbox: &Mailbox, stopped: Stopped) -> Self {
        let class = if stopped.exit == Exit::Internal { Class::Internal } else { Class::Ledger };
        Self { errors: vec![local(class, stopped.message)], ..Self::of(mailbox, "failed", stopped.exit) }
    }

    /// The first thing that went wrong, for one line.
    pub fn first_error(&self) -> &str {
        self.errors.first().map_or("", |error| error.message.as_str())
    }

    /// One line for the end of a mailbox.
    pub fn sentence(&self) -> String {
        let totals = &self.totals;
        let counts = format!(
            "{} copied, {} already, {} quarantined, {} pending",
            number(totals.copied),
            number(totals.already + totals.adopted),
            number(totals.quarantined),
            number(totals.pending)
        );
        let span = duration(Duration::try_from_secs_f64(self.elapsed_seconds).unwrap_or_default());
        let error = match self.errors.len() {
            0 => String::new(),
            1 => format!("; {}", self.first_error()),
            more => format!("; {} (and {} more)", self.first_error(), more - 1),
        };
        format!(
            "line {}: {} to {}: {}: {counts} in {span}{error}",
            self.line, self.from, self.to, self.status
        )
    }
}

fn local(class: Class, message: String) -> ErrorEntry {
    ErrorEntry { side: "local".to_owned(), class: class.as_str().to_owned(), message, kind: Some(class) }
}

/// All rows.
#[derive(Debug, Clone, Serialize)]
pub struct BatchReport {
    schema: &'static str,
    exit_code: u8,
    rows: Vec<Outcome>,
    totals: Counters,
    warnings: Vec<String>,
    #[serde(skip)]
    exit: Exit,
}

impl BatchReport {
    /// Puts the rows in the file's order and adds them up.
    pub fn new(mut rows: Vec<Outcome>, warnings: Vec<String>) -> Self {
        rows.sort_by_key(|row| row.line);
        let mut totals = Counters::default();
        rows.iter().for_each(|row| totals.add(&row.totals));
        let exit = rows.iter().map(|row| row.exit).max().unwrap_or_default();
        Self { schema: SCHEMA, exit_code: exit.code(), rows, totals, warnings, exit }
    }

    /// That of the most serious row.
    pub const fn exit(&self) -> Exit {
        self.exit
    }
}

/// The report for people.
pub fn render(report: &BatchReport, look: Look) -> String {
    let mut table = Table::new(vec![
        Column::number("Line"),
        Column::text("From"),
        Column::text("To"),
        Column::text("Status"),
        Column::number("At source"),
        Column::number("Copied"),
        Column::number("Already"),
        Column::number("Quarantined"),
        Column::number("Pending"),
        Column::number("Size"),
    ]);
    let counters = |totals: &Counters| {
        let counts = [
            totals.source_messages,
            totals.copied,
            totals.already + totals.adopted,
            totals.quarantined,
            totals.pending,
        ];
        let mut cells: Vec<String> = counts.into_iter().map(number).collect();
        cells.push(size(totals.bytes_copied));
        cells
    };
    for row in &report.rows {
        let mut cells = vec![row.line.to_string(), row.from.clone(), row.to.clone(), row.status.to_owned()];
        cells.extend(counters(&row.totals));
        table.row(cells);
    }
    let whole = report.rows.iter().filter(|row| row.exit == Exit::Success).count();
    let mut cells = vec![String::new(), counted(report.rows.len() as u64, "row", "rows"), String::new()];
    cells.push(format!("{} ok", number(whole as u64)));
    cells.extend(counters(&report.totals));
    table.total(cells);
    let mut out = table.render(look);
    for (heading, lines) in
        [(look.bad("Errors"), errors(report)), (look.strong("Warnings"), warnings(report))]
    {
        if !lines.is_empty() {
            out.push_str(&format!("\n{heading}\n"));
            lines.iter().for_each(|line| out.push_str(&format!("  {line}\n")));
        }
    }
    if report.exit != Exit::Success {
        out.push_str("\nRun the same command again when the errors are put right: ");
        out.push_str("finished mailboxes cost next to nothing.\n");
    }
    out
}

fn errors(report: &BatchReport) -> Vec<String> {
    let rows = report.rows.iter().flat_map(|row| row.errors.iter().map(move |error| (row.line, error)));
    rows.map(|(line, error)| {
        clean(&format!("line {line}: {} [{}]: {}", error.side, error.class, error.message))
    })
    .collect()
}

fn warnings(report: &BatchReport) -> Vec<String> {
    let rows = report.rows.iter().flat_map(|row| row.warnings.iter().map(move |text| (row.line, text)));
    let rows = rows.map(|(line, text)| clean(&format!("line {line}: {text}")));
    report.warnings.iter().map(|text| clean(text)).chain(rows).collect()
}
