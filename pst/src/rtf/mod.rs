//! Rich text as stores hold it: unpacked, and turned back into the HTML or text that it wraps.
//! Never writes RTF.

mod compressed;
mod state;
mod token;
mod words;

pub use compressed::{TOO_LONG, Unpacked, unpack};
pub use state::GROUP_DEPTH_MAX;

use state::Reader;

/// What rich text is ([MS-OXRTFEX] §2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// HTML that was wrapped in RTF, and is given back as it was.
    Html,
    /// Plain text that was wrapped in RTF, and is given back as it was.
    Text,
    /// Rich text of its own; its words are given without their form.
    Rich,
}

/// The text of a piece of RTF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the text is.
    pub origin: Origin,
    /// The text; its lines end in CRLF.
    pub text: String,
    /// False where octets do not belong to their code page, or groups are deeper than a limit.
    pub is_clean: bool,
}

/// Reads RTF; broken RTF gives what can be read of it.
#[must_use]
pub fn read(octets: &[u8]) -> Reading {
    let mut reader = Reader::new(octets.len());
    for token in token::Tokens::new(octets) {
        reader.take(token);
    }
    reader.finish()
}
