//! Records within one generation.
//! Never rebases.

use malote_plan::message::Flags;
use malote_plan::record::State;
use malote_plan::uid_set::UidSet;

use super::{all, folder_in, key, known, pairs, row, set, uid};
use crate::ledger::{Ledger, Recorded};

pub(super) async fn records_come_back_as_written_in_order(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let mut records: Vec<_> = (1..=40).map(|number| row(number, State::Copied, number + 100)).collect();
    records[3].octets = u64::MAX;
    records[4].internal_unix_seconds = Some(i64::MIN);
    records[5].internal_unix_seconds = Some(i64::MAX);
    records[6].flags = Flags::parse(r"\Answered \Deleted \Flagged $MDNSent NonJunk été");
    records[7] = row(u32::MAX, State::Adopted, u32::MAX);
    let shuffled: Vec<_> = records.iter().rev().cloned().collect();
    ledger.record(folder, &shuffled).await.unwrap();
    records.sort_by_key(|record| record.source_uid);
    assert_eq!(all(ledger, folder).await, records);
    let written: Vec<_> = all(ledger, folder).await.iter().map(|record| record.flags.to_string()).collect();
    let expected: Vec<_> = records.iter().map(|record| record.flags.to_string()).collect();
    assert_eq!(written, expected, "the case of each flag is kept");
}

pub(super) async fn a_later_record_replaces_an_earlier_one(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &[row(1, State::Copied, 0), row(2, State::Quarantined, 0)]).await.unwrap();
    let mut later = row(15, State::Adopted, 77);
    later.source_uid = uid(1);
    for _ in 0..2 {
        ledger.record(folder, std::slice::from_ref(&later)).await.unwrap();
        assert_eq!(all(ledger, folder).await, [later.clone(), row(2, State::Quarantined, 0)]);
        assert_eq!(known(ledger, "X", 9).await, "77");
    }
}

pub(super) async fn recorded_sorts_uids_by_what_became_of_them(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    assert_eq!(ledger.recorded(folder).await.unwrap(), Recorded::default());
    let records = [
        row(1, State::Copied, 11),
        row(2, State::Copied, 12),
        row(3, State::Copied, 0),
        row(4, State::Adopted, 14),
        row(5, State::Adopted, 0),
        row(6, State::Collapsed, 11),
        row(7, State::Collapsed, 0),
        row(8, State::Quarantined, 0),
    ];
    ledger.record(folder, &records).await.unwrap();
    let expected = Recorded {
        copied: set("1:3"),
        adopted: set("4:5"),
        collapsed: set("6:7"),
        quarantined: set("8"),
        unlocated: set("3,5"),
    };
    assert_eq!(ledger.recorded(folder).await.unwrap(), expected);
}

pub(super) async fn only_the_asked_records_come_back(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records: Vec<_> = (1..=9).map(|number| row(number * 10, State::Copied, number)).collect();
    ledger.record(folder, &records).await.unwrap();
    for (asked, expected) in [
        ("10", vec![10]),
        ("1:9", vec![]),
        ("15:35,90", vec![20, 30, 90]),
        ("1:4294967295", (1..=9).map(|number| number * 10).collect()),
        ("91:4294967295", vec![]),
    ] {
        let found = ledger.records(folder, &set(asked)).await.unwrap();
        let found: Vec<_> = found.iter().map(|record| record.source_uid.get()).collect();
        assert_eq!(found, expected, "{asked}");
    }
}

pub(super) async fn flags_are_set_on_records_that_exist(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records = [row(1, State::Copied, 11), row(2, State::Adopted, 12), row(3, State::Quarantined, 0)];
    ledger.record(folder, &records).await.unwrap();
    let flags = [
        (uid(1), Flags::parse(r"\Draft custom1")),
        (uid(2), Flags::default()),
        (uid(99), Flags::parse(r"\Seen")),
    ];
    for _ in 0..2 {
        ledger.set_flags(folder, &flags).await.unwrap();
        let mut expected = records.to_vec();
        expected[0].flags = flags[0].1.clone();
        expected[1].flags = Flags::default();
        assert_eq!(all(ledger, folder).await, expected);
    }
}

pub(super) async fn forgotten_records_are_gone(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let records: Vec<_> = (1..=9).map(|number| row(number, State::Copied, number + 10)).collect();
    ledger.record(folder, &records).await.unwrap();
    for _ in 0..2 {
        ledger.forget(folder, &set("2:4,7,50:60")).await.unwrap();
        assert_eq!(pairs(ledger, folder).await, [(1, 11), (5, 15), (6, 16), (8, 18), (9, 19)]);
        assert_eq!(known(ledger, "X", 9).await, "11,15:16,18:19");
    }
}

pub(super) async fn folders_do_not_see_each_other(ledger: &impl Ledger) {
    let first = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let second = folder_in(ledger, &key("B", "Y"), (1, 9)).await;
    ledger.record(first, &[row(1, State::Copied, 11), row(2, State::Copied, 12)]).await.unwrap();
    ledger.record(second, &[row(1, State::Adopted, 21), row(2, State::Adopted, 22)]).await.unwrap();
    ledger.open_intent(first, &set("3"), super::validity(9), 13).await.unwrap();
    let other = ledger.open_intent(second, &set("3"), super::validity(9), 23).await.unwrap();
    ledger.close_intent(first, other).await.unwrap();
    ledger.set_flags(first, &[(uid(1), Flags::parse("mine"))]).await.unwrap();
    ledger.forget(first, &set("2")).await.unwrap();
    ledger.rebase_source(first, super::validity(2), &[(uid(1), uid(2))]).await.unwrap();
    ledger.rebase_destination(first, super::validity(8), &[]).await.unwrap();
    assert_eq!(pairs(ledger, first).await, []);
    assert_eq!(all(ledger, second).await, [row(1, State::Adopted, 21), row(2, State::Adopted, 22)]);
    assert_eq!(ledger.intents(second).await.unwrap().len(), 1);
    assert_eq!(known(ledger, "Y", 9).await, "21:22");
}

pub(super) async fn empty_inputs_change_nothing(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.record(folder, &[row(1, State::Copied, 11)]).await.unwrap();
    ledger.record(folder, &[]).await.unwrap();
    ledger.set_flags(folder, &[]).await.unwrap();
    ledger.forget(folder, &UidSet::new()).await.unwrap();
    ledger.note_quarantine(folder, &[]).await.unwrap();
    assert_eq!(ledger.records(folder, &UidSet::new()).await.unwrap(), []);
    assert_eq!(all(ledger, folder).await, [row(1, State::Copied, 11)]);
    assert_eq!(known(ledger, "nowhere", 9).await, "");
    assert_eq!(ledger.intents(folder).await.unwrap(), []);
    assert_eq!(ledger.quarantine_notes(folder).await.unwrap(), []);
}
