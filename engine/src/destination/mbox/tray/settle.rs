//! Brings to its end what a run that died had begun to write into an mbox.
//! Never cuts an octet off that is neither proven to be ours nor kept elsewhere.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::batch::{self, Batch, Layout};
use super::super::journal::{self, Line, Planned, Row, State, Torn};
use super::super::{aside, torn};
use super::{MboxTray, journal_of};
use crate::source::archive::files::Slice;

impl MboxTray {
    /// Brings what a dead run began to its end: messages that are whole count, a begun one is cut off where it is
    /// proven to be ours, else set aside. Returns where mail of others begins.
    pub(super) fn settle(&self, state: &mut State, torn: &Torn) -> io::Result<u64> {
        let batch = torn.planned.and_then(|planned| Batch::find(&self.path, planned));
        let octets = self.octets()?;
        if let (true, Some(batch)) = (torn.is_move, &batch) {
            return self.settle_move(state, batch, octets);
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
        if tail.others > tail.kept && !tail.is_proven {
            let begun = Slice::new(Arc::clone(&self.file), tail.kept, tail.others - tail.kept);
            self.set_aside(|place| aside::write(place, &self.path, begun))?;
        }
        let is_behind = tail.others < octets && tail.others > tail.kept;
        if is_behind {
            self.begin_move(tail.kept, tail.others, octets, lines)?;
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

    /// Moves what others wrote from behind a begun message to where that began. The file of the batch holds it
    /// meanwhile, durable, so that a crash on the way costs nothing.
    fn begin_move(&self, to: u64, from: u64, octets: u64, mut lines: Vec<Line>) -> io::Result<()> {
        let mut layout = Layout::begin(&self.path, to)?;
        io::copy(&mut Slice::new(Arc::clone(&self.file), from, octets - from), &mut layout)?;
        let batch = layout.finish()?;
        batch.keep()?;
        lines.push(Line::Move(to, batch.planned));
        journal::add(&journal_of(&self.path), &lines)?;
        self.file.set_len(to)?;
        self.finish_move(to, 0, &batch)
    }

    fn finish_move(&self, to: u64, written: u64, batch: &Batch) -> io::Result<()> {
        self.write_batch(batch, to, written)?;
        journal::add(&journal_of(&self.path), &[Line::Done(to)])?;
        batch::remove(&self.path);
        Ok(())
    }

    /// Brings a move to its end that a dead run began.
    fn settle_move(&self, state: &State, batch: &Batch, octets: u64) -> io::Result<u64> {
        let written = batch::common(&self.file, state.end, batch)?;
        if !self.writes {
            return Ok(state.end);
        }
        if state.end + written == octets || written == batch.planned.octets {
            self.finish_move(state.end, written, batch)?;
        } else {
            self.set_aside(|place| batch::rename(&self.path, place))?;
            journal::add(&journal_of(&self.path), &[Line::Done(state.end)])?;
        }
        Ok(state.end)
    }

    /// Puts something beside the mbox under a name of its own, and says so.
    fn set_aside(&self, put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        if !self.writes {
            return Ok(());
        }
        let place = aside::place(&self.path)?;
        put(&place)?;
        File::open(place.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        self.remarks.tell(format!(
            "{}: what a stopped run had begun at its end was set aside in {}; remove that file once you have seen \
             that nothing is missing",
            self.path.display(),
            place.display()
        ));
        Ok(())
    }

    /// What a move left in the file of the batch, where the mbox is no longer the one that it belongs to, or nobody
    /// knows any more what it was for.
    pub(super) fn set_batch_aside(&self, state: &State) -> io::Result<()> {
        let is_needed = state.is_damaged || state.torn.as_ref().is_some_and(|torn| torn.is_move);
        if is_needed && batch::is_there(&self.path) {
            return self.set_aside(|place| batch::rename(&self.path, place));
        }
        Ok(())
    }
}
