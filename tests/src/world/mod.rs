//! Two mailboxes in memory behind the engine's own traits, with a counter that can stop the run at any step.
//! Never kinder than a server: UIDs are never reused, answers can be lost, connections end.

mod destination;
mod ledger;
mod mailbox;
mod source;
mod stepped;
mod steps;

pub use destination::MemoryDestination;
pub use ledger::SteppedLedger;
pub use mailbox::{Habits, Letter, Mailbox, Shelf};
pub use source::MemorySource;
pub use stepped::{SteppedDestination, SteppedSource};
pub use steps::{Fault, Moment, Steps};
