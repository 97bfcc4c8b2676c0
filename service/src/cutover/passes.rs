//! What comes next for a mailbox in its final passes: copy again until nothing is new, then verify, then done.
//! Never asks anybody, and never takes a count for nothing that it could not read.

use serde_json::Value;

use crate::store::cutover::{Part, PassRow};
use crate::store::milliseconds;
use crate::store::words::{RunStatus, RunType};

/// The pause after a first final pass, in milliseconds; it doubles with each.
const PAUSE_MILLIS: i64 = 30_000;
/// The longest pause between two passes, in milliseconds: one hour.
const PAUSE_MILLIS_MAX: i64 = 3_600_000;
/// Passes that the clock enters for one mailbox, at most; then it is left to people. With the pauses: 17 hours.
pub const PASSES_MAX: usize = 24;

/// Why the clock does nothing more for a mailbox until somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// Messages lie in quarantine that nobody accepted.
    Quarantine,
    /// What was copied is not at the destination, or reads otherwise there.
    Verification,
    /// It was tried [`PASSES_MAX`] times.
    Passes,
}

/// What comes next for a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A run of it is not over.
    Wait,
    /// One more final pass, not before this moment in milliseconds since 1970.
    Final(i64),
    /// The last pass had nothing to copy: it is to be verified.
    Verify,
    /// Somebody has to look at it.
    Stuck(Stuck),
    /// The last pass had nothing to copy, and the verification after it passed.
    Done,
}

impl Next {
    /// The word in an answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "running",
            Self::Final(_) => "final",
            Self::Verify => "verify",
            Self::Stuck(Stuck::Quarantine) => "quarantine",
            Self::Stuck(Stuck::Verification) => "not_verified",
            Self::Stuck(Stuck::Passes) => "too_many_passes",
            Self::Done => "done",
        }
    }

    /// True where the last final pass is known to have had nothing to copy.
    pub const fn is_copied(self) -> bool {
        matches!(self, Self::Verify | Self::Done | Self::Stuck(Stuck::Verification))
    }
}

/// What a run counted. What cannot be read is not nothing: it is absent.
struct Counted {
    transferred: Option<u64>,
    pending: Option<u64>,
    errors: Option<u64>,
    /// Every error is one that says of a copied message that it is not at the destination.
    is_missing_alone: bool,
    /// An error says something of what stands at the destination.
    is_about_copies: bool,
}

impl Counted {
    fn of(row: &PassRow) -> Self {
        let stats: Value = serde_json::from_str(&row.stats_json).unwrap_or_default();
        let number = |name: &str| stats[name].as_u64();
        let classes = stats["errors_by_class"].as_object();
        let mut names = classes.into_iter().flat_map(|all| all.keys());
        Self {
            transferred: number("transferred"),
            pending: number("pending"),
            errors: number("errors"),
            is_missing_alone: classes.is_some_and(|all| !all.is_empty())
                && names.clone().all(|name| name == "verify.missing"),
            is_about_copies: names.any(|name| name.starts_with("verify.")),
        }
    }

    /// Everything was settled, and all counts are known.
    fn is_whole(&self, row: &PassRow) -> bool {
        row.status == RunStatus::Success
            && row.exit_code == 0
            && (self.pending, self.errors) == (Some(0), Some(0))
    }
}

