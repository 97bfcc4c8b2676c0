//! Brings to its end what a run that died had begun to write into an mbox.
//! Never cuts an octet off that is neither proven to be ours nor kept elsewhere.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::super::batch::{self, Batch, Layout};
use super::super::journal::{self, Line, Moved, Planned, Row, State, Torn};
use super::super::{aside, torn};
use super::{MboxTray, journal_of, missing};
use crate::source::archive::files::Slice;

impl MboxTray {
    /// Brings what a dead run began to its end: messages that are whole count, a begun one is cut off where it is
    /// proven to be ours, else set aside. Returns where mail of others begins.
    pub(super) fn settle(&self, state: &mut State, torn: &Torn) -> io::Result<u64> {
        let batch = torn.planned.and_then(|planned| Batch::find(&self.path, planned));
        let octets = self.octets()?;
        if let (true, Some(batch)) = (torn.is_move, &batch) {
            return self.settle_move(state.end, torn.moved, batch, octets);
        }
        let is_message = |row: &Row| self.is_message(row);
        let tail = torn::judge(&self.file, (state.end, octets), torn, batch.as_ref(), is_message)?;
        let mut lines = vec![Line::Intent(state.end, Some(Planned::nothing()))];
        lines.extend(torn.rows[..tail.whole].iter().copied().map(Line::Row));
        lines.push(Line::Done(tail.kept));
        state.rows.extend_from_slice(&torn.rows[..tail.whole]);
        state.end = tail.kept;
        if !self.writes {
            return Ok(tail.others);
        }
        if torn.is_move {
            self.tell_lost_move();
        }
        let is_unknown = !tail.is_proven && tail.others == tail.kept && tail.kept < octets;
        if is_unknown && torn.planned.is_some() && tail.whole < torn.rows.len() {
            self.tell_unknown(tail.kept);
        }
        if tail.others > tail.kept && !tail.is_proven {
            let begun = Slice::new(Arc::clone(&self.file), tail.kept, tail.others - tail.kept);
            self.set_aside(|place| aside::write(place, &self.path, begun))?;
        }
        let is_behind = tail.others < octets && tail.others > tail.kept;
        if is_behind {
            let before = self.gap(tail.kept)?;
            let rest = (tail.others, octets);
            self.begin_move(tail.kept, before, rest, batch.as_ref(), lines)?;
        } else {
            if tail.others > tail.kept {
                self.file.set_len(tail.kept)?;
                self.file.sync_all()?;
            }
            journal::add(&journal_of(&self.path), &lines)?;
            batch::remove(&self.path);
        }
        Ok(tail.kept)
    }

    /// Moves what others wrote from behind a begun message to where that began, at `to`, behind `before`. A file
    /// beside the mbox holds it meanwhile, durable, so that a crash on the way costs nothing; `other` is the batch
    /// that counts until the journal speaks of this one.
    fn begin_move(
        &self,
        to: u64,
        mut before: impl Read,
        (from, octets): (u64, u64),
        other: Option<&Batch>,
        mut lines: Vec<Line>,
    ) -> io::Result<()> {
        let mut layout = Layout::begin_apart(&self.path, to, other)?;
        let before = io::copy(&mut before, &mut layout)?;
        io::copy(&mut Slice::new(Arc::clone(&self.file), from, octets - from), &mut layout)?;
        let batch = layout.finish()?;
        batch.keep()?;
        lines.push(Line::Move(to, batch.planned, Some(Moved { from, before })));
        journal::add(&journal_of(&self.path), &lines)?;
        if let Some(other) = other {
            // One that stays is removed when the move is done.
            let _gone = fs::remove_file(other.path());
        }
        self.file.set_len(to)?;
        self.finish_move(to, 0, &batch)
    }

    fn finish_move(&self, to: u64, written: u64, batch: &Batch) -> io::Result<()> {
        self.write_batch(batch, to, written)?;
        journal::add(&journal_of(&self.path), &[Line::Done(to)])?;
        batch::remove(&self.path);
        Ok(())
    }

    /// Brings a move to its end that a dead run began. Others may have added mail at each of its steps. Returns where
    /// mail of others begins.
    fn settle_move(&self, to: u64, moved: Option<Moved>, batch: &Batch, octets: u64) -> io::Result<u64> {
        let (written, planned) = (batch::common(&self.file, to, batch.octets(0))?, batch.planned.octets);
        let is_part = to + written == octets || written == planned;
        let uncut = if is_part { None } else { self.uncut(to, moved, batch, octets)? };
        if !self.writes {
            return Ok(uncut.map_or(to, |uncut| uncut.from));
        }
        if is_part {
            self.finish_move(to, written, batch)?;
        } else if let Some(Moved { from, before }) = uncut {
            let before = batch.octets(0).take(before);
            self.begin_move(to, before, (from, octets), Some(batch), Vec::new())?;
        } else if let Some(added) = torn::added_at(&self.file, to, to + written)? {
            let before = batch.octets(0).chain(ending(batch)?);
            self.begin_move(to, before, (added, octets), Some(batch), Vec::new())?;
        } else {
            self.set_aside(|place| fs::rename(batch.path(), place))?;
            journal::add(&journal_of(&self.path), &[Line::Done(to)])?;
            batch::remove(&self.path);
        }
        Ok(to)
    }

