//! Whose turn it is to hold a heavy item: one handle on a store at a time.
//! Never stops anybody for good: whoever waited long enough goes on without the turn.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long a handle waits for the turn: whoever has it may wait, in the end, for something that this one holds.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The turn of one store.
#[derive(Debug, Default)]
pub(super) struct Turns {
    is_taken: Mutex<bool>,
    given: Condvar,
}

/// Held for as long as a heavy item is, and given on with it.
#[derive(Debug)]
pub(super) struct Turn(Arc<Turns>);

impl Turns {
    /// The turn, once nobody has it; nothing where it was not given in time.
    pub(super) fn take(self: &Arc<Self>) -> Option<Turn> {
        self.take_within(WAIT_MAX)
    }

    fn take_within(self: &Arc<Self>, wait: Duration) -> Option<Turn> {
        let taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.given.wait_timeout_while(taken, wait, |is_taken| *is_taken);
        let (mut is_taken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() && *is_taken {
            return None;
        }
        *is_taken = true;
        Some(Turn(Arc::clone(self)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_turn_and_the_next_gets_it_or_goes_on_without() {
        let turns = Arc::new(Turns::default());
        let first = turns.take();
        assert!(first.is_some());
        assert!(turns.take_within(Duration::from_millis(1)).is_none(), "it is taken");
        let waiting = {
            let turns = Arc::clone(&turns);
            std::thread::spawn(move || turns.take().is_some())
        };
        drop(first);
        assert!(waiting.join().expect("nobody panics"), "it was given on");
        assert!(turns.take_within(Duration::ZERO).is_some(), "whoever had it is gone");
    }
}
