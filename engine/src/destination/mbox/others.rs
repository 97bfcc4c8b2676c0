//! Messages of an mbox that stand where no journal tells of them: those of other programs, and Malote's own whose
//! journal was lost.
//! Never changes the file.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::journal::{Row, State};
use super::write::{FLAGS_OCTETS, own_lines};
use crate::source::archive::files::Slice;
use crate::source::archive::lines::{Verified, measure};
use crate::source::mbox::from_line;
use crate::source::mbox::letter::{LetterReader, Manner, Variant};
use crate::source::mbox::scan::{self, Flow, Found, Glance as _};

/// Reads the message of a row; it fails at its end where its octets are not those that the row tells.
pub(super) fn read(file: &Arc<File>, row: &Row) -> Verified<LetterReader<Slice>> {
    Verified::new(reader(file, row), row.hash)
}

fn reader(file: &Arc<File>, row: &Row) -> LetterReader<Slice> {
    let manner = if row.is_own {
        Manner { quotes_header: row.quotes_header, ..Manner::own(row.keeps_ends) }
    } else {
        Manner::found(Variant::Mboxrd, false)
    };
    LetterReader::new(Slice::new(Arc::clone(file), row.at, row.stored), manner)
}

/// Numbers the messages from octet `begin` to octet `octets`, where the file ends by what is known from then on.
pub(super) fn take(file: &Arc<File>, begin: u64, octets: u64, state: &mut State) -> io::Result<()> {
    let slice = Slice::new(Arc::clone(file), begin, octets.saturating_sub(begin));
    let part = Part { file, begin };
    let mut failed = None;
    scan::scan(slice, &part, Variant::Mboxrd, &mut |found| match row(file, begin, state.next, &found) {
        Ok(row) => {
            state.rows.push(row);
            state.next = state.next.saturating_add(1);
            Flow::Continue(())
        }
        Err(cause) => {
            failed = Some(cause);
            Flow::Break(())
        }
    })?;
    state.end = octets;
    failed.map_or(Ok(()), Err)
}

/// The row of a message that was found. One before which Malote's lines for flags stand is read as Malote's.
fn row(file: &Arc<File>, begin: u64, uid: u32, found: &Found) -> io::Result<Row> {
    let date = from_line::received(found.line, &found.measured.header);
    let unix_seconds = date.map_or(0, |date| date.unix_seconds);
    let (at, stored) = (begin + found.at, found.octets);
    let (quotes_header, room) = (true, FLAGS_OCTETS as u64);
    let own = Row {
        uid,
        at,
        stored,
        octets: 0,
        unix_seconds,
        is_own: true,
        quotes_header,
        keeps_ends: false,
        hash: [0; 32],
    };
    let is_own_at = |at: u64| {
        let mut lines = vec![0; FLAGS_OCTETS];
        file.glance(at, &mut lines) == FLAGS_OCTETS && own_lines(&lines) == Some(true)
    };
    let row = if stored >= room && is_own_at(at) {
        Row { at: at + room, stored: stored - room, ..own }
    } else if at.checked_sub(room).is_some_and(is_own_at) {
        own
    } else {
        Row { is_own: false, quotes_header: false, ..own }
    };
    // A message without a blank line ends at the one that Malote puts behind it.
    let end = row.at + row.stored;
    let is_too_long = row.is_own && row.stored > 0 && !is_feed(file, end) && is_feed(file, end - 1);
    let row = Row { stored: row.stored - u64::from(is_too_long), ..row };
    // Malote keeps a return before a line feed only in a message whose line ends are its own.
    let keeps_ends = row.is_own && has_returns(Slice::new(Arc::clone(file), row.at, row.stored), row.stored)?;
    let row = Row { keeps_ends, ..row };
    let measured = measure(reader(file, &row), 0)?;
    Ok(Row { octets: measured.octets, hash: measured.hash, ..row })
}

fn is_feed(file: &File, at: u64) -> bool {
    let mut octet = [0];
    file.glance(at, &mut octet) == 1 && octet[0] == b'\n'
}

/// Octets of a message that are looked at at once.
const LOOKED_AT_OCTETS_MAX: usize = 64 * 1024;

fn has_returns(mut from: Slice, octets: u64) -> io::Result<bool> {
    let octets = usize::try_from(octets).unwrap_or(usize::MAX).clamp(1, LOOKED_AT_OCTETS_MAX);
    let (mut buffer, mut was_return) = (vec![0; octets], false);
    loop {
        let read = io::Read::read(&mut from, &mut buffer)?;
        let Some(last) = buffer[..read].last() else { return Ok(false) };
        if (was_return && buffer[0] == b'\n') || memchr::memmem::find(&buffer[..read], b"\r\n").is_some() {
            return Ok(true);
        }
        was_return = *last == b'\r';
    }
}

/// A file from one octet on, to be looked at.
struct Part<'a> {
    file: &'a File,
    begin: u64,
}

impl scan::Glance for Part<'_> {
    fn glance(&self, offset: u64, into: &mut [u8]) -> usize {
        self.file.glance(self.begin + offset, into)
    }
}
