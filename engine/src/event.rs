//! What a run tells while it works: a closed set of events.
//! Never told per message, and never with an address, subject or secret.

use malote_plan::failure::Side;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A side was surveyed.
    Surveyed {
        /// Which.
        side: Side,
        /// The software's name.
        server: String,
        /// How many folders it listed.
        folders: usize,
    },
    /// The folders to work on are known.
    Mapped {
        /// Pairs of folders.
        pairs: usize,
        /// Folders that are left out by rule or choice.
        left_out: usize,
    },
    /// Work on a folder has begun.
    FolderStarted {
        /// The source folder, decoded.
        folder: String,
        /// How many messages it has.
        messages: u64,
        /// How many of them are to be copied.
        to_copy: u64,
    },
    /// Work on a folder has ended.
    FolderFinished {
        /// The source folder, decoded.
        folder: String,
        /// Appended in this run.
        copied: u64,
        /// Left over.
        pending: u64,
    },
    /// A lost connection or a passing fault: the folder is taken up again after a pause.
    Retrying {
        /// On which side.
        side: Side,
        /// The source folder, decoded.
        folder: String,
        /// The failure's class.
        class: &'static str,
        /// How long the pause is, in milliseconds.
        pause_ms: u64,
    },
    /// A server's daily allowance is used up: the run waits.
    Resting {
        /// On which side.
        side: Side,
        /// Until when, in milliseconds since the epoch.
        until_unix_ms: i64,
    },
    /// Something was coped with, as a sentence.
    Warning(String),
}

/// Takes events; called from the run's own tasks and must not block.
pub trait Events: Send + Sync {
    /// Takes one event.
    fn emit(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Events for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}
