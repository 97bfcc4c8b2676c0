//! How a store is opened: by which reader, with what second opinion, and what its items are to become.
//! Never opens a file for writing.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::damaged::ROWS_MAX;
use super::{Learnt, Mailbox, Reader, Shared, arrange};
use crate::both::{Asking, Both, Opening, Stopwatch};
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
    /// Where the chosen reader can make nothing of it; with [`ReaderChoice::Auto`], where neither can.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let native = match options.reader {
            ReaderChoice::Libpff => None,
            ReaderChoice::Native | ReaderChoice::Auto => Some(native(path, options.recovered)),
        };
        let (mut store, mut native) = match (native, options.reader) {
            (Some(Ok(native)), _) => (reader(path, &options, &native), Some(native)),
            (Some(Err(error)), ReaderChoice::Native) | (Some(Err(error @ StoreError::Io(_))), _) => {
                return Err(error);
            }
            // Two readers that cannot open it agree; the first one's words are the more exact.
            (Some(Err(error)), _) => (Reader::One(libpff(path, &options).map_err(|_| error)?), None),
            (None, _) => (Reader::One(bounded(path, &options)?), None),
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
        let summary = store.store().summary().clone();
        let is_learnt = learnt.is_some();
        let (path, learnt, folder_of) = (path.to_owned(), Mutex::new(learnt), OnceLock::new());
        let turns = Arc::default();
        let file = Arc::new(Shared { path, options, summary, tree, native, learnt, turns, folder_of });
        Ok(Self { store, file, learnt: known, is_learnt, rows_left: ROWS_MAX, turn: None })
    }

    /// Another handle on the same store, for another thread; the folders are not read again.
    ///
    /// # Errors
    /// Where libpff has to open the file anew, and cannot.
    pub fn again(&self) -> Result<Self, StoreError> {
        let file = Arc::clone(&self.file);
        let store = match &file.native {
            Some(native) => reader(&file.path, &file.options, native),
            None => Reader::One(bounded(&file.path, &file.options)?),
        };
        let learnt = Arc::clone(&self.learnt);
        Ok(Self { store, file, learnt, is_learnt: self.is_learnt, rows_left: ROWS_MAX, turn: None })
    }
}

/// The native reader, alone or with a second one behind it.
fn reader(path: &Path, options: &Options, native: &NativeStore) -> Reader {
    let first = Box::new(native.try_clone());
    if options.reader == ReaderChoice::Native || options.command.is_none() {
        return Reader::One(first);
    }
    let (path, for_second) = (path.to_owned(), options.clone());
    let opening: Opening = Box::new(move || libpff(&path, &for_second));
    let stopwatch = Stopwatch::clone(&options.stopwatch);
    Reader::Both(Box::new(Both::new(first, opening, options.asking, options.budget, stopwatch)))
}

/// libpff as the second reader: it is asked for no item that weighs too much ([`Both`]).
fn libpff(path: &Path, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(ChildStore::open(path, command(options)?, options.limits)?))
}

/// libpff as the only reader.
fn bounded(path: &Path, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(BoundedStore::open(path, command(options)?, options.limits)?))
}

fn command(options: &Options) -> Result<ReaderCommand, StoreError> {
    let missing = || StoreError::ReaderEnded("there is no program to run libpff in".to_owned());
    options.command.clone().ok_or_else(missing)
}

fn native(path: &Path, is_salvage: bool) -> Result<NativeStore, StoreError> {
    match is_salvage {
        true => NativeStore::salvage(File::open(path)?),
        false => NativeStore::open(path),
    }
}
