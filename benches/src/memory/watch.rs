//! Watches a folder fill up, by asking its server again and again.
//! Never asks the program that fills it: what has arrived is what the destination says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::wire::Wire;

const EVERY: Duration = Duration::from_millis(50);

/// A watch on INBOX.
pub struct Watch {
    is_ended: Arc<AtomicBool>,
    thread: JoinHandle<Result<Course>>,
}

/// When how many messages were there: seconds since the watch began, and messages.
pub struct Course {
    seen: Vec<(f64, usize)>,
}

impl Watch {
    /// Begins to watch; the clock runs from here.
    pub fn start(port: u16, user: &str) -> Result<Self> {
        let mut wire = Wire::login(port, user)?;
        let is_ended = Arc::new(AtomicBool::new(false));
        let (told, start) = (Arc::clone(&is_ended), Instant::now());
        let thread = thread::spawn(move || {
            let mut seen = vec![(0.0, 0)];
            loop {
                let is_last = told.load(Ordering::SeqCst);
                let messages = wire.messages("INBOX")?;
                seen.push((start.elapsed().as_secs_f64(), messages));
                if is_last {
                    wire.end();
                    return Ok(Course { seen });
                }
                thread::sleep(EVERY);
            }
        });
        Ok(Self { is_ended, thread })
    }

    /// Looks once more and ends.
    pub fn end(self) -> Result<Course> {
        self.is_ended.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow!("the watch on the destination broke off"))?
    }
}

impl Course {
    /// When so many messages were seen first; the end of the watch where they never were.
    pub fn reached_s(&self, messages: usize) -> f64 {
        let found = self.seen.iter().find(|(_, count)| *count >= messages).or(self.seen.last());
        found.map_or(0.0, |(at_s, _)| *at_s)
    }

    /// Messages per second between two tenths of a whole.
    pub fn rate(&self, from_tenth: usize, to_tenth: usize, whole: usize) -> f64 {
        let (from, to) = (whole * from_tenth / 10, whole * to_tenth / 10);
        (to - from) as f64 / (self.place_s(to) - self.place_s(from.max(1))).max(f64::EPSILON)
    }

    /// When so many messages were there, on a straight line between the looks before and after.
    fn place_s(&self, messages: usize) -> f64 {
        let Some(after) = self.seen.iter().position(|(_, count)| *count >= messages).filter(|at| *at > 0)
        else {
            return self.reached_s(messages);
        };
        let ((before_s, before), (after_s, after)) = (self.seen[after - 1], self.seen[after]);
        before_s + (after_s - before_s) * (messages - before) as f64 / (after - before) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_between_the_looks() {
        let course = Course { seen: vec![(0.0, 0), (1.0, 1), (2.0, 11), (4.0, 91), (5.0, 100)] };
        for (messages, expected_s) in [(1, 1.0), (11, 2.0), (100, 5.0)] {
            assert!((course.place_s(messages) - expected_s).abs() < 1e-9, "{messages}");
        }
        assert!((course.reached_s(12) - 4.0).abs() < 1e-9);
        assert!((course.rate(0, 1, 100) - 10.0 / 0.9).abs() < 1e-9);
    }
}
