//! Why one part of a store cannot be read, on its way up to the damage that tells it.
//! Never an error of the whole: those are `StoreError`s.

use std::fmt;

/// A reason in words: what was tried, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault(String);

/// What can be read, or why it cannot.
pub(super) type Read<T> = Result<T, Fault>;

impl Fault {
    /// A fault for this reason.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    pub(super) fn into_reason(self) -> String {
        self.0
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
