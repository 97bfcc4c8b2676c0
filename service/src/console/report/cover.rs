//! The first page with its verdict, what the migration is, what it leaves out, and the digests at the end.
//! Never calls complete what was not counted whole.

use malote_paper::{Block, Table, Tone};
use serde_json::Value;

use super::subject;
use super::tongue::{Tongue, count, items, text};

/// The first page.
pub(super) fn cover(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let is_box = !report["identification"]["mailbox_id"].is_null();
    let title = tongue.say(if is_box { "pdf-title-box" } else { "pdf-title" });
    let mut blocks = vec![Block::Title(title), Block::Lead(subject(report).to_owned())];
    let (tone, word, mut sentences) = if is_box { of_box(report, tongue) } else { of_job(report, tongue) };
    let counts = &report["counts"];
    sentences.extend(numbers(counts, tongue));
    if counts["is_whole"] != true {
        sentences.push(tongue.say("pdf-say-uncounted"));
    }
    if report["is_cut"] == true {
        sentences.push(tongue.say("pdf-say-cut"));
    }
    blocks.push(Block::Verdict(tone, word, sentences));
    blocks.push(Block::Heading(1, tongue.say("pdf-section-identity")));
    blocks.push(Block::Facts(identity(report, tongue)));
    blocks
}

/// The exact numbers behind a verdict.
fn numbers(counts: &Value, tongue: &Tongue) -> Vec<String> {
    let of = |name: &str| tongue.of(counts, name);
    let percent = tongue.percent(&counts["sync_percent"]);
    vec![
        tongue.with(
            "pdf-say-counts",
            &[
                ("matched", &of("matched")),
                ("eligible", &of("eligible")),
                ("percent", &percent),
                ("missing", &of("missing")),
            ],
        ),
        tongue.with(
            "pdf-say-reasons",
            &[
                ("pending", &of("pending")),
                ("open", &of("quarantine_open")),
                ("acknowledged", &of("quarantine_acknowledged")),
            ],
        ),
    ]
}

fn of_job(report: &Value, tongue: &Tongue) -> (Tone, String, Vec<String>) {
    let is_whole = report["counts"]["is_whole"] == true && report["is_cut"] != true;
    let (tone, word, told) = match text(&report["gate"], "migration_gate") {
        // A count that is no longer whole outweighs what the gate was.
        "ready_for_dns" if is_whole => (Tone::Good, "pdf-verdict-ready", "pdf-say-ready"),
        "ready_for_dns" => (Tone::Warn, "pdf-verdict-ready", "pdf-say-ready"),
        "warning" => (Tone::Warn, "pdf-verdict-warning", "pdf-say-warning"),
        _ => (Tone::Bad, "pdf-verdict-blocked", "pdf-say-blocked"),
    };
    let boxes = tongue.counted("pdf-say-boxes", count(&report["counts"], "mailboxes"));
    (tone, tongue.say(word), vec![tongue.say(told), boxes])
}

fn of_box(report: &Value, tongue: &Tongue) -> (Tone, String, Vec<String>) {
    let counts = &report["counts"];
    let is_settled = count(counts, "pending") == 0 && count(counts, "quarantine_open") == 0;
    let (tone, word) = match (counts["is_whole"] == true, count(counts, "missing"), is_settled) {
        (false, ..) => (Tone::Bad, "pdf-verdict-uncounted"),
        (true, 0, true) if report["is_cut"] != true => (Tone::Good, "pdf-verdict-whole"),
        (true, 1.., true) => (Tone::Warn, "pdf-verdict-known"),
        _ => (Tone::Bad, "pdf-verdict-open"),
    };
    let gate = tongue.word("gate", text(&report["gate"], "migration_gate"));
    (tone, tongue.say(word), vec![tongue.with("pdf-say-job-gate", &[("gate", &gate)])])
}

