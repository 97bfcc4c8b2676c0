//! Intents and quarantine notes.
//! Never looks at destination UIDs.

use malote_plan::record::{Intent, State};

use super::{folder_in, key, note, row, set, uid, validity};
use crate::ledger::Ledger;

pub(super) async fn intents_come_back_oldest_first_until_closed(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let mut expected = Vec::new();
    for (uids, generation, next) in [("7:9", 9, 5), ("1", 9, 1), ("2,4,6:4294967295", u32::MAX, u32::MAX)] {
        let (source_uids, destination_uid_validity) = (set(uids), validity(generation));
        let id = ledger.open_intent(folder, &source_uids, destination_uid_validity, next).await.unwrap();
        expected.push(Intent { id, source_uids, destination_uid_next: next, destination_uid_validity });
    }
    assert_eq!(ledger.intents(folder).await.unwrap(), expected);
    let last = expected.pop().expect("three were opened");
    for _ in 0..2 {
        ledger.close_intent(folder, last.id).await.unwrap();
        assert_eq!(ledger.intents(folder).await.unwrap(), expected);
    }
    let id = ledger.open_intent(folder, &set("5"), validity(9), 1).await.unwrap();
    assert!(id > last.id, "a number is never given out twice");
}

pub(super) async fn a_rebase_drops_the_folder_s_intents(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let other = folder_in(ledger, &key("B", "X"), (1, 9)).await;
    ledger.open_intent(other, &set("1"), validity(9), 1).await.unwrap();
    ledger.open_intent(folder, &set("1"), validity(9), 1).await.unwrap();
    ledger.rebase_source(folder, validity(2), &[]).await.unwrap();
    assert_eq!(ledger.intents(folder).await.unwrap(), []);
    ledger.open_intent(folder, &set("1"), validity(9), 1).await.unwrap();
    ledger.rebase_destination(folder, validity(10), &[]).await.unwrap();
    assert_eq!(ledger.intents(folder).await.unwrap(), []);
    assert_eq!(ledger.intents(other).await.unwrap().len(), 1);
}

pub(super) async fn notes_come_back_for_quarantined_messages(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.note_quarantine(folder, &[note(3, 1), note(1, 1), note(2, 1)]).await.unwrap();
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [], "none of them is in quarantine yet");
    let records = [row(1, State::Quarantined, 0), row(2, State::Copied, 12), row(3, State::Quarantined, 0)];
    ledger.record(folder, &records).await.unwrap();
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [note(1, 1), note(3, 1)]);
    for _ in 0..2 {
        ledger.note_quarantine(folder, &[note(3, u32::MAX)]).await.unwrap();
        assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [note(1, 1), note(3, u32::MAX)]);
    }
    ledger.record(folder, &[row(1, State::Copied, 11)]).await.unwrap();
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [note(3, u32::MAX)]);
    let other = folder_in(ledger, &key("B", "X"), (1, 9)).await;
    assert_eq!(ledger.quarantine_notes(other).await.unwrap(), []);
}

pub(super) async fn a_note_follows_its_message_through_a_rebase(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &[row(1, State::Quarantined, 0), row(2, State::Quarantined, 0)]).await.unwrap();
    ledger.note_quarantine(folder, &[note(1, 1), note(2, 2)]).await.unwrap();
    ledger.rebase_source(folder, validity(2), &[(uid(1), uid(2))]).await.unwrap();
    let mut moved = note(1, 1);
    moved.source_uid = uid(2);
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [moved.clone()]);
    ledger.rebase_destination(folder, validity(10), &[]).await.unwrap();
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [moved]);
}
