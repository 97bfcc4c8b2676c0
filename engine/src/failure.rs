//! The engine's one error: what was tried, on which side, how far it reaches, whether to try again.
//! Never holds a credential, a subject or a message's octets.

use std::error::Error;

pub use malote_plan::failure::{Class, Reach, Retry, Side};
pub use malote_plan::taxonomy::Told;

/// A result whose error is a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// Something that could not be done, classed at the border where it happened.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// On which side.
    pub side: Side,
    /// What kind.
    pub class: Class,
    /// What must stop because of it.
    pub reach: Reach,
    /// Whether the same may be tried again.
    pub retry: Retry,
    /// What was tried, on what, and what the reader can do; lower case, no full stop.
    pub message: String,
    /// The row of [`malote_plan::taxonomy`] by which a server's answer was judged.
    pub rule: Option<&'static str>,
    /// Numbers that the server's answer named: a wait, a number of connections, of messages to a command.
    pub told: Told,
    /// What lies beneath.
    #[source]
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure without a cause beneath it.
    pub fn new(side: Side, class: Class, reach: Reach, retry: Retry, message: impl Into<String>) -> Self {
        let (rule, told) = (None, Told::default());
        Self { side, class, reach, retry, message: message.into(), rule, told, cause: None }
    }

    /// The same, with what lies beneath.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A lost or unusable connection: another one may go on.
    pub fn net(side: Side, message: impl Into<String>) -> Self {
        Self::new(side, Class::Net, Reach::Connection, Retry::Again, message)
    }

    /// The message and every cause beneath it, parted by `: `.
    #[must_use]
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
