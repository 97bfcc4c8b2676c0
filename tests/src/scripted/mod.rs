//! A small but real IMAP server in memory, which lies, cuts, waits and refuses as a test tells it to.
//!
//! ```no_run
//! use acceptance::scripted::{Act, Letter, Script, When};
//!
//! # fn main() -> anyhow::Result<()> {
//! let server = Script::new().rule(When::verb("APPEND").nth(3), Act::Answer("NO [OVERQUOTA] full".into())).start()?;
//! server.world().folder("INBOX").push(Letter::simple("proposta").flagged(r"\Seen"));
//! assert_eq!(server.transcript().count("APPEND"), 0);
//! # Ok(())
//! # }
//! ```

mod behaviour;
mod dialect;
mod fetch;
mod folders;
pub mod gmail;
mod grammar;
mod messages;
mod rewrite;
mod sasl;
mod search;
mod server;
mod session;
mod store;
mod strict;
mod transcript;
mod wire;

pub use behaviour::{Act, AppendUid, CAPABILITIES, Cut, End, Manners, StartTls, Way, When};
pub use dialect::Dialect;
pub use rewrite::{added_received, new_message_id, refolded};
pub use server::{Script, Scripted};
pub use store::{FolderHandle, Letter, Spelling, Stored, WireDate, World};
pub use strict::Strictness;
pub use transcript::{Entry, Transcript};

use std::sync::atomic::AtomicUsize;

/// What all sessions of one server share.
struct Shared {
    accounts: Vec<Account>,
    manners: Manners,
    rules: Vec<behaviour::Rule>,
    cuts: Vec<Cut>,
    transcript: Transcript,
    /// Connections open at the moment.
    seated: AtomicUsize,
}

/// Who may log in, and whose mail is whose.
#[derive(Clone, Debug)]
struct Account {
    name: String,
    password: String,
    is_master: bool,
    world: World,
}
