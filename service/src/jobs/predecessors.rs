//! Workers of this machine that are dead: what they held is free at once, not only when their lease ends.
//! Never takes a run from a process that may still be alive, nor from another machine.

use std::collections::BTreeSet;

use crate::binds;
use crate::store::{Result, Store};

/// Where the kernel names the boot that it is in.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
/// Where it names the space in which process numbers count.
const NUMBERS: &str = "/proc/self/ns/pid";

/// Who holds runs. Binds: none.
const HOLDERS: &str =
    "SELECT DISTINCT worker_id FROM migration_runs WHERE status = 'running' AND worker_id <> ''";

/// Ends the leases of one worker. Binds: worker.
const FREE: &str = "UPDATE migration_runs SET lease_until_ms = 0 WHERE worker_id = $1 AND status = 'running'";

/// Forgets a worker. Binds: worker.
const FORGET: &str = "DELETE FROM workers WHERE id = $1";

/// The space in which a process number of this machine means one process: its name, its boot, and the space of
/// numbers, for containers of one name share none. Nothing where the kernel does not tell.
pub(super) fn place() -> Option<String> {
    let boot = std::fs::read_to_string(BOOT).ok()?;
    let numbers = std::fs::read_link(NUMBERS).ok()?;
    let numbers: String = numbers.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Some(format!("{}.{}.{numbers}", super::worker::host(), boot.trim().replace('-', "")))
}

/// A worker's id: where it is, its process number, and chance.
pub(super) fn id() -> String {
    let place = place().unwrap_or_else(super::worker::host);
    format!("{place}:{}:{}", std::process::id(), uuid::Uuid::new_v4().simple())
}

/// Ends the leases of workers whose processes are provably gone; how many there were. To be called before this
/// process has a worker of its own.
///
/// # Errors
/// What the database says.
pub async fn free_the_dead(store: &Store) -> Result<usize> {
    let Some(place) = place() else { return Ok(0) };
    let holders = store.all("looking for dead workers", HOLDERS, binds![]).await?;
    let names = holders.iter().map(|row| row.text(0)).collect::<Result<BTreeSet<String>>>()?;
    let dead: Vec<&String> = names.iter().filter(|name| is_dead(name, &place, is_there)).collect();
    for name in &dead {
        store.run("freeing a dead worker's runs", FREE, binds![name.as_str()]).await?;
        store.run("forgetting a dead worker", FORGET, binds![name.as_str()]).await?;
        tracing::warn!(worker.id = name.as_str(), "worker {name} died: its runs are begun again now");
    }
    Ok(dead.len())
}

/// Whether the worker of this id was a process of `place` and is none any more. Called before this process's own
/// worker has claimed anything, so that its number in another's name is a number that was given out again.
fn is_dead(id: &str, place: &str, is_there: impl Fn(u32) -> bool) -> bool {
    let number = id.strip_prefix(place).and_then(|rest| rest.strip_prefix(':'));
    let number = number.and_then(|rest| rest.split(':').next()).and_then(|number| number.parse::<u32>().ok());
    number.is_some_and(|number| number == std::process::id() || !is_there(number))
}

/// Whether there is a process of this number; one that we may not ask about is there.
fn is_there(number: u32) -> bool {
    let number = i32::try_from(number).ok().and_then(rustix::process::Pid::from_raw);
    number.is_none_or(|number| rustix::process::test_kill_process(number) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_place_that_is_gone_is_dead() {
        let own = std::process::id();
        let (gone, alive) = (|_| false, |_| true);
        for (id, is_there, expected) in [
            ("box.b1.7:12:ab".to_owned(), gone as fn(u32) -> bool, true),
            ("box.b1.7:12:ab".to_owned(), alive, false),
            (format!("box.b1.7:{own}:ab"), alive, true),
            ("box.b2.7:12:ab".to_owned(), gone, false),
            ("box.b1.71:12:ab".to_owned(), gone, false),
            ("other.b1.7:12:ab".to_owned(), gone, false),
            ("box:12:ab".to_owned(), gone, false),
            ("box.b1.7:x:ab".to_owned(), gone, false),
        ] {
            assert_eq!(is_dead(&id, "box.b1.7", is_there), expected, "{id}");
        }
        assert!(is_there(own));
    }
}
