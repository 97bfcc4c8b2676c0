//! Where exported items go: files, mbox folders, a Maildir++.
//! Never trusts a folder's name as a path, and never gives a half-written message a lasting name.

mod names;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use malote_engine::destination::mbox::lines_of_flags;
use malote_engine::source::pst::flags;
use malote_pst::mailbox::{Damaged, Mailbox};
use malote_pst::mime::{Converted, Flags, Form, Gathered, LineEnd, Message, Room, Unwritten};
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
    /// The folder, opened before anything was written: a file system tells of octets that it lost only whoever was
    /// there before.
    root: File,
    /// Whether an export ends only when the disk has everything.
    is_kept: bool,
    folders: Vec<Target>,
}

/// What a folder becomes: a file or a folder, made when its first item comes.
struct Target {
    path: PathBuf,
    is_made: AtomicBool,
    /// What an earlier export left of a Maildir folder, by the items' nodes.
    earlier: Mutex<HashMap<String, Vec<PathBuf>>>,
}

impl Sink {
    /// Makes the folder, or takes one that an earlier export of the same store made: its files are written anew, the
    /// same names for the same items. `is_kept` is for an export that ends only when the disk has everything, `store`
    /// is what tells the store from others.
    pub(super) fn open(form: ExportArg, out: &Path, is_kept: bool, store: &str) -> Result<Self, Stopped> {
        let failed = |cause| failure("making the folder", out, &cause);
        fs::create_dir_all(out).map_err(failed)?;
        let root = File::open(out).map_err(failed)?;
        let mark = out.join(MARK);
        let mut found = fs::read_dir(out).map_err(failed)?;
        // Of a mark, an export that was killed may have left a half under a longer name.
        let is_mark = |name: OsString| name.as_encoded_bytes().starts_with(MARK.as_bytes());
        let is_bare = found.all(|entry| entry.is_ok_and(|entry| is_mark(entry.file_name())));
        let before = match fs::read_to_string(&mark) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|cause| failure("reading", &mark, &cause))?,
        };
        // Items of two stores have the same nodes, and so the same names.
        let what = if before.is_empty() { "something else already" } else { "the export of another store" };
        match before == store {
            true => {}
            false if is_bare => set_mark(out, store, is_kept).map_err(failed)?,
            false => {
                let message = format!("{}: holds {what}; name a new folder", out.display());
                return Err(Stopped::usage(message));
            }
        }
        Ok(Self { form, out: out.to_owned(), root, is_kept, folders: Vec::new() })
    }

    /// Gives every folder that has items a name, in their order; they are asked for by their number in it.
    pub(super) fn name(&mut self, places: &[Place]) {
        let mut names = Names::default();
        let path = |place: &Place| match self.form {
            _ if place.items.is_empty() => PathBuf::new(),
            ExportArg::Eml => self.out.join(names.levels(&place.path)),
            ExportArg::Mbox => self.out.join(names.mbox(&place.path)),
            ExportArg::Maildir => self.out.join(names.maildir(&place.path)),
        };
        let paths = places.iter().map(path);
        let target = |path| Target { path, is_made: AtomicBool::new(false), earlier: Mutex::default() };
        self.folders = paths.map(target).collect();
    }

    /// Waits until the disk has everything, names included. All of the file system at once: a wait for each of many
    /// small files takes far longer.
    pub(super) fn keep(&self) -> Result<(), Stopped> {
        if !self.is_kept {
            return Ok(());
        }
        rustix::fs::syncfs(&self.root).map_err(|cause| failure("writing", &self.out, &cause.into()))
    }

    /// What the items become.
    pub(super) const fn form(&self) -> ExportArg {
        self.form
    }

    /// The path of a folder by its number; empty where it has none.
    pub(super) fn place(&self, folder: usize) -> &Path {
        self.folders.get(folder).map_or(Path::new(""), |target| &target.path)
    }

    /// Begins the mbox file of a folder, under a name that it has until it is whole.
    pub(super) fn begin_file(&self, folder: usize) -> io::Result<File> {
        let path = partial(self.place(folder));
        fs::create_dir_all(path.parent().unwrap_or(&self.out))?;
        File::create(path)
    }

    /// Takes the mbox file of a folder for whole: the disk has it, where that is wanted, and it gets its name.
    pub(super) fn end_file(&self, folder: usize, file: &File) -> io::Result<()> {
        if self.is_kept {
            file.sync_all()?;
        }
        let path = self.place(folder);
        fs::rename(partial(path), path)
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
        let target = self.made(folder).map_err(Unwritten::Refused)?;
        if self.form != ExportArg::Maildir {
            return lasting(&target.path.join(format!("{:08x}.eml", node.0)), message, mailbox, room);
        }
        let seconds = converted.internal_date.map_or(0, |date| date.unix_seconds);
        let (part, flags) = letters(converted.flags);
        let of_item = item_mark(node);
        let name = format!("{seconds}{of_item}S={}:2,{flags}", message.octets());
        let path = target.path.join(part).join(name);
        lasting(&path, message, mailbox, room)?;
        // The name tells flags and length: another export's may be another one, and one message would be two.
        let earlier = target.earlier.lock().unwrap_or_else(PoisonError::into_inner).remove(&of_item);
        let others = earlier.into_iter().flatten().filter(|other| *other != path);
        others.into_iter().try_for_each(fs::remove_file).map_err(Unwritten::Refused)
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
    fn made(&self, folder: usize) -> io::Result<&Target> {
        let lost = || io::Error::other("the folder was not named");
        let target = self.folders.get(folder).ok_or_else(lost)?;
        if target.is_made.load(Ordering::Acquire) {
            return Ok(target);
        }
        let mut earlier = target.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        if !target.is_made.load(Ordering::Acquire) {
            let parts: &[&str] = if self.form == ExportArg::Maildir { &["cur", "new", "tmp"] } else { &[""] };
            parts.iter().try_for_each(|part| fs::create_dir_all(target.path.join(part)))?;
            if self.form == ExportArg::Maildir {
                *earlier = exported(&target.path)?;
            }
            target.is_made.store(true, Ordering::Release);
        }
        drop(earlier);
        Ok(target)
    }
}

