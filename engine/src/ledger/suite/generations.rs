//! Generations of UIDs, and the rebases between them.
//! Never looks at intents or notes.

use malote_plan::message::{ModSeq, Uid};
use malote_plan::record::{Record, State};
use malote_plan::uid_set::UidSet;

use super::{all, claimed, folder_in, key, known, pairs, repair, row, set, uid, validity};
use crate::ledger::{FolderId, Ledger, Tokens};

fn moves(pairs: &[(u32, u32)]) -> Vec<(Uid, Uid)> {
    pairs.iter().map(|(from, to)| (uid(*from), uid(*to))).collect()
}

/// Copied records with the destination UID ten above their source UID.
fn copied(sources: &[u32]) -> Vec<Record> {
    sources.iter().map(|source| row(*source, State::Copied, source + 10)).collect()
}

async fn generations(ledger: &impl Ledger, folder: FolderId) -> (u32, u32) {
    let rows = ledger.folders().await.unwrap();
    let tokens = rows.iter().find(|row| row.id == folder).expect("the folder was made").tokens;
    let number =
        |validity: Option<malote_plan::message::UidValidity>| validity.map_or(0, |known| known.get());
    (number(tokens.source_uid_validity), number(tokens.destination_uid_validity))
}

async fn set_generations(ledger: &impl Ledger, folder: FolderId, generations: (u32, u32)) {
    let rows = ledger.folders().await.unwrap();
    let row = rows.iter().find(|row| row.id == folder).expect("the folder was made");
    assert_eq!(folder_in(ledger, &row.key, generations).await, folder);
}

pub(super) async fn records_belong_to_the_generation_in_force(ledger: &impl Ledger) {
    let folder = ledger.folder(&key("A", "X")).await.unwrap().id;
    ledger.record(folder, &copied(&[5])).await.unwrap();
    assert_eq!(pairs(ledger, folder).await, [(5, 15)], "before any generation is known");
    set_generations(ledger, folder, (1, 9)).await;
    assert_eq!(pairs(ledger, folder).await, []);
    ledger.record(folder, &copied(&[1, 2])).await.unwrap();
    set_generations(ledger, folder, (2, 9)).await;
    assert!(ledger.recorded(folder).await.unwrap().all().is_empty());
    ledger.record(folder, &copied(&[2, 3])).await.unwrap();
    ledger.forget(folder, &set("1:2")).await.unwrap();
    assert_eq!(pairs(ledger, folder).await, [(3, 13)]);
    set_generations(ledger, folder, (1, 9)).await;
    assert_eq!(pairs(ledger, folder).await, [(1, 11), (2, 12)]);
}

pub(super) async fn destination_uids_span_folders_and_source_generations(ledger: &impl Ledger) {
    let first = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let second = folder_in(ledger, &key("B", "X"), (7, 9)).await;
    let other = folder_in(ledger, &key("C", "Y"), (1, 9)).await;
    ledger.record(first, &copied(&[1, 2])).await.unwrap();
    ledger.record(first, &[row(3, State::Copied, 0), row(4, State::Collapsed, 50)]).await.unwrap();
    ledger.record(second, &copied(&[3, 9])).await.unwrap();
    ledger.record(other, &copied(&[80])).await.unwrap();
    set_generations(ledger, first, (2, 9)).await;
    ledger.record(first, &copied(&[30])).await.unwrap();
    assert_eq!(known(ledger, "X", 9).await, "11:13,19,40,50");
    set_generations(ledger, first, (2, 10)).await;
    ledger.record(first, &copied(&[31])).await.unwrap();
    assert_eq!(known(ledger, "X", 9).await, "11:13,19,40,50");
    assert_eq!(known(ledger, "X", 10).await, "41");
    ledger.folder(&key("A", "Y")).await.unwrap();
    assert_eq!(known(ledger, "X", 9).await, "13,19");
    assert_eq!(known(ledger, "Y", 9).await, "11:12,40,50,90");
}

pub(super) async fn a_source_rebase_moves_the_named_and_leaves_the_rest(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &copied(&[1, 2, 3])).await.unwrap();
    let before = all(ledger, folder).await;
    ledger.rebase_source(folder, validity(2), &moves(&[(1, 2), (2, 1), (8, 5)])).await.unwrap();
    assert_eq!(generations(ledger, folder).await, (2, 9));
    let moved = |from: usize, to: u32| Record { source_uid: uid(to), ..before[from].clone() };
    assert_eq!(all(ledger, folder).await, [moved(1, 1), moved(0, 2)]);
    assert_eq!(known(ledger, "X", 9).await, "11:13", "what stays behind counts for this");
    set_generations(ledger, folder, (1, 9)).await;
    assert_eq!(pairs(ledger, folder).await, [(3, 13)]);
}

