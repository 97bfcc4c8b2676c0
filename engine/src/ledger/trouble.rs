//! The failures that every ledger can give, in the same words.
//! Never classes a database's own errors: that is done beside the database.

use super::{FolderId, PairIdentity};
use crate::failure::{Class, Failure, Reach, Retry, Side};

/// A failure of the ledger as a whole.
pub(super) fn failed(message: impl Into<String>) -> Failure {
    Failure::new(Side::Local, Class::Ledger, Reach::Account, Retry::Never, message)
}

/// A ledger that is not for us to write into.
pub(super) fn foreign(message: impl Into<String>) -> Failure {
    Failure::new(Side::Local, Class::LedgerForeign, Reach::Account, Retry::Never, message)
}

/// The ledger called `name` belongs to `owner`, not to `asked`.
pub(super) fn foreign_pair(name: &str, owner: &PairIdentity, asked: &PairIdentity) -> Failure {
    foreign(format!(
        "{name} belongs to the pair {} → {}, not to {} → {}: name another state file, or the mailboxes it was made for",
        owner.source, owner.destination, asked.source, asked.destination
    ))
}

/// A number that the ledger called `name` never gave out.
pub(super) fn unknown_folder(name: &str, folder: FolderId) -> Failure {
    failed(format!("{name} has no folder number {}", folder.0))
}

/// A call after `close`.
pub(super) fn closed(name: &str) -> Failure {
    failed(format!("{name} is closed"))
}
