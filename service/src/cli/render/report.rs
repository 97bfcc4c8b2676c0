//! The report of a copy or a verification, for people.
//! Never leaves a number out that the equation needs.

use std::time::Duration;

use malote_engine::failure::Class;
use malote_engine::report::{Counters, Kind, Place, Report, Status};

use super::{Column, Look, Table, clean, counted, duration, number, section, size};

/// Lines below one heading at most; the JSON report has them all.
const LINES_MAX: usize = 20;

/// One column of counters: its title, its value, and whether it is shown when it is 0 everywhere.
type Shown = (&'static str, fn(&Counters) -> u64, bool);

const COUNTERS: [Shown; 11] = [
    ("At source", |counters| counters.source_messages, true),
    ("Copied", |counters| counters.copied, true),
    ("Adopted", |counters| counters.adopted, false),
    ("Already", |counters| counters.already, true),
    ("Collapsed", |counters| counters.collapsed, false),
    ("Filtered", |counters| counters.filtered, false),
    ("Quarantined", |counters| counters.quarantined, false),
    ("Pending", |counters| counters.pending, false),
    ("Vanished", |counters| counters.vanished, false),
    ("Flags", |counters| counters.flag_changes, false),
    ("Deleted", |counters| counters.deleted, false),
];

/// The whole report.
pub fn report(report: &Report, look: Look) -> String {
    let mut out = heading(report, look);
    if !report.folders.is_empty() {
        out.push('\n');
        out.push_str(&folders(report).render(look));
        out.push('\n');
        out.push_str(&equation(&report.totals));
    }
    if let Some(store) = &report.store {
        super::store::store(&mut out, store, "sent", look);
    }
    leftovers(&mut out, report, look);
    let advice = advice(report);
    section(&mut out, &look.strong("What to do next"), advice.into_iter(), LINES_MAX);
    out
}

fn heading(report: &Report, look: Look) -> String {
    let what = match report.kind {
        Kind::Copy => "Copy",
        Kind::Verify => "Verification",
    };
    let how = match report.status {
        Status::Success => look.good("complete: every message is accounted for"),
        Status::Partial => look.warn("not complete: see what is left below"),
        Status::Failed => look.bad("failed"),
    };
    let place = |place: &Place| match place.server.as_str() {
        "" => clean(&place.url),
        server => format!("{} ({})", clean(&place.url), clean(server)),
    };
    let span = Duration::from_millis(report.elapsed_ms);
    let mut took = duration(span);
    let octets = report.totals.bytes_copied;
    if octets > 0 {
        took = format!("{took}, {} copied", size(octets));
        if report.elapsed_ms > 0 {
            let per_second = |count: u64| (count as f64 / span.as_secs_f64()) as u64;
            let messages = number(per_second(report.totals.copied));
            took = format!("{took} ({}/s, {messages} messages/s)", size(per_second(octets)));
        }
    }
    format!(
        "{} {how}\n  from  {}\n  to    {}\n  took  {took}\n  run   {}\n",
        look.strong(&format!("{what}:")),
        place(&report.source),
        place(&report.destination),
        clean(&report.run_id)
    )
}

fn folders(report: &Report) -> Table {
    let shown: Vec<Shown> = COUNTERS
        .into_iter()
        .filter(|(_, value, is_always)| *is_always || value(&report.totals) > 0)
        .collect();
    let mut columns = vec![Column::text("Folder"), Column::text("At the destination")];
    columns.extend(shown.iter().map(|(title, _, _)| Column::number(title)));
    columns.push(Column::number("There now"));
    let mut table = Table::new(columns);
    for folder in &report.folders {
        let destination = if folder.destination == folder.source { "same" } else { &folder.destination };
        let mark = if folder.renamed { " (renamed)" } else { "" };
        let mut cells = vec![folder.source.clone(), format!("{destination}{mark}")];
        cells.extend(shown.iter().map(|(_, value, _)| number(value(&folder.counters))));
        cells.push(number(folder.counters.destination_messages));
        table.row(cells);
    }
    let mut cells = vec![counted(report.folders.len() as u64, "folder", "folders"), String::new()];
    cells.extend(shown.iter().map(|(_, value, _)| number(value(&report.totals))));
    cells.push(number(report.totals.destination_messages));
    table.total(cells);
    table
}

/// `600 at the source = 598 copied + 2 quarantined`, or that it does not hold.
fn equation(totals: &Counters) -> String {
    let buckets = [
        (totals.copied, "copied"),
        (totals.adopted, "adopted"),
        (totals.already, "already there"),
        (totals.collapsed, "collapsed"),
        (totals.filtered, "filtered"),
        (totals.quarantined, "quarantined"),
        (totals.pending, "pending"),
    ];
    let parts: Vec<String> = buckets
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", number(*count)))
        .collect();
    let sum = if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") };
    let sign = if totals.buckets().balances() { "=" } else { "IS NOT" };
    format!("{} at the source {sign} {sum}\n", number(totals.source_messages))
}

fn leftovers(out: &mut String, report: &Report, look: Look) {
    let errors = report.errors.iter();
    let error_lines =
        errors.map(|error| format!("{} [{}]: {}", error.side, error.class, clean(&error.message)));
    section(out, &look.bad("Errors"), error_lines, LINES_MAX);
    let quarantine = report.quarantine.iter().map(|entry| {
        let name = if entry.message_id.is_empty() { "no Message-ID" } else { &entry.message_id };
        let file = if entry.file.is_empty() { String::new() } else { format!("; kept as {}", entry.file) };
        clean(&format!(
            "{} UID {} ({name}, {}): {}{}: {}{file}",
            entry.folder,
            entry.uid,
            size(entry.size),
            if entry.acknowledged { "acknowledged, " } else { "" },
            entry.reason,
            entry.detail
        ))
    });
    section(out, &look.warn("In quarantine"), quarantine, LINES_MAX);
    let mended = report.repairs.iter().map(|entry| {
        let name = if entry.message_id.is_empty() { "no Message-ID" } else { &entry.message_id };
        let when = if entry.earlier { " by an earlier run" } else { "" };
        let made = entry.repairs.join(", ");
        clean(&format!(
            "{} UID {} ({name}): {made}{when}; the original is kept as {}",
            entry.folder, entry.uid, entry.kept
        ))
    });
    section(out, &look.strong("Changed so that the destination takes them"), mended, LINES_MAX);
    let dropped = report.dropped_flags.iter();
    let dropped =
        dropped.map(|(flag, count)| format!("{}: {}", clean(flag), counted(*count, "message", "messages")));
    section(out, &look.strong("Flags that the destination does not keep"), dropped, LINES_MAX);
    section(out, &look.strong("Warnings"), report.warnings.iter().map(|warning| clean(warning)), LINES_MAX);
}

fn advice(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let has = |classes: &[Class]| {
        report.errors.iter().any(|error| error.kind.is_some_and(|kind| classes.contains(&kind)))
    };
    if has(&[Class::Internal]) || !report.balances() {
        lines.push("this is a bug in malote: please report it with the output of --json".to_owned());
    }
    if has(&[
        Class::AuthBadCredentials,
        Class::AuthTokenExpired,
        Class::AuthUnsupported,
        Class::AuthNoMailboxRights,
    ]) {
        lines.push(
            "check user, password and rights on the side named above; `malote probe URL` tries one login"
                .to_owned(),
        );
    }
    if has(&[Class::TlsUntrusted]) {
        lines.push("a certificate that you know may be trusted with ?pin=sha256:... or --ca-file".to_owned());
    }
    if has(&[Class::OverQuota]) {
        lines.push("make room at the destination, then run the same command again".to_owned());
    }
    if has(&[Class::DecisionNeeded, Class::IdentityChanged, Class::LedgerForeign]) {
        lines.push(
            "decide what the errors above ask, then run again; `malote plan` shows what would happen"
                .to_owned(),
        );
    } else if report.totals.pending > 0 {
        let count = counted(report.totals.pending, "message is", "messages are");
        let again = match report.kind {
            Kind::Copy => "run the same command again: nothing is copied twice",
            Kind::Verify => "run `malote copy` again, then verify again",
        };
        lines.push(format!("{count} pending; {again}"));
    }
    if report.quarantined_unacknowledged() > 0 {
        let count = counted(report.quarantined_unacknowledged(), "message lies", "messages lie");
        lines.push(format!(
            "{count} in quarantine and will not be tried again by itself; see why above, and what may be \
             done about it by `malote quarantine --help`"
        ));
    }
    if report.store.as_ref().is_some_and(|store| !store.losses.is_empty()) {
        lines.push(
            "`malote pst check FILE --losses LIST` names each item that is not carried as it stood, and why"
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests;
