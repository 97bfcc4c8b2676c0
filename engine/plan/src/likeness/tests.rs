//! What messages are to each other by what they say.
//! Never a message with octets: faces and texts are numbers here.

use super::*;
use alloc::vec;
use core::slice::from_ref;

/// A message to one person in one line: UID, Message-ID, date, sender, subject, plain, HTML, files; 0 is none.
fn likeness(numbers: [u8; 8]) -> Likeness {
    let key = |number: u8| (number > 0).then_some(HeaderKey([number; 16]));
    let [uid, id, date, sender, subject, plain, html, files] = numbers;
    let face = Face {
        uid: Uid::new(u32::from(uid)).unwrap(),
        message_id: key(id),
        made_id: None,
        addressed: Addressed::These(HeaderKey([1; 16])),
        address_bits: 1,
        unix_seconds: (date > 0).then_some(i64::from(date) * 60),
        sender: key(sender),
        subject: key(subject),
    };
    let files = HeaderKey([files; 16]);
    let named = vec![key(sender).map_or(Named::Unknown(NO_FILES), Named::Known)];
    let mut letters = [0; 16];
    letters[..4].copy_from_slice(&[subject, plain, html, files.0[0]]);
    let wording = Wording { letters: HeaderKey(letters), named };
    Likeness {
        face,
        plain: key(plain),
        html: key(html),
        files,
        wording,
        is_whole: true,
        is_earlier: false,
        imprint: None,
    }
}

fn check(wanted: [u8; 8], present: [u8; 8], same: usize, held: usize) {
    let (wanted, present) = ([likeness(wanted)], [likeness(present)]);
    let verdict = by_likeness(&wanted, &present);
    let found = (verdict.same.len(), verdict.held.len());
    assert_eq!(found, (same, held), "{wanted:?} {present:?}");
    let (ours, theirs) = candidates(&[wanted[0].face], &[present[0].face]);
    assert!(same + held == 0 || (ours.len(), theirs.len()) == (1, 1), "they are read: {wanted:?}");
}

#[test]
fn one_message_in_two_writings_is_known_by_all_that_it_says() {
    for (wanted, present) in [
        ([1, 7, 9, 3, 4, 5, 6, 0], [2, 7, 9, 3, 4, 5, 6, 0]),
        // Outlook made the plain text anew, or dropped one of the two.
        ([1, 7, 9, 3, 4, 50, 6, 0], [2, 7, 9, 3, 4, 5, 6, 0]),
        ([1, 7, 9, 3, 4, 0, 5, 0], [2, 7, 9, 3, 4, 5, 0, 0]),
        ([1, 7, 9, 0, 4, 5, 0, 0], [2, 7, 10, 3, 4, 5, 0, 0]),
        ([1, 7, 9, 3, 4, 0, 0, 8], [2, 7, 9, 3, 4, 0, 0, 8]),
        // The store's item lost its Message-ID.
        ([1, 0, 9, 3, 4, 5, 6, 8], [2, 7, 9, 3, 4, 5, 6, 8]),
    ] {
        check(wanted, present, 1, 0);
        check(present, wanted, 1, 0);
    }
}

#[test]
fn what_differs_in_anything_is_held_where_the_message_id_is_one() {
    for present in [
        [2, 7, 9, 3, 4, 5, 60, 8],
        [2, 7, 9, 3, 4, 5, 6, 80],
        [2, 7, 9, 3, 40, 5, 6, 8],
        [2, 7, 9, 30, 4, 5, 6, 8],
        [2, 7, 12, 3, 4, 5, 6, 8],
        [2, 7, 9, 3, 4, 0, 0, 8],
    ] {
        check([1, 7, 9, 3, 4, 5, 6, 8], present, 0, 1);
    }
}

#[test]
fn others_are_others() {
    for (wanted, present) in [
        ([1, 7, 9, 3, 4, 5, 6, 8], [2, 70, 9, 3, 4, 5, 6, 8]),
        ([1, 0, 9, 3, 4, 5, 6, 8], [2, 7, 10, 3, 4, 5, 6, 8]),
        ([1, 0, 9, 3, 4, 5, 6, 8], [2, 7, 9, 3, 40, 5, 6, 8]),
        ([1, 0, 9, 3, 4, 5, 0, 0], [2, 7, 9, 3, 4, 50, 0, 0]),
        ([1, 0, 9, 3, 4, 5, 0, 8], [2, 0, 9, 3, 4, 50, 0, 80]),
        ([1, 0, 0, 3, 4, 5, 0, 0], [2, 0, 0, 3, 4, 5, 0, 0]),
    ] {
        check(wanted, present, 0, 0);
    }
}

