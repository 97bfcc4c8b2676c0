//! What a server is and can do, for people.
//! Never shows more than the probe found.

use super::super::assemble::{Finding, Probe};
use super::{Look, clean, number, paragraph, section, size};

/// Lines below one heading at most.
const LINES_MAX: usize = 50;

/// The whole probe of `place`.
pub fn probe(probe: &Probe, place: &str, look: Look) -> String {
    let mut out = format!("{} {}\n", look.strong("Server:"), clean(&probe.server));
    let mut fact = |name: &str, value: String| out.push_str(&format!("  {name:<14}{}\n", clean(&value)));
    fact("mailbox", place.to_owned());
    fact("greeting", probe.greeting.clone());
    fact("round trip", format!("{:.1} ms", probe.round_trip_ms));
    match &probe.tls {
        Some(tls) => {
            fact("TLS", format!("{}, {}", tls.version, tls.cipher));
            fact("certificate", format!("pin=sha256:{}", tls.certificate_sha256));
        }
        None => fact("TLS", "none: everything passes the network in clear".to_owned()),
    }
    let delimiter = probe.delimiter.map_or_else(|| "none".to_owned(), |delimiter| format!("\"{delimiter}\""));
    fact("folders", format!("{}, levels parted by {delimiter}", number(probe.folders as u64)));
    let largest = probe.append_octets_max.map_or_else(|| "not said".to_owned(), size);
    fact("largest mail", largest);
    for (name, value) in &probe.id {
        fact(&format!("id {name}"), value.clone());
    }
    let certainty = if probe.profile.verified { "" } else { ", unverified" };
    fact("profile", format!("{} ({}{certainty})", probe.profile.name, probe.profile.title));
    let width = look.width.unwrap_or(100).max(40);
    if !probe.profile.note.is_empty() {
        out.push_str(&format!("\n{}\n", look.strong("Before the first login")));
        out.push_str(&paragraph(&clean(&probe.profile.note), "  ", width));
    }
    if !probe.findings.is_empty() {
        out.push_str(&format!("\n{}\n", look.strong("What is different here, and what is done about it")));
        probe.findings.iter().for_each(|finding| out.push_str(&told(finding, look, width)));
    }
    let namespaces = probe.namespaces.iter().map(|one| clean(&format!("{}: \"{}\"", one.kind, one.prefix)));
    section(&mut out, &look.strong("Namespaces"), namespaces, LINES_MAX);
    let special = probe.special_use.iter().map(|(role, name)| clean(&format!("{role}: {name}")));
    section(&mut out, &look.strong("Special-use folders"), special, LINES_MAX);
    let quota = probe.quota.iter();
    let quota = quota
        .map(|(resource, used, most)| clean(&format!("{resource}: {} of {}", number(*used), number(*most))));
    section(&mut out, &look.strong("Quota"), quota, LINES_MAX);
    let lines = wrapped(&probe.capabilities, look.width.unwrap_or(100).saturating_sub(2));
    section(&mut out, &look.strong("Capabilities"), lines.into_iter(), LINES_MAX);
    let lines = wrapped(&probe.capabilities_before_login, look.width.unwrap_or(100).saturating_sub(2));
    section(&mut out, &look.strong("Capabilities before login"), lines.into_iter(), LINES_MAX);
    section(&mut out, &look.warn("Warnings"), probe.warnings.iter().map(|text| clean(text)), LINES_MAX);
    out
}

/// One finding: what it is about, what the server does, what is done about it.
fn told(finding: &Finding, look: Look, width: usize) -> String {
    let value = if finding.value.is_empty() { String::new() } else { format!(" = {}", finding.value) };
    let name = look.good(&clean(&format!("{}{value}", finding.about)));
    let done = if finding.is_acted_on { "->" } else { "told only:" };
    let text = format!("{} ({})", finding.finding, finding.source);
    let told = paragraph(&clean(&text), "      ", width);
    format!("  {name}\n{told}{}", paragraph(&clean(&format!("{done} {}", finding.handling)), "      ", width))
}

fn wrapped(words: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.iter().map(|word| clean(word)) {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_wrapped_at_blanks() {
        let words = ["IMAP4rev1", "IDLE", "MOVE"].map(str::to_owned);
        assert_eq!(wrapped(&words, 15), ["IMAP4rev1 IDLE", "MOVE"]);
        assert_eq!(wrapped(&words, 3), ["IMAP4rev1", "IDLE", "MOVE"]);
    }
}
