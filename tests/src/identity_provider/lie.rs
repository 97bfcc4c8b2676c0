//! Everything that an identity provider may do instead of answering.

use std::io::{Result, Write};
use std::thread;
use std::time::Duration;

use super::Shared;

/// What it does instead.
#[derive(Clone, Debug)]
pub enum Lie {
    /// Answers with this status, these header lines and this body.
    Answer(u16, &'static str, String),
    /// Says nothing until the client goes.
    Hang,
    /// Ends the connection without a word.
    Close,
    /// Promises more than it sends, then ends.
    CutShort,
    /// Sends a body without an end.
    Endless,
    /// Speaks something else.
    Noise,
}

impl Lie {
    /// A refusal with this name (RFC 6749 §5.2).
    #[must_use]
    pub fn refusal(name: &str) -> Self {
        Self::Answer(400, "", format!(r#"{{"error":"{name}","error_description":"scripted: {name}"}}"#))
    }

    pub(super) fn tell(&self, out: &mut impl Write, shared: &Shared) -> Result<()> {
        match self {
            Self::Answer(status, headers, body) => super::http::answer(out, *status, headers, body),
            Self::Hang => {
                while !shared.is_over() {
                    thread::sleep(Duration::from_millis(10));
                }
                Ok(())
            }
            Self::Close => Ok(()),
            Self::CutShort => out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{\"access_tok"),
            Self::Endless => {
                out.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"access_token\":\"",
                )?;
                loop {
                    out.write_all(&[b'x'; 8_192])?;
                }
            }
            Self::Noise => out.write_all(b"* OK IMAP4rev1 ready\r\n"),
        }
    }
}
