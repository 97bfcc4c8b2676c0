//! What headers and octets pair, and what they leave in doubt.
//! Never a message with octets: keys are numbers here.

use super::*;
use crate::envelope::Addressed;
use crate::message::ContentHash;
use crate::record::Imprint;
use proptest::prelude::*;

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

fn key(number: u8) -> Option<HeaderKey> {
    (number > 0).then_some(HeaderKey([number; 16]))
}

fn outline(number: u32, strong: u8, loose: u8, octets: u64) -> Outline {
    Outline { uid: uid(number), strong: key(strong), loose: key(loose), octets, internal_unix_seconds: None }
}

fn portrait(number: u32, content: u8, body: u8, strong: u8, loose: u8) -> Portrait {
    let keys = Keys {
        content: Some(ContentHash([content; 32])),
        body: key(body),
        strong: key(strong),
        loose: key(loose),
        imprint: None,
    };
    let envelope = Envelope { message_id: key(strong), addressed: Addressed::Nobody };
    Portrait { uid: uid(number), keys, envelope: Some(envelope), internal_unix_seconds: Some(7) }
}

/// One of those that a program sent to many people: one sender, second and subject.
fn sent(number: u32, text: u8, id: u8, to: u8) -> Portrait {
    let strong = if id == 0 { 0 } else { id.wrapping_mul(7).wrapping_add(to) };
    let mut sent = portrait(number, number as u8, text, strong, 3);
    let addressed = key(to).map_or(Addressed::Nobody, Addressed::These);
    sent.envelope = Some(Envelope { message_id: key(id), addressed });
    sent
}

fn texts(verdict: &HeaderVerdict) -> (usize, alloc::string::String, alloc::string::String) {
    use alloc::string::ToString;
    (verdict.same.len(), verdict.compare_wanted.to_string(), verdict.compare_present.to_string())
}

#[test]
fn one_of_each_with_one_size_is_the_same_message() {
    let verdict = by_header(&[outline(1, 5, 5, 100)], &[outline(9, 5, 5, 100)]);
    assert_eq!(verdict.same, [(uid(1), uid(9))]);
}

#[test]
fn a_shared_message_id_is_no_proof_where_there_are_several_or_sizes_differ() {
    let two = [outline(1, 5, 5, 100), outline(2, 5, 5, 100)];
    assert_eq!(texts(&by_header(&two, &[outline(9, 5, 5, 100)])), (0, "1:2".into(), "9".into()));
    let other_size = by_header(&[outline(1, 5, 5, 100)], &[outline(9, 5, 5, 101)]);
    assert_eq!(texts(&other_size), (0, "1".into(), "9".into()));
}

#[test]
fn what_headers_pair_is_compared_where_they_prove_nothing() {
    let verdict = by_header(&[outline(1, 5, 5, 100)], &[outline(9, 5, 5, 100)]);
    assert_eq!(texts(&verdict), (1, "".into(), "".into()));
    assert_eq!(texts(&verdict.doubted()), (0, "1".into(), "9".into()));
}

#[test]
fn messages_without_an_id_are_always_compared() {
    let verdict = by_header(&[outline(1, 0, 0, 10), outline(2, 0, 3, 10)], &[outline(8, 0, 0, 50)]);
    assert_eq!(texts(&verdict), (0, "1".into(), "8".into()));
    let sized = by_header(&[outline(1, 0, 3, 10)], &[outline(8, 0, 4, 10)]);
    assert_eq!(texts(&sized), (0, "1".into(), "8".into()));
}

#[test]
fn a_rewritten_message_id_is_found_by_the_other_fields() {
    let verdict = by_header(&[outline(1, 5, 3, 10)], &[outline(8, 6, 3, 50)]);
    assert_eq!(texts(&verdict), (0, "1".into(), "8".into()));
}

#[test]
fn three_identical_messages_need_three_partners() {
    let wanted = [portrait(1, 7, 1, 1, 1), portrait(2, 7, 1, 1, 1), portrait(3, 7, 1, 1, 1)];
    let verdict = by_content(&wanted, &[portrait(8, 7, 1, 1, 1), portrait(9, 7, 1, 1, 1)]);
    assert_eq!(verdict.same, [(uid(1), uid(8)), (uid(2), uid(9))]);
    assert!(verdict.held.is_empty(), "the third is simply not there yet");
}

#[test]
fn same_headers_and_another_text_are_two_messages_once_the_right_one_is_taken() {
    let wanted = [portrait(1, 1, 1, 4, 4), portrait(2, 2, 2, 4, 4)];
    let verdict = by_content(&wanted, &[portrait(8, 2, 2, 4, 4)]);
    assert_eq!((verdict.same, verdict.held), (alloc::vec![(uid(2), uid(8))], alloc::vec![]));
}

#[test]
fn a_rewritten_text_is_held_and_a_rewritten_header_is_not() {
    let rewritten_text = by_content(&[portrait(1, 1, 1, 4, 4)], &[portrait(8, 2, 2, 4, 4)]);
    assert_eq!(rewritten_text.held, [(uid(1), uid(8))]);
    let rewritten_header = by_content(&[portrait(1, 1, 1, 4, 4)], &[portrait(8, 2, 1, 5, 4)]);
    assert_eq!(rewritten_header.same, [(uid(1), uid(8))]);
}

