//! Deterministic simulation: the real engine in a world where servers lie, lines break, users act and we die.
//! Never kinder than what a seed draws, and never different when it is drawn again.
//!
//! A [`Story`] is drawn from a seed and is plain data: both mailboxes, what each server is like, what the operator
//! wants, and a schedule of [`Trouble`]s, each tied to a call (`the third answer in run 2`). [`play()`] runs the engine
//! through it on one thread and in paused time, first disturbed, then calm until nothing changes, with the checkers
//! after each run. What fails is made smaller by [`shrunk`], which takes out one thing after another.

mod append;
mod chance;
mod check;
mod flags;
mod ledger;
mod manner;
mod open;
mod play;
mod schedule;
mod server;
mod shrink;
mod sides;
mod state;
mod story;
mod text;
mod trace;
mod wire;

pub use check::Flaw;
pub use manner::{AppendUids, Manner, Mutant, Refused};
pub use play::{Played, play};
pub use schedule::{Deed, Moment, Party, Refusal, Trouble, Verb, What};
pub use shrink::shrunk;
pub use story::{Place, Start, Story, Wishes};
pub use text::{Form, Text};
