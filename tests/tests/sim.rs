//! The real engine through drawn worlds of lying servers, broken lines, busy users and sudden deaths; and the proof
//! that the checkers see what they must.

use acceptance::sim::{
    AppendUids, Deed, Flaw, Form, Manner, Moment, Mutant, Party, Place, Start, Story, Text, Trouble, Verb,
    What, Wishes, play, shrunk,
};

/// Seeds of every run of the tests. Other seeds are for the long lane: `make sim SEEDS=10000`.
const SEEDS: std::ops::Range<u64> = 0..200;

/// Seeds whose stories are played twice.
const TWICE: std::ops::Range<u64> = 300..340;

/// Every seed that ever failed, one a line, with its story.
const FAILED: &str = include_str!("sim_failed.txt");

fn assert_well(seed: u64, why: &str) {
    let story = Story::draw(seed);
    let Some(flaw) = play(&story, false).flaw else { return };
    let smaller = shrunk(&story);
    let course = play(&smaller, true);
    let from = course.lines.len().saturating_sub(200);
    panic!(
        "seed {seed} failed {why}: {flaw:?}\n\n{}\n\nthe smallest story that fails like it:\n{smaller}\n{:?}\n\
         replay with `make sim SEED={seed}`",
        course.lines[from..].join("\n"),
        course.flaw
    );
}

#[test]
fn whatever_strikes_every_message_is_there_once_or_named() {
    SEEDS.for_each(|seed| assert_well(seed, "among the first seeds"));
}

#[test]
fn every_seed_that_ever_failed_is_well() {
    for line in FAILED.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (seed, story) = line.split_once(' ').expect("a seed and its story");
        assert_well(seed.parse().expect("a seed is a number"), story);
    }
}

#[test]
fn a_seed_plays_the_same_twice() {
    for seed in TWICE {
        let story = Story::draw(seed);
        assert_eq!(Story::draw(seed), story, "seed {seed} draws another story");
        let (one, other) = (play(&story, false), play(&story, true));
        assert_eq!(one.digest, other.digest, "seed {seed} takes another course");
    }
}

fn letter(number: u32) -> Start {
    let text = Text { number, form: Form::Whole, variant: 0, filling_octets: 10 * number };
    Start { text, flags: "", date: Some(" 8-Jul-2024 02:44:25 -0300".to_owned()) }
}

/// Five messages for a destination that holds one of somebody else's; decent servers, nothing strikes.
fn quiet() -> Story {
    let place = |numbers: std::ops::Range<u32>| Place {
        name: "INBOX",
        special_use: None,
        letters: numbers.map(letter).collect(),
    };
    Story {
        seed: 1,
        source: vec![place(1..6)],
        destination: vec![place(50..51)],
        source_manner: Manner::decent(),
        destination_manner: Manner::decent(),
        wishes: Wishes::none(),
        runs: 1,
        troubles: Vec::new(),
        forgotten_uid: None,
    }
}

fn check(kind: &str, change: impl Fn(&mut Story)) {
    let mut story = quiet();
    change(&mut story);
    let flaw = play(&story, false).flaw;
    assert_eq!(flaw.as_ref().map(|flaw| flaw.kind), Some(kind), "{flaw:?}");
}

#[test]
fn a_quiet_world_is_well() {
    let played = play(&quiet(), true);
    assert_eq!((played.flaw, played.appended), (None, 5), "{}", played.lines.join("\n"));
    assert!(played.is_success);
}

#[test]
fn a_message_that_the_destination_loses_is_missed() {
    check("lost", |story| story.destination_manner.mutant = Some(Mutant::LosesOne));
}

#[test]
fn a_message_that_the_destination_stores_twice_is_seen() {
    check("doubled", |story| story.destination_manner.mutant = Some(Mutant::DoublesOne));
}

#[test]
fn an_octet_that_the_destination_changes_is_seen() {
    check("altered", |story| story.destination_manner.mutant = Some(Mutant::AltersOne));
}

#[test]
fn a_strangers_message_that_goes_away_is_seen() {
    check("strange", |story| story.destination_manner.mutant = Some(Mutant::RemovesStranger));
}

#[test]
fn a_source_that_is_changed_by_reading_is_seen() {
    check("source", |story| story.source_manner.mutant = Some(Mutant::MarksRead));
}

#[test]
fn a_ledger_that_forgets_a_record_is_seen() {
    check("miscounted", |story| story.forgotten_uid = Some(3));
}

#[test]
fn a_message_that_cannot_be_read_is_named_and_no_success() {
    let mut story = quiet();
    story.source_manner.unreadable_every = 5;
    let played = play(&story, false);
    assert_eq!((played.flaw, played.is_success), (None, false));
}

#[test]
fn a_failing_story_becomes_a_small_one() {
    let mut story = quiet();
    story.destination_manner.mutant = Some(Mutant::DoublesOne);
    story.destination_manner.append_uids = AppendUids::Untold;
    let deed = Deed::Flag { folder: 0, letter: 0, flags: "\\Seen" };
    let what = What::Deed(Party::Source, deed);
    story.troubles.push(Trouble { run: 1, call: (Party::Source, Verb::Body), nth: 1, what });
    let cut = What::Cut(Moment::After);
    story.troubles.push(Trouble { run: 1, call: (Party::Source, Verb::Open), nth: 1, what: cut });
    let smaller = shrunk(&story);
    assert!(play(&smaller, false).flaw.is_some_and(|flaw: Flaw| flaw.kind == "doubled"));
    assert!(smaller.troubles.is_empty() && smaller.letters() == 2, "{smaller}");
}
