//! Ctrl-C and SIGTERM: once to finish what is in flight, twice to stop at once.
//! Never loses anything by stopping: the ledger stands a stop at any moment.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Stopped};
use super::output::tell;

/// What must happen before the process ends at once, such as ending servers that it started.
pub type BeforeExit = Arc<dyn Fn() + Send + Sync>;

/// Cancels `stop` at the first signal and ends the process at the second.
pub fn watch(stop: CancellationToken, before_exit: BeforeExit) -> Result<(), Stopped> {
    let fail = |cause| Stopped::early(format!("listening for Ctrl-C: {cause}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(fail)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                before_exit();
                std::process::exit(i32::from(Exit::Early.code()));
            }
            stop.cancel();
            tell("finishing what is in flight; press Ctrl-C again to stop at once");
        }
    });
    Ok(())
}

/// For commands that have nothing to see to before they end.
pub fn nothing() -> BeforeExit {
    Arc::new(|| {})
}
