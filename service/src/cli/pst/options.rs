//! From options on the command line to what the store's reader is told.
//! Never decides what an item becomes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use malote_pst::both::Asking;
use malote_pst::libpff::{ChildLimits, ReaderCommand};
use malote_pst::mailbox::{Options, ReaderChoice};
use malote_pst::mime::{Items, Unreadable};

use crate::cli::args::{ItemsArg, ReaderArg, StoreArgs, UnreadableArg};

/// FILETIME of 1970-01-01T00:00:00Z, in units of 100 ns ([MS-DTYP] §2.3.3).
const UNIX_EPOCH_FILETIME: u64 = 116_444_736_000_000_000;

/// How a store is read. `asking` says what the second reader is asked for.
pub fn options(store: &StoreArgs, asking: Asking) -> Options {
    let began = Instant::now();
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let units = u64::try_from(since_1970.as_nanos() / 100).unwrap_or(0);
    Options {
        reader: match store.reader {
            ReaderArg::Auto => ReaderChoice::Auto,
            ReaderArg::Libpff => ReaderChoice::Libpff,
            ReaderArg::Native => ReaderChoice::Native,
        },
        command: std::env::current_exe()
            .ok()
            .map(|program| ReaderCommand { program, arguments: vec!["pst-reader".into()] }),
        limits: ChildLimits::default(),
        asking,
        budget: Duration::from_secs(store.second_opinion),
        stopwatch: Arc::new(move || began.elapsed()),
        items: match store.items {
            ItemsArg::Mail => Items::Mail,
            ItemsArg::All => Items::All,
        },
        unreadable: match store.unreadable {
            UnreadableArg::Quarantine => Unreadable::Quarantine,
            UnreadableArg::Stub => Unreadable::Stub,
        },
        code_page: store.code_page,
        recovered: store.recovered,
        now: UNIX_EPOCH_FILETIME.saturating_add(units),
    }
}
