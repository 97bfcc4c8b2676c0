//! Files that people hand over: kept on the disk, told by their octets, given to mailboxes, swept away.
//! Never believes a name or a length that was sent along, and never holds a file in memory.

pub mod attach;
pub mod complete;
pub mod disk;
pub mod kind;
pub mod limits;
pub mod place;
pub mod preview;
pub mod sweep;

use thiserror::Error;

use crate::store::StoreError;

/// Why a file cannot be taken or used.
#[derive(Debug, Error)]
pub enum UploadError {
    /// The disk; the words say what was tried.
    #[error("{tried}: {cause}")]
    Disk {
        /// What was tried.
        tried: &'static str,
        /// What the disk says.
        cause: std::io::Error,
    },
    /// There is too little room; what is needed and what there is, in octets.
    #[error("the disk has {free} octets left, and {needed} are needed")]
    Full {
        /// Octets that are needed.
        needed: u64,
        /// Octets that are left.
        free: u64,
    },
    /// Another request works on the same file.
    #[error("another request works on this upload")]
    Busy,
    /// The octets are not those that were announced.
    #[error("the SHA-256 of {what} is {found}, and {told} was announced")]
    Checksum {
        /// Of what.
        what: &'static str,
        /// What was announced.
        told: String,
        /// What came.
        found: String,
    },
    /// The file is none that can be read, or another than was said.
    #[error("{0}")]
    Kind(String),
    /// It does not go with what is there; the words say why.
    #[error("{0}")]
    Conflict(String),
    /// The job is in a phase in which it takes no file.
    #[error("the job is {0}: no mailbox is added")]
    Phase(String),
    /// The upload is not there, or no longer open.
    #[error("the upload is {0}")]
    Ended(String),
    /// The service's database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UploadError {
    fn disk(tried: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Disk { tried, cause }
    }
}
