//! What must hold of both mailboxes, the ledger and the report; each checker counts for itself.
//! Never believes a counter of the engine's where it can look.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt as _;
use malote_engine::ledger::{FolderRow, Ledger as _, Recorded};
use malote_engine::plan::date::parse_internal;
use malote_engine::plan::record::{Record, State as RecordState};
use malote_engine::plan::uid_set::UidSet;
use malote_engine::policy::Duplicates;
use malote_engine::report::{Report, Status};

use super::manner::Manner;
use super::server::{Letter, Origin};
use super::state::State;
use super::story::Story;
use super::text::Content;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What kind: `lost`, `doubled` and so on. A smaller story must show the same kind.
    pub kind: &'static str,
    /// What was seen.
    pub sentence: String,
}

impl Flaw {
    /// A flaw of a kind.
    pub fn new(kind: &'static str, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into() }
    }
}

type Verdict = Result<(), Flaw>;

/// Holds at any time: nothing was done that no engine may do.
///
/// # Errors
/// The first flaw.
pub fn ways(state: &State) -> Verdict {
    if let Some(violation) = state.violations.first() {
        return Err(Flaw::new("violation", violation.clone()));
    }
    if state.source.digest() != state.source_digest {
        return Err(Flaw::new("source", "the source was changed by somebody other than its users"));
    }
    for (name, shelf) in &state.destination.shelves {
        let expected = shelf.entered.len() - shelf.gone.len() - shelf.expunged as usize;
        if expected != shelf.letters.len() {
            let count = shelf.letters.len();
            return Err(Flaw::new(
                "strange",
                format!("{name} holds {count} messages and should hold {expected}"),
            ));
        }
        for (uid, letter) in &shelf.letters {
            let given = state.contents.octets(letter.content);
            let is_whole = if state.destination.manner.rewrites {
                letter.octets.ends_with(given)
            } else {
                letter.octets == *given
            };
            if !is_whole {
                return Err(Flaw::new(
                    "altered",
                    format!("{name} UID {uid} has other octets than were sent"),
                ));
            }
        }
    }
    Ok(())
}

/// Marks what a report names as doubles.
pub fn name_doubles(state: &mut State, report: &Report) {
    for error in report.errors.iter().filter(|error| error.class == "verify.duplicate") {
        let Some((folder, rest)) = error.message.split_once(": ") else { continue };
        let uids = rest.rsplit_once("UID ").and_then(|(_, rest)| rest.split_once(' '));
        let Some(uids) = uids.and_then(|(uids, _)| UidSet::parse(uids)) else { continue };
        let Some(shelf) = state.destination.shelves.get_mut(folder) else { continue };
        for uid in uids.iter() {
            shelf.letters.entry(uid.get()).and_modify(|letter| letter.is_named_double = true);
        }
    }
}

/// Holds after a run in which anything may have struck.
///
/// # Errors
/// The first flaw.
pub fn disturbed(story: &Story, state: &State, report: &Report, started: u64) -> Verdict {
    balanced(report)?;
    if report.status == Status::Success {
        // What came later is not this run's; what left meanwhile is nobody's.
        nothing_lost(story, state, report, Some(started))?;
    }
    Ok(())
}

/// Holds after a run in which nothing struck.
///
/// # Errors
/// The first flaw.
pub fn calm(story: &Story, state: &State, report: &Report) -> Verdict {
    balanced(report)?;
    told(story, report)?;
    nothing_lost(story, state, report, None)?;
    nothing_doubled(story, state, report)?;
    counted(story, state, report)
}

/// Holds after the last run, which did nothing.
///
/// # Errors
/// The first flaw.
pub fn settled(story: &Story, state: &State, report: &Report) -> Verdict {
    super::flags::in_line(story, state, report)
}

fn balanced(report: &Report) -> Verdict {
    if report.balances() {
        return Ok(());
    }
    Err(Flaw::new("unbalanced", format!("{:?} {:?}", report.totals, report.folders)))
}

/// A calm run that is no success says why, and the reason is one that lasts.
fn told(story: &Story, report: &Report) -> Verdict {
    const LASTING: [&str; 4] =
        ["decision.needed", "verify.missing", "folder.uidvalidity_changed", "item.unreadable"];
    let passing = report
        .errors
        .iter()
        .find(|error| !LASTING.contains(&error.class.as_str()) && error.class != "verify.duplicate");
    if let Some(error) = passing {
        return Err(Flaw::new("unwell", format!("nothing struck and the run ended with {error:?}")));
    }
    // Twins of a refused message are tried by the next run, one after another.
    let are_twins_tried = story.wishes.duplicates == Duplicates::Collapse && report.totals.quarantined > 0;
    if report.totals.pending > 0 && report.errors.is_empty() && !are_twins_tried {
        return Err(Flaw::new("silent", format!("messages are pending without a word: {:?}", report.totals)));
    }
    if report.totals.quarantined != report.quarantine.len() as u64 {
        return Err(Flaw::new("unnamed", "quarantined messages are not all named"));
    }
    let is_whole = report.totals.pending == 0 && report.totals.quarantined == 0 && report.errors.is_empty();
    if is_whole != (report.status == Status::Success) {
        return Err(Flaw::new(
            "status",
            format!("{:?} with {:?} {:?}", report.status, report.totals, report.errors),
        ));
    }
    Ok(())
}

