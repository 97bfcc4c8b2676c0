//! What stands in an mbox behind the last message that is known to be whole, and whose it is.
//! Never changes a file: it decides, the tray does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::batch::{self, Batch};
use super::journal::{Planned, Row, Torn};
use super::write::{FLAGS_OCTETS, Head, head, separator};
use crate::source::archive::files::Slice;
use crate::source::mbox::from_line::{self, FromLine};
use crate::source::mbox::letter::Pieces;
use crate::source::mbox::scan::Glance as _;

/// The end of a file, part by part. All places are in octets of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// So many of the batch's messages are whole.
    pub whole: usize,
    /// Where they end. What lies between here and `others` was begun by a dead run and is no message.
    pub kept: u64,
    /// Where what others wrote begins; the file's end where they wrote nothing.
    pub others: u64,
    /// True where the octets between `kept` and `others` are, octet by octet, those of the batch, or all of it is
    /// there.
    pub is_proven: bool,
}

/// Judges what stands in `file` from `end` to `octets`, where `torn` was begun. `is_message` tells whether the octets
/// of a row are there as they were when it was written down.
pub(super) fn judge(
    file: &Arc<File>,
    (end, octets): (u64, u64),
    torn: &Torn,
    batch: Option<&Batch>,
    is_message: impl Fn(&Row) -> bool,
) -> io::Result<Tail> {
    // Rows of what others wrote are written down with nothing planned; they are read again.
    let is_of_others = torn.planned == Some(Planned::nothing());
    let rows = if is_of_others { &[] } else { torn.rows.as_slice() };
    if let Some(batch) = batch {
        let alike = end + batch::common(file, end, batch.octets(0))?;
        let whole = end + batch.planned.octets;
        let ends: Vec<u64> = begins(rows).skip(1).chain([whole]).collect();
        let kept_rows = ends.iter().take(rows.len()).take_while(|row_end| **row_end <= alike).count();
        let kept = kept_rows.checked_sub(1).map_or(end, |last| ends[last]);
        let others = match alike == octets {
            true => octets,
            false => others_at(file, kept, alike, rows.get(kept_rows))?,
        };
        // Line feeds alone part messages, whoever wrote them: nothing is to be moved.
        let others = if others < octets && are_feeds(file, kept, others)? { kept } else { others };
        return Ok(Tail { whole: kept_rows, kept, others, is_proven: true });
    }
    let whole = rows.iter().take_while(|row| row.is_own && is_message(row)).count();
    let kept = match whole.checked_sub(1).map(|last| rows[last]) {
        Some(row) => end_of(file, &row)?.min(octets),
        None => end,
    };
    let is_all = torn.planned.is_some_and(|planned| {
        let is_there = octets.checked_sub(end).is_some_and(|behind| behind >= planned.octets);
        is_there && batch::hash(Slice::new(Arc::clone(file), end, planned.octets)) == Some(planned.hash)
    });
    // Where all of it is there, a message without a row is a message.
    let others = if is_all { kept } else { behind_own(file, kept, octets)? };
    Ok(Tail { whole, kept, others, is_proven: is_all })
}

/// Where each row's separator begins.
fn begins(rows: &[Row]) -> impl Iterator<Item = u64> {
    let before = |row: &Row| (FLAGS_OCTETS + separator(row.unix_seconds).len()) as u64;
    rows.iter().map(move |row| row.at.saturating_sub(before(row)))
}

/// Where the file's own line ends behind a message end.
fn end_of(file: &File, row: &Row) -> io::Result<u64> {
    let mut last = [0];
    if row.stored > 0 {
        file.read_exact_at(&mut last, row.at + row.stored - 1)?;
    }
    Ok(row.at + row.stored + if last[0] == b'\n' { 1 } else { 2 })
}

/// Octets before the first unlike one in which a separator may have begun, and those behind it that tell what it is.
const LINE_OCTETS_MAX: usize = 512;

/// Where another program's mail begins that was added to a begun message, of which the octets up to `alike` are as
/// ours would be.
fn others_at(file: &File, kept: u64, alike: u64, begun: Option<&Row>) -> io::Result<u64> {
    let Some(begun) = begun else { return Ok(kept) };
    // Whoever has our own sender begins as our next message would have begun.
    let otherwise = if alike < begun.at { kept } else { alike };
    Ok(added_at(file, kept, alike)?.unwrap_or(otherwise))
}

