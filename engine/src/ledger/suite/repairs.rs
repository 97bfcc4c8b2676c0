//! Notes on repaired messages, and acknowledged quarantine.
//! Never looks at what was repaired.

use malote_plan::record::State;
use malote_plan::uid_set::UidSet;

use super::{folder_in, key, note, repair, row, set, uid, validity};
use crate::ledger::Ledger;

pub(super) async fn acknowledged_notes_stay_so_until_a_new_note(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records: Vec<_> = (1..=4).map(|number| row(number, State::Quarantined, 0)).collect();
    ledger.record(folder, &records).await.unwrap();
    ledger.note_quarantine(folder, &[note(1, 1), note(2, 1), note(3, 1), note(4, 1)]).await.unwrap();
    for _ in 0..2 {
        ledger.acknowledge(folder, &set("2:3,9")).await.unwrap();
        ledger.acknowledge(folder, &UidSet::new()).await.unwrap();
        let notes = ledger.quarantine_notes(folder).await.unwrap();
        let acknowledged: Vec<_> = notes.iter().map(|note| note.is_acknowledged).collect();
        assert_eq!(acknowledged, [false, true, true, false]);
    }
    ledger.rebase_source(folder, validity(2), &[(uid(2), uid(7)), (uid(3), uid(8))]).await.unwrap();
    ledger.note_quarantine(folder, &[note(8, 2)]).await.unwrap();
    let notes = ledger.quarantine_notes(folder).await.unwrap();
    let found: Vec<_> = notes.iter().map(|note| (note.source_uid.get(), note.is_acknowledged)).collect();
    assert_eq!(found, [(7, true), (8, false)]);
    ledger.acknowledge(folder, &set("8")).await.unwrap();
    ledger.revoke_acknowledgements(folder, &set("3,7,9")).await.unwrap();
    ledger.revoke_acknowledgements(folder, &UidSet::new()).await.unwrap();
    let notes = ledger.quarantine_notes(folder).await.unwrap();
    let found: Vec<_> = notes.iter().map(|note| (note.source_uid.get(), note.is_acknowledged)).collect();
    assert_eq!(found, [(7, false), (8, true)]);
}

pub(super) async fn repairs_come_back_for_messages_that_are_there(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let (first, second) = (repair(1, "nul"), repair(2, "nul line_ends"));
    let repaired = [
        (row(2, State::Adopted, 12), second.clone()),
        (row(1, State::Copied, 0), repair(1, "date")),
        (row(1, State::Copied, 0), first.clone()),
    ];
    ledger.record_repaired(folder, &repaired).await.unwrap();
    ledger.record_repaired(folder, &[]).await.unwrap();
    assert_eq!(ledger.repair_notes(folder).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(super::pairs(ledger, folder).await, [(1, 0), (2, 12)]);
    ledger.record(folder, &[row(1, State::Copied, 11)]).await.unwrap();
    assert_eq!(ledger.repair_notes(folder).await.unwrap(), [first, second.clone()], "it was only located");
    ledger.record(folder, &[row(1, State::Quarantined, 0)]).await.unwrap();
    assert_eq!(ledger.repair_notes(folder).await.unwrap(), [second]);
    let other = folder_in(ledger, &key("B", "X"), (1, 9)).await;
    assert_eq!(ledger.repair_notes(other).await.unwrap(), []);
}

pub(super) async fn a_repair_follows_its_message_and_goes_with_it(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let all: Vec<_> = (1..=4).map(|at| (row(at, State::Copied, at + 10), repair(at, "nul"))).collect();
    ledger.record_repaired(folder, &all).await.unwrap();
    ledger.forget(folder, &set("4")).await.unwrap();
    ledger.record(folder, &[row(4, State::Copied, 24), row(5, State::Copied, 15)]).await.unwrap();
    let uids = async || -> Vec<u32> {
        ledger.repair_notes(folder).await.unwrap().iter().map(|note| note.source_uid.get()).collect()
    };
    assert_eq!(uids().await, [1, 2, 3], "what was copied anew as it is was not repaired");
    ledger
        .rebase_source(folder, validity(2), &[(uid(1), uid(2)), (uid(2), uid(1)), (uid(5), uid(5))])
        .await
        .unwrap();
    assert_eq!(uids().await, [1, 2]);
    assert_eq!(super::pairs(ledger, folder).await, [(1, 12), (2, 11), (5, 15)]);
    ledger.rebase_source(folder, validity(1), &[(uid(5), uid(3))]).await.unwrap();
    assert_eq!(uids().await, [] as [u32; 0], "another message is under that UID now");
    ledger.rebase_source(folder, validity(2), &[]).await.unwrap();
    assert_eq!(uids().await, [1, 2]);
    ledger.rebase_destination(folder, validity(10), &[(uid(2), uid(1))]).await.unwrap();
    ledger.record(folder, &[row(1, State::Copied, 5)]).await.unwrap();
    assert_eq!(uids().await, [2]);
}

pub(super) async fn noted_copies_are_found_in_every_source_generation(ledger: &impl Ledger) {
    let first = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let second = folder_in(ledger, &key("B", "X"), (7, 9)).await;
    let other = folder_in(ledger, &key("C", "Y"), (1, 9)).await;
    for (folder, source, repairs) in
        [(first, 1, "nul"), (first, 2, "nul date"), (first, 3, "nul"), (second, 4, "nul"), (other, 5, "nul")]
    {
        let repaired = (row(source, State::Adopted, source + 10), repair(source, repairs));
        ledger.record_repaired(folder, &[repaired]).await.unwrap();
    }
    ledger.record(first, &[row(6, State::Copied, 16)]).await.unwrap();
    ledger.rebase_source(first, validity(2), &[(uid(3), uid(8))]).await.unwrap();
    let noted = async |wire: &str, generation: u32, repairs: &str| {
        let wire = key("A", wire).destination_wire;
        ledger.noted_uids(&wire, validity(generation), repairs).await.unwrap().to_string()
    };
    assert_eq!(noted("X", 9, "nul").await, "11,13:14");
    assert_eq!(noted("X", 9, "nul date").await, "12");
    assert_eq!(noted("Y", 9, "nul").await, "15");
    assert_eq!((noted("X", 8, "nul").await, noted("X", 9, "").await), (String::new(), String::new()));
}
