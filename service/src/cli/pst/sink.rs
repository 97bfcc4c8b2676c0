//! Where exported items go: files, mbox folders, a Maildir++.
//! Never trusts a folder's name as a path, and never gives a half-written message a lasting name.

mod names;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use malote_pst::mailbox::{Damaged, Mailbox, WriteError};
use malote_pst::mime::{Converted, Flags, Message};
use malote_pst::store::NodeId;

use super::Taken;
use crate::cli::args::ExportArg;
use crate::cli::exit::Stopped;
use names::{Names, from_line};

/// Octets that are gathered before they are written.
const BUFFER_OCTETS: usize = 256 * 1024;
/// Longest line that is held whole, in octets.
const LINE_OCTETS_MAX: usize = 1024 * 1024;
/// Below the folder of an export: property dumps of items that were not carried.
const QUARANTINE: &str = "quarantine";
/// Marks a folder as an export's, so that it may be written to again.
const MARK: &str = ".malote-pst-export";

/// An open export.
pub(super) struct Sink {
    form: ExportArg,
    out: PathBuf,
    folders: BTreeMap<Vec<String>, PathBuf>,
    names: Names,
    mbox: Option<(PathBuf, BufWriter<File>)>,
}

impl Sink {
    /// Makes the folder, or takes one that an earlier export made: its files are written anew, the same names for
    /// the same items.
    pub(super) fn open(form: ExportArg, out: &Path) -> Result<Self, Stopped> {
        let failed = |cause| failure("making the folder", out, &cause);
        fs::create_dir_all(out).map_err(failed)?;
        let mark = out.join(MARK);
        let is_empty = fs::read_dir(out).map_err(failed)?.next().is_none();
        if !is_empty && !mark.exists() {
            let message = format!("{}: holds something else already; name a new folder", out.display());
            return Err(Stopped::usage(message));
        }
        File::create(&mark).map_err(failed)?;
        let (folders, names) = (BTreeMap::new(), Names::default());
        Ok(Self { form, out: out.to_owned(), folders, names, mbox: None })
    }

    /// Writes one message, or nothing of it where its data cannot be read to the end.
    pub(super) fn write(
        &mut self,
        mailbox: &mut Mailbox,
        path: &[String],
        node: NodeId,
        converted: &Converted,
    ) -> Result<Taken, Stopped> {
        let Some(message) = &converted.message else { return Ok(Taken::Whole) };
        let folder = self.folder(path)?;
        let seconds = converted.internal_date.map(|date| date.unix_seconds);
        let written = match self.form {
            ExportArg::Eml => lasting(&folder.join(format!("{:08x}.eml", node.0)), message, mailbox),
            ExportArg::Maildir => {
                let (place, flags) = letters(converted.flags);
                let name = format!(
                    "{}.P{:08x}.malote,S={}:2,{flags}",
                    seconds.unwrap_or(0),
                    node.0,
                    message.octets()
                );
                lasting(&folder.join(place).join(name), message, mailbox)
            }
            ExportArg::Mbox => self.append(&folder, message, mailbox, seconds, converted.flags),
        };
        match written {
            Ok(()) => Ok(Taken::Whole),
            Err(WriteError::Unreadable(_)) => Ok(Taken::Unreadable),
            Err(WriteError::Output(cause)) => Err(failure("writing an item", &folder, &cause)),
        }
    }

    /// Writes what is known of an item that is not carried.
    pub(super) fn dump(&self, node: NodeId, damaged: &Damaged) -> Result<(), Stopped> {
        let folder = self.out.join(QUARANTINE);
        let path = folder.join(format!("{:08x}.json", node.0));
        let write = || {
            fs::create_dir_all(&folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&folder)?;
            serde_json::to_writer_pretty(&mut file, &damaged.dump)?;
            file.persist(&path).map_err(|error| error.error).map(drop)
        };
        write().map_err(|cause| failure("writing a property dump", &path, &cause))
    }

