//! What the rooms of one folder's work share: the pair, the run around it, what was found so far.
//! Never decides when a room is entered: that is `folder`.

use std::collections::BTreeMap;

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::{Folder, FolderStatus, Role};
use malote_plan::message::{Flag, ModSeq, UidValidity};
use malote_plan::uid_set::UidSet;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::labels::Labels;
use super::manners::Manners;
use super::reading::Ends;
use super::repairing::Experience;
use super::tally::{Findings, FolderTally};
use crate::failure::{Failure, Result};
use crate::ledger::{FolderId, FolderRow, Tokens};
use crate::report::FolderReport;

/// Two folders that belong together, both existing.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub row: FolderRow,
    pub source: Folder,
    pub destination: Folder,
    pub role: Option<Role>,
    pub renamed: bool,
    /// True when more than one source folder leads to this destination folder.
    pub is_shared: bool,
}

/// What is done to every folder before anything further is done to any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Which messages a folder shows: where labels are folders, and where its UIDs changed and others lead to its
    /// destination too.
    Look,
    /// Whatever is a folder's own; all there is to do where folders are folders.
    Own,
    /// What other folders had to settle first.
    Rest,
}

/// What a folder's work needs to know of the run around it.
pub(super) struct Run<'a> {
    pub job: &'a Job,
    pub findings: &'a Findings,
    /// The folder whose modification sequences are put to the proof, though its listing says that nothing changed.
    pub spot: Option<FolderId>,
    /// Cancelled when the whole run must end early: the operator's wish, or a failure of account reach.
    pub halt: &'a CancellationToken,
    /// What has helped against refusals so far.
    pub repairs: &'a Experience,
    /// What its servers are known for.
    pub manners: &'a Manners,
    /// What its folders know of each other, where they are labels.
    pub labels: Option<&'a Labels>,
}

/// The work on one pair.
pub(super) struct FolderRun<'a> {
    pub run: &'a Run<'a>,
    pub pair: Pair,
    pub tally: FolderTally,
    /// Keywords still to be set on copied messages, by source UID.
    pub keywords: BTreeMap<Flag, UidSet>,
    /// Messages of which this run could not know whether an earlier connection had brought them over.
    pub doubted: UidSet,
    /// True where the source's files may have been written anew since they were copied: octets tell then what is the
    /// same, not headers.
    pub goes_by_octets: bool,
    /// Copied by earlier passes of this run: their flags may have changed since.
    pub copied_before: UidSet,
    /// The source's modification sequence up to which flags are in line.
    pub since: Option<ModSeq>,
    /// True once the quarantined messages that are to be tried again have been let go in this run.
    pub is_released: bool,
    /// What is done at present.
    pub stage: Stage,
    /// True once the present stage has come to its end.
    pub is_done: bool,
    /// Messages that wait for another folder to settle them.
    pub deferred: UidSet,
    /// Messages that the destination copied out of another of its folders.
    pub copied_within: UidSet,
    /// True once the destination did not copy as it should.
    pub avoids_copying_within: bool,
    /// True once this run found the source's messages under other UIDs.
    pub is_renumbered: bool,
}

impl<'a> FolderRun<'a> {
    pub fn new(run: &'a Run<'a>, pair: Pair) -> Self {
        let since = pair.row.tokens.source_modseq.filter(|_| !pair.row.tokens.is_modseq_distrusted);
        let (tally, keywords, doubted) = (FolderTally::default(), BTreeMap::new(), UidSet::new());
        Self {
            run,
            pair,
            tally,
            keywords,
            doubted,
            goes_by_octets: false,
            copied_before: UidSet::new(),
            since,
            is_released: false,
            stage: Stage::Own,
            is_done: false,
            deferred: UidSet::new(),
            copied_within: UidSet::new(),
            avoids_copying_within: false,
            is_renumbered: false,
        }
    }

    pub async fn open(&self) -> Result<Ends> {
        let job = self.run.job;
        let (source, destination) =
            tokio::join!(job.source.open(&self.pair.source), job.destination.open(&self.pair.destination));
        Ok(Ends { source: source?, destination: destination?, is_stale: false })
    }

    /// Opens both folders once more, for more connections to the same generations: under others the same UIDs
    /// would mean other messages.
    pub async fn open_again(&self) -> Result<Ends> {
        let ends = self.open().await?;
        let tokens = &self.pair.row.tokens;
        let now = (generation(&ends.source.status()), generation(&ends.destination.status()));
        if (Some(now.0), Some(now.1)) == (tokens.source_uid_validity, tokens.destination_uid_validity) {
            return Ok(ends);
        }
        let message =
            format!("{}: UIDVALIDITY changed while the folder was worked on", self.pair.source.path);
        Err(Failure::new(Side::Source, Class::IdentityChanged, Reach::Folder, Retry::Again, message))
    }

    /// Notes that there is something to do, so that a crash halfway leads to a look at every message's flags.
    pub async fn begin_work(&mut self) -> Result<()> {
        let tokens = Tokens { source_modseq: None, is_complete: false, ..self.pair.row.tokens };
        if tokens != self.pair.row.tokens {
            self.run.job.ledger.set_tokens(self.pair.row.id, &tokens).await?;
            self.pair.row.tokens = tokens;
        }
        Ok(())
    }

    pub fn report(&self) -> FolderReport {
        let mut report = FolderReport {
            source: self.pair.source.path.to_string(),
            destination: self.pair.destination.path.to_string(),
            role: self.pair.role.map(|role| role.as_str().to_owned()),
            renamed: self.pair.renamed,
            ..FolderReport::default()
        };
        report.counters.set_buckets(&self.tally.buckets());
        if !self.tally.is_listed {
            // Never reached: what the survey counted is all that is known, and none of it is settled.
            let messages = self.pair.source.status.map_or(0, |status| u64::from(status.messages));
            (report.counters.source_messages, report.counters.pending) = (messages, messages);
        }
        report.counters.flag_changes = self.tally.flag_changes;
        report.counters.deleted = self.tally.deleted;
        report.counters.bytes_copied = self.tally.bytes_copied;
        report.counters.destination_messages = self.tally.destination_messages;
        report
    }
}

/// The generation that a server gave, or 1 where it gave none: its UIDs are then good for this session only.
pub(super) fn generation(status: &FolderStatus) -> UidValidity {
    status.uid_validity.or(UidValidity::new(1)).expect("1 is a UIDVALIDITY")
}

/// A decision that somebody has to take before this folder can be finished.
pub(super) fn decision(message: impl Into<String>) -> Failure {
    Failure::new(Side::Destination, Class::DecisionNeeded, Reach::Folder, Retry::Never, message)
}
