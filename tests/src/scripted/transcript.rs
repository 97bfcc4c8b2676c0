//! What clients said to a scripted server, for tests to count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest part of a command that is kept, in octets; literals are kept apart, by length only.
const LINE_BYTES_MAX: usize = 2_000;

/// Commands that leave a mailbox as it is, flags and `\Recent` included; of FETCH only what peeks.
const READING: [&str; 18] = [
    "AUTHENTICATE",
    "CAPABILITY",
    "ENABLE",
    "EXAMINE",
    "GETQUOTAROOT",
    "ID",
    "LIST",
    "LOGIN",
    "LOGOUT",
    "LSUB",
    "NAMESPACE",
    "NOOP",
    "PROXYAUTH",
    "STARTTLS",
    "STATUS",
    "UID FETCH",
    "UID SEARCH",
    "UNSELECT",
];

/// One command as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number of the connection, from 1.
    pub connection: usize,
    /// Upper case, e.g. `APPEND` or `UID FETCH`.
    pub verb: String,
    /// The command without its tag; literals stand as `{length}`.
    pub line: String,
}

#[derive(Debug, Default)]
struct Log {
    entries: Vec<Entry>,
    connections: usize,
    octets_in: u64,
    octets_out: u64,
    credentials_in_clear: Vec<String>,
    hang_ups: usize,
}

/// The record of every connection, readable at any moment.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    log: Arc<Mutex<Log>>,
}

impl Transcript {
    /// Every command so far, in order of arrival.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// How often a command came, by its verb.
    #[must_use]
    pub fn count(&self, verb: &str) -> usize {
        self.lock().entries.iter().filter(|entry| entry.verb == verb).count()
    }

    /// How often each command came.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.lock().entries {
            *counts.entry(entry.verb.clone()).or_insert(0) += 1;
        }
        counts
    }

    /// The UIDs whose whole octets were asked for, as often as they were, in order of asking.
    #[must_use]
    pub fn bodies_asked(&self) -> Vec<u32> {
        let log = self.lock();
        let asks = log
            .entries
            .iter()
            .filter(|entry| entry.verb == "UID FETCH" && entry.line.contains("BODY.PEEK[]"));
        asks.flat_map(|entry| uids(entry.line.split(' ').nth(2).unwrap_or_default())).collect()
    }

    /// The verbs of one connection, in order; connections are numbered from 1.
    #[must_use]
    pub fn verbs(&self, connection: usize) -> Vec<String> {
        let log = self.lock();
        log.entries
            .iter()
            .filter(|entry| entry.connection == connection)
            .map(|entry| entry.verb.clone())
            .collect()
    }

    /// The commands that could have changed something in a mailbox: none, where a source was only read.
    #[must_use]
    pub fn writing(&self) -> Vec<String> {
        let marks_seen = |line: &str| {
            let is_whole = |item: &str| matches!(item, "RFC822" | "RFC822.TEXT");
            line.contains("BODY[") || line.split([' ', '(', ')']).any(is_whole)
        };
        let is_writing = |entry: &&Entry| {
            !READING.contains(&entry.verb.as_str())
                || entry.verb == "UID FETCH" && marks_seen(&entry.line.to_ascii_uppercase())
        };
        self.lock().entries.iter().filter(is_writing).map(|entry| entry.line.clone()).collect()
    }

    /// Connections taken so far, refused ones included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().connections
    }

    /// Octets received and sent so far, before TLS.
    #[must_use]
    pub fn octets(&self) -> (u64, u64) {
        let log = self.lock();
        (log.octets_in, log.octets_out)
    }

    /// The verbs under which a credential arrived without TLS.
    #[must_use]
    pub fn credentials_in_clear(&self) -> Vec<String> {
        self.lock().credentials_in_clear.clone()
    }

    /// Connections that the server ended because a limit was passed.
    #[must_use]
    pub fn hang_ups(&self) -> usize {
        self.lock().hang_ups
    }

    /// Forgets everything, so that a second run is counted alone.
    pub fn clear(&self) {
        let mut log = self.lock();
        let connections = log.connections;
        *log = Log { connections, ..Log::default() };
    }

    pub(super) fn connected(&self) -> usize {
        let mut log = self.lock();
        log.connections += 1;
        log.connections
    }

    pub(super) fn heard(&self, connection: usize, verb: &str, mut line: String) {
        while line.len() > LINE_BYTES_MAX {
            line.pop();
        }
        self.lock().entries.push(Entry { connection, verb: verb.to_owned(), line });
    }

    pub(super) fn hung_up(&self) {
        self.lock().hang_ups += 1;
    }

    pub(super) fn credential_in_clear(&self, verb: &str) {
        self.lock().credentials_in_clear.push(verb.to_owned());
    }

    pub(super) fn count_octets(&self, received: usize, sent: usize) {
        let mut log = self.lock();
        log.octets_in += received as u64;
        log.octets_out += sent as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The UIDs of a set without `*`.
fn uids(set: &str) -> Vec<u32> {
    let range = |range: &str| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    set.split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_changes_something_is_told_from_one_that_reads() {
        let transcript = Transcript::default();
        for (verb, line, expected) in [
            ("EXAMINE", "EXAMINE INBOX", 0),
            ("UID FETCH", "UID FETCH 1 (UID BODY.PEEK[])", 0),
            ("UID FETCH", "UID FETCH 1 (UID BODY[])", 1),
            ("UID FETCH", "UID FETCH 1 (UID RFC822.SIZE)", 1),
            ("SELECT", "SELECT INBOX", 2),
            ("UID STORE", r"UID STORE 1 +FLAGS (\Seen)", 3),
        ] {
            transcript.heard(1, verb, line.to_owned());
            assert_eq!(transcript.writing().len(), expected, "{line}");
        }
    }
}
