//! Access tokens: where they come from, how long they hold, who renews them.
//! Never talks to a mail server, and never shows a token, a key or a password.
//!
//! A [`Broker`] stands behind one mailbox (or many that share a grant) as its
//! [`SecretSource`](crate::imap::SecretSource). It gives a token that holds now, renews it ahead of its end, asks once
//! however many logins wait, and tells a passing trouble of the identity provider from a grant that is gone: the
//! latter ends a run with `auth.token_expired` or `auth.bad_credentials`, with all progress kept.
//!
//! An operator writes an OAuth [`document`]; an embedder may build a [`Grant`] himself.

mod answer;
mod assertion;
mod broker;
mod consent;
mod device;
pub mod document;
mod grant;
mod http;
mod keep;
mod program;
pub mod provider;
mod trouble;

pub use assertion::ServiceAccount;
pub use broker::{Broker, Patience};
pub use consent::{Consented, Consenter, Refused, Shown};
pub use device::{DevicePrompt, Prompt};
pub use grant::{Client, Grant, check_token_file};
pub use http::{Answered, Http, Url};
pub use keep::{RefreshFile, RefreshKeeper, read_secret};
pub use program::Program;
