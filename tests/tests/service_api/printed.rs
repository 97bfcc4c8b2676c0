//! Reports as PDF: read back by a program that is not ours (poppler) and held against the JSON report.
//! Never looks at what our own code thinks a page says.

mod sample;

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use malote_service::binds;
use malote_service::console::language::Language;
use malote_service::console::report::pdf;
use serde_json::{Value, json};

use super::gate::copied;
use super::world::World;

/// What a program of poppler says of a document; nothing, told loudly, where it is not installed.
fn read(program: &str, arguments: &[&str], octets: &[u8]) -> Result<Option<String>> {
    let child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: {program} (package poppler-utils) is not installed");
        return Ok(None);
    };
    let mut input = child.stdin.take().context("no input")?;
    let octets = octets.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&octets));
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "{program} refuses the document");
    // A reader that has seen enough closes its end.
    let _ = writer.join();
    // Titles of tags come in another encoding than the rest.
    Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// A number as the language writes it, found without our own code: digits in groups of three.
fn written(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let mark = if language == Language::Portuguese { '.' } else { ',' };
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

/// Text without any blank, as it is where lines may have been broken.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

/// Holds the words of one PDF against the JSON that it was made of.
fn check(report: &Value, octets: &[u8], language: Language) -> Result<()> {
    let Some(text) = read("pdftotext", &["-layout", "-", "-"], octets)? else { return Ok(()) };
    let Some(raw) = read("pdftotext", &["-raw", "-", "-"], octets)? else { return Ok(()) };
    let (all, lines) = (bare(&raw), text.lines().collect::<Vec<_>>());
    let digest = report["digest"].as_str().context("no digest")?;
    assert!(all.matches(&bare(digest)).count() >= 2, "the JSON's digest is on the cover and at the end");
    for (name, number) in report["counts"].as_object().context("no counts")? {
        if let Some(number) = number.as_u64() {
            assert!(text.contains(&written(number, language)), "counts.{name} = {number} is not told");
        }
    }
    let names = ["eligible", "matched", "missing", "pending", "quarantine_open", "quarantine_acknowledged"];
    // A row's numbers stand in their order on one line of the page.
    let rows: HashSet<String> = lines
        .iter()
        .flat_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.windows(names.len() + 1).map(|part| part.join(" ")).collect::<Vec<_>>()
        })
        .collect();
    let has_row = |row: &Value| {
        let numbers = names.iter().chain(&["bytes_dest"]);
        let numbers: Vec<String> =
            numbers.map(|name| written(row[*name].as_u64().unwrap_or(0), language)).collect();
        rows.contains(&numbers.join(" "))
    };
    let mut paths = HashSet::new();
    let is_job = report["identification"]["mailbox_id"].is_null();
    for mailbox in report["mailboxes"].as_array().context("no mailboxes")? {
        let email = mailbox["email"].as_str().unwrap_or_default();
        assert!(all.contains(&bare(email)), "{email} is not told");
        assert!(!is_job || has_row(mailbox), "the numbers of {email} are not told: {mailbox}");
        let root = mailbox["verification"]["merkle_root"].as_str().unwrap_or_default();
        assert!(all.contains(root), "the root of {email} is not told");
        for folder in mailbox["folders"].as_array().into_iter().flatten() {
            let path = folder["source_path"].as_str().unwrap_or_default();
            let is_told = !paths.insert(path) || all.contains(&bare(path));
            assert!(is_told, "{path} of {email} is not told");
            assert!(has_row(folder), "the numbers of {path} of {email} are not told: {folder}");
        }
    }
    for item in report["quarantine"].as_array().into_iter().flatten() {
        for name in ["reason", "source_ref", "acknowledged_by", "note"] {
            let word = item[name].as_str().unwrap_or_default();
            let word = report["names"][word].as_str().unwrap_or(word);
            assert!(all.contains(&bare(word)), "quarantine {name} {word} is not told");
        }
    }
    for (actor, name) in report["names"].as_object().into_iter().flatten() {
        assert!(all.contains(&bare(name.as_str().unwrap_or_default())), "{name} is not told");
        assert!(!all.contains(actor), "{name} is told as {actor}");
    }
    for row in report["gate"]["evaluations"].as_array().into_iter().flatten() {
        let hash = row["snapshot_hash"].as_str().unwrap_or_default();
        assert!(all.contains(hash), "the evaluation {hash} is not told");
    }
    for row in report["folder_renames"].as_array().into_iter().flatten() {
        let to = row["to"].as_str().unwrap_or_default();
        assert!(all.contains(&bare(to)), "the new name {to} is not told");
    }
    Ok(())
}

