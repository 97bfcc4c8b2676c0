//! Python's mail parser as a second reader of what is written, in one call for all messages.
//! Never needed for the rest: where there is no Python, this says so and passes.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};

use crate::items::{World, binary, file, mail, recipient, text};

/// Messages with what a reader must find in them.
fn cases() -> Vec<(malote_pst::item::Item, Json)> {
    let mut cases = Vec::new();
    let long = "Um assunto comprido com acentuação, vírgulas e “aspas” ".repeat(6);
    let names = ["Ana Gonçalves", "Silva, João \"Zé\"", "日本 太郎", "O'Brien (x)"].map(str::to_owned);
    for (place, name) in names.iter().enumerate() {
        let mut one = mail([
            (0x0037, text(long.trim())),
            (0x1000, text("linha =\r\n.\r\nFrom x\r\nação \r\nfim")),
            (0x1013, binary("<p>日本</p>\r\n".as_bytes())),
        ]);
        one.recipients = vec![recipient(1, name, "bruno@exemplo.pt"), recipient(1, "", "c@exemplo.pt")];
        let octets: Vec<u8> = (0..=255).cycle().take(place * 57 + place).collect();
        let file_name = format!("ficheiro {place} — orçamento.pdf");
        one.attachments = vec![file(0, &file_name, &octets)];
        let expected = json!({
            "subject": long.trim(),
            "from": [["Ana Gonçalves", "ana@exemplo.pt"]],
            "to": [[name, "bruno@exemplo.pt"], ["", "c@exemplo.pt"]],
            "texts": ["linha =\n.\nFrom x\nação \nfim", "<p>日本</p>\n"],
            "files": [[file_name, hash(&octets)]],
            "defects": [],
        });
        cases.push((one, expected));
    }
    cases
}

fn hash(octets: &[u8]) -> String {
    use sha2::Digest as _;

    sha2::Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn python_reads_what_was_written() -> Result<()> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no python3 here; another reader of our messages was not asked");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let cases = cases();
    for (place, (item, _)) in cases.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{place:03}")), World::default().message(item))?;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mime/read.py");
    let output = Command::new("python3").arg(script).arg(folder.path()).output()?;
    ensure!(output.status.success(), "python: {}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout)?;
    ensure!(told.lines().count() == cases.len(), "one line each: {told}");
    for (line, (_, expected)) in told.lines().zip(&cases) {
        let found: Json = serde_json::from_str(line)?;
        for (key, value) in expected.as_object().context("an object")? {
            // Python gives lines with LF.
            ensure!(found[key] == *value, "{key}: {} instead of {value}", found[key]);
        }
    }
    Ok(())
}