#[test]
fn an_item_that_was_surely_edited_is_no_doubt() {
    let made = |number: u32, content: u8, imprint: [u8; 2]| {
        let mut made = portrait(number, content, content, 4, 4);
        let [taker, said] = imprint;
        made.keys.imprint =
            (taker > 0).then_some(Imprint([taker, said, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        made
    };
    for (ours, theirs, held) in [
        ([1, 7], [1, 8], 0),
        ([1, 7], [1, 7], 1),
        ([1, 7], [2, 8], 1),
        ([1, 7], [0, 0], 1),
        ([0, 0], [1, 7], 1),
    ] {
        let verdict = by_content(&[made(1, 1, ours)], &[made(8, 2, theirs)]);
        assert_eq!((verdict.same.len(), verdict.held.len()), (0, held), "{ours:?} {theirs:?}");
        let octets = by_content(&[made(1, 1, ours)], &[made(8, 1, theirs)]);
        assert_eq!(octets.same.len(), 1, "one message whatever its item says: {ours:?} {theirs:?}");
    }
    let stranger = by_content(&[made(1, 1, [1, 7])], &[made(8, 2, [1, 8]), made(9, 3, [0, 0])]);
    assert_eq!(stranger.held, [(uid(1), uid(9))], "what came another way may still be it");
}

#[test]
fn one_text_to_other_people_is_another_message_or_a_doubt() {
    for (wanted, present, same, held) in [
        (sent(1, 1, 5, 8), sent(2, 1, 6, 8), 1, 0),
        (sent(1, 1, 5, 8), sent(2, 1, 6, 9), 0, 0),
        (sent(1, 1, 5, 8), sent(2, 2, 6, 9), 0, 0),
        (sent(1, 1, 5, 8), sent(2, 1, 5, 9), 0, 1),
        (sent(1, 1, 0, 8), sent(2, 1, 6, 9), 0, 1),
        (sent(1, 1, 5, 0), sent(2, 1, 6, 9), 0, 1),
    ] {
        let verdict = by_content(&[wanted], &[present]);
        assert_eq!((verdict.same.len(), verdict.held.len()), (same, held), "{wanted:?} {present:?}");
    }
    let crowd: Vec<Portrait> = (10..20).map(|number| sent(number, 1, number as u8, number as u8)).collect();
    let verdict = by_content(&[sent(1, 1, 30, 13), sent(2, 1, 31, 40)], &crowd);
    assert_eq!(verdict.same, [(uid(1), uid(13))], "each is held against all that are like it");
    assert!(verdict.held.is_empty(), "{verdict:?}");
}

#[test]
fn a_record_that_does_not_tell_whom_its_message_went_to_is_no_proof() {
    let record = |number: u32| Portrait { envelope: None, ..sent(number, 1, 6, 9) };
    let verdict = by_content(&[sent(1, 1, 5, 8)], &[record(2)]);
    assert_eq!((verdict.same.len(), verdict.held.len()), (0, 1));
}

#[test]
fn what_is_doubted_is_compared_and_the_rest_stays_certain() {
    let mut verdict = by_header(
        &[outline(1, 5, 5, 100), outline(2, 6, 6, 100)],
        &[outline(8, 5, 5, 100), outline(9, 6, 6, 100)],
    );
    verdict.doubt(&[uid(9)].into_iter().collect());
    assert_eq!(texts(&verdict), (1, "2".into(), "9".into()));
}

proptest! {
    #[test]
    fn nothing_is_paired_twice_and_equal_octets_are_always_found(
        ours in prop::collection::vec((1_u8..4, 0_u8..3, 0_u8..3, 0_u8..3), 0..8),
        theirs in prop::collection::vec((1_u8..4, 0_u8..3, 0_u8..3, 0_u8..3), 0..8),
    ) {
        let make = |list: &[(u8, u8, u8, u8)]| -> Vec<Portrait> {
            let numbered = list.iter().enumerate();
            numbered.map(|(i, m)| portrait(i as u32 + 1, m.0, m.1, m.2, m.3)).collect()
        };
        let (wanted, present) = (make(&ours), make(&theirs));
        let verdict = by_content(&wanted, &present);
        let all = verdict.same.iter().chain(&verdict.held);
        let left: BTreeSet<Uid> = all.clone().map(|pair| pair.0).collect();
        let right: BTreeSet<Uid> = all.clone().map(|pair| pair.1).collect();
        prop_assert_eq!(left.len(), all.clone().count());
        prop_assert_eq!(right.len(), all.count());
        for content in 1_u8..4 {
            let hash = Some(ContentHash([content; 32]));
            let count = |list: &[Portrait]| list.iter().filter(|m| m.keys.content == hash).count();
            let of = |list: &[Portrait], uid: Uid| list.iter().find(|m| m.uid == uid).unwrap().keys.content;
            let is_found = |pair: &&(Uid, Uid)| of(&wanted, pair.0) == hash && of(&present, pair.1) == hash;
            let found = verdict.same.iter().filter(is_found).count();
            prop_assert_eq!(found, count(&wanted).min(count(&present)));
        }
    }
}
