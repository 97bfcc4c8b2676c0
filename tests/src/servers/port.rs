//! Finds ports that nobody listens on.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};

/// Below Linux's ephemeral range (32768 and up), so that no outgoing connection takes the port meanwhile.
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 20_000;
const TRIES_MAX: u32 = 1_000;

/// Ports already handed out by this process, whether or not their server is up at the moment.
static TAKEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of 127.0.0.1 that was free a moment ago and that this process never hands out twice.
///
/// Test processes run side by side, so the search begins at a place of chance and not at the first port.
pub fn free_port() -> Result<u16> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
    let mut place = nanos ^ std::process::id().wrapping_mul(0x9E37_79B9);
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..TRIES_MAX {
        place = place.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let offset = u16::try_from((place >> 8) % u32::from(PORTS))?;
        let port = FIRST_PORT + offset;
        if !taken.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            taken.insert(port);
            return Ok(port);
        }
    }
    bail!("no free port found on 127.0.0.1 after {TRIES_MAX} tries")
}
