//! What is timed: which mailbox over which line, by whom, how often.
//! Never runs anything.

use crate::corpus::Shape;
use crate::line::Quality;

/// Who takes part in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Whoever was found.
    Everybody,
    /// Malote with TLS on both sides against Malote in clear text.
    Tls,
}

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What `BENCH_CASES` is held against.
    pub name: &'static str,
    /// Sizes of messages.
    pub shape: Shape,
    /// How many.
    pub messages: usize,
    /// How many are copied by who waits for each of them; 0: they take no part.
    pub part: usize,
    /// The line to each of both servers.
    pub line: Quality,
    /// Who needs longer than this for one run, in seconds, is not asked again in the same phase.
    pub patience_s: f64,
    /// First copies that count, each into an empty account.
    pub rounds: usize,
    /// Whether second runs and changes of 1 % are timed too.
    pub has_later_runs: bool,
    /// Who takes part.
    pub field: Field,
}

const fn line(round_trip_ms: u64, mbit_per_s: Option<u64>) -> Quality {
    Quality { round_trip_ms, mbit_per_s }
}

const CASE: Case = Case {
    name: "",
    shape: Shape::Mixed,
    messages: 10_000,
    part: 0,
    line: Quality::NONE,
    patience_s: 25.0,
    rounds: 3,
    has_later_runs: false,
    field: Field::Everybody,
};

/// `make bench`: below twenty minutes.
pub const FULL: [Case; 12] = [
    Case { name: "loopback-mixed", part: 10_000, has_later_runs: true, ..CASE },
    Case { name: "loopback-small", shape: Shape::Small, part: 2_000, ..CASE },
    Case { name: "loopback-large", shape: Shape::Large, messages: 40, part: 40, ..CASE },
    Case { name: "loopback-tls", field: Field::Tls, ..CASE },
    Case {
        name: "10ms-mixed",
        messages: 2_000,
        part: 500,
        line: line(10, None),
        has_later_runs: true,
        ..CASE
    },
    Case {
        name: "30ms-mixed",
        messages: 2_000,
        part: 250,
        line: line(30, None),
        has_later_runs: true,
        ..CASE
    },
    Case {
        name: "100ms-mixed",
        messages: 2_000,
        part: 50,
        line: line(100, None),
        has_later_runs: true,
        ..CASE
    },
    Case { name: "30ms-small", shape: Shape::Small, messages: 2_000, part: 0, line: line(30, None), ..CASE },
    Case {
        name: "30ms-large",
        shape: Shape::Large,
        messages: 20,
        part: 20,
        line: line(30, None),
        rounds: 2,
        ..CASE
    },
    Case { name: "100mbit-mixed", line: line(30, Some(100)), rounds: 2, ..CASE },
    Case {
        name: "100mbit-small",
        shape: Shape::Small,
        messages: 5_000,
        line: line(30, Some(100)),
        rounds: 2,
        ..CASE
    },
    Case {
        name: "100mbit-large",
        shape: Shape::Large,
        messages: 20,
        line: line(30, Some(100)),
        rounds: 2,
        ..CASE
    },
];

const QUICK_CASE: Case = Case { messages: 4_000, patience_s: 4.0, rounds: 2, ..CASE };

/// `make bench BENCH=quick`: about two minutes, and coarse.
pub const QUICK: [Case; 4] = [
    Case { name: "loopback-mixed", part: 500, has_later_runs: true, ..QUICK_CASE },
    Case { name: "loopback-tls", field: Field::Tls, ..QUICK_CASE },
    Case {
        name: "30ms-mixed",
        messages: 1_000,
        part: 50,
        line: line(30, None),
        has_later_runs: true,
        ..QUICK_CASE
    },
    Case { name: "100mbit-mixed", line: line(30, Some(100)), rounds: 1, ..QUICK_CASE },
];

/// The cases whose name contains one of the words, parted by commas; all where there is no word.
pub fn chosen(cases: &[Case], words: &str) -> Vec<Case> {
    let words: Vec<&str> = words.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    let is_chosen = |case: &Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    cases.iter().copied().filter(is_chosen).collect()
}

impl Case {
    /// The case in words, for a heading.
    pub fn title(&self) -> String {
        let place = match (self.line.round_trip_ms, self.line.mbit_per_s) {
            (0, None) => "one machine".to_owned(),
            (round_trip, None) => format!("{round_trip} ms round trip"),
            (round_trip, Some(mbit)) => format!("{mbit} Mbit/s, {round_trip} ms round trip"),
        };
        let sizes = match self.shape {
            Shape::Tiny => "messages of 1 KiB",
            Shape::Small => "messages of 4 KiB",
            Shape::Mixed => "mixed messages",
            Shape::Large | Shape::Exactly(_) => "messages of 5 MB",
        };
        let tls = if self.field == Field::Tls { ", TLS on both sides against clear text" } else { "" };
        format!("{place}, {} {sizes}{tls}", self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_the_cases_whose_names_hold_them() {
        for (words, expected) in [("", FULL.len()), ("loopback-tls", 1), ("100ms, 10ms", 2), ("no such", 0)] {
            assert_eq!(chosen(&FULL, words).len(), expected, "{words}");
        }
    }
}
