//! What a parent asks of a reader in a child process, and what that answers.
//! Never more than one question at a time: the answer bears the question's number.

use super::wire::{Octets, Wire, Wrong, put_counted, whole};
use crate::item::{Folder, Item};
use crate::store::{Blob, NodeId, StoreError, Summary};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The first: the version that the parent speaks, and limits for the process.
    Begin {
        /// [`super::VERSION`] of the parent.
        version: u32,
        /// Address space, in octets.
        memory_octets: u64,
        /// Processor time of the whole process, in seconds.
        processor_seconds: u64,
    },
    /// Opens the file that standard input is.
    Open,
    /// Every folder.
    Folders,
    /// One item.
    Item(NodeId),
    /// What no folder reaches.
    Recovered,
    /// Octets of a blob.
    Read {
        /// Whose.
        blob: Blob,
        /// From where on.
        offset: u64,
        /// How many, at most [`super::READ_OCTETS_MAX`].
        octets: u32,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To [`Request::Begin`].
    Began {
        /// [`super::VERSION`] of the child.
        version: u32,
        /// What stands around the process, a sentence each.
        guards: Vec<String>,
    },
    /// To [`Request::Open`].
    Opened {
        /// What is known of the file.
        summary: Summary,
        /// What further stands around the process once the file is open.
        guard: String,
    },
    /// To [`Request::Folders`].
    Folders(Vec<Folder>),
    /// To [`Request::Item`].
    Item(Box<Item>),
    /// To [`Request::Recovered`].
    Recovered(Vec<NodeId>),
    /// To [`Request::Read`].
    Octets(Vec<u8>),
    /// To any: it cannot be had.
    Refused(Refusal),
}

/// Why something cannot be had, as a reader says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// [`StoreError::Io`].
    Io(String),
    /// [`StoreError::NotAStore`].
    NotAStore(String),
    /// [`StoreError::Unreadable`].
    Unreadable(NodeId, String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io(cause) => Self::Io(cause.to_string()),
            StoreError::NotAStore(reason) => Self::NotAStore(reason),
            StoreError::Unreadable { node, reason } => Self::Unreadable(node, reason),
            StoreError::ReaderEnded(reason) => Self::Io(reason),
        }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Io(reason) => Self::Io(std::io::Error::other(reason)),
            Refusal::NotAStore(reason) => Self::NotAStore(reason),
            Refusal::Unreadable(node, reason) => Self::Unreadable { node, reason },
        }
    }
}

impl Request {
    /// Its octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut into = Vec::new();
        self.put(&mut into);
        into
    }

    /// A request of its octets.
    ///
    /// # Errors
    /// Where they are none.
    pub fn decode(octets: &[u8]) -> Result<Self, Wrong> {
        whole(octets)
    }
}

impl Answer {
    /// Its octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut into = Vec::new();
        self.put(&mut into);
        into
    }

    /// An answer of its octets.
    ///
    /// # Errors
    /// Where they are none.
    pub fn decode(octets: &[u8]) -> Result<Self, Wrong> {
        whole(octets)
    }
}

impl Wire for Request {
    fn put(&self, into: &mut Vec<u8>) {
        match self {
            Self::Begin { version, memory_octets, processor_seconds } => {
                (0_u8, *version).put(into);
                (*memory_octets, *processor_seconds).put(into);
            }
            Self::Open => 1_u8.put(into),
            Self::Folders => 2_u8.put(into),
            Self::Item(node) => (3_u8, *node).put(into),
            Self::Recovered => 4_u8.put(into),
            Self::Read { blob, offset, octets } => {
                5_u8.put(into);
                blob.put(into);
                (*offset, *octets).put(into);
            }
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok(match u8::take(from)? {
            0 => Self::Begin {
                version: Wire::take(from)?,
                memory_octets: Wire::take(from)?,
                processor_seconds: Wire::take(from)?,
            },
            1 => Self::Open,
            2 => Self::Folders,
            3 => Self::Item(Wire::take(from)?),
            4 => Self::Recovered,
            5 => Self::Read { blob: Wire::take(from)?, offset: Wire::take(from)?, octets: Wire::take(from)? },
            _ => return Err(Wrong::Unknown),
        })
    }
}

impl Wire for Answer {
    fn put(&self, into: &mut Vec<u8>) {
        match self {
            Self::Began { version, guards } => {
                (0_u8, *version).put(into);
                guards.put(into);
            }
            Self::Opened { summary, guard } => {
                1_u8.put(into);
                summary.put(into);
                guard.put(into);
            }
            Self::Folders(folders) => {
                2_u8.put(into);
                folders.put(into);
            }
            Self::Item(item) => {
                3_u8.put(into);
                item.put(into);
            }
            Self::Recovered(nodes) => {
                4_u8.put(into);
                nodes.put(into);
            }
            Self::Octets(octets) => {
                5_u8.put(into);
                put_counted(octets, into);
            }
            Self::Refused(refusal) => {
                6_u8.put(into);
                refusal.put(into);
            }
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok(match u8::take(from)? {
            0 => Self::Began { version: Wire::take(from)?, guards: Wire::take(from)? },
            1 => Self::Opened { summary: Wire::take(from)?, guard: Wire::take(from)? },
            2 => Self::Folders(Wire::take(from)?),
            3 => Self::Item(Box::new(Wire::take(from)?)),
            4 => Self::Recovered(Wire::take(from)?),
            5 => Self::Octets(from.counted()?.to_vec()),
            6 => Self::Refused(Wire::take(from)?),
            _ => return Err(Wrong::Unknown),
        })
    }
}

impl Wire for Refusal {
    fn put(&self, into: &mut Vec<u8>) {
        match self {
            Self::Io(reason) => (0_u8, reason.clone()).put(into),
            Self::NotAStore(reason) => (1_u8, reason.clone()).put(into),
            Self::Unreadable(node, reason) => {
                (2_u8, *node).put(into);
                reason.put(into);
            }
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok(match u8::take(from)? {
            0 => Self::Io(Wire::take(from)?),
            1 => Self::NotAStore(Wire::take(from)?),
            2 => Self::Unreadable(Wire::take(from)?, Wire::take(from)?),
            _ => return Err(Wrong::Unknown),
        })
    }
}
