//! What happened: quarantine, renamed folders, runs and what slowed them, DNS, the timeline, the purge.
//! Never leaves rows out without saying how many.

use std::collections::BTreeMap;

use malote_paper::{Bar, Block, Cell, Column, Point, Table, Tone};
use serde_json::Value;

use super::checks::seconds;
use super::tongue::{Tongue, count, items, text};
use crate::console::format;

/// Rows of one of these tables; the JSON report has them all.
const ROWS_MAX: usize = 5_000;

/// A table under a heading, or a sentence where it is empty; rows over the limit are counted.
fn told(
    tongue: &Tongue,
    (head, empty): (&str, &str),
    columns: Vec<Column>,
    all: &[Value],
    row: impl Fn(&Value) -> Vec<Cell>,
) -> Vec<Block> {
    let head = Block::Heading(1, tongue.say(head));
    if all.is_empty() {
        return vec![head, Block::Text(tongue.say(empty))];
    }
    let rows = all.iter().take(ROWS_MAX).map(row).collect();
    let mut blocks = vec![head, Block::Table(Table { columns, rows })];
    if all.len() > ROWS_MAX {
        blocks.push(Block::Text(tongue.counted("pdf-rows-more", (all.len() - ROWS_MAX) as u64)));
    }
    blocks
}

/// The addresses of mailboxes by their numbers.
fn addresses(report: &Value) -> BTreeMap<i64, &str> {
    let all = items(&report["mailboxes"]).iter();
    all.filter_map(|row| Some((row["mailbox_id"].as_i64()?, row["email"].as_str()?))).collect()
}

fn address(of: &BTreeMap<i64, &str>, row: &Value) -> String {
    let id = row["mailbox_id"].as_i64().unwrap_or(0);
    of.get(&id).map_or_else(|| if id == 0 { "–".to_owned() } else { id.to_string() }, |own| (*own).to_owned())
}

/// What lies in quarantine, and who acknowledged it.
pub(super) fn quarantine(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let of = addresses(report);
    let columns = vec![
        tongue.text_column("pdf-box", 1.1),
        tongue.text_column("pdf-folder", 1.1),
        tongue.text_column("pdf-item", 1.0),
        tongue.number_column("pdf-size"),
        tongue.number_column("pdf-attempts"),
        tongue.text_column("pdf-status", 1.5),
    ];
    told(
        tongue,
        ("pdf-section-quarantine", "pdf-no-quarantine"),
        columns,
        items(&report["quarantine"]),
        |row| {
            let status = text(row, "status");
            let is_known = status == "acknowledged";
            let why = [text(row, "acknowledged_reason"), text(row, "note")];
            let why: Vec<&str> = why.into_iter().filter(|part| !part.is_empty()).collect();
            let when = tongue.moment(text(row, "acknowledged_at"));
            let known = tongue.with(
                "pdf-acknowledged-words",
                &[
                    ("who", &tongue.who(text(row, "acknowledged_by"))),
                    ("when", &when),
                    ("why", &why.join("; ")),
                ],
            );
            let state = tongue.word("item", status);
            let state = if is_known { format!("{state}: {known}") } else { state };
            vec![
                address(&of, row).into(),
                text(row, "folder").into(),
                format!("{} · {}", text(row, "source_ref"), text(row, "reason")).into(),
                tongue.of(row, "size_bytes").into(),
                tongue.of(row, "attempts").into(),
                Cell { text: state, tone: if is_known { Tone::Warn } else { Tone::Bad } },
            ]
        },
    )
}

/// Folders that have another name at the destination.
pub(super) fn renames(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let of = addresses(report);
    let columns = vec![
        tongue.text_column("pdf-box", 0.8),
        tongue.text_column("pdf-from", 1.0),
        tongue.text_column("pdf-to", 1.0),
    ];
    let all = items(&report["folder_renames"]);
    told(tongue, ("pdf-section-renames", "pdf-no-renames"), columns, all, |row| {
        vec![address(&of, row).into(), text(row, "from").into(), text(row, "to").into()]
    })
}