/// Holds what is said of the document as a whole.
fn structure(octets: &[u8], language: Language, about: &str) -> Result<usize> {
    let Some(info) = read("pdfinfo", &["-enc", "UTF-8", "-"], octets)? else { return Ok(0) };
    let title = if language == Language::Portuguese { "Relatório" } else { "eport" };
    let line = |name: &str| {
        let found = info.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().trim().to_owned()
    };
    assert_eq!(line("Tagged:"), "yes", "{info}");
    assert!(line("Title:").contains(title) && line("Title:").contains(about), "{info}");
    let pages: usize = line("Pages:").parse()?;
    let Some(text) = read("pdftotext", &["-layout", "-", "-"], octets)? else { return Ok(pages) };
    let (page, of) = if language == Language::Portuguese { ("Página", "de") } else { ("Page", "of") };
    for number in 1..=pages {
        assert!(text.contains(&format!("{page} {number} {of} {pages}")), "page {number} has no number");
    }
    let tags = read("pdfinfo", &["-enc", "UTF-8", "-struct", "-"], octets)?.unwrap_or_default();
    for tag in ["H1", "H2", "Table", "THead", "TH", "TD", "P"] {
        assert!(
            tags.lines().any(
                |line| line.split_whitespace().next().map(|word| word.trim_end_matches(':')) == Some(tag)
            ),
            "no {tag}"
        );
    }
    Ok(pages)
}

#[test]
fn a_pdf_tells_every_number_and_every_mailbox_in_both_languages() -> Result<()> {
    for report in [sample::busy(7, 6), sample::busy(1, 40), sample::of_mailbox(12)] {
        for language in Language::ALL {
            let octets = pdf(&report, language)?;
            let about = sample::about(&report);
            check(&report, &octets, language)?;
            structure(&octets, language, about)?;
            assert!(octets == pdf(&report, language)?, "the same report is not the same octets");
        }
    }
    Ok(())
}

#[test]
fn five_hundred_mailboxes_are_all_there_and_names_are_never_cut() -> Result<()> {
    let report = sample::busy(500, 3);
    let octets = pdf(&report, Language::Portuguese)?;
    check(&report, &octets, Language::Portuguese)?;
    let pages = structure(&octets, Language::Portuguese, sample::about(&report))?;
    assert!(pages == 0 || pages > 80, "{pages} pages");
    assert!(octets.len() < 8_000_000, "{} octets", octets.len());
    Ok(())
}

#[test]
fn a_verdict_never_says_more_than_the_counts() -> Result<()> {
    let mut report = sample::busy(2, 2);
    for (gate, is_whole, portuguese, english) in [
        ("ready_for_dns", true, "Pronto para o DNS", "Ready for DNS"),
        ("warning", true, "Com avisos", "Warnings"),
        ("blocked", true, "Bloqueado", "Blocked"),
        ("ready_for_dns", false, "Nem toda caixa foi contada", "Not every mailbox was counted"),
    ] {
        report["gate"]["migration_gate"] = gate.into();
        report["counts"]["is_whole"] = is_whole.into();
        for (language, word) in Language::ALL.into_iter().zip([portuguese, english]) {
            let octets = pdf(&report, language)?;
            let Some(text) = read("pdftotext", &["-l", "1", "-", "-"], &octets)? else { return Ok(()) };
            assert!(text.contains(word), "{gate}: {text}");
        }
    }
    Ok(())
}