pub(super) async fn a_source_rebase_may_swap_within_one_generation(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &copied(&[1, 2, 3, 4])).await.unwrap();
    ledger.rebase_source(folder, validity(1), &moves(&[(1, 2), (2, 3), (3, 1)])).await.unwrap();
    assert_eq!(pairs(ledger, folder).await, [(1, 13), (2, 11), (3, 12), (4, 14)]);
    ledger.rebase_source(folder, validity(1), &moves(&[(1, 4)])).await.unwrap();
    assert_eq!(pairs(ledger, folder).await, [(2, 11), (3, 12), (4, 13)]);
}

pub(super) async fn a_source_rebase_writes_over_a_generation_seen_before(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (2, 9)).await;
    ledger.record(folder, &copied(&[5, 6])).await.unwrap();
    set_generations(ledger, folder, (1, 9)).await;
    ledger.record(folder, &copied(&[1])).await.unwrap();
    ledger.rebase_source(folder, validity(2), &moves(&[(1, 5)])).await.unwrap();
    assert_eq!(pairs(ledger, folder).await, [(5, 11), (6, 16)]);
}

pub(super) async fn a_destination_rebase_keeps_the_named_alone(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &copied(&[1, 2, 3])).await.unwrap();
    let others = [
        row(4, State::Adopted, 14),
        row(5, State::Adopted, 15),
        row(6, State::Collapsed, 11),
        row(7, State::Collapsed, 12),
        row(8, State::Quarantined, 0),
    ];
    ledger.record(folder, &others).await.unwrap();
    let named = moves(&[(1, 102), (2, 101), (5, 105), (7, 101), (99, 199)]);
    ledger.rebase_destination(folder, validity(10), &named).await.unwrap();
    assert_eq!(generations(ledger, folder).await, (1, 10));
    let expected = [(1, 102), (2, 101), (5, 105), (6, 0), (7, 101), (8, 0)];
    assert_eq!(pairs(ledger, folder).await, expected, "no UID of the old generation is left");
    assert_eq!(known(ledger, "X", 10).await, "101:102,105");
    assert_eq!(known(ledger, "X", 9).await, "");
    let kept = &all(ledger, folder).await[0];
    assert_eq!(*kept, Record { destination_uid: Some(uid(102)), ..row(1, State::Copied, 0) });
}

pub(super) async fn a_destination_rebase_removes_older_source_generations(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &copied(&[1, 2])).await.unwrap();
    ledger.record(folder, &[row(3, State::Quarantined, 0)]).await.unwrap();
    set_generations(ledger, folder, (2, 9)).await;
    ledger.record(folder, &copied(&[1])).await.unwrap();
    ledger.rebase_destination(folder, validity(9), &moves(&[(1, 33)])).await.unwrap();
    assert_eq!(pairs(ledger, folder).await, [(1, 33)]);
    assert_eq!(known(ledger, "X", 9).await, "33");
    set_generations(ledger, folder, (1, 9)).await;
    assert_eq!(pairs(ledger, folder).await, [(3, 0)]);
}

pub(super) async fn rebasing_twice_is_rebasing_once(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &copied(&[1, 2, 3])).await.unwrap();
    for _ in 0..2 {
        ledger.rebase_destination(folder, validity(10), &moves(&[(1, 21), (2, 22)])).await.unwrap();
        assert_eq!(pairs(ledger, folder).await, [(1, 21), (2, 22)]);
    }
    for _ in 0..2 {
        ledger.rebase_source(folder, validity(2), &moves(&[(1, 41), (2, 42)])).await.unwrap();
        assert_eq!(pairs(ledger, folder).await, [(41, 21), (42, 22)]);
        assert_eq!(known(ledger, "X", 10).await, "21:22");
    }
}

