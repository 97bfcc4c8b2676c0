//! One pair of folders: pass after pass until nothing is left to do or nothing more can be done.
//! Never goes on after an error without listing both folders anew.

use std::time::Duration;

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::taxonomy;
use malote_plan::uid_set::UidSet;

use super::census::{self, Census};
use super::context::{FolderRun, Stage};
use super::lanes::Lane;
use super::reading::Ends;
use super::{flags, inspect, labels, late, locate, mirror, modseq, quarantining, transfer, within};
use crate::event::Event;
use crate::failure::{Failure, Result};
use crate::ledger::Tokens;
use crate::policy::FlagPolicy;
use crate::report::{Counters, FolderReport};

/// Longest pause between two attempts, in milliseconds.
const PAUSE_MS_MAX: u64 = 60_000;

/// How much longer, in powers of two, is waited where a lost connection means that we were too fast: half a second
/// becomes half a minute.
const SILENCE_SHIFT: u32 = 6;

impl FolderRun<'_> {
    /// Works on one stage until done or hopeless; what is left over is pending, what went wrong is in the findings.
    pub async fn work(&mut self, stage: Stage, lane: &mut Lane<'_>) {
        if stage == Stage::Rest && (self.deferred.is_empty() || !self.is_done) {
            return;
        }
        (self.stage, self.is_done) = (stage, false);
        let (mut attempt, mut settled_before) = (0, self.tally.settled().len());
        while !self.run.halt.is_cancelled() {
            let Err(failure) = self.pass().await else {
                self.is_done = true;
                break;
            };
            let is_throttle = self.run.manners.is_throttle(&failure);
            if (failure.class == Class::LimitConnections || is_throttle) && lane.stand_back().await {
                continue;
            }
            if failure.class == Class::ThrottleDaily && self.run.job.policy.waits_for_allowance {
                self.rest(&failure).await;
                continue;
            }
            let settled = self.tally.settled().len();
            attempt = if settled > settled_before { 1 } else { attempt + 1 };
            settled_before = settled;
            let Some(pause) = self.pause_after(&failure, attempt) else {
                self.give_up(&failure);
                break;
            };
            let folder = self.pair.source.path.to_string();
            let (side, class, pause_ms) = (failure.side, failure.class.as_str(), pause);
            self.run.job.events.emit(Event::Retrying { side, folder, class, pause_ms });
            let stopped = self.run.halt.cancelled();
            if tokio::time::timeout(Duration::from_millis(pause), stopped).await.is_ok() {
                self.run.findings.fail(&failure);
            }
        }
        if let Some(labels) = self.run.labels.filter(|_| !self.is_done) {
            labels.miss();
        }
    }

    /// Says what became of the folder.
    pub async fn conclude(self) -> FolderReport {
        labels::tell(&self);
        if self.run.halt.is_cancelled() && (!self.is_done || self.tally.buckets().pending > 0) {
            self.run.findings.cut_short();
        }
        if let Err(failure) = quarantining::tell(&self).await {
            self.run.findings.fail(&failure);
        }
        self.run.job.progress.folder_done();
        let mut report = self.report();
        if !self.tally.is_listed {
            self.count_unopened(&mut report.counters).await;
        }
        report
    }

    /// Counts a folder that the run never came to, by its listing and the ledger: nothing may be left unsaid.
    async fn count_unopened(&self, counters: &mut Counters) {
        let Some(status) = self.pair.source.status else { return };
        let is_same = self.pair.row.tokens.source_uid_validity == status.uid_validity;
        let recorded = self.run.job.ledger.recorded(self.pair.row.id).await.ok().filter(|_| is_same);
        let recorded = recorded.unwrap_or_default();
        let mut left = u64::from(status.messages);
        let mut take = |set: &UidSet| {
            let taken = set.len().min(left);
            left -= taken;
            taken
        };
        counters.source_messages = u64::from(status.messages);
        counters.already = take(&recorded.copied.union(&recorded.adopted));
        counters.collapsed = take(&recorded.collapsed);
        counters.quarantined = take(&recorded.quarantined);
        counters.pending = left;
    }

    /// How long to wait before the next attempt, in milliseconds; nothing where there is to be none.
    pub(super) fn pause_after(&self, failure: &Failure, attempt: u32) -> Option<u64> {
        let is_last = attempt > self.run.job.policy.attempts_max;
        let shift = attempt.min(8) + if self.run.manners.is_throttle(failure) { SILENCE_SHIFT } else { 0 };
        let backoff = self.run.job.policy.pause_ms.saturating_mul(1 << shift).min(PAUSE_MS_MAX);
        match (failure.retry, failure.reach) {
            (Retry::Never, _) => None,
            _ if failure.class == Class::ThrottleDaily => None,
            _ if is_last => None,
            (Retry::Again, _) => Some(backoff),
            (Retry::After(ms), _) => {
                // A wait that the server named is kept as it is; one of the table's grows.
                let row = failure.rule.filter(|_| failure.told.wait_ms.is_none()).and_then(taxonomy::row);
                let grown = row.and_then(|row| row.verdict.wait_ms(attempt)).unwrap_or(0);
                Some(ms.max(grown).max(backoff))
            }
        }
    }

    /// Waits for a daily allowance to begin anew: no error, and no attempt.
    async fn rest(&self, failure: &Failure) {
        let pause = Duration::from_millis(match failure.retry {
            Retry::After(ms) => ms,
            Retry::Again | Retry::Never => PAUSE_MS_MAX,
        });
        let now_ms = self.run.job.clock.now_unix_ms();
        let until_unix_ms = now_ms + i64::try_from(pause.as_millis()).unwrap_or(0);
        self.run.job.events.emit(Event::Resting { side: failure.side, until_unix_ms });
        let _stopped = tokio::time::timeout(pause, self.run.halt.cancelled()).await;
    }

    fn give_up(&mut self, failure: &Failure) {
        self.run.findings.fail(failure);
        if failure.class == Class::FolderMissing && failure.side == Side::Source {
            // Its user removed it meanwhile, with all that was in it.
            self.tally.list(&UidSet::default());
        }
        if matches!(failure.reach, Reach::Account | Reach::Endpoint) {
            self.run.halt.cancel();
        }
    }

    /// Lists, settles, copies and sets flags, once.
    async fn pass(&mut self) -> Result<()> {
        if self.stage == Stage::Look {
            return census::look(self).await;
        }
        if self.is_settled_by_listing().await? {
            return Ok(());
        }
        self.copied_before = self.tally.copied.clone();
        let mut ends = self.open().await?;
        let before = (ends.source.status(), ends.destination.status());
        modseq::compare(self, &before.0).await?;
        let Census { wanted, validity } = census::take(self, &mut ends).await?;
        self.tell_start(&wanted);
        let (ends, wanted) = within::copy(self, ends, wanted, validity).await?;
        // An answer that names a copy which the destination just made by itself is a lie.
        let told = if self.copied_within.is_empty() { before.1 } else { ends.destination.status() };
        let (mut ends, left) = transfer::copy(self, ends, wanted, told, validity).await?;
        let are_placed = locate::place(self, &mut ends, validity).await?;
        late::arrivals(self, &mut ends, validity).await?;
        inspect::appended(self, &mut ends).await?;
        flags::place_keywords(self, &mut ends).await?;
        let is_cut = self.is_cut(&ends);
        if !is_cut {
            flags::carry(self, &mut ends).await?;
            mirror::deletes(self, &mut ends).await?;
        }
        self.close_intents().await?;
        let after = ends.look().await?;
        self.tally.destination_messages = u64::from(after.messages);
        self.warn_of_losses();
        // What filters left out is in no record: such a folder has to be looked at again.
        let is_settled = self.tally.buckets().pending == 0
            && self.tally.filtered.is_empty()
            && self.tally.aside.is_empty();
        // Nor is one settled that counts more messages than it lists: what it hides has no record.
        let is_whole = self.tally.present.len() >= u64::from(ends.source.status().messages);
        let is_complete = left.is_empty() && is_settled && is_whole && !is_cut;
        // Flags of what is not placed could not be carried, and others were not to be: a run that wants them asks
        // for all.
        let are_carried = are_placed && self.run.job.policy.flags != FlagPolicy::Destination;
        let highest_modseq = before.0.highest_modseq.filter(|_| are_carried && !is_cut);
        self.remember(FolderStatus { highest_modseq, ..before.0 }, after, is_complete).await?;
        let (copied, pending) = (self.tally.copied.len(), self.tally.buckets().pending);
        let folder = self.pair.source.path.to_string();
        self.run.job.events.emit(Event::FolderFinished { folder, copied, pending });
        Ok(())
    }

    /// True where a halt has left the source in the midst of an answer: whatever it is asked then, it would go on with
    /// that answer, and its words would be taken for a fault of its own.
    pub(super) fn is_cut(&self, ends: &Ends) -> bool {
        self.run.halt.is_cancelled() && !ends.source.is_usable()
    }

    /// Tells where the destination holds fewer messages than were put there: its user may have removed them, or
    /// somebody else. They are not copied again; `verify` names them.
    fn warn_of_losses(&self) {
        let placed = self.tally.already.union(&self.tally.copied).union(&self.tally.adopted).len();
        let missing = placed.saturating_sub(self.tally.destination_messages);
        if missing > 0 && !self.pair.is_shared {
            self.run.findings.warn(format!(
                "{}: at least {missing} messages that were copied are no longer at the destination; verify names them",
                self.pair.source.path
            ));
        }
    }

    fn tell_start(&self, wanted: &UidSet) {
        self.run.job.events.emit(Event::FolderStarted {
            folder: self.pair.source.path.to_string(),
            messages: self.tally.present.len(),
            to_copy: wanted.len(),
        });
    }

    /// True when the source's listing shows exactly what has a record.
    pub fn is_as_recorded(&self, recorded: &UidSet) -> bool {
        let tokens = &self.pair.row.tokens;
        self.pair.source.status.is_some_and(|source| {
            tokens.is_complete
                && tokens.source_uid_validity == source.uid_validity
                && Some(tokens.source_uid_next) == source.uid_next
                && tokens.source_messages == source.messages
                && recorded.len() == u64::from(source.messages)
        })
    }

    /// True when the listings of both sides show what the last complete pass left, so that neither folder needs
    /// to be opened.
    async fn is_settled_by_listing(&mut self) -> Result<bool> {
        if self.run.job.policy.flags == FlagPolicy::Source {
            // No listing tells whether the destination's flags are those of the source: an earlier run may have
            // left them to their users.
            return Ok(false);
        }
        let tokens = self.pair.row.tokens;
        let (Some(source), Some(destination)) = (self.pair.source.status, self.pair.destination.status)
        else {
            return Ok(false);
        };
        let has_flags = self.run.job.policy.flags != FlagPolicy::Destination;
        if !tokens.is_complete || !is_as_left(&tokens, &source, &destination, has_flags) {
            return Ok(false);
        }
        let recorded = self.run.job.ledger.recorded(self.pair.row.id).await?;
        let all = recorded.all();
        if all.len() < u64::from(source.messages) {
            return Ok(false);
        }
        if all.len() > u64::from(source.messages) || !recorded.quarantined.is_empty() {
            return Ok(false);
        }
        if has_flags && self.run.spot == Some(self.pair.row.id) && !modseq::holds(self, &recorded).await? {
            return Ok(false);
        }
        if !labels::are_known(self, &all).await? {
            return Ok(false);
        }
        self.tally.list(&all);
        self.tally.already = recorded.copied.union(&recorded.adopted);
        self.tally.collapsed = recorded.collapsed;
        self.tally.destination_messages = u64::from(destination.messages);
        self.run.job.progress.messages_listed(all.len());
        self.run.job.progress.messages_done(all.len());
        Ok(true)
    }

    async fn close_intents(&self) -> Result<()> {
        let (ledger, folder) = (&self.run.job.ledger, self.pair.row.id);
        for intent in ledger.intents(folder).await? {
            ledger.close_intent(folder, intent.id).await?;
        }
        Ok(())
    }

    async fn remember(
        &mut self,
        source: FolderStatus,
        destination: FolderStatus,
        is_complete: bool,
    ) -> Result<()> {
        let tokens = Tokens {
            source_uid_validity: self.pair.row.tokens.source_uid_validity,
            destination_uid_validity: self.pair.row.tokens.destination_uid_validity,
            source_uid_next: source.uid_next.unwrap_or(0),
            source_messages: source.messages,
            source_modseq: source.highest_modseq,
            destination_uid_next: destination.uid_next.unwrap_or(0),
            destination_messages: destination.messages,
            destination_modseq: destination.highest_modseq,
            is_complete,
            is_modseq_distrusted: self.pair.row.tokens.is_modseq_distrusted,
        };
        if tokens != self.pair.row.tokens {
            self.run.job.ledger.set_tokens(self.pair.row.id, &tokens).await?;
            self.pair.row.tokens = tokens;
        }
        Ok(())
    }
}

/// True when both folders look as the last pass left them. Without a modification sequence at the source, flags
/// may have changed unseen, so that the folder has to be opened where `has_flags`.
fn is_as_left(tokens: &Tokens, source: &FolderStatus, destination: &FolderStatus, has_flags: bool) -> bool {
    let has_same_flags = tokens.source_modseq.is_some()
        && !tokens.is_modseq_distrusted
        && tokens.source_modseq == source.highest_modseq;
    (has_same_flags || !has_flags)
        && tokens.source_uid_validity == source.uid_validity
        && Some(tokens.source_uid_next) == source.uid_next
        && tokens.source_messages == source.messages
        && tokens.destination_uid_validity == destination.uid_validity
        && Some(tokens.destination_uid_next) == destination.uid_next
        && tokens.destination_messages == destination.messages
}