#[test]
fn without_a_message_id_half_an_agreement_is_a_doubt() {
    check([1, 0, 9, 3, 4, 5, 0, 8], [2, 7, 9, 3, 4, 5, 0, 80], 0, 1);
    check([1, 0, 9, 3, 4, 5, 0, 8], [2, 7, 9, 3, 4, 50, 0, 8], 0, 1);
    check([1, 0, 9, 3, 4, 0, 0, 0], [2, 7, 9, 3, 4, 0, 0, 0], 0, 1);
}

/// What a message without a Message-ID of its author's is to the same one with this face.
fn check_face(change: impl Fn(&mut Face), expected: (usize, usize)) {
    let one = likeness([1, 0, 9, 3, 4, 5, 0, 8]);
    let mut other = likeness([2, 7, 9, 3, 4, 5, 0, 8]);
    change(&mut other.face);
    for (one, other) in [(&one, &other), (&other, &one)] {
        let verdict = by_likeness(from_ref(one), from_ref(other));
        assert_eq!((verdict.same.len(), verdict.held.len()), expected, "{:?}", other.face);
    }
}

#[test]
fn without_a_message_id_those_who_wrote_and_got_it_must_be_the_same() {
    let key = |number: u8| HeaderKey([number; 16]);
    check_face(|_| {}, (1, 0));
    check_face(|face| face.addressed = Addressed::These(key(2)), (0, 0));
    check_face(|face| face.addressed = Addressed::Unclear(key(2)), (0, 1));
    check_face(|face| face.addressed = Addressed::Nobody, (0, 1));
    check_face(|face| face.sender = None, (0, 1));
    check_face(|face| face.sender = Some(key(30)), (0, 0));
}

#[test]
fn a_made_message_id_makes_a_message_of_another_date_one_that_may_be_the_same() {
    let made = |numbers: [u8; 8]| {
        let mut made = likeness(numbers);
        made.face.made_id = Some(HeaderKey([70; 16]));
        made
    };
    for (present, expected) in [
        ([2, 0, 9, 3, 4, 5, 0, 8], (1, 0)),
        ([2, 0, 90, 3, 4, 5, 0, 8], (1, 0)),
        ([2, 0, 9, 3, 40, 50, 0, 8], (0, 1)),
        ([2, 0, 90, 3, 4, 50, 0, 8], (0, 1)),
        ([2, 0, 90, 0, 4, 5, 0, 8], (1, 0)),
        ([2, 0, 90, 3, 40, 50, 0, 80], (0, 0)),
    ] {
        let (one, other) = (made([1, 0, 9, 3, 4, 5, 0, 8]), made(present));
        let verdict = by_likeness(from_ref(&one), from_ref(&other));
        assert_eq!((verdict.same.len(), verdict.held.len()), expected, "{present:?}");
        let (ours, theirs) = candidates(&[one.face], &[other.face]);
        assert_eq!((ours.len(), theirs.len()), (1, 1), "they are read: {present:?}");
    }
}

#[test]
fn items_without_dates_of_two_stores_that_went_on_apart_are_two() {
    let made = |numbers: [u8; 8]| {
        let mut made = likeness(numbers);
        made.face.made_id = Some(HeaderKey([70; 16]));
        made
    };
    let verdict = by_likeness(&[made([1, 0, 0, 3, 4, 5, 0, 8])], &[made([2, 0, 0, 3, 40, 50, 0, 8])]);
    assert_eq!((verdict.same.len(), verdict.held.len()), (0, 0));
}

