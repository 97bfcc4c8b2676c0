//! What one portion of items becomes: lines of an mbox file that wait for their turn, files of their own, or nothing.
//! Never leaves a part of a message where the whole could not be written.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use malote_pst::mailbox::{Damaged, Mailbox};
use malote_pst::mime::{Converted, Flags, Form, Gathered, LineEnd, Room, Unwritten};
use malote_pst::store::NodeId;

use super::crew::{Crew, Portion};
use super::mbox::Lines;
use super::sink::{Sink, failure, from_line, status};
use crate::cli::args::ExportArg;
use crate::cli::exit::Stopped;

/// Octets that a portion of an mbox file gathers before it needs its turn.
const GATHERED_OCTETS_MAX: usize = 2 * 1024 * 1024;
/// Octets that are written at once by whom has the turn already: while they are few, they lie in the fastest caches.
const PASSED_OCTETS_MIN: usize = 128 * 1024;

/// What a hand reads to and gathers in, from one portion to the next.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    gathered: Gathered,
    data: Room,
    told: Told,
}

/// The flags and keywords that were told last, and their lines: those of the next item are mostly the same.
#[derive(Debug, Default)]
struct Told {
    flags: Flags,
    keywords: Vec<String>,
    lines: String,
}

impl Told {
    fn lines(&mut self, converted: &Converted) -> &str {
        let is_same = self.flags == converted.flags && self.keywords == converted.keywords;
        if !is_same || self.lines.is_empty() {
            let (flags, keywords) = (converted.flags, converted.keywords.clone());
            *self = Self { flags, keywords, lines: status(converted) };
        }
        &self.lines
    }
}

/// Where the messages of one portion go.
pub(super) struct Tray<'t, 'a> {
    crew: &'t Crew<'a>,
    sink: Option<&'t Sink>,
    portion: &'t Portion,
    lines: Lines,
    data: Room,
    told: Told,
    /// True once everything before the portion is written.
    has_turn: bool,
    /// The folder's file, from the turn on, where there is one yet.
    file: Option<File>,
    /// Octets of this portion that are in the file.
    filed: u64,
    /// Octets of this portion before the message that is being written.
    begin: u64,
}

impl<'t, 'a> Tray<'t, 'a> {
    /// An empty one; `rooms` are those of an earlier one.
    pub(super) fn new(
        crew: &'t Crew<'a>,
        sink: Option<&'t Sink>,
        portion: &'t Portion,
        rooms: Rooms,
    ) -> Self {
        let Rooms { gathered, data, told } = rooms;
        let lines = Lines::new(gathered);
        Self { crew, sink, portion, lines, data, told, has_turn: false, file: None, filed: 0, begin: 0 }
    }

    /// Writes one message, or reads it to its end where nothing is to be written.
    pub(super) fn put(
        &mut self,
        mailbox: &mut Mailbox,
        node: NodeId,
        converted: &Converted,
    ) -> Result<(), Unwritten> {
        let Some(message) = &converted.message else { return Ok(()) };
        match self.sink {
            None => {
                let mut nowhere = Nowhere(std::mem::take(self.lines.room()));
                let read = message.write_to(mailbox.blobs(), &mut nowhere, &mut self.data);
                *self.lines.room() = nowhere.0;
                read
            }
            Some(sink) if sink.form() == ExportArg::Mbox => {
                self.begin = self.filed + self.lines.room().len() as u64;
                let seconds = converted.internal_date.map(|date| date.unix_seconds);
                self.lines.own(from_line(seconds).as_bytes());
                self.lines.own(self.told.lines(converted).as_bytes());
                let mut data = std::mem::take(&mut self.data);
                let written = message.write_to(mailbox.blobs(), self, &mut data);
                self.data = data;
                match written {
                    Ok(()) => self.lines.end_message(),
                    Err(Unwritten::Unreadable(_)) => self.take_back().map_err(Unwritten::Refused)?,
                    // What the disk refused ends the export, and nothing of this file stays.
                    Err(Unwritten::Refused(_)) => {}
                }
                written.and_then(|()| self.pass_when_full().map_err(Unwritten::Refused))
            }
            Some(sink) => sink.letter(self.portion.folder, mailbox, (node, converted), &mut self.data),
        }
    }

