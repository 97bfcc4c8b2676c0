//! Where exported items go: files, mbox folders, a Maildir++.
//! Never trusts a folder's name as a path, and never gives a half-written message a lasting name.

mod names;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use malote_pst::mailbox::{Damaged, Mailbox};
use malote_pst::mime::{Converted, Flags, Form, LineEnd, Message, Room, Unwritten};
use malote_pst::store::NodeId;

use super::Place;
use crate::cli::args::ExportArg;
use crate::cli::exit::Stopped;
use names::Names;
pub(in crate::cli::pst) use names::from_line;

/// Octets that are gathered before they are written.
const BUFFER_OCTETS: usize = 256 * 1024;
/// Below the folder of an export: property dumps of items that were not carried.
const QUARANTINE: &str = "quarantine";
/// Marks a folder as an export's, so that it may be written to again.
const MARK: &str = ".malote-pst-export";

/// An open export. Several threads write to it at once.
pub(super) struct Sink {
    form: ExportArg,
    out: PathBuf,
    folders: Vec<Target>,
}

/// What a folder becomes: a file or a folder, made when its first item comes.
struct Target {
    path: PathBuf,
    is_made: AtomicBool,
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
        Ok(Self { form, out: out.to_owned(), folders: Vec::new() })
    }

    /// Gives every folder that has items a name, in their order; they are asked for by their number in it.
    pub(super) fn name(&mut self, places: &[Place]) {
        let mut names = Names::default();
        let path = |place: &Place| match self.form {
            _ if place.items.is_empty() => PathBuf::new(),
            ExportArg::Eml => self.out.join(names.levels(&place.path)),
            ExportArg::Mbox => self.out.join(names.levels(&place.path)).with_added_extension("mbox"),
            ExportArg::Maildir => self.out.join(names.maildir(&place.path)),
        };
        let paths = places.iter().map(path);
        self.folders = paths.map(|path| Target { path, is_made: AtomicBool::new(false) }).collect();
    }

    /// What the items become.
    pub(super) const fn form(&self) -> ExportArg {
        self.form
    }

    /// The path of a folder by its number; empty where it has none.
    pub(super) fn place(&self, folder: usize) -> &Path {
        self.folders.get(folder).map_or(Path::new(""), |target| &target.path)
    }

    /// Begins the mbox file of a folder.
    pub(super) fn begin_file(&self, folder: usize) -> io::Result<File> {
        let path = self.place(folder);
        fs::create_dir_all(path.parent().unwrap_or(&self.out))?;
        File::create(path)
    }

    /// Writes one message as a file of its own.
    pub(super) fn letter(
        &self,
        folder: usize,
        mailbox: &mut Mailbox,
        (node, converted): (NodeId, &Converted),
        room: &mut Room,
    ) -> Result<(), Unwritten> {
        let Some(message) = &converted.message else { return Ok(()) };
        let place = self.made(folder).map_err(Unwritten::Refused)?;
        if self.form != ExportArg::Maildir {
            return lasting(&place.join(format!("{:08x}.eml", node.0)), message, mailbox, room);
        }
        let seconds = converted.internal_date.map_or(0, |date| date.unix_seconds);
        let (part, flags) = letters(converted.flags);
        let name = format!("{seconds}.P{:08x}.malote,S={}:2,{flags}", node.0, message.octets());
        lasting(&place.join(part).join(name), message, mailbox, room)
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

    /// The folder of a mail folder, made when its first item comes.
    fn made(&self, folder: usize) -> io::Result<&Path> {
        let lost = || io::Error::other("the folder was not named");
        let target = self.folders.get(folder).ok_or_else(lost)?;
        if !target.is_made.load(Ordering::Relaxed) {
            let parts: &[&str] = if self.form == ExportArg::Maildir { &["cur", "new", "tmp"] } else { &[""] };
            parts.iter().try_for_each(|part| fs::create_dir_all(target.path.join(part)))?;
            target.is_made.store(true, Ordering::Relaxed);
        }
        Ok(&target.path)
    }
}

/// Writes a message under a name that it gets only when it is whole.
fn lasting(path: &Path, message: &Message, mailbox: &mut Mailbox, room: &mut Room) -> Result<(), Unwritten> {
    let folder = path.parent().unwrap_or(path);
    let file = tempfile::NamedTempFile::new_in(folder).map_err(Unwritten::Refused)?;
    let mut letter = Letter { file, gathered: Vec::new() };
    message.write_to(mailbox.blobs(), &mut letter, room)?;
    letter.pass().map_err(Unwritten::Refused)?;
    letter.file.persist(path).map_err(|error| Unwritten::Refused(error.error)).map(drop)
}

/// A message as it is, in a file of its own.
struct Letter {
    file: tempfile::NamedTempFile,
    gathered: Vec<u8>,
}

impl Letter {
    fn pass(&mut self) -> io::Result<()> {
        self.file.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

impl Form for Letter {
    fn text(&mut self, octets: &[u8]) -> io::Result<()> {
        self.lines()?.extend_from_slice(octets);
        Ok(())
    }

    fn lines(&mut self) -> io::Result<&mut Vec<u8>> {
        if self.gathered.len() >= BUFFER_OCTETS {
            self.pass()?;
        }
        Ok(&mut self.gathered)
    }

    fn line_end(&self) -> LineEnd {
        LineEnd::CrLf
    }
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
pub(super) fn status(flags: Flags) -> String {
    let status = if flags.seen { "Status: RO\n" } else { "Status: O\n" };
    let all = [(flags.answered, 'A'), (flags.flagged, 'F'), (flags.draft, 'T')];
    let letters: String = all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    if letters.is_empty() { status.to_owned() } else { format!("{status}X-Status: {letters}\n") }
}

/// What stops an export.
pub(super) fn failure(doing: &str, path: &Path, cause: &io::Error) -> Stopped {
    Stopped::early(format!("{doing} {}: {cause}", path.display()))
}
