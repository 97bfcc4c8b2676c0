//! What the report tells of a file: how it was read, what was coped with, what could not be read.
//! Never counts as coped with what may have cost a message.

use std::path::Path;

use super::letter::{Quotes, Variant};
use super::scan::{Noticed, Rules, Spots};

/// What reading one file through came to.
pub(super) struct Findings {
    pub rules: Rules,
    pub noticed: Noticed,
    pub left_out: u64,
    pub deletions_passed_over: u64,
    /// Where a last message begins that may not be whole, in octets.
    pub unfinished_at: Option<u64>,
}

impl Findings {
    /// What was found out and coped with, as sentences, each with how often.
    pub fn remarks(&self, path: &Path, given: Option<Variant>) -> Vec<(String, u64)> {
        let (name, noticed, variant) = (path.display(), &self.noticed, self.rules.variant);
        // Lines that begin with `>From ` and are left as they stand, and why.
        let (kept, others) = match self.rules.quotes {
            Quotes::Anywhere => (0, ""),
            Quotes::BehindBlanks => (noticed.quoted_within, " within a paragraph"),
            Quotes::Nowhere => (noticed.quoted, ""),
        };
        let how = match noticed.quoted {
            _ if given.is_some() => "as the location says",
            _ if variant.has_lengths() => "by its lengths",
            _ if kept > 0 && others.is_empty() => "with nothing unquoted",
            _ if kept > 0 => "with lines unquoted behind blank ones alone",
            0 => "nothing in it is quoted",
            _ => "mboxo reads its `>From ` lines alike",
        };
        let mut all = vec![(format!("files read as {} ({how})", variant.as_str()), 1)];
        let mut add = |what: &str, count| all.push((format!("{name}: {what}"), count));
        if kept > 0 {
            let what = format!(
                "lines{others} begin with `>From `; as others begin with `From ` unquoted, each is left as it stands; \
                 `?variant=mboxrd` behind the location takes one mark off"
            );
            add(&what, kept);
        } else if given.is_none() && variant == Variant::Mboxrd {
            let what = "lines begin with `>>From `: mboxrd takes one mark off, mboxo would not; `?variant=mboxo` \
                        behind the location says so";
            add(what, noticed.quoted_twice);
        }
        add("lines of text that begin with `From ` are taken for text", noticed.from_lines);
        add("messages begin without a blank line before them", noticed.crowded);
        add("lengths (Content-Length) are wrong and not believed", noticed.lengths_wrong);
        add(
            "lines within messages begin with `From `, and are text by the messages' lengths",
            noticed.unquoted,
        );
        let what = "messages were deleted by their user, or are notes of a mail program, and are left out";
        add(what, self.left_out);
        let what =
            "marks of deletion stand where any sender could have written them, and are not carried over";
        add(what, self.deletions_passed_over);
        all.retain(|(_, count)| *count > 0);
        all
    }

    /// What could not be read or may be wrong, as sentences.
    pub fn damage(&self, path: &Path) -> Vec<String> {
        let (name, noticed) = (path.display(), &self.noticed);
        let mut all = Vec::new();
        if noticed.before > 0 {
            let octets = noticed.before;
            all.push(format!(
                "{name}: {octets} octets before the first message belong to none and are lost; find a whole file"
            ));
        }
        if noticed.is_cut {
            all.push(format!(
                "{name}: ends within its last message, by the length of that; find a whole file"
            ));
        }
        if let Some(at) = noticed.begun_at {
            all.push(format!(
                "{name}: ends within the line that begins a message (at octet {at}), and nothing of that message was \
                 read; find a whole file, or run again once it is written"
            ));
        }
        let mut spots = |spots: Spots, what: &str| {
            if spots.count > 0 {
                let Spots { count, first_at } = spots;
                all.push(format!("{name}: {what} ({count} times, first at octet {first_at})"));
            }
        };
        spots(
            noticed.doubtful,
            "a line may begin a message and was taken for text; put `>` before it where it is text, give it a date \
             where it is none, and run again",
        );
        spots(
            noticed.headless,
            "a message begins with no header behind its separator; where that line is text, put `>` before it and run \
             again",
        );
        all
    }

    /// What may be otherwise in a minute, as a sentence.
    pub fn unsettled(&self, path: &Path) -> Option<String> {
        let (name, at) = (path.display(), self.unfinished_at?);
        Some(format!(
            "{name}: its last message (at octet {at}) may still be written and is left out; run again in a minute"
        ))
    }
}