    /// Takes away what was written of a message that is not whole.
    fn take_back(&mut self) -> io::Result<()> {
        if let Some(gathered) = self.begin.checked_sub(self.filed) {
            self.lines.cut(usize::try_from(gathered).map_err(io::Error::other)?);
            return Ok(());
        }
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("the file is not open"))?;
        let end = file.stream_position()?.saturating_sub(self.filed - self.begin);
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        self.filed = self.begin;
        self.lines.cut(0);
        Ok(())
    }

    /// Keeps what is known of an item that is not carried.
    pub(super) fn dump(&self, node: NodeId, damaged: &Damaged) -> Result<(), Stopped> {
        self.sink.map_or(Ok(()), |sink| sink.dump(node, damaged))
    }

    /// Waits for the turn.
    pub(super) fn take_turn(&mut self) -> Result<(), Stopped> {
        self.wait().map_err(|cause| self.refused(&cause))
    }

    /// Only what goes to one file has an order.
    fn wait(&mut self) -> io::Result<()> {
        let is_ordered = self.sink.is_some_and(|sink| sink.form() == ExportArg::Mbox);
        if is_ordered && !self.has_turn {
            self.file = self.crew.turn(self.portion)?;
            self.has_turn = true;
        }
        Ok(())
    }

    fn pass_when_full(&mut self) -> io::Result<()> {
        let gathered = self.lines.room().len();
        let is_full = gathered >= GATHERED_OCTETS_MAX
            || gathered >= PASSED_OCTETS_MIN && (self.has_turn || self.crew.has_turn(self.portion));
        if is_full { self.pass() } else { Ok(()) }
    }

    /// Writes what is gathered, as far as it is decided.
    fn pass(&mut self) -> io::Result<()> {
        self.wait()?;
        let ready = self.lines.ready();
        let Some(sink) = self.sink.filter(|_| !ready.is_empty()) else { return Ok(()) };
        let mut file = self.file.take().map_or_else(|| sink.begin_file(self.portion.folder), Ok)?;
        file.write_all(ready)?;
        self.file = Some(file);
        self.filed += ready.len() as u64;
        self.lines.forget_ready();
        Ok(())
    }

    /// Writes the rest when its turn has come, gives the rooms back, and the file to whom comes next.
    pub(super) fn finish(mut self, rooms: &mut Rooms) -> Result<Option<File>, Stopped> {
        self.pass().map_err(|cause| self.refused(&cause))?;
        *rooms = Rooms { gathered: std::mem::take(self.lines.room()), data: self.data, told: self.told };
        Ok(self.file)
    }

    /// What stops the work.
    pub(super) fn refused(&self, cause: &io::Error) -> Stopped {
        let place = self.sink.map_or(Path::new(""), |sink| sink.place(self.portion.folder));
        failure("writing an item", place, cause)
    }
}

impl Form for Tray<'_, '_> {
    fn text(&mut self, octets: &[u8]) -> io::Result<()> {
        self.lines.text(octets);
        self.pass_when_full()
    }

    fn lines(&mut self) -> io::Result<&mut Gathered> {
        self.pass_when_full()?;
        Ok(self.lines.base64())
    }

    fn line_end(&self) -> LineEnd {
        LineEnd::Lf
    }
}

/// Where messages go that are only to be read.
struct Nowhere(Gathered);

impl Form for Nowhere {
    fn text(&mut self, _octets: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn lines(&mut self) -> io::Result<&mut Gathered> {
        self.0.clear();
        Ok(&mut self.0)
    }

    fn line_end(&self) -> LineEnd {
        LineEnd::Lf
    }
}
