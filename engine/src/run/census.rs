//! Lists both folders, settles doubts, adopts what is there already, and says which messages are to be copied.
//! Never counts a message as done without a record in the ledger.

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::message::UidValidity;
use malote_plan::record::QuarantineNote;
use malote_plan::uid_set::UidSet;

use super::context::{FolderRun, generation};
use super::reading::{Ends, ascending, unix_seconds};
use super::{adopt, labels, locate, quarantining, rebase};
use crate::failure::{Failure, Result};
use crate::ledger::Recorded;
use crate::source::Stub;

/// Messages whose metadata is held at once.
const STUB_WINDOW_MESSAGES: u64 = 2000;

/// What a look at both folders came to.
pub(super) struct Census {
    /// Source messages to copy.
    pub wanted: UidSet,
    /// The destination's generation.
    pub validity: UidValidity,
}

pub(super) async fn take(folder: &mut FolderRun<'_>, ends: &mut Ends) -> Result<Census> {
    let validity = generation(&ends.destination.status());
    let uids = list(folder, ends).await?;
    let listed_before = folder.tally.listed.len();
    folder.tally.list(&uids);
    folder.run.job.progress.messages_listed(folder.tally.listed.len() - listed_before);
    rebase::generations(folder, ends, &uids).await?;
    labels::note(folder, ends.source.as_mut(), &uids).await?;
    locate::unlocated(folder, ends, validity).await?;
    quarantining::release(folder).await?;
    let recorded = folder.run.job.ledger.recorded(folder.pair.row.id).await?;
    count_recorded(folder, &recorded);
    let open = uids.difference(&recorded.all());
    let open = filter(folder, ends, open, true).await?;
    let open = labels::part(folder, ends, open).await?;
    if open.is_empty() {
        tell_kept(folder, ends, validity).await?;
        return Ok(Census { wanted: open, validity });
    }
    folder.begin_work().await?;
    let wanted = adopt::settle(folder, ends, open, validity).await?;
    tell_kept(folder, ends, validity).await?;
    Ok(Census { wanted, validity })
}

/// Tells of copies that are kept, unless others lead to this destination folder too: they may have them yet.
async fn tell_kept(folder: &FolderRun<'_>, ends: &mut Ends, validity: UidValidity) -> Result<()> {
    if folder.pair.is_shared {
        return Ok(());
    }
    adopt::tell_kept(folder, ends, validity).await
}

/// Looks which messages a folder shows, before any folder is worked on, or any other of its destination folder.
pub(super) async fn look(folder: &mut FolderRun<'_>) -> Result<()> {
    let recorded = folder.run.job.ledger.recorded(folder.pair.row.id).await?.all();
    if folder.is_as_recorded(&recorded) && labels::are_known(folder, &recorded).await? {
        return Ok(());
    }
    let mut ends = folder.open().await?;
    let uids = list(folder, &mut ends).await?;
    folder.tally.list(&uids);
    folder.run.job.progress.messages_listed(uids.len());
    rebase::generations(folder, &mut ends, &uids).await?;
    labels::note(folder, ends.source.as_mut(), &uids).await
}

/// Every UID at the source. A listing shorter than the folder's own count hides messages, which is told.
pub(super) async fn list(folder: &FolderRun<'_>, ends: &mut Ends) -> Result<UidSet> {
    let uids = ends.source.uids().await?;
    let counted = u64::from(ends.source.status().messages);
    if uids.len() < counted {
        let path = &folder.pair.source.path;
        let message =
            format!("{path}: the source counts {counted} messages and lists {}; run again", uids.len());
        let (class, reach) = (Class::ServerProtocol, Reach::Folder);
        folder.run.findings.fail(&Failure::new(Side::Source, class, reach, Retry::Never, message));
    }
    Ok(uids)
}

/// Puts what the ledger knows into the buckets; what this run itself recorded stays where it is.
fn count_recorded(folder: &mut FolderRun<'_>, recorded: &Recorded) {
    let tally = &mut folder.tally;
    let own = tally.copied.union(&tally.adopted);
    let before = tally.settled().intersection(&tally.present).len();
    tally.already = recorded.copied.union(&recorded.adopted).intersection(&tally.listed).difference(&own);
    tally.collapsed = recorded.collapsed.intersection(&tally.listed);
    tally.quarantined = recorded.quarantined.intersection(&tally.listed);
    let after = tally.settled().intersection(&tally.present).len();
    folder.run.job.progress.messages_done(after.saturating_sub(before));
}

/// Takes out what the operator's dates and sizes leave out, and with `may_quarantine` what is too large by its
/// server's own claim. Metadata is asked for only where a limit makes it matter.
pub(super) async fn filter(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    open: UidSet,
    may_quarantine: bool,
) -> Result<UidSet> {
    let left_out = ends.source.left_out().intersection(&open);
    ends.source.pass_over(&left_out);
    if folder.run.job.policy.only_folders {
        folder.tally.filtered = folder.tally.filtered.union(&open);
        return Ok(UidSet::default());
    }
    folder.tally.filtered = folder.tally.filtered.union(&left_out);
    let open = open.difference(&left_out);
    let policy = &folder.run.job.policy;
    let octets_max = octets_max(folder, ends).filter(|_| may_quarantine);
    if !policy.leaves_messages_out() && octets_max.is_none() {
        return Ok(open);
    }
    let mut wanted = open.clone();
    for window in open.chunks(STUB_WINDOW_MESSAGES, usize::MAX) {
        let (mut too_large, mut out) = (Vec::new(), Vec::new());
        for stub in ends.source.stubs(&window).await? {
            if folder.run.job.policy.leaves_out(unix_seconds(&stub), stub.octets_claimed) {
                folder.tally.filtered.insert(stub.uid);
                out.push(stub.uid);
            } else if octets_max.is_some_and(|max| stub.octets_claimed > max) {
                out.push(stub.uid);
                too_large.push(stub);
            }
        }
        // What the server tells nothing of is not left out for that.
        wanted = wanted.difference(&ascending(out));
        quarantine_too_large(folder, ends, &too_large, octets_max.unwrap_or(u64::MAX)).await?;
    }
    Ok(wanted)
}

/// The smaller of the operator's limit and the destination's own.
pub(super) fn octets_max(folder: &FolderRun<'_>, ends: &Ends) -> Option<u64> {
    let limits = [folder.run.job.policy.octets_max, ends.destination.append_octets_max()];
    limits.into_iter().flatten().min()
}

async fn quarantine_too_large(
    folder: &mut FolderRun<'_>,
    ends: &mut Ends,
    stubs: &[Stub],
    octets_max: u64,
) -> Result<()> {
    if stubs.is_empty() {
        return Ok(());
    }
    let uids = ascending(stubs.iter().map(|stub| stub.uid));
    let headed = ends.source.headed(&uids).await?;
    for stub in stubs {
        let header = headed.iter().find(|headed| headed.stub.uid == stub.uid).map(|headed| &headed.header);
        let note = QuarantineNote {
            source_uid: stub.uid,
            reason: "too_large".to_owned(),
            detail: format!(
                "{} octets, and {octets_max} is the most that may be appended",
                stub.octets_claimed
            ),
            message_id: header.map(|header| quarantining::message_id(header)).unwrap_or_default(),
            octets: stub.octets_claimed,
            file: String::new(),
            attempts: 1,
            is_acknowledged: false,
        };
        quarantining::keep(folder, note).await?;
    }
    Ok(())
}
