//! Lays headings, text, tables and pictures on the pages of a tagged PDF (PDF 1.7, PDF/UA-1).
//! Never knows what it writes about, reads a clock or a font of the machine: the same blocks are the same octets.

mod block;
mod emit;
mod font;
mod lines;
mod picture;
mod sheet;
mod table;

use thiserror::Error;

pub use block::{Align, Bar, Block, Cell, Column, Paper, Point, Table, Tone};
pub use font::legible;

/// Pages that one document has at most.
pub const PAGES_MAX: usize = 5_000;
/// Characters of one cell or paragraph that are shown; what follows is counted.
pub const TEXT_CHARACTERS_MAX: usize = 4_000;

/// Why there is no document.
#[derive(Debug, Error)]
pub enum PaperError {
    /// It would be longer than anybody reads.
    #[error("laying out a document of more than {PAGES_MAX} pages")]
    TooLong,
    /// A font that is part of this program cannot be read.
    #[error("reading a font that is built in")]
    Font,
    /// The writer found the document to be against its norm.
    #[error("writing a tagged document: {0}")]
    Norm(String),
}

/// A document of these blocks, as octets.
///
/// # Errors
/// Where it would have more than [`PAGES_MAX`] pages, or would not keep to PDF/UA-1.
pub fn write(paper: &Paper, blocks: Vec<Block>) -> Result<Vec<u8>, PaperError> {
    let faces = font::Faces::new()?;
    let mut sheet = sheet::Sheet::new(&faces);
    let mut blocks = blocks.into_iter().peekable();
    while let Some(block) = blocks.next() {
        sheet.lay(block, blocks.peek())?;
    }
    emit::written(paper, &faces, sheet.finished())
}
