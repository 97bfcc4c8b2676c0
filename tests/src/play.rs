//! What the scenarios ask of a report and of a scripted server, in as few words as a play has room for.
//! Never starts anything.

use malote_engine::report::{Counters, Report};

use crate::scripted::{Scripted, World};

/// Side and class of each error, in the report's order: `source tls.required`.
#[must_use]
pub fn errors(report: &Report) -> Vec<String> {
    report.errors.iter().map(|error| format!("{} {}", error.side, error.class)).collect()
}

/// The counters of one source folder.
///
/// # Panics
/// Where the report has no such folder.
#[must_use]
pub fn counters(report: &Report, source: &str) -> Counters {
    let found = report.folders.iter().find(|folder| folder.source == source);
    found.unwrap_or_else(|| panic!("no folder {source} in {:#?}", report.folders)).counters
}

/// Source and destination of each pair of folders, in alphabetical order.
#[must_use]
pub fn pairs(report: &Report) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> =
        report.folders.iter().map(|folder| (folder.source.as_str(), folder.destination.as_str())).collect();
    pairs.sort_unstable();
    pairs
}

/// How many messages each folder of a world holds, by name.
#[must_use]
pub fn census(world: &World) -> Vec<(String, usize)> {
    let count = |name: String| (world.messages(&name).len(), name);
    world.folders().into_iter().map(count).map(|(count, name)| (name, count)).collect()
}

/// Checks that a server was only read: nothing that it heard could have changed a mailbox.
///
/// # Panics
/// Where it heard anything else.
pub fn assert_only_read(source: &Scripted) {
    let writing = source.transcript().writing();
    assert!(writing.is_empty(), "the source heard {writing:?}");
}

/// Checks that a destination was left as it was.
///
/// # Panics
/// Where a folder was made or a message put into one.
pub fn assert_untouched(destination: &Scripted) {
    let transcript = destination.transcript();
    assert_eq!((transcript.count("CREATE"), transcript.count("APPEND")), (0, 0));
    assert_eq!(census(&destination.world()), [("INBOX".to_owned(), 0)]);
}