    /// Writes out what is gathered.
    pub(super) fn finish(&mut self) -> Result<(), Stopped> {
        match self.mbox.take() {
            Some((path, mut file)) => {
                let close = file.flush().and_then(|()| file.get_ref().sync_all());
                close.map_err(|cause| failure("writing", &path, &cause))
            }
            None => Ok(()),
        }
    }

    /// The folder or file of a mail folder, made when its first item comes.
    fn folder(&mut self, path: &[String]) -> Result<PathBuf, Stopped> {
        if let Some(known) = self.folders.get(path) {
            return Ok(known.clone());
        }
        let place = match self.form {
            ExportArg::Eml => self.out.join(self.names.levels(path)),
            ExportArg::Mbox => self.out.join(self.names.levels(path)).with_added_extension("mbox"),
            ExportArg::Maildir => self.out.join(self.names.maildir(path)),
        };
        let make = || match self.form {
            ExportArg::Eml => fs::create_dir_all(&place),
            ExportArg::Mbox => fs::create_dir_all(place.parent().unwrap_or(&self.out)),
            ExportArg::Maildir => {
                ["cur", "new", "tmp"].iter().try_for_each(|part| fs::create_dir_all(place.join(part)))
            }
        };
        make().map_err(|cause| failure("making the folder", &place, &cause))?;
        self.folders.insert(path.to_vec(), place.clone());
        Ok(place)
    }

    fn append(
        &mut self,
        path: &Path,
        message: &Message,
        mailbox: &mut Mailbox,
        seconds: Option<i64>,
        flags: Flags,
    ) -> Result<(), WriteError> {
        let file = self.open_mbox(path).map_err(WriteError::Output)?;
        // Blobs alone can fail in the reading: without any, there is nothing to come back from.
        let begin = match message.blobs().next() {
            Some(_) => Some(file.stream_position().map_err(WriteError::Output)?),
            None => None,
        };
        let lines = [from_line(seconds).into_bytes(), status(flags).into_bytes()].concat();
        file.write_all(&lines).map_err(WriteError::Output)?;
        let mut quoting = Quoting::new(file);
        let written = mailbox.write(message, &mut quoting);
        let ended = quoting.finish();
        match (written, begin) {
            (Ok(()), _) => ended.map_err(WriteError::Output),
            (Err(error), None) => Err(error),
            (Err(error), Some(begin)) => {
                let back = file.flush().and_then(|()| file.get_ref().set_len(begin));
                back.and_then(|()| file.seek(SeekFrom::Start(begin))).map_err(WriteError::Output)?;
                Err(error)
            }
        }
    }

    /// The file of an mbox folder. Folders come one after the other: a file is opened once in an export.
    fn open_mbox(&mut self, path: &Path) -> io::Result<&mut BufWriter<File>> {
        if self.mbox.as_ref().is_none_or(|(open, _)| open != path)
            && let Some((_, mut file)) = self.mbox.take()
        {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        let (_, file) = match self.mbox.take() {
            Some(open) => self.mbox.insert(open),
            None => {
                let file = BufWriter::with_capacity(BUFFER_OCTETS, File::create(path)?);
                self.mbox.insert((path.to_owned(), file))
            }
        };
        Ok(file)
    }
}

/// Writes a message under a name that it gets only when it is whole.
fn lasting(path: &Path, message: &Message, mailbox: &mut Mailbox) -> Result<(), WriteError> {
    let folder = path.parent().unwrap_or(path);
    let file = tempfile::NamedTempFile::new_in(folder).map_err(WriteError::Output)?;
    let mut out = BufWriter::with_capacity(BUFFER_OCTETS, file);
    mailbox.write(message, &mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error).map_err(WriteError::Output)?;
    file.persist(path).map_err(|error| WriteError::Output(error.error)).map(drop)
}

/// The folder and the letters of a Maildir name.
fn letters(flags: Flags) -> (&'static str, String) {
    let all = [
        (flags.draft, 'D'),
        (flags.flagged, 'F'),
        (flags.forwarded, 'P'),
        (flags.answered, 'R'),
        (flags.seen, 'S'),
    ];
    let letters: String = all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    ("cur", letters)
}

/// Flags as mbox files keep them, in front of the message's own header.
fn status(flags: Flags) -> String {
    let status = if flags.seen { "Status: RO\n" } else { "Status: O\n" };
    let all = [(flags.answered, 'A'), (flags.flagged, 'F'), (flags.draft, 'T')];
    let letters: String = all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    if letters.is_empty() { status.to_owned() } else { format!("{status}X-Status: {letters}\n") }
}

/// Lines end in LF, and every line of `>`s and `From ` gets one `>` more (mboxrd). Takes octets in any portions.
struct Quoting<'a, W: Write> {
    out: &'a mut W,
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// True while the beginning of a line is still to come, and with it the question of quoting.
    is_line_start: bool,
}

