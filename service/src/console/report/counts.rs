//! What was counted: in all, by mailbox, by folder, and what a verification measured.
//! Never a sum of its own: each number is one of the JSON report's.

use malote_paper::{Bar, Block, Cell, Column, Table, Tone};
use serde_json::Value;

use super::tongue::{Tongue, count, items, text};
use crate::console::format;

/// Folders that one document tells; each mailbox's own report has its own.
const FOLDERS_MAX: usize = 20_000;
/// Bars of a picture.
const BARS_MAX: usize = 12;

/// The sums, and a row for each mailbox.
pub(super) fn counts(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let sums = &report["counts"];
    let name = |key: &str| tongue.word("count", key);
    let plain = ["mailboxes", "eligible", "matched", "missing", "pending", "quarantine_open"];
    let more = ["quarantine_acknowledged", "filtered", "vanished"];
    let mut facts: Vec<(String, String)> =
        plain.into_iter().chain(more).map(|key| (name(key), tongue.of(sums, key))).collect();
    facts.extend(["bytes_source", "bytes_dest"].map(|key| (name(key), tongue.octets(count(sums, key)))));
    facts.push((name("sync_percent"), tongue.percent(&sums["sync_percent"])));
    let mut blocks = vec![Block::Heading(1, tongue.say("pdf-section-counts")), Block::Facts(facts)];
    let all = items(&report["mailboxes"]);
    if report["identification"]["mailbox_id"].is_null() {
        let rows = all.iter().map(|row| {
            let mut cells = vec![Cell::from(text(row, "email"))];
            cells.extend(numbers(row, tongue));
            cells.push(tongue.percent(&row["sync_percent"]).into());
            cells
        });
        let mut columns = vec![tongue.text_column("pdf-box", 1.0)];
        columns.extend(heads(tongue));
        columns.push(tongue.number_column("pdf-percent"));
        blocks.push(Block::Heading(2, tongue.say("pdf-section-boxes")));
        blocks.push(Block::Table(Table { columns, rows: rows.collect() }));
        let bars =
            bars(all.iter().map(|row| (text(row, "email").to_owned(), count(row, "bytes_dest"))), tongue);
        blocks.push(Block::Bars(tongue.say("pdf-chart-boxes"), tongue.say("pdf-chart-boxes-told"), bars));
    }
    blocks
}

/// The greatest of some octets, as bars.
fn bars(all: impl Iterator<Item = (String, u64)>, tongue: &Tongue) -> Vec<Bar> {
    let mut all: Vec<(String, u64)> = all.filter(|(_, octets)| *octets > 0).collect();
    all.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    let bar = |(name, octets): (String, u64)| {
        let value = octets as f64;
        Bar { name, value, words: format::bytes(tongue.format.language, value) }
    };
    all.into_iter().take(BARS_MAX).map(bar).collect()
}

fn heads(tongue: &Tongue) -> Vec<Column> {
    ["pdf-eligible", "pdf-matched", "pdf-missing", "pdf-pending", "pdf-open", "pdf-known", "pdf-octets"]
        .map(|key| tongue.number_column(key))
        .into()
}

/// The numbers of a mailbox or a folder, in the order of [`heads`].
fn numbers(row: &Value, tongue: &Tongue) -> Vec<Cell> {
    vec![
        tongue.of(row, "eligible").into(),
        tongue.of(row, "matched").into(),
        tongue.worry(row, "missing", Tone::Bad),
        tongue.worry(row, "pending", Tone::Bad),
        tongue.worry(row, "quarantine_open", Tone::Bad),
        tongue.worry(row, "quarantine_acknowledged", Tone::Warn),
        tongue.of(row, "bytes_dest").into(),
    ]
}

