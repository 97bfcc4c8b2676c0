//! The arrows of the house: which crate may know which, and which module must not know which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Crates of the workspace that each crate may depend on. A crate that is not named here fails the test.
const ARROWS: [(&str, &[&str]); 10] = [
    ("malote-client", &[]),
    ("malote-plan", &[]),
    ("malote-paper", &[]),
    ("libpff-sys", &[]),
    ("malote-pst", &["libpff-sys"]),
    ("malote-engine", &["malote-plan", "malote-pst"]),
    ("malote", &["malote-client", "malote-engine", "malote-paper", "malote-plan", "malote-pst"]),
    ("acceptance", &["malote", "malote-engine", "malote-plan", "malote-pst", "pst-writer"]),
    ("pst-writer", &[]),
    ("malote-benches", &["acceptance", "malote", "malote-engine", "malote-plan", "malote-pst", "pst-writer"]),
];

/// The plan decides with nothing but these: no clock, no chance, no socket can come in by them.
const PLAN_DEPENDENCIES: [&str; 5] = ["base64", "blake3", "memchr", "sha2", "unicode-normalization"];

/// Commands that change a mailbox, and so have no place where a source is read.
const WRITE_COMMANDS: [&str; 9] =
    ["APPEND", "STORE", "EXPUNGE", "CREATE", "DELETE", "RENAME", "COPY", "MOVE", "SUBSCRIBE"];

fn workspace() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie one level below the workspace")
}

/// The dependencies of every crate of the workspace, those of tests and build scripts apart.
fn dependencies() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace()?)
        .output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut crates = BTreeMap::new();
    for package in metadata["packages"].as_array().context("metadata without packages")? {
        let name = package["name"].as_str().context("a package without a name")?.to_owned();
        let all = package["dependencies"].as_array().context("a package without dependencies")?;
        let normal = all.iter().filter(|dependency| dependency["kind"].is_null());
        crates.insert(name, normal.filter_map(|own| own["name"].as_str().map(str::to_owned)).collect());
    }
    Ok(crates)
}

/// Code lines of every Rust file under a folder, comments left out; nothing when the folder is not there.
fn code(folder: &str) -> Result<Vec<(PathBuf, usize, String)>> {
    let root = workspace()?.join(folder);
    let mut waiting = vec![root];
    let mut lines = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path)?;
            let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
            lines.extend(numbered.map(|(place, line)| (path.clone(), place + 1, line.to_owned())));
        }
    }
    Ok(lines)
}

/// Fails with every line under `folder` that `is_forbidden`.
fn check_code(folder: &str, why: &str, is_forbidden: impl Fn(&Path, &str) -> bool) -> Result<()> {
    let found: Vec<String> = code(folder)?
        .into_iter()
        .filter(|(path, _, line)| is_forbidden(path, line))
        .map(|(path, number, line)| format!("{}:{number}: {}", path.display(), line.trim()))
        .collect();
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
    Ok(())
}

