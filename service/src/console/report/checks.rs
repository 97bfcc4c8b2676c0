//! The gate: what each check said, what it came to over time, and who decided.
//! Never a sentence in another language than the report's where its code is known.

use fluent_bundle::FluentValue;
use malote_paper::{Block, Cell, Point, Table, Tone};
use serde_json::Value;

use super::tongue::{Tongue, count, items, text};
use crate::console::format::{self, Format};
use crate::console::texts;

/// What a check says, in a language: by its code and numbers, else as it came.
pub fn sentence(format: &Format, check: &Value) -> String {
    let language = format.language;
    let key = crate::console::words::key("said", text(check, "code"));
    if text(check, "code").is_empty() || !texts::has(language, &key) {
        return text(check, "message").to_owned();
    }
    let mut pairs: Vec<(String, FluentValue<'static>)> = Vec::new();
    for (name, number) in check["numbers"].as_object().into_iter().flatten() {
        let number = number.as_u64().unwrap_or(0);
        pairs.push((name.clone(), FluentValue::from(number)));
        if name == "hundredths" {
            let percent = format::percent(language, number as f64 / 100.0);
            pairs.push(("percent".to_owned(), FluentValue::from(percent)));
        }
    }
    let arguments = || pairs.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let what = texts::text(language, &key, Some(&texts::arguments(arguments())));
    let (alike, all) = (count(&check["numbers"], "alike"), count(&check["numbers"], "all"));
    if all < 2 {
        return what;
    }
    let key = if alike == all { "said-in-all" } else { "said-in-some" };
    let arguments = arguments().chain([("what", FluentValue::from(what.clone()))]);
    texts::text(language, key, Some(&texts::arguments(arguments)))
}

fn tone(status: &str) -> Tone {
    match status {
        "pass" => Tone::Good,
        "warn" => Tone::Warn,
        _ => Tone::Bad,
    }
}

fn gate_tone(gate: &str) -> Tone {
    match gate {
        "ready_for_dns" => Tone::Good,
        "warning" => Tone::Warn,
        _ => Tone::Bad,
    }
}

/// The gate's section.
pub(super) fn gate(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let gate = &report["gate"];
    let mut blocks = vec![Block::Heading(1, tongue.say("pdf-section-gate"))];
    blocks.extend(checks(items(&gate["checks"]), tongue));
    blocks.extend(evaluations(items(&gate["evaluations"]), tongue));
    blocks.extend(decisions(items(&gate["decisions"]), tongue));
    blocks
}

fn checks(all: &[Value], tongue: &Tongue) -> Vec<Block> {
    let Some(first) = all.first() else { return vec![Block::Text(tongue.say("pdf-no-checks"))] };
    let rows = all.iter().map(|check| {
        let (id, status) = (text(check, "check_id"), text(check, "status"));
        let what = if status == "pass" { "–".to_owned() } else { tongue.word("check-do", id) };
        vec![
            tongue.word("check", id).into(),
            Cell { text: tongue.word("check-status", status), tone: tone(status) },
            sentence(&tongue.format, check).into(),
            what.into(),
        ]
    });
    let when = tongue.moment(text(first, "checked_at"));
    vec![
        Block::Heading(2, tongue.say("pdf-checks")),
        Block::Note(tongue.with("pdf-checked", &[("when", &when)])),
        Block::Table(Table {
            columns: vec![
                tongue.text_column("pdf-check", 1.1),
                tongue.text_column("pdf-result", 0.6),
                tongue.text_column("pdf-numbers", 1.5),
                tongue.text_column("pdf-do", 1.6),
            ],
            rows: rows.collect(),
        }),
    ]
}

/// Seconds since 1970 of a moment.
pub(super) fn seconds(at: &str) -> Option<f64> {
    Some(at.parse::<jiff::Timestamp>().ok()?.as_millisecond() as f64 / 1000.0)
}

fn evaluations(all: &[Value], tongue: &Tongue) -> Vec<Block> {
    let mut all: Vec<&Value> = all.iter().collect();
    all.sort_by_key(|row| text(row, "evaluated_at"));
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Vec::new() };
    let percent = |row: &Value| tongue.percent(&row["sync_percent"]);
    let told = tongue.with(
        "pdf-chart-progress-told",
        &[
            ("from", &tongue.moment(text(first, "evaluated_at"))),
            ("to", &tongue.moment(text(last, "evaluated_at"))),
            ("first", &percent(first)),
            ("last", &percent(last)),
        ],
    );
    let points = all.iter().filter_map(|row| {
        let at = text(row, "evaluated_at");
        let value = row["sync_percent"].as_f64()?;
        Some(Point { at: seconds(at)?, value, words: tongue.moment(at) })
    });
    let points: Vec<Point> = points.collect();
    let most = points.iter().map(|point| point.value).fold(0.0, f64::max);
    let highest = format::percent(tongue.format.language, most);
    let rows = all.iter().rev().map(|row| {
        let gate = text(row, "migration_gate");
        vec![
            tongue.format.exact(text(row, "evaluated_at")).into(),
            Cell { text: tongue.word("gate", gate), tone: gate_tone(gate) },
            percent(row).into(),
            text(row, "snapshot_hash").into(),
        ]
    });
    vec![
        Block::Heading(2, tongue.say("pdf-evaluations")),
        Block::Line(tongue.say("pdf-chart-progress"), told, points, highest),
        Block::Table(Table {
            columns: vec![
                tongue.text_column("pdf-when", 0.7),
                tongue.text_column("pdf-gate", 0.6),
                tongue.number_column("pdf-percent"),
                tongue.text_column("pdf-snapshot", 2.2),
            ],
            rows: rows.collect(),
        }),
    ]
}

