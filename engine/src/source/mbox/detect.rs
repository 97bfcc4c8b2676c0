//! Finds out how a file is to be read: by its lengths, by what is quoted, by where programs put their lines.
//! Never decides for a part of a file: what is found out holds for all of it.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::behind::Glance;
use super::letter::Variant;
use super::own::{Own, Places};
use super::scan::{Flow, Rules, scan_by};
use super::takeout;

/// Messages that are looked at to tell what a file is.
const SAMPLE_MESSAGES: u64 = 100;

/// What was found out.
#[derive(Debug, Clone)]
pub struct Detected {
    /// How the file is read.
    pub rules: Rules,
    /// Where an earlier version would have put the labelled messages that were looked at, level by level.
    pub former_labels: BTreeSet<Vec<String>>,
}

/// Finds out how a file is to be read whose variant may be given. What cannot be told is mboxrd.
///
/// # Errors
/// Where the file cannot be read.
pub fn detect<R: Read>(
    open: impl Fn() -> R,
    file: &(impl Glance + ?Sized),
    given: Option<Variant>,
) -> io::Result<Detected> {
    let supposed = given.unwrap_or(Variant::Mboxcl);
    let mut rules = Rules { places: Some(Places::default()), ..Rules::anywhere(supposed) };
    let (mut seen, mut labelled, mut trailing) = (0_u64, 0_u64, 0_u64);
    let mut former_labels = BTreeSet::new();
    let sample = scan_by(open(), file, rules, &mut |found| {
        seen += 1;
        if let Own::Placed(placed) = found.manner.own {
            let leading = &found.raw_header[..placed.leading().min(found.raw_header.len())];
            labelled += u64::from(takeout::is_labelled(leading));
            trailing += u64::from(placed.has_trailing(&found.raw_header));
        }
        if takeout::is_labelled(&found.raw_header) {
            former_labels.insert(takeout::former_levels(&found.raw_header));
        }
        if seen < SAMPLE_MESSAGES { Flow::Continue(()) } else { Flow::Break(()) }
    })?;
    rules.places =
        Some(Places { has_labels: labelled * 2 > seen, has_trailing: trailing * 2 >= seen.max(1) });
    if given.is_some() {
        return Ok(Detected { rules, former_labels });
    }
    let believes_none = sample.lengths == 0
        || sample.lengths_wrong * 10 > sample.lengths
        || sample.lengths * 2 < sample.messages;
    if believes_none {
        (rules.variant, rules.former) = (Variant::Mboxrd, Variant::Mboxrd);
    } else {
        let all = scan_by(open(), file, rules, &mut |_| Flow::Continue(()))?;
        let variant = |proofs| if proofs > 0 { Variant::Mboxcl2 } else { Variant::Mboxcl };
        (rules.variant, rules.former) = (variant(all.unquoted), variant(all.unquoted_separators));
    }
    Ok(Detected { rules, former_labels })
}