/// What comes next for a mailbox with these runs since its final passes began, oldest first. Up to the run
/// `accepted_run` somebody accepted that copies are missing at the destination.
pub fn next(part: &Part, runs: &[&PassRow], accepted_run: i64) -> Next {
    if part.is_at_work {
        return Next::Wait;
    }
    let copies: Vec<&PassRow> = runs.iter().copied().filter(|row| row.run_type != RunType::Verify).collect();
    let Some(last) = copies.last() else { return Next::Final(0) };
    let counted = Counted::of(last);
    let had_nothing =
        last.run_type == RunType::Final && counted.is_whole(last) && counted.transferred == Some(0);
    // Another pass changes nothing about what lies in quarantine, once all else is over.
    let is_left_over = counted.transferred == Some(0) && counted.pending == Some(0);
    if part.quarantine_open > 0 && (had_nothing || is_left_over) {
        return Next::Stuck(Stuck::Quarantine);
    }
    if !had_nothing {
        return again(copies.len(), last);
    }
    let Some(verified) = runs.iter().rev().find(|row| row.run_type == RunType::Verify) else {
        return Next::Verify;
    };
    let counted = Counted::of(verified);
    let is_accepted = counted.is_missing_alone && verified.id <= accepted_run;
    // What was brought after a verification was not looked at by it.
    let brought_nothing_since =
        copies.iter().filter(|row| row.id > verified.id).all(|row| Counted::of(row).transferred == Some(0));
    match (verified.id > last.id, is_accepted) {
        (true, _) if counted.is_whole(verified) => Next::Done,
        // A verification that met something leaves the mailbox uncounted: one more pass counts it.
        (true, true) => Next::Final(0),
        (true, false) if counted.is_about_copies => Next::Stuck(Stuck::Verification),
        (true, false) => again(copies.len(), verified),
        (false, true) if brought_nothing_since => Next::Done,
        (false, _) => Next::Verify,
    }
}

