//! How many messages one window of a transfer spans: one FETCH, one intent.
//! Never a matter of memory: bodies are held by their octets, not by their window.

use std::time::Duration;

/// The first window, in messages.
const WINDOW_MESSAGES_MIN: u64 = 1000;

/// The widest window: what a crash leaves in doubt stays bounded.
const WINDOW_MESSAGES_MAX: u64 = 5000;

/// Part of a window's time that may pass between its command and its first octet: one in so many.
const IDLE_PART: u32 = 32;

/// Grows while the line stands still between windows for more than a small part of their time.
pub(super) struct Width {
    messages: u64,
    round_trip: Duration,
}

impl Width {
    pub const fn new(round_trip: Option<Duration>) -> Self {
        let round_trip = match round_trip {
            Some(round_trip) => round_trip,
            None => Duration::ZERO,
        };
        Self { messages: WINDOW_MESSAGES_MIN, round_trip }
    }

    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Takes in how long one window took.
    pub fn learn(&mut self, took: Duration) {
        if self.round_trip * IDLE_PART > took {
            self.messages = (self.messages * 2).min(WINDOW_MESSAGES_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_widen_only_while_the_round_trip_is_a_large_part_of_them() {
        for (round_trip_ms, took_ms, expected) in
            [(None, 10, 1000), (Some(30), 100, 2000), (Some(30), 1000, 1000), (Some(100), 3000, 2000)]
        {
            let mut width = Width::new(round_trip_ms.map(Duration::from_millis));
            width.learn(Duration::from_millis(took_ms));
            assert_eq!(width.messages(), expected, "{round_trip_ms:?} {took_ms}");
        }
    }
}
