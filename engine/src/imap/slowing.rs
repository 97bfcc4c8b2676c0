//! Slows a connection down when its server asks for it with an OK: Gmail's `OK [THROTTLED]`.
//! Never for long: each answer without the code shortens the pause again.

use std::time::Duration;

use malote_plan::failure::{Retry, Side};
use malote_plan::taxonomy::{Doing, Verdict};

use super::classify::judged;
use super::response::{Code, Kind, Reply};
use crate::failure::Class;

/// Below this the pause ends, in milliseconds.
const PAUSE_MS_MIN: u64 = 25;

/// The pause before the next command of one connection.
#[derive(Debug, Default)]
pub(super) struct Slowing {
    pause_ms: u64,
}

impl Slowing {
    /// Takes in how a command ended: the pause doubles with each that asks for it, and else shrinks by a quarter.
    pub fn note(&mut self, side: Side, reply: &Reply) {
        if reply.kind != Kind::Ok {
            return;
        }
        // Most answers bear some code: only this one is worth the table.
        let is_asked = reply.code == Some(Code::Throttled);
        let asked = is_asked.then(|| judged(side, Doing::Other, reply).row.verdict);
        match asked {
            Some(Verdict {
                class: Class::Throttle, retry: Retry::After(first), wait_seconds_max, ..
            }) => {
                let most = u64::from(wait_seconds_max) * 1_000;
                self.pause_ms = (self.pause_ms * 2).clamp(first, most.max(first));
            }
            _ if self.pause_ms < PAUSE_MS_MIN => self.pause_ms = 0,
            _ => self.pause_ms = self.pause_ms * 3 / 4,
        }
    }

    /// How long to wait before the next command; nothing where the server asked for nothing.
    pub fn pause(&self) -> Option<Duration> {
        (self.pause_ms > 0).then(|| Duration::from_millis(self.pause_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_while_it_is_asked_for_and_ends_soon_after() {
        let reply = |kind, code| Reply { kind, code, text: String::new() };
        let mut slowing = Slowing::default();
        let pause_after = |slowing: &mut Slowing, reply: Reply| {
            slowing.note(Side::Source, &reply);
            slowing.pause().map_or(0, |pause| pause.as_millis())
        };
        for expected in [50, 100, 200] {
            assert_eq!(pause_after(&mut slowing, reply(Kind::Ok, Some(Code::Throttled))), expected);
        }
        for expected in [150, 112, 84] {
            assert_eq!(pause_after(&mut slowing, reply(Kind::Ok, Some(Code::ReadOnly))), expected);
        }
        assert_eq!(
            pause_after(&mut slowing, reply(Kind::No, Some(Code::Throttled))),
            84,
            "a refusal is waited out"
        );
        for _ in 0..20 {
            slowing.note(Side::Source, &reply(Kind::Ok, Some(Code::Throttled)));
        }
        assert_eq!(slowing.pause(), Some(Duration::from_secs(16)));
        for _ in 0..30 {
            slowing.note(Side::Source, &reply(Kind::Ok, None));
        }
        assert_eq!(slowing.pause(), None);
    }
}