fn again(passes: usize, last: &PassRow) -> Next {
    if passes >= PASSES_MAX {
        return Next::Stuck(Stuck::Passes);
    }
    let doublings = u32::try_from(passes.saturating_sub(1)).unwrap_or(u32::MAX).min(20);
    let pause_ms = (PAUSE_MILLIS << doublings).min(PAUSE_MILLIS_MAX);
    Next::Final(milliseconds(&last.finished_at).unwrap_or(0).saturating_add(pause_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::at;

    /// When every run of these tests ended.
    const ENDED: i64 = 1_800_000_000_000;
    const NOTHING: &str = r#"{"transferred":0,"pending":0,"errors":0}"#;
    const MISSING: &str =
        r#"{"transferred":0,"pending":1,"errors":1,"errors_by_class":{"verify.missing":1}}"#;

    fn run(id: i64, run_type: RunType, status: RunStatus, stats: &str) -> PassRow {
        PassRow {
            mailbox_id: 1,
            id,
            run_type,
            status,
            stats_json: stats.to_owned(),
            finished_at: at(ENDED),
            exit_code: if status == RunStatus::Success { 0 } else { 3 },
            selection: String::new(),
        }
    }

    fn copied(id: i64, stats: &str) -> PassRow {
        run(id, RunType::Final, RunStatus::Success, stats)
    }

    fn verified(id: i64, status: RunStatus, stats: &str) -> PassRow {
        run(id, RunType::Verify, status, stats)
    }

    /// After these runs, with so much open in quarantine and nothing accepted, this comes next.
    fn check(rows: &[PassRow], quarantine_open: u64, expected: Next) {
        let part = Part { mailbox_id: 1, email: String::new(), quarantine_open, is_at_work: false };
        let told: Vec<&PassRow> = rows.iter().collect();
        assert_eq!(next(&part, &told, 0), expected, "{rows:?}");
    }

    #[test]
    fn a_mailbox_is_done_once_a_pass_had_nothing_to_copy_and_a_verification_followed() {
        let pause = Next::Final(ENDED + PAUSE_MILLIS);
        check(&[], 0, Next::Final(0));
        check(&[copied(1, r#"{"transferred":1,"pending":0,"errors":0}"#)], 0, pause);
        check(&[copied(1, NOTHING)], 0, Next::Verify);
        check(&[copied(1, NOTHING), verified(2, RunStatus::Success, NOTHING)], 0, Next::Done);
        // A pass after the verification may have brought something: it is verified anew.
        check(
            &[copied(1, NOTHING), verified(2, RunStatus::Success, NOTHING), copied(3, NOTHING)],
            0,
            Next::Verify,
        );
        check(&[verified(1, RunStatus::Success, NOTHING), copied(2, NOTHING)], 0, Next::Verify);
    }

    #[test]
    fn whatever_is_not_known_is_not_nothing() {
        let pause = Next::Final(ENDED + PAUSE_MILLIS);
        for stats in ["", "{}", r#"{"transferred":0}"#, r#"{"transferred":"0","pending":0,"errors":0}"#] {
            check(&[copied(1, stats)], 0, pause);
        }
        check(&[run(1, RunType::Final, RunStatus::Partial, NOTHING)], 0, pause);
        check(&[run(1, RunType::Delta, RunStatus::Success, NOTHING)], 0, pause);
        check(&[PassRow { exit_code: -1, ..copied(1, NOTHING) }], 0, pause);
        check(&[copied(1, NOTHING), verified(2, RunStatus::Success, "{}")], 0, pause);
        check(&[copied(1, NOTHING)], 1, Next::Stuck(Stuck::Quarantine));
        check(
            &[copied(1, NOTHING), verified(2, RunStatus::Success, NOTHING)],
            1,
            Next::Stuck(Stuck::Quarantine),
        );
    }

    #[test]
    fn a_message_that_came_between_a_pass_and_its_verification_is_fetched() {
        let late = r#"{"transferred":0,"pending":1,"errors":0}"#;
        let rows = [copied(1, NOTHING), verified(2, RunStatus::Partial, late)];
        check(&rows, 0, Next::Final(ENDED + PAUSE_MILLIS));
    }

    #[test]
    fn missing_copies_wait_for_a_person_and_only_they_may_be_accepted() {
        let part = Part { mailbox_id: 1, email: String::new(), quarantine_open: 0, is_at_work: false };
        let other = r#"{"transferred":0,"pending":1,"errors":2,
                        "errors_by_class":{"verify.missing":1,"verify.content":1}}"#;
        let stuck = Next::Stuck(Stuck::Verification);
        for (stats, accepted_run, expected, after) in [
            (MISSING, 0, stuck, Next::Verify),
            (MISSING, 1, stuck, Next::Verify),
            (MISSING, 2, Next::Final(0), Next::Done),
            (other, 2, stuck, Next::Verify),
        ] {
            let (first, second) = (copied(1, NOTHING), verified(2, RunStatus::Partial, stats));
            assert_eq!(next(&part, &[&first, &second], accepted_run), expected, "{stats} {accepted_run}");
            let rows = [&first, &second, &copied(3, NOTHING)];
            assert_eq!(next(&part, &rows, accepted_run), after, "{stats} {accepted_run}");
            let late = copied(3, r#"{"transferred":1,"pending":0,"errors":0}"#);
            let rows = [&first, &second, &late, &copied(4, NOTHING)];
            assert_eq!(next(&part, &rows, accepted_run), Next::Verify, "{stats} {accepted_run}");
        }
        let part = Part { is_at_work: true, ..part };
        assert_eq!(next(&part, &[], 9), Next::Wait);
    }

    #[test]
    fn passes_are_spaced_and_bounded() {
        let one = r#"{"transferred":1,"pending":0,"errors":0}"#;
        let mut last = 0;
        for passes in 1..PASSES_MAX {
            let rows: Vec<PassRow> = (1..=passes).map(|id| copied(id as i64, one)).collect();
            let told: Vec<&PassRow> = rows.iter().collect();
            let part = Part { mailbox_id: 1, email: String::new(), quarantine_open: 0, is_at_work: false };
            let Next::Final(at_ms) = next(&part, &told, 0) else {
                panic!("{passes} passes are not too many")
            };
            assert!(at_ms >= last && at_ms - ENDED <= PAUSE_MILLIS_MAX, "{passes}");
            last = at_ms;
        }
        let rows: Vec<PassRow> = (1..=PASSES_MAX).map(|id| copied(id as i64, one)).collect();
        check(&rows, 0, Next::Stuck(Stuck::Passes));
    }
}
