//! Puts modification sequences to the proof (RFC 7162): some servers let them stand still, some tell less than all.
//! Never believes them again in a folder where they were wrong once; its flags are then read one by one.

use malote_plan::folder::FolderStatus;
use malote_plan::message::ModSeq;
use malote_plan::record::Record;
use malote_plan::uid_set::UidSet;

use super::context::FolderRun;
use super::reading::{Ends, every};
use crate::failure::Result;
use crate::ledger::{Recorded, Tokens};
use crate::source::Stub;

/// Messages whose flags are looked at though they are told to be as they were.
const SAMPLE_MAX: u64 = 20;

/// Holds the folder's highest modification sequence against the one that the last pass left.
pub(super) async fn compare(folder: &mut FolderRun<'_>, now: &FolderStatus) -> Result<()> {
    match contradiction(&folder.pair.row.tokens, now) {
        Some(how) => distrust(folder, how).await,
        None => Ok(()),
    }
}

/// How the two contradict each other, if they do. A message that arrives has a higher modification sequence than
/// all before it (RFC 7162 §3.1.1), so that UIDNEXT cannot rise alone.
fn contradiction(tokens: &Tokens, now: &FolderStatus) -> Option<&'static str> {
    let (before, after) = (tokens.source_modseq?, now.highest_modseq?);
    if tokens.is_modseq_distrusted || tokens.source_uid_validity != now.uid_validity {
        return None;
    }
    if after < before {
        return Some("went back");
    }
    let has_arrivals =
        now.uid_next.is_some_and(|next| tokens.source_uid_next > 0 && next > tokens.source_uid_next);
    (after == before && has_arrivals).then_some("stood still while messages came")
}

/// Written down at once: nothing else of the folder may have changed, and then nothing else would be written.
async fn distrust(folder: &mut FolderRun<'_>, how: &str) -> Result<()> {
    folder.since = None;
    let tokens = Tokens { is_modseq_distrusted: true, ..folder.pair.row.tokens };
    folder.run.job.ledger.set_tokens(folder.pair.row.id, &tokens).await?;
    folder.pair.row.tokens = tokens;
    folder.run.findings.warn(format!(
        "{}: the source's modification sequences {how}; they are no longer believed, and flags are compared one by one",
        folder.pair.source.path
    ));
    Ok(())
}

/// True where a sample of messages that were told to be unchanged is so.
pub(super) async fn tells_all(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    unchanged: &UidSet,
) -> Result<bool> {
    let sample = sample(unchanged);
    if sample.is_empty() {
        return Ok(true);
    }
    let highest = ends.source.status().highest_modseq;
    let stubs = ends.source.stubs(&sample).await?;
    let is_true = has_no_hidden_change(folder, &sample, &stubs, highest).await?;
    if !is_true {
        distrust(folder, "hide changes of flags").await?;
    }
    Ok(is_true)
}

/// True where a sample of a folder that its listing calls unchanged is so; the folder is opened for that alone.
pub(super) async fn holds(folder: &mut FolderRun<'_>, recorded: &Recorded) -> Result<bool> {
    let located = recorded.copied.union(&recorded.adopted).difference(&recorded.unlocated);
    let sample = sample(&located);
    if sample.is_empty() {
        return Ok(true);
    }
    let (status, stubs) = folder.run.job.source.peek(&folder.pair.source, &sample).await?;
    let is_true = has_no_hidden_change(folder, &sample, &stubs, status.highest_modseq).await?;
    if !is_true {
        distrust(folder, "hide changes of flags").await?;
    }
    Ok(is_true)
}

fn sample(uids: &UidSet) -> UidSet {
    every(uids, uids.len().div_ceil(SAMPLE_MAX).max(1)).collect()
}

async fn has_no_hidden_change(
    folder: &FolderRun<'_>,
    sample: &UidSet,
    stubs: &[Stub],
    highest: Option<ModSeq>,
) -> Result<bool> {
    let records = folder.run.job.ledger.records(folder.pair.row.id, sample).await?;
    Ok(!stubs.iter().any(|stub| is_hidden_change(stub, &records, highest)))
}

/// True for a message whose flags are others than when they were last carried over, though it bears no modification
/// sequence above the folder's highest: one that does was changed while we looked.
fn is_hidden_change(stub: &Stub, records: &[Record], highest: Option<ModSeq>) -> bool {
    let record = records.iter().find(|record| record.source_uid == stub.uid);
    let is_later = stub.modseq.zip(highest).is_some_and(|(modseq, highest)| modseq > highest);
    !is_later && record.is_some_and(|record| record.flags != stub.flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use malote_plan::message::UidValidity;

    #[test]
    fn a_highest_modseq_that_goes_back_or_stands_still_is_found_out() {
        for (before, after, next, expected) in [
            (Some(10), Some(12), 8, None),
            (Some(10), Some(10), 5, None),
            (Some(10), Some(10), 6, Some("stood still while messages came")),
            (Some(10), Some(9), 5, Some("went back")),
            (None, Some(9), 6, None),
            (Some(10), None, 6, None),
        ] {
            let uid_validity = UidValidity::new(1);
            let tokens = Tokens {
                source_uid_validity: uid_validity,
                source_uid_next: 5,
                source_modseq: before.and_then(ModSeq::new),
                ..Tokens::default()
            };
            let now = FolderStatus {
                uid_validity,
                uid_next: Some(next),
                highest_modseq: after.and_then(ModSeq::new),
                ..FolderStatus::default()
            };
            assert_eq!(contradiction(&tokens, &now), expected, "{before:?} {after:?} {next}");
        }
    }
}