fn identity(report: &Value, tongue: &Tongue) -> Vec<(String, String)> {
    let own = &report["identification"];
    let id = |name: &str| own[name].as_i64().map_or_else(|| tongue.say("pdf-none"), |id| id.to_string());
    let mut facts = vec![tongue.fact("pdf-domain", text(own, "domain"))];
    if !own["mailbox_id"].is_null() {
        facts.push(tongue.fact("pdf-box", format!("{} ({})", subject(report), id("mailbox_id"))));
    }
    facts.extend([
        tongue.fact("pdf-job", id("job_id")),
        tongue.fact("pdf-ticket", id("ticket_id")),
        tongue.fact("pdf-tenant", id("tenant_id")),
        tongue.fact("pdf-phase", tongue.word("phase", text(own, "phase"))),
        tongue.fact("pdf-source", tongue.or_dash(text(own, "source_server_label"))),
        tongue.fact("pdf-destination", tongue.or_dash(text(own, "dest_imap_host"))),
        tongue.fact("pdf-created", tongue.moment(text(own, "created_at"))),
        tongue.fact("pdf-created-by", tongue.or_dash(&tongue.who(text(own, "created_by")))),
        tongue.fact("pdf-first-run", tongue.moment(text(own, "first_run_at"))),
        tongue.fact("pdf-last-run", tongue.moment(text(own, "last_run_at"))),
        tongue.fact("pdf-closed", tongue.moment(text(own, "closed_at"))),
        tongue.fact("pdf-software", format!("Malote {}", text(own, "software_version"))),
        tongue.fact("pdf-digest-json", text(report, "digest")),
    ]);
    facts
}

/// What takes part and what was left out.
pub(super) fn scope(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let (scope, inventory) = (&report["scope"], &report["scope"]["inventory"]);
    let told = if inventory["is_known"] == true {
        let (addresses, undecided) = (tongue.of(inventory, "addresses"), tongue.of(inventory, "undecided"));
        tongue.with("pdf-inventory-words", &[("addresses", &addresses), ("undecided", &undecided)])
    } else {
        tongue.say("pdf-inventory-none")
    };
    let mut facts = vec![
        tongue.fact("pdf-boxes-all", tongue.of(scope, "mailboxes_total")),
        tongue.fact("pdf-inventory", told),
    ];
    if scope["options"].as_object().is_some_and(|options| !options.is_empty()) {
        facts.push(tongue.fact("pdf-options", scope["options"].to_string()));
    }
    let mut blocks = vec![Block::Heading(1, tongue.say("pdf-section-scope")), Block::Facts(facts)];
    let (boxes, addresses) = (items(&scope["mailboxes_excluded"]), items(&inventory["excluded"]));
    if boxes.is_empty() && addresses.is_empty() {
        blocks.push(Block::Text(tongue.say("pdf-nothing-excluded")));
    }
    for (head, name, key, rows) in [
        ("pdf-excluded-boxes", "pdf-box", "email", boxes),
        ("pdf-excluded-addresses", "pdf-address", "address", addresses),
    ] {
        if rows.is_empty() {
            continue;
        }
        blocks.push(Block::Heading(2, tongue.say(head)));
        blocks.push(Block::Table(Table {
            columns: vec![tongue.text_column(name, 1.0), tongue.text_column("pdf-reason", 1.2)],
            rows: rows
                .iter()
                .map(|row| vec![text(row, key).into(), tongue.or_dash(text(row, "reason")).into()])
                .collect(),
        }));
    }
    blocks
}

/// The root of each mailbox, and the JSON's own digest.
pub(super) fn digest(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let rows = items(&report["mailboxes"]).iter().map(|row| {
        let root = text(&row["verification"], "merkle_root");
        let root = if root.is_empty() { tongue.say("pdf-no-root") } else { root.to_owned() };
        vec![text(row, "email").into(), root.into()]
    });
    vec![
        Block::Heading(1, tongue.say("pdf-section-digest")),
        Block::Text(tongue.say("pdf-digest-note")),
        Block::Facts(vec![tongue.fact("pdf-digest-json", text(report, "digest"))]),
        Block::Table(Table {
            columns: vec![tongue.text_column("pdf-box", 1.0), tongue.text_column("pdf-root", 2.1)],
            rows: rows.collect(),
        }),
    ]
}
