//! A report as the blocks of a PDF, in the reader's language: a function of the JSON report and nothing else.
//! Never asks anybody: what the JSON does not know is told as unknown.

mod checks;
mod counts;
mod cover;
mod past;
mod tongue;

use malote_paper::{Block, Paper, PaperError};
use serde_json::Value;

use super::format::{Format, ZONE};
use super::language::Language;
pub use checks::sentence;
use tongue::Tongue;

/// The PDF of a JSON report. The same digest in the same language is the same octets.
///
/// # Errors
/// Where it would be longer than anybody reads, or would not keep to PDF/UA-1.
pub fn pdf(report: &Value, language: Language) -> Result<Vec<u8>, PaperError> {
    // The hour of writing is no part of the document.
    let tongue = Tongue::new(Format::new(language, ZONE, 0), report["names"].clone());
    malote_paper::write(&paper(report, &tongue), blocks(report, &tongue))
}

/// What a report is about: the mailbox's address, or the domain.
fn subject(report: &Value) -> &str {
    if report["identification"]["mailbox_id"].is_null() {
        report["identification"]["domain"].as_str().unwrap_or_default()
    } else {
        report["mailboxes"][0]["email"].as_str().unwrap_or_default()
    }
}

fn paper(report: &Value, tongue: &Tongue) -> Paper {
    let about = subject(report);
    let version = report["identification"]["software_version"].as_str().unwrap_or_default();
    let title = tongue.say(if report["identification"]["mailbox_id"].is_null() {
        "pdf-title"
    } else {
        "pdf-title-box"
    });
    Paper {
        title: format!("{title} · {about}"),
        subject: tongue.with("pdf-subject", &[("what", about)]),
        language: tongue.format.language.tag().to_owned(),
        producer: format!("Malote {version}"),
        identity: report["digest"].as_str().unwrap_or_default().to_owned(),
        head_left: tongue.say("pdf-head"),
        head_right: about.to_owned(),
        foot: tongue.with("pdf-zone", &[("zone", &tongue.format.zone_name)]),
        page_words: tongue.with("pdf-page", &[("n", "{n}"), ("m", "{m}")]),
    }
}

fn blocks(report: &Value, tongue: &Tongue) -> Vec<Block> {
    let mut blocks = cover::cover(report, tongue);
    blocks.extend(cover::scope(report, tongue));
    blocks.extend(counts::counts(report, tongue));
    blocks.extend(checks::gate(report, tongue));
    blocks.extend(counts::verification(report, tongue));
    blocks.extend(past::quarantine(report, tongue));
    blocks.extend(past::renames(report, tongue));
    blocks.extend(past::runs(report, tongue));
    blocks.extend(past::dns(report, tongue));
    blocks.extend(past::timeline(report, tongue));
    blocks.extend(past::purge(report, tongue));
    blocks.extend(counts::folders(report, tongue));
    blocks.extend(cover::digest(report, tongue));
    blocks
}
