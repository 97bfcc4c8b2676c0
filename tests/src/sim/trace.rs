//! What happened in a story: always as a digest, in words where somebody will read them.
//! Never holds anything that differs between two plays of one story.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// A story's course.
#[derive(Debug, Default)]
pub struct Trace {
    digest: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace that keeps its words where `is_kept`.
    #[must_use]
    pub fn new(is_kept: bool) -> Self {
        Self { digest: DefaultHasher::new(), lines: is_kept.then(Vec::new) }
    }

    /// Takes one line in.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        line.hash(&mut self.digest);
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    /// A number that two plays of one story share.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// The lines, where they were kept.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
