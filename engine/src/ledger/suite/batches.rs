//! Calls on many rows, and many calls at one time.
//! Never measures time.

use futures_util::future::join_all;
use malote_plan::message::Flags;
use malote_plan::record::{Record, State};
use malote_plan::uid_set::UidSet;

use super::{all, folder_in, key, known, note, pairs, row, set, uid, validity};
use crate::ledger::Ledger;

/// More than any ledger's longest statement, and no multiple of its lengths.
const ROWS: u32 = 5_003;

pub(super) async fn five_thousand_rows_are_one_call(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records: Vec<Record> = (1..=ROWS).map(|number| row(number, State::Copied, number + 10_000)).collect();
    ledger.record(folder, &records).await.unwrap();
    assert_eq!(all(ledger, folder).await, records);
    assert_eq!(ledger.recorded(folder).await.unwrap().copied.to_string(), format!("1:{ROWS}"));
    let flags: Vec<_> = (1..=ROWS).map(|number| (uid(number), Flags::parse(&format!("k{number}")))).collect();
    ledger.set_flags(folder, &flags).await.unwrap();
    assert!(
        all(ledger, folder).await.iter().map(|record| &record.flags).eq(flags.iter().map(|pair| &pair.1))
    );
    let notes: Vec<_> = (1..=ROWS).map(|number| note(number, 1)).collect();
    ledger.note_quarantine(folder, &notes).await.unwrap();
    let moves: Vec<_> = (1..=ROWS).map(|number| (uid(number), uid(ROWS + 1 - number))).collect();
    ledger.rebase_source(folder, validity(2), &moves).await.unwrap();
    let turned: Vec<_> = (1..=ROWS).map(|number| (number, ROWS + 1 - number + 10_000)).collect();
    assert_eq!(pairs(ledger, folder).await, turned);
    ledger.rebase_destination(folder, validity(10), &moves).await.unwrap();
    assert_eq!(known(ledger, "X", 10).await, format!("1:{ROWS}"));
    assert_eq!(known(ledger, "X", 9).await, "");
}

pub(super) async fn scattered_uids_are_found_and_forgotten(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records: Vec<Record> = (1..=ROWS).map(|number| row(number, State::Adopted, number)).collect();
    ledger.record(folder, &records).await.unwrap();
    let odd: UidSet = (1..=ROWS).filter(|number| number % 2 == 1).map(uid).collect();
    let found: UidSet =
        ledger.records(folder, &odd).await.unwrap().iter().map(|row| row.source_uid).collect();
    assert_eq!(found, odd);
    ledger.forget(folder, &odd).await.unwrap();
    assert_eq!(ledger.recorded(folder).await.unwrap().all(), set(&format!("1:{ROWS}")).difference(&odd));
}

pub(super) async fn one_call_may_name_a_message_twice(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &[row(1, State::Copied, 11), row(1, State::Quarantined, 0)]).await.unwrap();
    assert_eq!(all(ledger, folder).await, [row(1, State::Quarantined, 0)]);
    let flags = [(uid(1), Flags::parse("first")), (uid(1), Flags::parse("last"))];
    ledger.set_flags(folder, &flags).await.unwrap();
    assert_eq!(all(ledger, folder).await[0].flags, flags[1].1);
    ledger.note_quarantine(folder, &[note(1, 1), note(1, 2)]).await.unwrap();
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), [note(1, 2)]);
}

pub(super) async fn calls_at_one_time_do_not_harm_each_other(ledger: &impl Ledger) {
    let calls = (0..16_u32).map(|lane| async move {
        let folder = folder_in(ledger, &key(&format!("F{lane}"), "X"), (1, 9)).await;
        for start in [1, 101, 201] {
            let uids: UidSet = (start..start + 100).map(uid).collect();
            let intent = ledger.open_intent(folder, &uids, validity(9), start).await.unwrap();
            let records: Vec<_> = uids.iter().map(|uid| row(uid.get(), State::Copied, uid.get())).collect();
            ledger.record(folder, &records).await.unwrap();
            ledger.close_intent(folder, intent).await.unwrap();
        }
        folder
    });
    for folder in join_all(calls).await {
        assert_eq!(ledger.recorded(folder).await.unwrap().copied, set("1:300"));
        assert_eq!(ledger.intents(folder).await.unwrap(), []);
    }
}