/// Where mail begins that somebody added to octets which are as planned from `begin` up to `alike`. Its separator may
/// stand behind line feeds that were added too, or begin as the next planned octets do, so that it is looked for in
/// the line before `alike` as well. Nothing where none is found.
pub(super) fn added_at(file: &File, begin: u64, alike: u64) -> io::Result<Option<u64>> {
    const FROM: &[u8] = b"From ";
    let start = alike.saturating_sub(LINE_OCTETS_MAX as u64).max(begin);
    let mut around = vec![0; 2 * LINE_OCTETS_MAX];
    let found = file.glance(start, &mut around);
    around.truncate(found);
    let unlike = usize::try_from(alike - start).unwrap_or(found).min(found);
    let feeds = around[unlike..].iter().take_while(|octet| matches!(octet, b'\n' | b'\r')).count();
    if around[unlike + feeds..].starts_with(FROM) {
        return Ok(Some(start + (unlike + feeds) as u64));
    }
    let line = memchr::memrchr(b'\n', &around[..unlike]).map_or(0, |end| end + 1);
    for at in (line..=unlike).rev().filter(|at| around[*at..].starts_with(FROM)) {
        let is_theirs = at + FROM.len() > unlike || {
            let text = around[at..].split(|octet| *octet == b'\n').next().unwrap_or_default();
            from_line::judge(text) != FromLine::Text
        };
        if is_theirs {
            return Ok(Some(start + at as u64));
        }
    }
    Ok(None)
}

/// True where nothing but ends of lines stands from one octet to another.
fn are_feeds(file: &File, from: u64, to: u64) -> io::Result<bool> {
    let Some(octets) = usize::try_from(to - from).ok().filter(|octets| *octets <= LINE_OCTETS_MAX) else {
        return Ok(false);
    };
    let mut between = vec![0; octets];
    file.read_exact_at(&mut between, from)?;
    Ok(between.iter().all(|octet| matches!(octet, b'\n' | b'\r')))
}

/// Where the messages of Malote's own form end, of which the last may be cut anywhere: within one, no line begins
/// with `From `.
fn behind_own(file: &Arc<File>, begin: u64, octets: u64) -> io::Result<u64> {
    let mut pieces = Pieces::new(Slice::new(Arc::clone(file), begin, octets.saturating_sub(begin)));
    let mut is_own = false;
    loop {
        let at = begin + pieces.offset;
        let Some((piece, is_start)) = pieces.take_next()? else { break };
        // The blank lines that part the batch from what was there are its own.
        let is_gap = !is_own && at - begin < 2 && piece == b"\n";
        if !is_start || is_gap || (is_own && !piece.starts_with(b"From ")) {
            continue;
        }
        match head_at(file, at, octets)? {
            Head::Whole(_) | Head::Begun => is_own = true,
            Head::Other => return Ok(if is_own { at } else { begin }),
        }
    }
    Ok(if is_own { octets } else { begin })
}

/// Where the message of ours begins within which a file ends after so many octets, though all of `rows` had been
/// written into it. Nothing where its end may be another message, as where one before it was removed.
pub(super) fn cut_at(
    file: &Arc<File>,
    octets: u64,
    rows: &[Row],
    is_message: impl Fn(&Row) -> bool,
) -> io::Result<Option<u64>> {
    // Without the blank line behind it, a message would be read without its last line's end.
    let is_there =
        |row: &&Row| row.at + row.stored <= octets && end_of(file, row).is_ok_and(|end| end <= octets);
    let whole = rows.iter().take_while(is_there).count();
    let Some((cut, behind)) = rows[whole..].split_first() else { return Ok(None) };
    let begin = begins(&rows[whole..=whole]).next().unwrap_or(cut.at);
    let is_behind_whole = whole.checked_sub(1).is_none_or(|last| is_message(&rows[last]));
    if begin >= octets || !cut.is_own || !is_behind_whole || head_at(file, begin, octets)? == Head::Other {
        return Ok(None);
    }
    let line = separator(cut.unix_seconds);
    let mut found = vec![0; line.len()];
    let there = file.glance(begin, &mut found);
    let mut pieces = Pieces::new(Slice::new(Arc::clone(file), begin, octets - begin));
    let mut separators = 0;
    while let Some((piece, is_start)) = pieces.take_next()? {
        separators += usize::from(is_start && piece.starts_with(b"From "));
    }
    let has_come_up = |row: &Row| {
        let row = Row { at: cut.at, ..*row };
        row.at + row.stored <= octets && is_message(&row)
    };
    let is_cut = line.as_bytes().starts_with(&found[..there]) && separators <= 1;
    Ok((is_cut && !behind.iter().filter(|row| row.hash != cut.hash).any(has_come_up)).then_some(begin))
}

/// Whether a separator and the lines behind it are as Malote writes them.
fn head_at(file: &File, at: u64, octets: u64) -> io::Result<Head> {
    let mut found = vec![0; 128 + FLAGS_OCTETS];
    let wanted = usize::try_from(octets - at).unwrap_or(usize::MAX).min(found.len());
    file.read_exact_at(&mut found[..wanted], at)?;
    Ok(head(&found[..wanted]))
}
