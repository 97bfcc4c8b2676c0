//! The command line: `pst-writer bulk-a|bulk-b|bulk-c|deep|embedded|office|features OUT [SCALE]`.
//! Never chooses by itself where to write.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use pst_writer::bulk::{self, Bulk};
use pst_writer::{Crypt, Format, Pst, Truth, features, office};

const USAGE: &str = "pst-writer WHAT OUT [SCALE]
WHAT is bulk-a, bulk-b or bulk-c (SCALE times their size), deep or embedded (SCALE levels, 1000 by default), office
(a small store as people have them, with one row whose item is lost),
features, features-cyclic, features-plain, features-ansi or features-4k (with the truth beside it, as OUT.json).";

/// Where every bulk store begins: the same command writes the same octets.
const SEED: u64 = 1;
const LEVELS: f64 = 1000.0;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (what, out) = match arguments.as_slice() {
        [what, out] | [what, out, _] => (what.as_str(), Path::new(out)),
        _ => bail!("{USAGE}"),
    };
    let scale: Option<f64> = arguments.get(2).map(|scale| scale.parse()).transpose().context(USAGE)?;
    let is_sensible = scale.is_none_or(|scale| scale > 0.0 && scale <= 1e6);
    if !is_sensible {
        bail!("the scale must lie above 0 and not above 1,000,000");
    }
    let truth = write(what, out, scale)?;
    writeln!(
        std::io::stdout(),
        "{}: {} octets, {} folders, {} items, {} attachments",
        out.display(),
        truth.octets,
        truth.folders.len(),
        truth.item_count(),
        truth.attachment_count()
    )?;
    Ok(())
}

fn write(what: &str, out: &Path, scale: Option<f64>) -> Result<Truth> {
    let bulk = |bulk: Bulk| bulk.scaled(scale.unwrap_or(1.0)).write(out, Pst::new(Crypt::Permute), SEED);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let levels = scale.unwrap_or(LEVELS) as u64;
    match what {
        "bulk-a" => bulk(Bulk::A),
        "bulk-b" => bulk(Bulk::B),
        "bulk-c" => bulk(Bulk::C),
        "deep" => bulk::deep(out, levels),
        "embedded" => bulk::embedded(out, levels),
        "office" => office::write(out, Pst::new(Crypt::Permute)),
        "features" => with_truth(out, Crypt::Permute, Format::Unicode),
        "features-cyclic" => with_truth(out, Crypt::Cyclic, Format::Unicode),
        "features-plain" => with_truth(out, Crypt::None, Format::Unicode),
        "features-ansi" => with_truth(out, Crypt::Permute, Format::Ansi),
        "features-4k" => with_truth(out, Crypt::None, Format::Unicode4k),
        _ => bail!("{USAGE}"),
    }
}

fn with_truth(out: &Path, crypt: Crypt, format: Format) -> Result<Truth> {
    let truth = features::write(out, Pst::new(crypt), format)?;
    let beside = out.with_added_extension("json");
    std::fs::write(&beside, serde_json::to_vec_pretty(&truth)?)
        .with_context(|| format!("writing the truth to {}", beside.display()))?;
    Ok(truth)
}
