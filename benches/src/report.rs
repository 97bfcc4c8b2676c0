//! Writes what was measured: Markdown to standard output, and Markdown, JSON and a chart to `target/bench`.
//! Never measures.

mod chart;
mod tables;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::result::Report;

/// Writes all forms of a report.
pub fn write(report: &Report, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let text = tables::markdown(report);
    let json = serde_json::to_vec_pretty(report)?;
    let files = [
        ("report.md", text.clone().into_bytes()),
        ("report.json", json),
        ("report.svg", chart::svg(report).into_bytes()),
    ];
    for (name, octets) in files {
        let file = folder.join(name);
        fs::write(&file, octets).with_context(|| format!("writing {}", file.display()))?;
    }
    // A closed standard output leaves nobody to tell.
    let _written = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