/// Classes with how often each is met, as a table.
fn classes(tongue: &Tongue, all: &BTreeMap<String, u64>) -> Block {
    Block::Table(Table {
        columns: vec![tongue.text_column("pdf-class", 1.0), tongue.number_column("pdf-count")],
        rows: all
            .iter()
            .map(|(class, many)| vec![class.as_str().into(), tongue.number(*many).into()])
            .collect(),
    })
}

/// Runs, what slowed them, what went wrong in them.
pub(super) fn runs(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let (of, last) = (addresses(report), items(&report["runs"]["last"]));
    let mut blocks = vec![Block::Heading(1, tongue.say("pdf-section-runs"))];
    if last.is_empty() {
        blocks.push(Block::Text(tongue.say("pdf-no-runs")));
        return blocks;
    }
    let mut facts = vec![tongue.fact("pdf-runs-total", tongue.of(&report["runs"], "total"))];
    for (name, many) in report["runs"]["by_type_and_status"].as_object().into_iter().flatten() {
        let (kind, status) = name.split_once('.').unwrap_or((name, ""));
        let head = format!("{}, {}", tongue.word("run-type", kind), tongue.word("run", status));
        facts.push((head, tongue.number(many.as_u64().unwrap_or(0))));
    }
    blocks.push(Block::Facts(facts));
    let limits = report["throttling"]["runs_by_class"].as_object().into_iter().flatten();
    let limits: BTreeMap<String, u64> =
        limits.map(|(class, many)| (class.clone(), many.as_u64().unwrap_or(0))).collect();
    if limits.is_empty() {
        blocks.push(Block::Text(tongue.say("pdf-no-throttling")));
    } else {
        blocks.push(Block::Heading(2, tongue.say("pdf-throttled")));
        blocks.push(classes(tongue, &limits));
    }
    blocks.extend(errors(last, tongue));
    blocks.push(Block::Heading(2, tongue.say("pdf-runs-total")));
    blocks.push(throughput(last, tongue));
    blocks.push(Block::Note(tongue.with("pdf-runs-told", &[("count", &tongue.number(last.len() as u64))])));
    let rows = last.iter().rev().map(|run| {
        let (finished, class) = (text(run, "finished_at"), text(run, "error_class"));
        let mut status = tongue.word("run", text(run, "status"));
        if !class.is_empty() {
            status = format!("{status}: {class}");
        }
        vec![
            format!("{} {}", count(run, "run_id"), tongue.word("run-type", text(run, "run_type"))).into(),
            address(&of, run).into(),
            Cell { text: status, tone: run_tone(text(run, "status")) },
            tongue.moment(text(run, "started_at")).into(),
            if finished.is_empty() { "–".into() } else { tongue.moment(finished).into() },
            tongue.of(run, "messages_done").into(),
            tongue.of(run, "bytes_done").into(),
        ]
    });
    blocks.push(Block::Table(Table {
        columns: vec![
            tongue.text_column("pdf-run", 1.0),
            tongue.text_column("pdf-box", 1.3),
            tongue.text_column("pdf-status", 1.0),
            tongue.text_column("pdf-started", 0.85),
            tongue.text_column("pdf-finished", 0.85),
            tongue.number_column("pdf-messages"),
            tongue.number_column("pdf-moved"),
        ],
        rows: rows.collect(),
    }));
    blocks
}