/// The source folders that lead to each destination folder, by the report.
pub(super) fn groups(report: &Report) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for folder in &report.folders {
        groups.entry(&folder.destination).or_default().push(&folder.source);
    }
    groups
}

type Counts = BTreeMap<Content, i64>;

/// Each source message is at the destination as often as it must be, was removed there by its user, or is named.
fn nothing_lost(story: &Story, state: &State, report: &Report, before: Option<u64>) -> Verdict {
    let is_wanted = |name: &str| story.wishes.exclude.is_none_or(|exclude| !name.starts_with(exclude));
    for name in state.source.shelves.keys().filter(|name| is_wanted(name)) {
        let is_new = before.is_some_and(|_| !report.folders.iter().any(|folder| folder.source == *name));
        if !is_new && report.folders.iter().filter(|folder| folder.source == *name).count() != 1 {
            return Err(Flaw::new("lost", format!("{name} is not in the report: {:?}", report.errors)));
        }
    }
    for (destination, sources) in groups(report) {
        let have = delivered(state, destination);
        let mut need = Counts::new();
        for source in &sources {
            for (content, count) in needed(story, state, report, source, before) {
                *need.entry(content).or_default() += count;
            }
        }
        let missing: Vec<(Content, i64)> = need
            .into_iter()
            .map(|(content, need)| (content, need - have.get(&content).copied().unwrap_or(0)))
            .filter(|(_, missing)| *missing > 0)
            .collect();
        let pending: u64 = report
            .folders
            .iter()
            .filter(|folder| folder.destination == destination)
            .map(|folder| folder.counters.pending)
            .sum();
        let total: i64 = missing.iter().map(|(_, missing)| *missing).sum();
        if total > pending as i64 {
            let names: Vec<String> =
                missing.iter().map(|(content, _)| state.contents.named(*content)).collect();
            let sentence = format!(
                "{sources:?} to {destination}: {total} messages are missing and {pending} pending in a run that is \
                 {:?}: {names:?}",
                report.status
            );
            return Err(Flaw::new("lost", sentence));
        }
    }
    Ok(())
}

/// What of one source folder must be at the destination, less what the report names.
fn needed(story: &Story, state: &State, report: &Report, source: &str, before: Option<u64>) -> Counts {
    let mut need = Counts::new();
    let Some(shelf) = state.source.shelves.get(source) else { return need };
    for (uid, letter) in &shelf.letters {
        let is_named = report.quarantine.iter().any(|entry| entry.folder == source && entry.uid == *uid);
        let is_late = before.is_some_and(|before| letter.since > before);
        if is_named || is_late || !passes(story, letter.date.as_deref()) {
            continue;
        }
        let count = need.entry(letter.content).or_default();
        *count += 1;
        if story.wishes.duplicates == Duplicates::Collapse {
            *count = 1;
        }
    }
    need
}

/// What is at the destination, and what was until its user removed it.
fn delivered(state: &State, destination: &str) -> Counts {
    let mut have = Counts::new();
    let Some(shelf) = state.destination.shelves.get(destination) else { return have };
    let gone =
        shelf.gone.iter().filter(|gone| state.was_delivered(destination, gone)).map(|gone| &gone.letter);
    for letter in shelf.letters.values().chain(gone) {
        *have.entry(letter.content).or_default() += 1;
    }
    have
}

/// True for a date that the operator's filter lets pass.
pub(super) fn passes(story: &Story, date: Option<&str>) -> bool {
    let date = date.and_then(parse_internal).map(|date| date.unix_seconds);
    story.wishes.since.zip(date).is_none_or(|(since, date)| date >= since)
}

/// No message is at the destination more often than it ever was at the source, or was there before.
fn nothing_doubled(story: &Story, state: &State, report: &Report) -> Verdict {
    for (destination, sources) in groups(report) {
        let Some(shelf) = state.destination.shelves.get(destination) else { continue };
        let mut allowed = Counts::new();
        for source in &sources {
            let Some(shelf) = state.source.shelves.get(*source) else { continue };
            // Of twins one of which is filtered, either may be taken for the other under a new UIDVALIDITY.
            let passing = shelf.entered.iter().filter(|(_, date)| passes(story, date.as_deref()));
            let passing: BTreeSet<Content> = passing.map(|(content, _)| *content).collect();
            for (content, _) in shelf.entered.iter().filter(|(content, _)| passing.contains(content)) {
                *allowed.entry(*content).or_default() += 1;
            }
        }
        let count = |is_it: &dyn Fn(&Letter) -> bool| {
            let mut counts = Counts::new();
            for letter in shelf.letters.values().filter(|letter| is_it(letter)) {
                *counts.entry(letter.content).or_default() += 1;
            }
            counts
        };
        let initial = count(&|letter| letter.origin == Origin::Initial);
        let all = count(&|letter| letter.origin != Origin::Stranger && !letter.is_named_double);
        for (content, count) in all {
            let of = |counts: &Counts| counts.get(&content).copied().unwrap_or(0);
            if count > of(&allowed).max(of(&initial)) {
                let (name, allowed) = (state.contents.named(content), of(&allowed));
                let sentence =
                    format!("{destination} holds {name} {count} times; {sources:?} had it {allowed} times");
                return Err(Flaw::new("doubled", sentence));
            }
        }
    }
    Ok(())
}