impl<'a, W: Write> Quoting<'a, W> {
    fn new(out: &'a mut W) -> Self {
        Self { out, line: Vec::new(), is_line_start: true }
    }

    /// Writes a line, or a portion of one that is too long to be held.
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_line_start {
            let quotes = line.iter().take_while(|octet| **octet == b'>').count();
            if line[quotes..].starts_with(b"From ") {
                self.out.write_all(b">")?;
            }
        }
        self.is_line_start = line.ends_with(b"\n");
        match line.strip_suffix(b"\r\n") {
            Some(text) => {
                self.out.write_all(text)?;
                self.out.write_all(b"\n")
            }
            None => self.out.write_all(line),
        }
    }

    /// Ends the message: its last line is whole, and an empty one follows.
    fn finish(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        if !rest.is_empty() {
            self.put(&rest)?;
        }
        let is_whole = self.is_line_start;
        self.out.write_all(if is_whole { b"\n" } else { b"\n\n" })
    }
}

impl<W: Write> Write for Quoting<'_, W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', octets) {
            let part = &octets[begin..=end];
            begin = end + 1;
            if self.line.is_empty() {
                self.put(part)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(part);
                self.put(&line)?;
                line.clear();
                self.line = line;
            }
        }
        self.line.extend_from_slice(&octets[begin..]);
        if self.line.len() > LINE_OCTETS_MAX {
            // A CR at its end may belong to a line end of which the LF is still to come.
            let keep = usize::from(self.line.ends_with(b"\r"));
            let rest = self.line.split_off(self.line.len() - keep);
            let line = std::mem::replace(&mut self.line, rest);
            self.put(&line)?;
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn failure(doing: &str, path: &Path, cause: &io::Error) -> Stopped {
    Stopped::early(format!("{doing} {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_quoted_alike_in_whatever_portions_it_comes() -> io::Result<()> {
        let message = b"From: ana\r\n\r\nFrom here\r\n>From there\r\nnot From\nbare\r\n\r\rend";
        let wanted = b"From: ana\n\n>From here\n>>From there\nnot From\nbare\n\r\rend\n\n";
        for portion in 1..=message.len() {
            let mut out = Vec::new();
            let mut quoting = Quoting::new(&mut out);
            message.chunks(portion).try_for_each(|part| quoting.write_all(part))?;
            quoting.finish()?;
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(wanted), "by {portion}");
        }
        Ok(())
    }

    #[test]
    fn a_line_too_long_to_be_held_is_passed_on_unchanged() -> io::Result<()> {
        let message = [vec![b'x'; LINE_OCTETS_MAX * 2], b"\r\nFrom\r\nFrom \r\n".to_vec()].concat();
        for portion in [1000, LINE_OCTETS_MAX + 1, LINE_OCTETS_MAX * 2 + 1] {
            let mut out = Vec::new();
            let mut quoting = Quoting::new(&mut out);
            message.chunks(portion).try_for_each(|part| quoting.write_all(part))?;
            quoting.finish()?;
            let tail = &out[LINE_OCTETS_MAX * 2..];
            assert_eq!(String::from_utf8_lossy(tail), "\nFrom\n>From \n\n", "by {portion}");
        }
        Ok(())
    }
}
