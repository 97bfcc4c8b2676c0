//! A message's octets on their way: in memory, or straight from the wire in chunks.
//! Never changes an octet.

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::failure::Result;

/// Octets of one message with their exact length.
#[derive(Debug)]
pub enum Body {
    /// The whole message.
    Memory(Bytes),
    /// A message too large to be held: its announced length, and its octets as they arrive.
    Wire(WireBody),
}

/// A message that is read while it is written.
#[derive(Debug)]
pub struct WireBody {
    /// The literal's announced length, in octets.
    pub octets: u64,
    /// The octets in order. The sender is dropped after the last one; an `Err` means that the source failed
    /// midway, and what came before it must not become a message.
    pub chunks: mpsc::Receiver<Result<Bytes>>,
}

impl Body {
    /// The length in octets.
    #[must_use]
    pub fn octets(&self) -> u64 {
        match self {
            Self::Memory(octets) => octets.len() as u64,
            Self::Wire(body) => body.octets,
        }
    }
}

/// Octets of the shared byte budget, given back when dropped.
#[derive(Debug, Default)]
pub struct Held(pub Option<OwnedSemaphorePermit>);