#[test]
fn an_earlier_copy_of_an_item_that_was_edited_since_is_of_another_message() {
    let check = |wanted: [u8; 8], imprints: [u8; 2], expected: (usize, usize)| {
        let made = |numbers: [u8; 8], imprint: u8| {
            let mut made = likeness(numbers);
            made.imprint =
                (imprint > 0).then_some(Imprint([1, imprint, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
            made
        };
        let mut present = made([2, 7, 9, 3, 4, 5, 6, 8], imprints[1]);
        present.is_earlier = true;
        let verdict = by_likeness(&[made(wanted, imprints[0])], &[present]);
        assert_eq!((verdict.same.len(), verdict.held.len()), expected, "{wanted:?} {imprints:?}");
    };
    let (same, edited) = ([1, 7, 9, 3, 4, 5, 6, 8], [1, 7, 9, 3, 4, 50, 60, 8]);
    check(edited, [1, 2], (0, 0));
    check(edited, [1, 1], (0, 1));
    check(edited, [1, 0], (0, 1));
    check(same, [1, 2], (1, 0));
    check(same, [1, 1], (1, 0));
}

#[test]
fn an_earlier_copy_is_the_same_to_the_letter_or_it_is_held() {
    let check = |change: &dyn Fn(&mut Likeness), expected: (usize, usize)| {
        for is_earlier in [true, false] {
            let (mut one, mut other) =
                (likeness([1, 7, 9, 3, 4, 5, 6, 8]), likeness([2, 7, 9, 3, 4, 5, 6, 8]));
            other.is_earlier = is_earlier;
            change(&mut one);
            let verdict = by_likeness(&[one], &[other]);
            let expected = if is_earlier { expected } else { (1, 0) };
            assert_eq!((verdict.same.len(), verdict.held.len()), expected, "earlier: {is_earlier}");
        }
    };
    let key = |number: u8| HeaderKey([number; 16]);
    check(&|_| {}, (1, 0));
    check(&|one| one.wording.letters = key(50), (0, 1));
    check(&|one| one.face.unix_seconds = Some(9 * 60 + 60), (0, 1));
    check(&|one| one.wording.named = vec![Named::Unknown(key(30))], (1, 0));
    check(&|one| one.wording.named = vec![Named::Known(key(30))], (0, 1));
    check(&|one| one.wording.named = Vec::new(), (0, 1));
}

#[test]
fn one_message_id_to_wholly_other_people_is_a_doubt() {
    let check = |address_bits: u128, addressed: Addressed, expected: (usize, usize)| {
        let (mut one, other) = (likeness([1, 7, 9, 3, 4, 5, 6, 8]), likeness([2, 7, 9, 3, 4, 5, 6, 8]));
        (one.face.address_bits, one.face.addressed) = (address_bits, addressed);
        let verdict = by_likeness(&[one], &[other]);
        assert_eq!((verdict.same.len(), verdict.held.len()), expected, "{addressed:?}");
    };
    check(2, Addressed::These(HeaderKey([2; 16])), (0, 1));
    check(3, Addressed::These(HeaderKey([2; 16])), (1, 0));
    check(2, Addressed::Unclear(HeaderKey([2; 16])), (1, 0));
    check(0, Addressed::Nobody, (1, 0));
}

#[test]
fn what_was_not_looked_at_whole_is_never_the_same() {
    let (mut one, other) = (likeness([1, 7, 9, 3, 4, 5, 6, 8]), likeness([2, 7, 9, 3, 4, 5, 6, 8]));
    one.is_whole = false;
    let verdict = by_likeness(&[one], &[other]);
    assert_eq!((verdict.same.len(), verdict.held.len()), (0, 1));
}

#[test]
fn twins_need_as_many_partners_and_a_crowd_is_held_against_up_to_a_limit() {
    let twins = [likeness([1, 7, 9, 3, 4, 5, 6, 0]), likeness([2, 7, 9, 3, 4, 5, 6, 0])];
    let verdict = by_likeness(&twins, &[likeness([3, 7, 9, 3, 4, 5, 6, 0])]);
    assert_eq!((verdict.same.len(), verdict.held.len()), (1, 0));
    let other = |number: u32| {
        let mut other = likeness([1, 70, 9, 3, 4, 5, 6, 0]);
        other.face.uid = Uid::new(number).unwrap();
        other
    };
    let crowd: Vec<Likeness> = (1..=LOOK_ALIKES_MAX as u32 + 1).map(other).collect();
    let verdict = by_likeness(&[likeness([1, 0, 9, 3, 4, 50, 60, 0])], &crowd);
    assert_eq!((verdict.same.len(), verdict.held.len()), (0, 1), "the last was not looked at");
}