#[test]
fn crates_depend_only_along_the_arrows() -> Result<()> {
    let crates = dependencies()?;
    let arrows = BTreeMap::from(ARROWS);
    for (name, own) in &crates {
        let allowed = arrows.get(name.as_str()).with_context(|| format!("no arrows are drawn for {name}"))?;
        let drawn = own.iter().filter(|dependency| crates.contains_key(*dependency));
        let wrong: Vec<_> = drawn.filter(|dependency| !allowed.contains(&dependency.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not know {wrong:?}");
    }
    Ok(())
}

#[test]
fn the_plan_stands_without_the_standard_library_and_almost_without_dependencies() -> Result<()> {
    let crates = dependencies()?;
    let plan = crates.get("malote-plan").context("the workspace has no plan")?;
    let wrong: Vec<_> = plan.iter().filter(|own| !PLAN_DEPENDENCIES.contains(&own.as_str())).collect();
    assert!(wrong.is_empty(), "the plan must not know {wrong:?}");
    let lines = code("engine/plan/src")?;
    let has_code = lines.iter().any(|(_, _, line)| !line.trim().is_empty());
    let is_bare =
        lines.iter().any(|(path, _, line)| path.ends_with("src/lib.rs") && line.trim() == "#![no_std]");
    assert!(is_bare || !has_code, "the plan could reach a socket or a clock");
    check_code("engine/plan/src", "the plan must not reach the standard library", |_, line| {
        line.contains("extern crate std") || line.trim_start().starts_with("use std::")
    })
}

/// Where the word that ends the compiler's protection may stand: declarations of libpff, and the one file that calls
/// them. Written apart, so that this file does not hold what it looks for.
const UNPROTECTED: &str = concat!("un", "safe");
const UNPROTECTED_FILES: [&str; 2] = ["pst/src/libpff/ffi.rs", "pst/sys/"];

#[test]
fn unsafe_code_is_one_file_and_what_it_calls() -> Result<()> {
    for folder in ["engine", "pst", "service", "tests", "benches", "fuzz"] {
        check_code(folder, "the compiler's protection ends here", |path, line| {
            let code = line.split("//").next().unwrap_or_default();
            let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let is_allowed = UNPROTECTED_FILES.iter().any(|allowed| path.to_string_lossy().contains(allowed))
                || path.components().any(|part| part.as_os_str() == "target");
            !is_allowed && words.into_iter().any(|word| word == UNPROTECTED)
        })?;
    }
    Ok(())
}

#[test]
fn only_the_file_that_calls_libpff_knows_its_functions() -> Result<()> {
    check_code("pst/src", "only ffi.rs calls libpff", |path, line| {
        !path.ends_with("libpff/ffi.rs") && line.contains("sys::libpff_")
    })
}

#[test]
fn every_crate_forbids_unsafe_code_but_the_two_that_must_not() -> Result<()> {
    for folder in ["engine", "engine/plan", "service", "tests", "benches"] {
        let text = fs::read_to_string(workspace()?.join(folder).join("Cargo.toml"))?;
        assert!(text.contains("[lints]\nworkspace = true"), "{folder} has lints of its own");
    }
    let text = fs::read_to_string(workspace()?.join("Cargo.toml"))?;
    assert!(text.contains("unsafe_code = \"forbid\""), "the workspace does not forbid it");
    let text = fs::read_to_string(workspace()?.join("pst/Cargo.toml"))?;
    assert!(text.contains("unsafe_code = \"deny\""), "the PST crate does not deny it");
    Ok(())
}

#[test]
fn the_run_knows_traits_and_not_protocols() -> Result<()> {
    check_code("engine/src/run", "the run must not know a protocol", |_, line| {
        ["crate::imap", "source::imap", "destination::imap", "sqlx", "tokio::net"]
            .iter()
            .any(|word| line.contains(word))
    })
}

#[test]
fn the_console_asks_the_api_and_never_the_database() -> Result<()> {
    check_code("service/src/console", "the console must not know what lies below the API", |_, line| {
        ["crate::store", "crate::vault", "crate::gate", "sqlx", "app::App"]
            .iter()
            .any(|word| line.contains(word))
    })
}

#[test]
fn sql_stays_in_the_ledger() -> Result<()> {
    check_code("engine/src", "only the ledger speaks SQL", |path, line| {
        line.contains("sqlx") && !path.components().any(|part| part.as_os_str() == "ledger")
    })
}

#[test]
fn the_imap_layer_knows_nobody_above_it() -> Result<()> {
    check_code("engine/src/imap", "the IMAP layer must not know who uses it", |_, line| {
        ["crate::run", "crate::source", "crate::destination", "crate::ledger"]
            .iter()
            .any(|word| line.contains(word))
    })
}

#[test]
fn a_source_has_no_word_that_writes() -> Result<()> {
    check_code("engine/src/source", "a source only reads", |_, line| {
        let strings = line.split('"').skip(1).step_by(2);
        let mut words = strings.flat_map(str::split_whitespace);
        words.any(|word| WRITE_COMMANDS.contains(&word)) || line.contains("destination::")
    })
}