fn run_tone(status: &str) -> Tone {
    match status {
        "failed" => Tone::Bad,
        "partial" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// Errors of the runs that are told, by class: a picture with its table.
fn errors(last: &[Value], tongue: &Tongue) -> Vec<Block> {
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for class in last.iter().map(|run| text(run, "error_class")).filter(|class| !class.is_empty()) {
        *found.entry(class.to_owned()).or_default() += 1;
    }
    if found.is_empty() {
        return Vec::new();
    }
    let words: Vec<String> =
        found.iter().map(|(class, many)| format!("{class} {}", tongue.number(*many))).collect();
    let bars = found
        .iter()
        .map(|(class, many)| Bar { name: class.clone(), value: *many as f64, words: tongue.number(*many) })
        .collect();
    let told = tongue.with("pdf-chart-errors-told", &[("what", &words.join(", "))]);
    vec![Block::Bars(tongue.say("pdf-chart-errors"), told, bars), classes(tongue, &found)]
}

/// Octets of each run that moved some, by when it ended.
fn throughput(last: &[Value], tongue: &Tongue) -> Block {
    let mut ended: Vec<(&str, u64)> = last
        .iter()
        .map(|run| (text(run, "finished_at"), count(run, "bytes_done")))
        .filter(|(at, octets)| !at.is_empty() && *octets > 0)
        .collect();
    ended.sort_unstable();
    let language = tongue.format.language;
    let most = ended.iter().map(|(_, octets)| *octets).max().unwrap_or(0);
    let words = format::bytes(language, most as f64);
    let edge = |place: Option<&(&str, u64)>| place.map_or_else(String::new, |(at, _)| tongue.moment(at));
    let told = tongue.with(
        "pdf-chart-throughput-told",
        &[("from", &edge(ended.first())), ("to", &edge(ended.last())), ("most", &words)],
    );
    let points = ended.iter().filter_map(|(at, octets)| {
        Some(Point { at: seconds(at)?, value: *octets as f64, words: tongue.moment(at) })
    });
    Block::Line(tongue.say("pdf-chart-throughput"), told, points.collect(), words)
}

/// What is known of DNS: when people said that they switched it, and what was seen then.
pub(super) fn dns(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let own = &report["dns"];
    let (words, is_known) = match text(own, "state") {
        "confirmed" => ("pdf-dns-confirmed", true),
        "vouched" => ("pdf-dns-vouched", true),
        _ => ("pdf-dns-unknown", false),
    };
    let mut facts = vec![tongue.fact("pdf-dns-cutover", tongue.moment(text(own, "dns_cutover_at")))];
    for (key, name) in [("pdf-dns-before", "before"), ("pdf-dns-after", "after")].iter().filter(|_| is_known)
    {
        let hosts: Vec<&str> =
            own[*name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        facts.push(tongue.fact(key, tongue.or_dash(&hosts.join(", "))));
    }
    vec![
        Block::Heading(1, tongue.say("pdf-section-dns")),
        Block::Text(tongue.say(words)),
        Block::Facts(facts),
    ]
}

/// Phases, decisions and runs in their order.
pub(super) fn timeline(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let columns = vec![
        tongue.text_column("pdf-when", 0.8),
        tongue.text_column("pdf-event", 1.5),
        tongue.text_column("pdf-who", 0.7),
        tongue.text_column("pdf-reason", 1.5),
    ];
    let all = items(&report["timeline"]);
    told(tongue, ("pdf-section-timeline", "pdf-no-events"), columns, all, |event| {
        let (from, to) = (text(event, "from"), text(event, "to"));
        let what = match text(event, "kind") {
            "phase" => {
                let from = tongue.or_dash(&tongue.word("phase", from));
                tongue.with("pdf-event-phase", &[("from", &from), ("to", &tongue.word("phase", to))])
            }
            "run" => {
                let (run, status) = (tongue.word("run-type", from), tongue.word("run", to));
                tongue.with("pdf-event-run", &[("run", &run), ("status", &status)])
            }
            _ if to == "void" => tongue.say("pdf-event-void"),
            _ => format!("{}: {}", tongue.say("pdf-decision"), tongue.word("decision", to)),
        };
        vec![
            tongue.format.exact(text(event, "at")).into(),
            what.into(),
            tongue.or_dash(&tongue.who(text(event, "actor"))).into(),
            tongue.or_dash(&tongue.phrase(text(event, "reason"))).into(),
        ]
    })
}

/// What was purged, where something was.
pub(super) fn purge(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let head = Block::Heading(1, tongue.say("pdf-section-purge"));
    let own = &report["purge_certificate"];
    if own.is_null() {
        return vec![head, Block::Text(tongue.say("pdf-no-purge"))];
    }
    let facts = vec![
        tongue.fact("pdf-purge-actor", tongue.who(text(own, "actor"))),
        tongue.fact("pdf-purge-when", tongue.moment(text(own, "purged_at"))),
        tongue.fact("pdf-purge-counts", own["counts"].to_string()),
        tongue.fact("pdf-digest-json", text(own, "digest")),
    ];
    vec![head, Block::Facts(facts)]
}
