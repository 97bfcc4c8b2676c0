//! Runs as work: claimed from the queue, done by the engine, told of while they last, written down when they end.
//! Never decides about mail or gates, and never holds a secret longer than a run.

mod acknowledge;
mod aftermath;
mod assemble;
mod credentials;
mod execute;
mod extract;
mod heart;
mod log;
mod measure;
mod options;
mod outcome;
mod predecessors;
mod schedule;
mod scheduler;
mod selection;
mod worker;

pub use aftermath::{Aftermath, Quiet};
pub use assemble::{login_at, login_of};
pub use credentials::{Credentials, Login, NoSecret};
pub use options::{RunOptions, WantedContent, WantedUnreadable};
pub use predecessors::free_the_dead;
pub use schedule::{Cron, CronError};
pub use scheduler::{Scheduler, SchedulerOptions, entered};
pub(crate) use selection::InForce;
pub use selection::selection_of;
pub use worker::{Ledgers, Worker, WorkerOptions};
