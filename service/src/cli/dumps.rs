//! Keeps what a process holds in memory out of core files and out of other processes' sight.
//! Never stops a start: where the system does not let us, it is told.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns core dumps off, for this process and those that it starts, and keeps debuggers of the same user away.
pub(super) fn refuse() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(cause) = limited.and(hidden) {
        tracing::warn!(error = %cause, "core dumps could not be turned off: {cause}");
    }
}