/// The report's numbers are those of the mailbox and the ledger.
fn counted(story: &Story, state: &State, report: &Report) -> Verdict {
    for folder in &report.folders {
        let Some(shelf) = state.source.shelves.get(&folder.source) else { continue };
        let present: UidSet = shelf.letters.keys().filter_map(|uid| uid_of(*uid)).collect();
        let found = folder.counters;
        let recorded = recorded(state, &folder.source).unwrap_or_default();
        let count = |set: &UidSet| set.intersection(&present).len();
        let open = present.difference(&recorded.all());
        let is_out = |uid: &malote_engine::plan::message::Uid| {
            shelf.letters.get(&uid.get()).is_some_and(|letter| !passes(story, letter.date.as_deref()))
        };
        let filtered = open.iter().filter(is_out).count() as u64;
        let expected = (
            present.len(),
            count(&recorded.copied.union(&recorded.adopted)),
            count(&recorded.collapsed),
            count(&recorded.quarantined),
            filtered,
            open.len() - filtered,
        );
        let told = (
            found.source_messages,
            found.copied + found.adopted + found.already,
            found.collapsed,
            found.quarantined,
            found.filtered,
            found.pending,
        );
        if told != expected {
            let sentence = format!(
                "{}: the report has {told:?} and the mailbox {expected:?} (messages, delivered, collapsed, \
                 quarantined, filtered, pending)",
                folder.source
            );
            return Err(Flaw::new("miscounted", sentence));
        }
    }
    Ok(())
}

pub(super) fn uid_of(uid: u32) -> Option<malote_engine::plan::message::Uid> {
    malote_engine::plan::message::Uid::new(uid)
}

/// The ledger's row of a source folder.
pub(super) fn row(state: &State, source: &str) -> Option<FolderRow> {
    let rows = state.ledger.folders().now_or_never()?.ok()?;
    rows.into_iter().find(|row| row.key.source_wire.0 == source.as_bytes())
}

fn recorded(state: &State, source: &str) -> Option<Recorded> {
    state.ledger.recorded(row(state, source)?.id).now_or_never()?.ok()
}

/// The ledger's records of a source folder's present messages.
pub(super) fn records(state: &State, source: &str) -> Vec<Record> {
    let read = || {
        let shelf = state.source.shelves.get(source)?;
        let present: UidSet = shelf.letters.keys().filter_map(|uid| uid_of(*uid)).collect();
        state.ledger.records(row(state, source)?.id, &present).now_or_never()?.ok()
    };
    read().unwrap_or_default()
}

/// Verification says what the checker sees: missing where a copy is missing, and all well only where all is well.
///
/// # Errors
/// The first flaw.
pub fn verified(story: &Story, state: &State, copied: &Report, report: &Report) -> Verdict {
    balanced(report)?;
    let mut missing = 0;
    for folder in &report.folders {
        let Some(shelf) = state.destination.shelves.get(&folder.destination) else { continue };
        for record in records(state, &folder.source) {
            let is_there = record.destination_uid.is_some_and(|uid| shelf.letters.contains_key(&uid.get()));
            let is_placed = matches!(record.state, RecordState::Copied | RecordState::Adopted);
            missing += u64::from(is_placed && !is_there);
        }
    }
    if report.errors.iter().any(|error| !error.class.starts_with("verify.")) {
        // A folder that could not be looked at is told as that.
        return Ok(());
    }
    let says_missing = report.errors.iter().any(|error| error.class == "verify.missing");
    if says_missing != (missing > 0) {
        let sentence = format!("{missing} recorded copies are missing and verify says {:?}", report.errors);
        return Err(Flaw::new("verify", sentence));
    }
    if report.status == Status::Success {
        let mut bare = report.clone();
        bare.quarantine.clone_from(&copied.quarantine);
        return without_excuses(story, state, &bare);
    }
    Ok(())
}

/// As `nothing_lost`, without regard to what users removed.
fn without_excuses(story: &Story, state: &State, report: &Report) -> Verdict {
    for (destination, sources) in groups(report) {
        let Some(shelf) = state.destination.shelves.get(destination) else { continue };
        for source in sources {
            for (content, need) in needed(story, state, report, source, None) {
                let have = shelf.letters.values().filter(|letter| letter.content == content).count() as i64;
                if have < need && !is_rewritten(&state.destination.manner) {
                    let name = state.contents.named(content);
                    return Err(Flaw::new(
                        "verify",
                        format!("verify is content and {name} is not in {destination}"),
                    ));
                }
            }
        }
    }
    Ok(())
}

const fn is_rewritten(manner: &Manner) -> bool {
    manner.rewrites
}
