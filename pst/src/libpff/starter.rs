//! The thread that starts readers. The kernel ends a child with the thread that started it, and a thread of a pool may
//! be gone long before its child is.
//! Never ends, and never waits for a child.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

type Order = (Command, SyncSender<io::Result<Child>>);

static STARTER: OnceLock<Sender<Order>> = OnceLock::new();

/// Starts a process from the thread that lives as long as this process.
///
/// # Errors
/// Where the process, or the thread, cannot be started.
pub fn start(command: Command) -> io::Result<Child> {
    let starter = match STARTER.get() {
        Some(starter) => starter,
        None => {
            let made = thread()?;
            STARTER.get_or_init(|| made)
        }
    };
    let gone = || io::Error::other("the thread that starts readers is gone");
    let (answer, child) = sync_channel(1);
    starter.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}

fn thread() -> io::Result<Sender<Order>> {
    let (sender, orders) = channel::<Order>();
    std::thread::Builder::new().name("pst-starter".to_owned()).spawn(move || {
        for (mut command, answer) in orders {
            if let Err(unwanted) = answer.send(command.spawn()) {
                end(unwanted.0);
            }
        }
    })?;
    Ok(sender)
}

/// Ends a child that nobody waits for any more.
fn end(started: io::Result<Child>) {
    if let Ok(mut child) = started {
        // Where it has ended by itself there is nothing to end.
        let _ = child.kill();
        let _ = child.wait();
    }
}