pub(super) async fn a_rebase_takes_what_was_known_of_the_old_generation_with_it(ledger: &impl Ledger) {
    let folder = ledger.folder(&key("A", "X")).await.unwrap().id;
    let full = Tokens {
        source_uid_validity: Some(validity(1)),
        destination_uid_validity: Some(validity(9)),
        source_uid_next: 40,
        source_messages: 3,
        source_modseq: ModSeq::new(7),
        destination_uid_next: 50,
        destination_messages: 4,
        destination_modseq: ModSeq::new(8),
        is_complete: true,
        is_modseq_distrusted: true,
    };
    ledger.set_tokens(folder, &full).await.unwrap();
    ledger.rebase_source(folder, validity(2), &[]).await.unwrap();
    let expected = Tokens {
        source_uid_validity: Some(validity(2)),
        source_uid_next: 0,
        source_modseq: None,
        is_complete: false,
        ..full
    };
    assert_eq!(ledger.folders().await.unwrap()[0].tokens, expected);
    ledger.set_tokens(folder, &full).await.unwrap();
    ledger.rebase_destination(folder, validity(10), &[]).await.unwrap();
    let expected = Tokens {
        destination_uid_validity: Some(validity(10)),
        destination_uid_next: 0,
        destination_modseq: None,
        is_complete: false,
        ..full
    };
    assert_eq!(ledger.folders().await.unwrap()[0].tokens, expected);
}

pub(super) async fn what_a_rebase_left_behind_is_claimed_by_nobody_and_can_be_released(ledger: &impl Ledger) {
    let first = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let second = folder_in(ledger, &key("B", "X"), (7, 9)).await;
    let other = folder_in(ledger, &key("C", "Y"), (1, 9)).await;
    ledger.record(first, &copied(&[1, 2, 3])).await.unwrap();
    ledger.record_repaired(first, &[(row(4, State::Copied, 14), repair(4, "nul"))]).await.unwrap();
    ledger.record(second, &copied(&[9])).await.unwrap();
    ledger.record(other, &copied(&[2])).await.unwrap();
    assert_eq!(claimed(ledger, "X", 9).await, "11:14,19");
    ledger.rebase_source(first, validity(2), &moves(&[(1, 5)])).await.unwrap();
    ledger.rebase_source(other, validity(2), &[]).await.unwrap();
    assert_eq!(claimed(ledger, "X", 9).await, "11,19");
    assert_eq!(
        (claimed(ledger, "X", 8).await, claimed(ledger, "Y", 9).await),
        (String::new(), String::new())
    );
    let wire = key("A", "X").destination_wire;
    ledger.release(&wire, validity(8), &set("11:19")).await.unwrap();
    ledger.release(&wire, validity(9), &UidSet::new()).await.unwrap();
    assert_eq!(known(ledger, "X", 9).await, "11:14,19");
    ledger.release(&wire, validity(9), &set("11:12,14,19")).await.unwrap();
    assert_eq!(known(ledger, "X", 9).await, "11,13,19", "a claim in force stays, another copy too");
    assert_eq!(known(ledger, "Y", 9).await, "12", "another folder's copy is another");
    set_generations(ledger, first, (1, 9)).await;
    assert_eq!(pairs(ledger, first).await, [(3, 13)]);
    assert!(ledger.repair_notes(first).await.unwrap().is_empty());
}

pub(super) async fn imprints_are_known_of_what_stayed_behind(ledger: &impl Ledger) {
    let first = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let second = folder_in(ledger, &key("B", "X"), (7, 9)).await;
    let other = folder_in(ledger, &key("C", "Y"), (1, 9)).await;
    let rows = |sources: &[u32]| -> Vec<_> {
        sources.iter().map(|source| row(*source, State::Copied, source + 10)).collect()
    };
    ledger.record(first, &rows(&[1, 2, 3, 13])).await.unwrap();
    ledger.record(second, &rows(&[4])).await.unwrap();
    ledger.record(other, &rows(&[5])).await.unwrap();
    let known = async |wire: &str, generation: u32| -> Vec<(u32, u8)> {
        let wire = key("A", wire).destination_wire;
        let known = ledger.bygone_imprints(&wire, validity(generation)).await.unwrap();
        known.into_iter().map(|(uid, imprint)| (uid.get(), imprint.0[0])).collect()
    };
    assert_eq!(known("X", 9).await, [], "nothing is bygone yet");
    ledger.rebase_source(first, validity(2), &[(uid(3), uid(8))]).await.unwrap();
    ledger.rebase_source(other, validity(2), &[]).await.unwrap();
    assert_eq!(known("X", 9).await, [(11, 1), (12, 2)], "one moved on, and one has none");
    assert_eq!((known("Y", 9).await, known("X", 8).await), (vec![(15, 5)], Vec::new()));
    let moved = ledger.records(first, &set("8")).await.unwrap();
    assert_eq!(moved[0].keys.imprint, row(3, State::Copied, 0).keys.imprint);
    ledger.release(&key("A", "X").destination_wire, validity(9), &set("11")).await.unwrap();
    assert_eq!(known("X", 9).await, [(12, 2)]);
}