fn decisions(all: &[Value], tongue: &Tongue) -> Vec<Block> {
    let head = Block::Heading(2, tongue.say("pdf-decisions"));
    if all.is_empty() {
        return vec![head, Block::Text(tongue.say("pdf-no-decisions"))];
    }
    let rows = all.iter().map(|row| {
        let mut decision = tongue.word("decision", text(row, "decision"));
        if row["void"] == true {
            let why = tongue.with("pdf-void", &[("why", &tongue.phrase(text(row, "void_reason")))]);
            decision = format!("{decision} ({why})");
        }
        let accepted = items(&row["accepted_warnings"]).iter().filter_map(Value::as_str);
        let accepted: Vec<String> = accepted.map(|id| tongue.word("check", id)).collect();
        vec![
            tongue.moment(text(row, "at")).into(),
            decision.into(),
            tongue.who(text(row, "approver")).into(),
            tongue.or_dash(&accepted.join("; ")).into(),
            tongue.or_dash(text(row, "comment")).into(),
        ]
    });
    vec![
        head,
        Block::Table(Table {
            columns: vec![
                tongue.text_column("pdf-when", 0.8),
                tongue.text_column("pdf-decision", 0.9),
                tongue.text_column("pdf-who", 0.8),
                tongue.text_column("pdf-accepted", 1.4),
                tongue.text_column("pdf-comment", 1.2),
            ],
            rows: rows.collect(),
        }),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::console::language::Language;

    fn check(code: &str, numbers: Value, portuguese: &str, english: &str) {
        let told = json!({"code": code, "numbers": numbers, "message": "as it came"});
        for (language, expected) in Language::ALL.into_iter().zip([portuguese, english]) {
            assert_eq!(sentence(&Format::new(language, "UTC", 0), &told), expected, "{code}");
        }
    }

    #[test]
    fn a_check_is_said_with_its_numbers_in_the_readers_language() {
        check(
            "ratio",
            json!({"matched": 12345, "eligible": 12350, "hundredths": 9995}),
            "12.345 de 12.350 mensagens (99,95%).",
            "12,345 of 12,350 messages (99.95%).",
        );
        check(
            "delta",
            json!({"hours": 0, "minutes": 31, "pending": 0}),
            "Última cópia delta há 31 min, 0 pendentes.",
            "Last delta copy 31 min ago, 0 pending.",
        );
        check(
            "delta-failed",
            json!({"hours": 5, "minutes": 301, "pending": 2}),
            "A última cópia delta falhou há 5 h, 2 pendentes.",
            "The last delta copy failed 5 h ago, 2 pending.",
        );
        check(
            "missing",
            json!({"missing": 1, "open": 1, "inbox": 1}),
            "Falta 1 mensagem na caixa de entrada; 1 sem reconhecimento.",
            "1 message is missing in the inbox; 1 unacknowledged.",
        );
        check(
            "duplicates",
            json!({"count": 0}),
            "0 mensagem em dobro no destino.",
            "0 messages twice at the destination.",
        );
    }

    #[test]
    fn who_speaks_for_several_mailboxes_says_so_and_an_unknown_sentence_stays_as_it_came() {
        check(
            "not-measured",
            json!({"alike": 4, "all": 4}),
            "Todas as 4 caixas: Não foi medido.",
            "All 4 mailboxes: Not measured.",
        );
        check(
            "not-measured",
            json!({"alike": 2, "all": 1000}),
            "2 de 1.000 caixas, por exemplo: Não foi medido.",
            "2 of 1,000 mailboxes, such as: Not measured.",
        );
        check("unheard-of", json!({}), "as it came", "as it came");
        check("", json!(null), "as it came", "as it came");
    }
}