#[test]
fn an_empty_job_and_a_document_of_another_shape_are_told_and_never_a_panic() -> Result<()> {
    for report in [sample::empty(), json!({}), json!({"mailboxes": [1, null], "counts": [], "gate": "x"})] {
        for language in Language::ALL {
            assert!(pdf(&report, language)?.starts_with(b"%PDF"));
        }
    }
    Ok(())
}

#[test]
fn names_that_no_face_has_are_shown_escaped() -> Result<()> {
    let mut report = sample::busy(1, 1);
    report["mailboxes"][0]["folders"][0]["source_path"] = "会議/2019".into();
    report["quarantine"][0]["reason"] = "a\u{202e}b\u{0}".into();
    let octets = pdf(&report, Language::English)?;
    let Some(raw) = read("pdftotext", &["-raw", "-", "-"], &octets)? else { return Ok(()) };
    assert!(
        bare(&raw).contains(r"\u{4f1a}\u{8b70}/2019") && bare(&raw).contains(r"a\u{202e}b\u{0}"),
        "{raw}"
    );
    Ok(())
}

#[tokio::test]
async fn the_service_gives_the_pdf_of_the_json_it_gives() -> Result<()> {
    let world = World::new().await?;
    let ana = world.user("ana", &["operator"], &[]).await?;
    let job = world.job(&ana, 1, "example.com").await?;
    let mailbox = world.mailbox(&ana, job, "ana@example.com").await?;
    let path = format!("/migration/jobs/{job}/report");
    world.get(&ana, &format!("{path}?format=pdf")).await?.refused(409, "no_data");
    copied(&world, mailbox).await?;
    let item = "INSERT INTO quarantine_items (job_id, mailbox_id, folder_path, source_ref, reason)
                VALUES ($1, $2, 'Sent', '7', 'too_large')";
    world.sql(item, binds![job, mailbox]).await?;
    world.post(&ana, &format!("/migration/jobs/{job}/gate/evaluate"), json!({})).await?.with(200);
    for path in [path, format!("/migration/mailboxes/{mailbox}/report")] {
        let report = world.get(&ana, &path).await?.with(200).json();
        assert!(report["gate"]["checks"].as_array().is_some_and(|all| all.len() == 16), "{report}");
        assert_eq!(report["names"], json!({format!("u_{}", ana.id): "ana"}));
        for language in Language::ALL {
            let request =
                world.request("GET", &format!("{path}?format=pdf&lang={}", language.tag()), &ana, None)?;
            let (headers, octets) = asked(&world, request).await?;
            assert_eq!(headers["content-type"], "application/pdf");
            assert_eq!(headers["content-language"], language.tag());
            check(&report, &octets, language)?;
            world.pass(60_000);
            let mut again =
                world.request("GET", &format!("{path}?format=pdf&lang={}", language.tag()), &ana, None)?;
            again.headers_mut().insert("if-none-match", headers["etag"].clone());
            assert_eq!(world.ask(again).await?.status, 304, "the same report is the same document");
        }
        let mut wished = world.request("GET", &path, &ana, None)?;
        wished.headers_mut().insert("accept", "application/pdf".parse()?);
        wished.headers_mut().insert("accept-language", "en".parse()?);
        let (headers, _) = asked(&world, wished).await?;
        assert_eq!(
            (&headers["content-type"], &headers["content-language"]),
            (&"application/pdf".parse()?, &"en".parse()?)
        );
        world.get(&ana, &format!("{path}?format=pdf&lang=fr")).await?.refused(422, "invalid");
        world.get(&ana, &format!("{path}?format=docx")).await?.refused(422, "invalid");
    }
    let other = world.user("other", &["operator"], &[2]).await?;
    world.get(&other, &format!("/migration/jobs/{job}/report?format=pdf")).await?.refused(404, "not_found");
    Ok(())
}

/// The head and the octets of an answer.
async fn asked(world: &World, request: Request<Body>) -> Result<(HeaderMap, Vec<u8>)> {
    let told = world.ask(request).await?.with(200);
    Ok((told.headers, told.octets.to_vec()))
}
