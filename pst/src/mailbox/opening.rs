//! How a store is opened: by which reader, with what second opinion, and what its items are to become.
//! Never opens a file for writing.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::damaged::ROWS_MAX;
use super::{Learnt, Mailbox, Reader, Shared, arrange};
use crate::both::{Asking, Both, Budget, Opening, Stopwatch};
use crate::item::{Damage, Part};
use crate::libpff::{BoundedStore, ChildLimits, ChildStore, ReaderCommand};
use crate::mime::{Items, Unreadable};
use crate::native::NativeStore;
use crate::store::{Format, NodeId, Store, StoreError};

/// Which reader reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReaderChoice {
    /// The native one, with libpff for a second opinion and where the native one fails.
    #[default]
    Auto,
    /// The native one alone.
    Native,
    /// libpff alone, in its process.
    Libpff,
}

/// How a store is read and what its items become.
#[derive(Clone)]
pub struct Options {
    /// Which reader reads.
    pub reader: ReaderChoice,
    /// How libpff's process is started; without it only the native reader is to be had.
    pub command: Option<ReaderCommand>,
    /// What that process may take.
    pub limits: ChildLimits,
    /// What the second reader is asked for.
    pub asking: Asking,
    /// How long the second reader may take in all.
    pub budget: Duration,
    /// A clock that only runs forward.
    pub stopwatch: Stopwatch,
    /// Which items are carried.
    pub items: Items,
    /// What becomes of items with parts that cannot be read.
    pub unreadable: Unreadable,
    /// The code page that the operator says 8-bit strings are in.
    pub code_page: Option<u16>,
    /// Carry also what no folder reaches any more.
    pub recovered: bool,
    /// The time of the run as a FILETIME.
    pub now: u64,
}

impl Mailbox {
    /// Opens the store at `path` and puts its folders into their places.
    ///
    /// # Errors
    /// Those of [`Self::of_file`], and where the file cannot be opened.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        Self::of_file(File::open(path)?, options)
    }

    /// Opens a store that is open as a file. All readers, and all further handles, read this very file, whatever comes
    /// to lie at its path meanwhile.
    ///
    /// # Errors
    /// Where the chosen reader can make nothing of it; with [`ReaderChoice::Auto`], where neither can.
    pub fn of_file(file: File, options: Options) -> Result<Self, StoreError> {
        let source = SourceFile { file: Arc::new(file), budget: Budget::new(options.budget) };
        let native = match options.reader {
            ReaderChoice::Libpff => None,
            ReaderChoice::Native | ReaderChoice::Auto => Some(native(&source, options.recovered)),
        };
        let mut refused = None;
        let (mut store, mut native) = match (native, options.reader) {
            (Some(Ok(native)), _) => (reader(&source, &options, &native), Some(native)),
            (Some(Err(error)), ReaderChoice::Native) | (Some(Err(error @ StoreError::Io(_))), _) => {
                return Err(error);
            }
            (Some(Err(error)), _) => match libpff(&source.file, &options) {
                Ok(store) => {
                    let reason = format!("the native reader cannot open it, libpff can: {error}");
                    refused = Some(Damage { part: Part::File, reason });
                    (Reader::One(store), None)
                }
                // Two readers that cannot open it agree; the first one's words are the more exact.
                Err(_) => return Err(error),
            },
            (None, _) => (Reader::One(bounded(&source.file, &options)?), None),
        };
        let mut learnt = None;
        if store.store().summary().format == Format::Ansi {
            // The names of folders need the page already.
            let store = native.as_mut().map_or_else(|| store.store(), |native| native as &mut dyn Store);
            let folders = store.folders()?;
            let nodes: Vec<NodeId> = folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
            learnt = Some(Arc::new(Learnt::of(nodes.iter().filter_map(|node| store.item(*node).ok()))));
        }
        let known = learnt.clone().unwrap_or_default();
        let tree = arrange(store.store(), &options, &known)?;
        let mut summary = store.store().summary().clone();
        summary.damage.extend(refused);
        let is_learnt = learnt.is_some();
        let (learnt, folder_of, turns) = (Mutex::new(learnt), OnceLock::new(), Arc::default());
        let file = Arc::new(Shared { source, options, summary, tree, native, learnt, turns, folder_of });
        Ok(Self { store, file, learnt: known, is_learnt, rows_left: ROWS_MAX, turn: None })
    }

    /// Another handle on the same store, for another thread; the folders are not read again.
    ///
    /// # Errors
    /// Where libpff has to open the file anew, and cannot.
    pub fn again(&self) -> Result<Self, StoreError> {
        let file = Arc::clone(&self.file);
        let store = match &file.native {
            Some(native) => reader(&file.source, &file.options, native),
            None => Reader::One(bounded(&file.source.file, &file.options)?),
        };
        let learnt = Arc::clone(&self.learnt);
        Ok(Self { store, file, learnt, is_learnt: self.is_learnt, rows_left: ROWS_MAX, turn: None })
    }
}

/// The file that all handles read, and the time that its second reader may take, in all of them together.
pub(super) struct SourceFile {
    file: Arc<File>,
    budget: Budget,
}

/// The native reader, alone or with a second one behind it.
fn reader(source: &SourceFile, options: &Options, native: &NativeStore) -> Reader {
    let first = Box::new(native.try_clone());
    if options.reader == ReaderChoice::Native || options.command.is_none() {
        return Reader::One(first);
    }
    let (file, for_second) = (Arc::clone(&source.file), options.clone());
    let opening: Opening = Box::new(move || libpff(&file, &for_second));
    let stopwatch = Stopwatch::clone(&options.stopwatch);
    Reader::Both(Box::new(Both::new(first, opening, options.asking, source.budget.clone(), stopwatch)))
}

/// libpff as the second reader: it is asked for no item that weighs too much ([`Both`]).
fn libpff(file: &File, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(ChildStore::of_file(file.try_clone()?, command(options)?, options.limits)?))
}

/// libpff as the only reader.
fn bounded(file: &File, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(BoundedStore::of_file(file.try_clone()?, command(options)?, options.limits)?))
}

fn command(options: &Options) -> Result<ReaderCommand, StoreError> {
    let missing = || StoreError::ReaderEnded("there is no program to run libpff in".to_owned());
    options.command.clone().ok_or_else(missing)
}

fn native(source: &SourceFile, is_salvage: bool) -> Result<NativeStore, StoreError> {
    let file = source.file.try_clone()?;
    if is_salvage { NativeStore::salvage(file) } else { NativeStore::of_file(file) }
}
