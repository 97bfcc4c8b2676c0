//! Stories that once went wrong, as small as they could be made: what the engine must never do again.
//! Unlike seeds they do not change when worlds are drawn in another way.

use acceptance::sim::{
    AppendUids, Deed, Form, Manner, Moment, Party, Place, Refused, Start, Story, Text, Trouble, Verb, What,
    Wishes, play,
};
use malote_engine::policy::{Duplicates, FlagPolicy};

fn text(number: u32, form: Form) -> Text {
    Text { number, form, variant: 0, filling_octets: 0 }
}

fn letter(number: u32, flags: &'static str) -> Start {
    let date = Some(" 8-Jul-2024 02:44:25 -0300".to_owned());
    Start { text: text(number, Form::Whole), flags, date }
}

fn inbox(letters: Vec<Start>) -> Vec<Place> {
    vec![Place { name: "INBOX", special_use: None, letters }]
}

fn trouble(run: u32, party: Party, verb: Verb, nth: u32, what: What) -> Trouble {
    Trouble { run, call: (party, verb), nth, what }
}

/// One message, decent servers, one run.
fn story() -> Story {
    Story {
        seed: 1,
        source: inbox(vec![letter(1, "")]),
        destination: Vec::new(),
        source_manner: Manner::decent(),
        destination_manner: Manner::decent(),
        wishes: Wishes::none(),
        runs: 1,
        troubles: Vec::new(),
        forgotten_uid: None,
    }
}

fn check(story: &Story) {
    let played = play(story, true);
    assert_eq!(played.flaw, None, "{story}\n{}", played.lines.join("\n"));
}

#[test]
fn a_twin_is_not_paired_with_the_copy_of_another_that_has_no_uid_yet() {
    let mut story = story();
    // The seventh is refused, and with it the twin that shares its batch.
    story.source = inbox(vec![letter(2, ""), letter(3, ""), letter(2, "\\Seen"), letter(7, "")]);
    let manner = &mut story.destination_manner;
    (manner.batch_messages_max, manner.refuses_every, manner.append_uids) = (2, 3, AppendUids::Untold);
    check(&story);
}

#[test]
fn records_are_not_moved_by_a_listing_that_hides_messages() {
    let mut story = story();
    story.source = inbox(vec![letter(1, ""), letter(2, "")]);
    (story.source_manner.hides_every, story.runs) = (3, 2);
    let renumber = What::Deed(Party::Source, Deed::Renumber { folder: 0 });
    story.troubles.push(trouble(2, Party::Start, Verb::Survey, 1, renumber));
    check(&story);
}

#[test]
fn what_a_destination_hides_is_not_sent_again() {
    let mut story = story();
    story.destination_manner.hides_every = 3;
    story.troubles.push(trouble(1, Party::Destination, Verb::Answer, 1, What::Cut(Moment::After)));
    check(&story);
}

#[test]
fn copies_that_a_destination_hides_are_not_sent_again_under_another_uidvalidity() {
    let mut story = story();
    story.source = inbox((1..6).map(|number| letter(number, "")).collect());
    (story.destination_manner.hides_every, story.runs) = (3, 2);
    let renumber = What::Deed(Party::Destination, Deed::Renumber { folder: 0 });
    story.troubles.push(trouble(2, Party::Start, Verb::Survey, 1, renumber));
    check(&story);
}

#[test]
fn a_rewritten_message_without_any_header_is_held_and_not_sent_twice() {
    let mut story = story();
    story.source = inbox(vec![Start { text: text(4, Form::Bare), flags: "", date: None }]);
    story.destination_manner.rewrites = true;
    story.troubles.push(trouble(1, Party::Ledger, Verb::Write, 5, What::Crash(Moment::Before)));
    check(&story);
}

#[test]
fn a_source_without_uidvalidity_is_planned_as_it_is_copied() {
    let mut story = story();
    story.source_manner.hides_validity = true;
    check(&story);
}

#[test]
fn a_uid_in_use_is_not_believed_to_be_that_of_a_new_message() {
    let mut story = story();
    story.destination = inbox(vec![letter(50, "\\Seen")]);
    let manner = &mut story.destination_manner;
    (manner.hides_uid_next, manner.append_uids) = (true, AppendUids::FromOne);
    story.wishes.flags = FlagPolicy::Source;
    check(&story);
}

#[test]
fn a_uid_of_the_first_look_is_not_believed_in_the_second() {
    let mut story = story();
    story.source =
        inbox(vec![letter(1, "\\Seen"), letter(2, "\\Flagged"), letter(3, ""), letter(1, "\\Answered")]);
    let manner = &mut story.destination_manner;
    (manner.append_uids, manner.refuses_batches) = (AppendUids::FromOne, true);
    (manner.batch_messages_max, manner.refused) = (3, Refused::Nothing);
    story.wishes.flags = FlagPolicy::Source;
    check(&story);
}

#[test]
fn a_folder_that_hides_a_message_is_never_settled_by_its_listing() {
    let mut story = story();
    story.source = inbox(vec![letter(1, ""), letter(2, "")]);
    (story.source_manner.hides_every, story.runs) = (3, 2);
    (story.source_manner.list_status, story.destination_manner.list_status) = (true, true);
    let delete = What::Deed(Party::Source, Deed::Delete { folder: 0, letter: 1 });
    story.troubles.push(trouble(2, Party::Start, Verb::Survey, 1, delete));
    check(&story);
}

#[test]
fn messages_without_a_header_are_held_by_their_text_before_their_date() {
    let mut story = story();
    let bare = |number, date: Option<&str>| Start {
        text: text(number, Form::Bare),
        flags: "",
        date: date.map(str::to_owned),
    };
    let day = Some("15-Jul-2024 02:44:25 -0300");
    story.source = inbox(vec![bare(2, day), bare(3, None), bare(2, day)]);
    story.wishes.duplicates = Duplicates::Collapse;
    let manner = &mut story.destination_manner;
    (manner.refuses_batches, manner.refused, manner.rewrites) = (true, Refused::All, true);
    check(&story);
}
