//! How a store is opened: by which reader, with what second opinion, and what its items are to become.
//! Never opens a file for writing.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::{Learnt, Mailbox, Reader, arrange};
use crate::both::{Asking, Both, Opening, Stopwatch};
use crate::libpff::{ChildLimits, ChildStore, ReaderCommand};
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
        let mut store = reader(path, &options)?;
        let mut learnt = Learnt::default();
        let is_narrow = store.store().summary().format == Format::Ansi;
        if is_narrow {
            // The names of folders need the page already.
            let store = store.store();
            let folders = store.folders()?;
            let nodes: Vec<NodeId> = folders.iter().flat_map(|folder| folder.items.iter().copied()).collect();
            learnt = Learnt::of(nodes.iter().filter_map(|node| store.item(*node).ok()));
        }
        let tree = arrange(store.store(), &options, &learnt)?;
        let summary = store.store().summary().clone();
        Ok(Self { store, summary, options, tree, learnt, is_learnt: is_narrow })
    }
}

fn reader(path: &Path, options: &Options) -> Result<Reader, StoreError> {
    let native = || native(path, options.recovered).map(|store| Box::new(store) as Box<dyn Store>);
    let Some(command) = options.command.clone() else {
        return match options.reader {
            ReaderChoice::Auto | ReaderChoice::Native => native().map(Reader::One),
            ReaderChoice::Libpff => Err(StoreError::ReaderEnded("no program to run libpff in".to_owned())),
        };
    };
    let (file, limits) = (path.to_owned(), options.limits);
    let libpff = move || {
        let store = ChildStore::open(&file, command.clone(), limits)?;
        Ok(Box::new(store) as Box<dyn Store>)
    };
    match options.reader {
        ReaderChoice::Native => native().map(Reader::One),
        ReaderChoice::Libpff => libpff().map(Reader::One),
        ReaderChoice::Auto => match native() {
            Ok(first) => {
                let opening: Opening = Box::new(libpff);
                let stopwatch = Stopwatch::clone(&options.stopwatch);
                let both = Both::new(first, opening, options.asking, options.budget, stopwatch);
                Ok(Reader::Both(Box::new(both)))
            }
            Err(error @ StoreError::Io(_)) => Err(error),
            // Two readers that cannot open it agree; the first one's words are the more exact.
            Err(error) => libpff().map(Reader::One).map_err(|_| error),
        },
    }
}

fn native(path: &Path, is_salvage: bool) -> Result<NativeStore, StoreError> {
    match is_salvage {
        true => NativeStore::salvage(File::open(path)?),
        false => NativeStore::open(path),
    }
}
