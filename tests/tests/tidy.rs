//! The house rules that no compiler checks: widths, lengths, first lines, words left for later.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const LINE_CHARACTERS_MAX: usize = 120;
const FILE_LINES_MAX: usize = 600;
/// Written apart, so that this file does not hold what it forbids.
const LEFT_FOR_LATER: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// Folders of the workspace that hold nobody's writing.
const SKIPPED: [&str; 4] = ["target", ".git", "artifacts", "coverage"];

fn workspace() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie one level below the workspace")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_skipped = path.file_name().is_some_and(|name| SKIPPED.iter().any(|skipped| name == *skipped));
        if path.is_dir() && !is_skipped {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// Every breach of the rules in one file, as `line: what`.
fn breaches(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let first = text.lines().next().unwrap_or_default();
    if !first.starts_with("//!") && !first.starts_with("#![") {
        found.push("1: the first line does not say what is inside".to_owned());
    }
    let count = text.lines().count();
    if count > FILE_LINES_MAX {
        found.push(format!("{count}: more than {FILE_LINES_MAX} lines"));
    }
    for (place, line) in text.lines().enumerate() {
        let number = place + 1;
        if line.chars().count() > LINE_CHARACTERS_MAX {
            found.push(format!("{number}: wider than {LINE_CHARACTERS_MAX}"));
        }
        // iCalendar has a component of nearly the same name (RFC 5545 §3.6.2).
        let line = line.replace(concat!("VTO", "DO"), "");
        if LEFT_FOR_LATER.iter().any(|word| line.contains(word)) {
            found.push(format!("{number}: something is left for later"));
        }
    }
    found
}

#[test]
fn every_rust_file_keeps_the_house_rules() -> Result<()> {
    let mut files = Vec::new();
    rust_files(workspace()?, &mut files)?;
    assert!(files.len() > 10, "only {} files were found", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file)?;
        found.extend(breaches(&text).into_iter().map(|breach| format!("{}:{breach}", file.display())));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn the_rules_see_what_breaks_them() {
    let wide = format!("//! x\n{}\n", "y".repeat(LINE_CHARACTERS_MAX + 1));
    let late = format!("//! x\n// {}\n", LEFT_FOR_LATER[0]);
    for (text, expected) in [("//! x\n", 0), ("fn x() {}\n", 1), (wide.as_str(), 1), (late.as_str(), 1)] {
        assert_eq!(breaches(text).len(), expected, "{text}");
    }
}