    /// Where what was to be moved stands, if the mbox was not cut yet.
    fn uncut(&self, to: u64, moved: Option<Moved>, batch: &Batch, octets: u64) -> io::Result<Option<Moved>> {
        let planned = batch.planned.octets;
        let Some(moved) = moved.or_else(|| Some(Moved { from: octets.checked_sub(planned)?, before: 0 }))
        else {
            return Ok(None);
        };
        let there = batch::common(&self.file, moved.from, batch.octets(moved.before))?;
        let is_elsewhere = moved.from > to || moved.before > 0;
        let is_there = moved.before < planned && there == planned - moved.before;
        Ok((is_elsewhere && is_there).then_some(moved))
    }

    /// Puts something beside the mbox under a name of its own, and says so.
    fn set_aside(&self, put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        if !self.writes {
            return Ok(());
        }
        let place = aside::place(&self.path)?;
        put(&place)?;
        File::open(place.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        self.damage.tell(aside::sentence(&place));
        Ok(())
    }

    /// Says that what a move was to put back is nowhere to be found.
    fn tell_lost_move(&self) {
        self.damage.tell(format!(
            "{}: a run was stopped while it moved mail of another program's at its end, and the file that held that \
             mail is not there or not whole; look whether mail is missing",
            self.path.display()
        ));
    }

    /// Says that nobody can tell whose the octets behind octet `at` are.
    fn tell_unknown(&self, at: u64) {
        self.damage.tell(format!(
            "{}: a run was stopped while it wrote behind octet {at}, and the file that proves what it wrote is not \
             there; look whether mail that another program added there begins in the middle of a line",
            self.path.display()
        ));
    }

    /// Says why messages are numbered anew.
    pub(super) fn tell_new_generation(&self, state: &State, octets: u64) {
        let (journal, path) = (journal_of(&self.path), self.path.display());
        if state.is_damaged {
            self.remarks.tell(format!(
                "{}: is damaged and was not believed; the messages of {path} are numbered anew, and nothing was cut \
                 off",
                journal.display()
            ));
        } else if octets < state.end {
            self.remarks.tell(format!(
                "{path}: has {octets} octets and had {} when it was last written; its messages are numbered anew",
                state.end
            ));
        }
    }

    /// Puts the beginning of a message of ours aside where another program or a full disk cut the mbox off within it:
    /// it would stay beside the message, which is copied again.
    pub(super) fn set_cut_aside(&self, state: &State, octets: u64) -> io::Result<()> {
        if !self.writes || octets >= state.end {
            return Ok(());
        }
        let is_message = |row: &Row| self.is_message(row);
        let Some(kept) = torn::cut_at(&self.file, octets, &state.rows, is_message)? else { return Ok(()) };
        let begun = Slice::new(Arc::clone(&self.file), kept, octets - kept);
        self.set_aside(|place| aside::write(place, &self.path, begun))?;
        self.file.set_len(kept)?;
        self.file.sync_all()
    }

    /// What a move left beside the mbox, where the mbox is no longer the one that it belongs to, or nobody knows any
    /// more what it was for.
    pub(super) fn set_batches_aside(&self, state: &State) -> io::Result<()> {
        let is_needed = state.is_damaged || state.torn.as_ref().is_some_and(|torn| torn.is_move);
        if !is_needed {
            return self.sweep();
        }
        batch::files(&self.path).try_for_each(|file| self.set_aside(|place| fs::rename(file, place)))
    }

    /// Removes what a dead run left beside the mbox and no journal speaks of.
    pub(super) fn sweep(&self) -> io::Result<()> {
        if self.writes {
            batch::remove(&self.path);
            journal::sweep(&journal_of(&self.path))?;
        }
        Ok(())
    }
}

/// What is missing between the last message of a batch and a separator.
fn ending(batch: &Batch) -> io::Result<&'static [u8]> {
    let mut last = Vec::new();
    batch.octets(batch.planned.octets.saturating_sub(2)).read_to_end(&mut last)?;
    Ok(<[u8; 2]>::try_from(last).map_or(b"", missing))
}
