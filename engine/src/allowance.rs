//! How much of a server's daily allowance an account has used, kept from run to run.
//! Never waits and never reads a clock: it says when it is over.

use serde::{Deserialize, Serialize};

/// Seconds of the window in which providers count.
const DAY_SECONDS: i64 = 86_400;

/// What passed in one direction since a window began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// When the window began, in seconds since the epoch.
    pub since_unix_seconds: i64,
    /// Octets since then.
    pub octets: u64,
}

impl Spent {
    /// Counts `octets` more at the time `now`, in seconds since the epoch. Where the allowance `per_day` was used up
    /// before, nothing is counted, and the end of the window is returned. One message may pass it, so that an
    /// allowance smaller than a message ends too.
    pub fn spend(&mut self, per_day: u64, octets: u64, now: i64) -> Result<(), i64> {
        if now >= self.since_unix_seconds + DAY_SECONDS || now < self.since_unix_seconds {
            *self = Self { since_unix_seconds: now, octets: 0 };
        }
        if self.octets >= per_day {
            return Err(self.since_unix_seconds + DAY_SECONDS);
        }
        self.octets += octets;
        Ok(())
    }

    /// Octets that may still pass in this window.
    #[must_use]
    pub const fn left(&self, per_day: u64, now: i64) -> u64 {
        let is_over = now >= self.since_unix_seconds + DAY_SECONDS || now < self.since_unix_seconds;
        if is_over { per_day } else { per_day.saturating_sub(self.octets) }
    }
}

/// A server's daily allowance in one direction, as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// Octets in a day.
    pub octets_per_day: u64,
    /// Octets that may still pass today.
    pub octets_left: u64,
}

/// Whole days, the present one included, that `octets` need under `per_day` with `left` for today.
#[must_use]
pub const fn days(octets: u64, per_day: u64, left: u64) -> u64 {
    if octets <= left { 1 } else { 1 + (octets - left).div_ceil(if per_day == 0 { 1 } else { per_day }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_ends_after_the_message_that_passes_it_and_begins_anew_a_day_after_its_first() {
        let mut spent = Spent::default();
        assert_eq!(spent.spend(100, 60, 1_000_000), Ok(()));
        assert_eq!(spent.left(100, 1_000_500), 40);
        assert_eq!(spent.spend(100, 60, 1_000_900), Ok(()), "the message that passes it is let through");
        assert_eq!(spent.spend(100, 1, 1_000_901), Err(1_086_400));
        assert_eq!(spent.left(100, 1_000_901), 0);
        assert_eq!(spent.spend(100, 1, 1_086_400), Ok(()));
        assert_eq!(spent.left(100, 1_086_401), 99);
        assert_eq!(spent.spend(100, 1, 5), Ok(()), "a clock that was set back begins anew");
    }

    #[test]
    fn days_are_counted_with_what_is_left_of_today() {
        for (octets, left, expected) in [(0, 0, 1), (50, 50, 1), (51, 50, 2), (250, 50, 3), (251, 50, 4)] {
            assert_eq!(days(octets, 100, left), expected, "{octets} {left}");
        }
    }
}