impl Drop for Sink {
    /// Half an mbox file is of no use.
    fn drop(&mut self) {
        let mbox = self.folders.iter().filter(|_| self.form == ExportArg::Mbox);
        for target in mbox.filter(|target| !target.path.as_os_str().is_empty()) {
            // Mostly it is not there, and where it cannot be removed, its name says that it is not whole.
            let _removed = fs::remove_file(partial(&target.path));
        }
    }
}

/// The name of an mbox file that is not whole yet: no folder's, for those never begin with a dot.
fn partial(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.part"))
}

/// Says whose export a folder holds, all at once: half a mark would be nobody's.
fn set_mark(out: &Path, store: &str, is_kept: bool) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::with_prefix_in(MARK, out)?;
    file.write_all(store.as_bytes())?;
    if is_kept {
        file.as_file().sync_all()?;
    }
    file.persist(out.join(MARK)).map_err(|error| error.error).map(drop)
}

/// What the name of an item's file in a Maildir holds, whatever else it tells.
fn item_mark(node: NodeId) -> String {
    format!(".P{:08x}.malote,", node.0)
}

/// The files of a Maildir folder that an export wrote, wherever mail programs have moved them, by [`item_mark`].
fn exported(folder: &Path) -> io::Result<HashMap<String, Vec<PathBuf>>> {
    let mut found = HashMap::<_, Vec<_>>::new();
    for part in ["cur", "new"] {
        for entry in fs::read_dir(folder.join(part))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let begin = name.find(".P");
            let mark = begin.and_then(|begin| name.get(begin..begin + item_mark(NodeId(0)).len()));
            if let Some(mark) = mark.filter(|mark| mark.ends_with(".malote,")) {
                found.entry(mark.to_owned()).or_default().push(path);
            }
        }
    }
    Ok(found)
}

/// Writes a message under a name that it gets only when it is whole.
fn lasting(path: &Path, message: &Message, mailbox: &mut Mailbox, room: &mut Room) -> Result<(), Unwritten> {
    let folder = path.parent().unwrap_or(path);
    let file = tempfile::NamedTempFile::new_in(folder).map_err(Unwritten::Refused)?;
    let mut letter = Letter { file, gathered: Gathered::default() };
    message.write_to(mailbox.blobs(), &mut letter, room)?;
    letter.pass().map_err(Unwritten::Refused)?;
    letter.file.persist(path).map_err(|error| Unwritten::Refused(error.error)).map(drop)
}

/// A message as it is, in a file of its own.
struct Letter {
    file: tempfile::NamedTempFile,
    gathered: Gathered,
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
        self.lines()?.append(octets);
        Ok(())
    }

    fn lines(&mut self) -> io::Result<&mut Gathered> {
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

/// Flags and keywords as every mbox of Malote's keeps them, in front of the message's own header.
pub(super) fn status(converted: &Converted) -> String {
    lines_of_flags(&flags(converted.flags, &converted.keywords))
}

/// What stops an export.
pub(super) fn failure(doing: &str, path: &Path, cause: &io::Error) -> Stopped {
    let is_full = matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let advice = if is_full { "; make room, then run the same command again" } else { "" };
    Stopped::early(format!("{doing} {}: {cause}{advice}", path.display()))
}
