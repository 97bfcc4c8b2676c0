//! Ceilings on octets and messages per second, shared by whoever holds the same value.
//! Never lets a burst of more than one second's allowance through.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Two token buckets; a `None` ceiling is no ceiling.
#[derive(Debug)]
pub struct Pace {
    octets_per_second: Option<u64>,
    messages_per_second: Option<u64>,
    next_free: Mutex<Option<Instant>>,
}

impl Pace {
    /// Ceilings per second; 0 is taken as 1.
    #[must_use]
    pub fn new(octets_per_second: Option<u64>, messages_per_second: Option<u64>) -> Self {
        let at_least_one = |rate: Option<u64>| rate.map(|rate| rate.max(1));
        Self {
            octets_per_second: at_least_one(octets_per_second),
            messages_per_second: at_least_one(messages_per_second),
            next_free: Mutex::new(None),
        }
    }

    /// No ceiling.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(None, None)
    }

    /// Waits until one message of `octets` may pass.
    pub async fn take(&self, octets: u64) {
        let Some(cost) = self.cost(octets) else { return };
        let due = {
            let mut next_free = self.next_free.lock().await;
            let now = Instant::now();
            let start = next_free.map_or(now, |at| at.max(now));
            *next_free = Some(start + cost);
            start
        };
        tokio::time::sleep_until(due).await;
    }

    fn cost(&self, octets: u64) -> Option<Duration> {
        let by_octets = self.octets_per_second.map(|rate| octets as f64 / rate as f64);
        let by_messages = self.messages_per_second.map(|rate| 1.0 / rate as f64);
        let seconds = by_octets
            .into_iter()
            .chain(by_messages)
            .fold(None, |most: Option<f64>, cost| Some(most.map_or(cost, |most| most.max(cost))));
        seconds.map(Duration::from_secs_f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_messages_at_five_a_second_take_two_seconds() {
        let (pace, start) = (Pace::new(None, Some(5)), Instant::now());
        for _ in 0..=10 {
            pace.take(1).await;
        }
        assert_eq!(start.elapsed().as_millis(), 2000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_dearer_of_two_ceilings_counts() {
        let (pace, start) = (Pace::new(Some(100), Some(1000)), Instant::now());
        pace.take(300).await;
        pace.take(0).await;
        assert_eq!(start.elapsed().as_millis(), 3000);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_ceiling_nothing_waits() {
        let start = Instant::now();
        Pace::unlimited().take(u64::MAX).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
