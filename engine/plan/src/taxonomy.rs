//! What servers answer when they refuse, as one table: code or words, kind of failure, reach, wait, next step.
//! Never asks a server: it is given an answer and gives back the row that fits it best.
//!
//! A response code decides before any word does, for codes have one meaning and words have many (RFC 5530 §1). Words
//! refine a code only where a row names both; else they are asked only when no row knows the code. Where neither says
//! anything, what was being done decides, and the answer counts as unknown.

mod advice;
mod folders;
mod login;
mod messages;
mod pace;
mod row;
mod server;
mod silence;
mod told;

use alloc::string::String;

use crate::failure::{Class, Reach, Retry, Side};

pub use row::{Answered, Doing, Row, Seen, Verdict};
pub use told::{Told, connections_ceiling, told_wait_ms};

/// The whole table, by subject; `rows` walks it, and of rows that say equally much the first one fits.
const TABLE: [&[Row]; 6] =
    [pace::ROWS, login::ROWS, server::ROWS, folders::ROWS, messages::ROWS, silence::ROWS];

/// An answer as the table is asked about it.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Who said it.
    pub side: Side,
    /// What was being done.
    pub doing: Doing,
    /// How it was answered.
    pub answered: Answered,
    /// The response code's name in capitals, without its arguments.
    pub code: Option<&'a str>,
    /// The words for people.
    pub text: &'a str,
}

/// What the table makes of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// The row that fits best.
    pub row: &'static Row,
    /// The row's class.
    pub class: Class,
    /// The row's reach.
    pub reach: Reach,
    /// The row's verdict, with the wait that the server named where it named one.
    pub retry: Retry,
    /// Numbers that stand in the words.
    pub told: Told,
}

impl Judged {
    /// True where no row knows the code or the words, and what was being done had to decide.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.row.seen.is_silent()
    }
}

/// Every row, subject by subject.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.into_iter().flatten()
}

/// The row of this name.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    rows().find(|row| row.id == id)
}

/// Finds the row that fits best: code with words, code, words, neither; of several alike, the one that names where.
#[must_use]
pub fn judge(said: &Said<'_>) -> Judged {
    let text = said.text.to_ascii_lowercase();
    let fitting = rows().filter(|row| row.seen.fits(said, &text));
    let row = fitting.min_by_key(|row| row.seen.rank()).unwrap_or(&const { silence::ANYTHING });
    let Verdict { class, reach, retry, .. } = row.verdict;
    let told = told::told(&text);
    let retry = match (retry, told.wait_ms) {
        (Retry::Never, _) | (_, None) => retry,
        (_, Some(wait_ms)) => Retry::After(wait_ms),
    };
    Judged { row, class, reach, retry, told }
}

/// An answer's words with every number as `#`, so that answers of one kind are counted together.
#[must_use]
pub fn normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '0'..='9' if normal.ends_with('#') => {}
            '0'..='9' => normal.push('#'),
            _ => normal.push(letter),
        }
    }
    normal
}

#[cfg(test)]
mod tests;
