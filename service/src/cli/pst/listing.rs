//! The list of items that are not carried in every point as they stood: one line of JSON for each, in the order of
//! folders and items, whoever of several hands read them.
//! Never leaves half a list under its name, and never puts one in the place of anything else.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use malote_engine::plan::header;
use malote_pst::loss::Loss;
use malote_pst::mailbox::Mailbox;
use malote_pst::mime::Message;
use malote_pst::store::NodeId;
use malote_pst::text::words::decoded;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::sink::failure;
use crate::cli::args::LossesArgs;
use crate::cli::exit::Stopped;

/// The list's format: its first line tells it.
const SCHEMA: &str = "malote.pst-losses/1";
/// Octets of a message's header that are looked at.
const HEAD_OCTETS_MAX: usize = 256 * 1024;
/// Octets that are read at once, and gathered before they are written.
const BUFFER_OCTETS: usize = 64 * 1024;

/// What stands before the items.
#[derive(Serialize)]
struct Heading<'a> {
    schema: &'static str,
    store: &'a str,
    items: u64,
}

/// One item: as whoever looks for it in a mailbox would know it, and what it lost.
#[derive(Serialize)]
struct Item<'a> {
    node: String,
    folder: &'a [String],
    message_id: String,
    date: String,
    from: String,
    subject: String,
    losses: Vec<Lost<'a>>,
}

#[derive(Serialize)]
struct Lost<'a> {
    kind: &'static str,
    means: &'static str,
    /// Numbers of attachments from the outside in; empty for the item itself.
    attachments: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<String>,
    detail: &'a str,
}

/// Lines of items that were read together, in their order.
#[derive(Debug, Default)]
pub(super) struct Lines {
    text: Vec<u8>,
    items: u64,
}

impl Lines {
    /// Takes what an item lost; nothing is said of one that lost nothing.
    pub(super) fn add(
        &mut self,
        mailbox: &mut Mailbox,
        (folder, node): (&[String], NodeId),
        message: Option<&Message>,
        losses: &[Loss],
    ) -> io::Result<()> {
        if losses.is_empty() {
            return Ok(());
        }
        let head = message.map(|message| head(message, mailbox)).unwrap_or_default();
        let field = |name| header::values(&head, name).next().map(String::from_utf8_lossy);
        let text = |name| field(name).map(|value| decoded(&value).trim().to_owned()).unwrap_or_default();
        let losses = losses.iter().map(|loss| Lost {
            kind: loss.kind.as_str(),
            means: loss.kind.meaning(),
            attachments: &loss.attachments,
            property: loss.property.map(|id| format!("{id:#06x}")),
            detail: &loss.detail,
        });
        let item = Item {
            node: format!("{:#x}", node.0),
            folder,
            message_id: text("Message-ID"),
            date: text("Date"),
            from: text("From"),
            subject: text("Subject"),
            losses: losses.collect(),
        };
        serde_json::to_writer(&mut self.text, &item)?;
        self.text.push(b'\n');
        self.items += 1;
        Ok(())
    }
}

/// The beginning of a message, its header within. What cannot be read says nothing.
fn head(message: &Message, mailbox: &mut Mailbox) -> Vec<u8> {
    let mut head = Vec::new();
    let mut reader = message.reader(mailbox.blobs()).take(HEAD_OCTETS_MAX as u64);
    let mut some = vec![0; BUFFER_OCTETS];
    while let Ok(count @ 1..) = reader.read(&mut some) {
        let seen = head.len().saturating_sub(3);
        head.extend_from_slice(&some[..count]);
        if let Some(end) = memchr::memmem::find(&head[seen..], b"\r\n\r\n") {
            head.truncate(seen + end + 4);
            break;
        }
    }
    head
}

/// A list that is being made.
pub(super) struct Listing {
    path: PathBuf,
    store: String,
    spool: Mutex<Spool>,
}

struct Spool {
    file: File,
    end: u64,
    items: u64,
    blocks: Vec<Block>,
}

/// Lines that lie together in the spool.
struct Block {
    /// The folder's number in the walk, and that of the portion in it.
    order: (usize, usize),
    offset: u64,
    octets: usize,
}

impl Listing {
    /// The list that was asked for, if one was.
    pub(super) fn wanted(args: &LossesArgs, store: &Path) -> Result<Option<Self>, Stopped> {
        args.losses.as_deref().map(|path| Self::open(path, store)).transpose()
    }

    /// Begins a list of the losses of `store`; what `path` holds already is looked at, not touched.
    fn open(path: &Path, store: &Path) -> Result<Self, Stopped> {
        if !may_stand(path).map_err(|cause| failure("reading", path, &cause))? {
            let message = format!("{}: holds something else already; name a new file", path.display());
            return Err(Stopped::usage(message));
        }
        let file = tempfile::tempfile_in(folder_of(path));
        let file = file.map_err(|cause| failure("beginning the list of losses", path, &cause))?;
        let store = store.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let spool = Mutex::new(Spool { file, end: 0, items: 0, blocks: Vec::new() });
        Ok(Self { path: path.to_owned(), store, spool })
    }

    /// Takes the lines of a portion, and leaves their room.
    pub(super) fn put(&self, order: (usize, usize), lines: &mut Lines) -> Result<(), Stopped> {
        if lines.text.is_empty() {
            return Ok(());
        }
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let (offset, octets) = (spool.end, lines.text.len());
        let written = spool.file.write_all_at(&lines.text, offset);
        written.map_err(|cause| failure("writing the list of losses", &self.path, &cause))?;
        spool.end += octets as u64;
        spool.items += std::mem::take(&mut lines.items);
        spool.blocks.push(Block { order, offset, octets });
        lines.text.clear();
        Ok(())
    }

    /// Puts the lines into their order and gives the list its name.
    pub(super) fn finish(self) -> Result<PathBuf, Stopped> {
        let Self { path, store, spool } = self;
        let spool = spool.into_inner().unwrap_or_else(PoisonError::into_inner);
        keep(&path, &store, spool).map_err(|cause| failure("writing the list of losses", &path, &cause))?;
        Ok(path)
    }
}

fn keep(path: &Path, store: &str, mut spool: Spool) -> io::Result<()> {
    spool.blocks.sort_by_key(|block| block.order);
    let mut file = NamedTempFile::new_in(folder_of(path))?;
    let mut out = BufWriter::with_capacity(BUFFER_OCTETS, &mut file);
    serde_json::to_writer(&mut out, &Heading { schema: SCHEMA, store, items: spool.items })?;
    out.write_all(b"\n")?;
    let mut lines = Vec::new();
    for block in &spool.blocks {
        lines.resize(block.octets, 0);
        spool.file.read_exact_at(&mut lines, block.offset)?;
        out.write_all(&lines)?;
    }
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    // Somebody may have put something there meanwhile.
    if path.symlink_metadata().is_ok() && may_stand(path)? {
        file.persist(path)?;
    } else {
        file.persist_noclobber(path)?;
    }
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// True where a list may be put: where nothing stands, or an earlier list.
fn may_stand(path: &Path) -> io::Result<bool> {
    let begin = format!("{{\"schema\":\"{SCHEMA}\"");
    let file = match path.symlink_metadata() {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(cause) => return Err(cause),
        Ok(found) if !found.is_file() => return Ok(false),
        Ok(_) => File::open(path)?,
    };
    let mut found = Vec::new();
    file.take(begin.len() as u64).read_to_end(&mut found)?;
    Ok(found == begin.as_bytes())
}
