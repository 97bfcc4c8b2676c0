//! Kills the demo's service at moments that nobody chose, and starts it again.
//! Never kills anything else.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::message::Chance;
use super::service::Service;
use crate::cli::output;

/// The longest time that a service lives between two kills, in milliseconds.
const LIFE_MILLIS_MAX: u64 = 1500;
/// How long to wait between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Somebody who kills the service a number of times.
pub(super) struct Killer {
    shared: Arc<Shared>,
    wanted: u32,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    kills: AtomicU32,
    is_over: AtomicBool,
}

impl Killer {
    /// Begins; with no kills wanted, nothing happens.
    pub fn begin(service: &Arc<Mutex<Service>>, wanted: u32, seed: u64) -> Self {
        let shared = Arc::new(Shared { kills: AtomicU32::new(0), is_over: AtomicBool::new(false) });
        let (service, told) = (Arc::clone(service), Arc::clone(&shared));
        let thread = (wanted > 0).then(|| thread::spawn(move || kill(&service, &told, wanted, seed)));
        Self { shared, wanted, thread }
    }

    /// How often the service was killed so far.
    pub fn kills(&self) -> u32 {
        self.shared.kills.load(Ordering::Relaxed)
    }

    /// Whether it was killed as often as wanted, or will not be any more.
    pub fn is_done(&self) -> bool {
        self.kills() >= self.wanted || self.shared.is_over.load(Ordering::Relaxed)
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // A panic in it was told by the runtime.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn kill(service: &Mutex<Service>, shared: &Shared, wanted: u32, seed: u64) {
    let mut chance = Chance::new(seed);
    let is_over = || shared.is_over.load(Ordering::Relaxed);
    while shared.kills.load(Ordering::Relaxed) < wanted && !is_over() {
        for _ in 0..chance.below(LIFE_MILLIS_MAX) / 10 {
            if is_over() {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        let Ok(mut service) = service.lock() else { break };
        if let Err(stopped) = service.kill_and_start() {
            output::tell(&format!("the killed service did not start again: {stopped}"));
            break;
        }
        shared.kills.fetch_add(1, Ordering::Relaxed);
    }
    // The kernel ends the service when the thread that started it ends.
    while !is_over() {
        thread::sleep(LOOK_EVERY);
    }
}