/// Each mailbox with its folders.
pub(super) fn folders(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(1, tongue.say("pdf-section-folders"))];
    let (mut left, mut more) = (FOLDERS_MAX, 0_usize);
    for row in items(&report["mailboxes"]) {
        let all = items(&row["folders"]);
        blocks.push(Block::Heading(2, text(row, "email").to_owned()));
        let facts = facts(row, tongue);
        blocks.push(if report["identification"]["mailbox_id"].is_null() {
            let words: Vec<String> = facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            Block::Note(words.join(" · "))
        } else {
            Block::Facts(facts)
        });
        if all.is_empty() {
            blocks.push(Block::Text(tongue.say("pdf-no-folders")));
            continue;
        }
        let told = &all[..all.len().min(left)];
        left -= told.len();
        more += all.len() - told.len();
        let mut columns = vec![tongue.text_column("pdf-folder", 1.0)];
        columns.extend(heads(tongue));
        let rows = told.iter().map(|folder| {
            let path = text(folder, "source_path");
            let is_gone = folder["is_gone"] == true;
            let name = if is_gone { tongue.with("pdf-is-gone", &[("name", path)]) } else { path.to_owned() };
            let mut cells = vec![Cell::from(name)];
            cells.extend(numbers(folder, tongue));
            cells
        });
        blocks.push(Block::Table(Table { columns, rows: rows.collect() }));
        if !report["identification"]["mailbox_id"].is_null() {
            let sizes = all.iter().map(|one| (text(one, "source_path").to_owned(), count(one, "bytes_dest")));
            let bars = bars(sizes, tongue);
            let (title, words) = (tongue.say("pdf-chart-folders"), tongue.say("pdf-chart-folders-told"));
            blocks.push(Block::Bars(title, words, bars));
        }
    }
    if more > 0 {
        blocks.push(Block::Text(tongue.counted("pdf-folders-more", more as u64)));
    }
    blocks
}

/// What is known of a mailbox beside its folders.
fn facts(row: &Value, tongue: &Tongue) -> Vec<(String, String)> {
    let delta = match (text(row, "last_delta_at"), text(row, "last_delta_status")) {
        ("", _) => tongue.say("pdf-never"),
        (at, status) => format!("{} ({})", tongue.moment(at), tongue.word("run", status)),
    };
    let mut facts = vec![
        tongue.fact("pdf-status", tongue.word("mailbox", text(row, "status"))),
        tongue.fact("pdf-type", tongue.word("source", text(row, "source_type"))),
        tongue.fact("pdf-last-scan", tongue.moment(text(row, "last_scan_at"))),
        tongue.fact("pdf-last-delta", delta),
        tongue.fact("pdf-login-source", tongue.moment(text(row, "source_login_ok_at"))),
        tongue.fact("pdf-login-destination", tongue.moment(text(row, "dest_login_ok_at"))),
        tongue.fact("pdf-there", tongue.of(row, "destination_messages")),
        (tongue.word("count", "filtered"), tongue.of(row, "filtered")),
        (tongue.word("count", "vanished"), tongue.of(row, "vanished")),
        (tongue.word("count", "bytes_source"), tongue.octets(count(row, "bytes_source"))),
    ];
    if !text(row, "error_class").is_empty() {
        facts.push(tongue.fact("pdf-last-error", text(row, "error_class")));
    }
    facts
}

/// What a verification measured of each mailbox.
pub(super) fn verification(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let cell = |part: &Value, name: &str| -> Cell {
        if part.is_null() { "–".into() } else { tongue.of(part, name).into() }
    };
    let worry = |part: &Value, name: &str| {
        if part.is_null() { "–".into() } else { tongue.worry(part, name, Tone::Bad) }
    };
    let rows = items(&report["mailboxes"]).iter().map(|row| {
        let own = &row["verification"];
        let (sample, bytes, doubles) = (&own["sample"], &own["bytes"], &own["duplicates"]);
        let times = [sample, bytes, doubles];
        let newest = times.iter().map(|part| text(part, "at")).max().unwrap_or_default();
        let when = if newest.is_empty() { tongue.say("pdf-not-measured") } else { tongue.moment(newest) };
        vec![
            text(row, "email").into(),
            cell(sample, "compared"),
            cell(sample, "rewritten"),
            worry(sample, "different"),
            cell(bytes, "source"),
            cell(bytes, "destination"),
            cell(doubles, "messages"),
            when.into(),
        ]
    });
    let mut columns = vec![tongue.text_column("pdf-box", 1.4)];
    columns.extend(
        [
            "pdf-sample",
            "pdf-sample-rewritten",
            "pdf-sample-different",
            "pdf-bytes-source",
            "pdf-bytes-dest",
            "pdf-duplicates",
        ]
        .map(|key| tongue.number_column(key)),
    );
    columns.push(tongue.text_column("pdf-measured", 1.0));
    vec![
        Block::Heading(1, tongue.say("pdf-section-verification")),
        Block::Note(tongue.say("pdf-verification-note")),
        Block::Table(Table { columns, rows: rows.collect() }),
    ]
}
