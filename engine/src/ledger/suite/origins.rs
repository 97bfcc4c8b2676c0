//! Numbers by which messages are known wherever they stand.
//! Never looks at what was copied.

use malote_plan::labels::Origin;
use malote_plan::message::Uid;
use malote_plan::record::State;
use malote_plan::uid_set::UidSet;

use super::{folder_in, key, row, set, uid, validity};
use crate::ledger::{FolderId, Ledger, Numbered};

fn numbered(pairs: &[(u32, u64)]) -> Vec<Numbered> {
    let one = |(at, origin): &(u32, u64)| {
        let origin = Origin::new(*origin).expect("tests name real numbers");
        Numbered { uid: uid(*at), origin, octets: u64::MAX }
    };
    pairs.iter().map(one).collect()
}

/// Message asked, folder, UID there, state by its code, copy there.
async fn seen(ledger: &impl Ledger, folder: FolderId, asked: &str) -> Vec<(u32, i64, u32, i16, u32)> {
    let standing = ledger.standing(folder, &set(asked)).await.unwrap();
    let code = |state: Option<State>| state.map_or(0, State::code);
    standing
        .iter()
        .map(|one| {
            let copy = one.destination_uid.map_or(0, Uid::get);
            (one.asked.get(), one.folder.0, one.uid.get(), code(one.state), copy)
        })
        .collect()
}

pub(super) async fn a_message_is_known_wherever_it_stands(ledger: &impl Ledger) {
    let a = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let b = folder_in(ledger, &key("B", "Y"), (2, 9)).await;
    ledger.note_origins(a, &numbered(&[(1, 70), (2, u64::MAX), (3, 90)])).await.unwrap();
    ledger.note_origins(b, &numbered(&[(7, u64::MAX), (8, 70), (9, 100)])).await.unwrap();
    ledger.note_origins(b, &[]).await.unwrap();
    ledger.record(a, &[row(1, State::Copied, 11), row(3, State::Quarantined, 0)]).await.unwrap();
    ledger.record(b, &[row(7, State::Adopted, 0)]).await.unwrap();
    assert_eq!(ledger.known_origins(a).await.unwrap(), set("1:3"));
    assert_eq!(
        seen(ledger, b, "7:8").await,
        [(7, a.0, 2, 0, 0), (7, b.0, 7, 2, 0), (8, a.0, 1, 1, 11), (8, b.0, 8, 0, 0)]
    );
    assert_eq!(seen(ledger, a, "3:4000000000").await, [(3, a.0, 3, 4, 0)]);
    assert_eq!(ledger.standing(a, &UidSet::new()).await.unwrap(), []);
    ledger.rebase_destination(a, validity(10), &[(uid(1), uid(21))]).await.unwrap();
    assert_eq!(seen(ledger, b, "8").await, [(8, a.0, 1, 1, 21), (8, b.0, 8, 0, 0)]);
}

pub(super) async fn a_number_belongs_to_the_message_noted_last(ledger: &impl Ledger) {
    let folder = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    ledger.note_origins(folder, &numbered(&[(1, 70), (2, 80), (3, 70)])).await.unwrap();
    assert_eq!(ledger.known_origins(folder).await.unwrap(), set("2:3"));
    ledger.note_origins(folder, &numbered(&[(5, 80), (3, 90)])).await.unwrap();
    assert_eq!(seen(ledger, folder, "1:9").await, [(3, folder.0, 3, 0, 0), (5, folder.0, 5, 0, 0)]);
    ledger.note_origins(folder, &numbered(&[(6, 70), (6, 71)])).await.unwrap();
    assert_eq!(ledger.known_origins(folder).await.unwrap(), set("3,5:6"));
}

pub(super) async fn numbers_go_with_their_source_generation(ledger: &impl Ledger) {
    let a = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let b = folder_in(ledger, &key("B", "Y"), (1, 9)).await;
    ledger.note_origins(a, &numbered(&[(1, 70)])).await.unwrap();
    ledger.note_origins(b, &numbered(&[(1, 70)])).await.unwrap();
    ledger.rebase_source(a, validity(2), &[]).await.unwrap();
    assert_eq!(ledger.known_origins(a).await.unwrap(), UidSet::new());
    assert_eq!(seen(ledger, b, "1").await, [(1, b.0, 1, 0, 0)]);
    ledger.note_origins(a, &numbered(&[(4, 70)])).await.unwrap();
    assert_eq!(seen(ledger, b, "1").await, [(1, a.0, 4, 0, 0), (1, b.0, 1, 0, 0)]);
}

pub(super) async fn one_number_with_two_sizes_is_not_one_message(ledger: &impl Ledger) {
    let a = folder_in(ledger, &key("A", "X"), (1, 9)).await;
    let b = folder_in(ledger, &key("B", "Y"), (1, 9)).await;
    ledger.note_origins(a, &numbered(&[(1, 70)])).await.unwrap();
    let other = numbered(&[(5, 70)]).into_iter().map(|one| Numbered { octets: 0, ..one }).collect::<Vec<_>>();
    ledger.note_origins(b, &other).await.unwrap();
    assert_eq!(seen(ledger, a, "1").await, [(1, a.0, 1, 0, 0)]);
    assert_eq!(seen(ledger, b, "5").await, [(5, b.0, 5, 0, 0)]);
}
