//! What any ledger must do, sentence by sentence of the trait. An implementer adds one line to its tests.
//! Never knows how a ledger keeps what it is told.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod batches;
mod folders;
mod generations;
mod intents;
mod origins;
mod records;
mod repairs;

use std::future::Future;

use malote_plan::folder::{FolderPath, WireName};
use malote_plan::message::{ContentHash, Flags, Uid, UidValidity};
use malote_plan::record::{HeaderKey, Imprint, Keys, QuarantineNote, Record, RepairNote, State};
use malote_plan::uid_set::UidSet;

use super::{FolderId, FolderKey, FolderRow, Ledger, Tokens};

/// Runs every check, each on a new, empty ledger that `make` gives.
///
/// # Panics
/// Where the ledger does not do what the trait says.
pub async fn suite<L, F>(make: impl Fn() -> F)
where
    L: Ledger,
    F: Future<Output = L>,
{
    folders::a_ledger_belongs_to_the_first_pair_that_claims_it(&make().await).await;
    folders::a_pair_of_folders_is_made_once_and_its_destination_follows(&make().await).await;
    folders::tokens_come_back_as_they_were_set(&make().await).await;
    folders::a_folder_that_was_never_made_is_refused(&make().await).await;
    folders::names_of_any_octets_and_letters_survive(&make().await).await;
    records::records_come_back_as_written_in_order(&make().await).await;
    records::a_later_record_replaces_an_earlier_one(&make().await).await;
    records::recorded_sorts_uids_by_what_became_of_them(&make().await).await;
    records::only_the_asked_records_come_back(&make().await).await;
    records::flags_are_set_on_records_that_exist(&make().await).await;
    records::forgotten_records_are_gone(&make().await).await;
    records::folders_do_not_see_each_other(&make().await).await;
    records::empty_inputs_change_nothing(&make().await).await;
    generations::records_belong_to_the_generation_in_force(&make().await).await;
    generations::destination_uids_span_folders_and_source_generations(&make().await).await;
    generations::a_source_rebase_moves_the_named_and_leaves_the_rest(&make().await).await;
    generations::a_source_rebase_may_swap_within_one_generation(&make().await).await;
    generations::a_source_rebase_writes_over_a_generation_seen_before(&make().await).await;
    generations::a_destination_rebase_keeps_the_named_alone(&make().await).await;
    generations::a_destination_rebase_removes_older_source_generations(&make().await).await;
    generations::rebasing_twice_is_rebasing_once(&make().await).await;
    generations::a_rebase_takes_what_was_known_of_the_old_generation_with_it(&make().await).await;
    generations::what_a_rebase_left_behind_is_claimed_by_nobody_and_can_be_released(&make().await).await;
    intents::intents_come_back_oldest_first_until_closed(&make().await).await;
    intents::a_rebase_drops_the_folder_s_intents(&make().await).await;
    intents::notes_come_back_for_quarantined_messages(&make().await).await;
    intents::a_note_follows_its_message_through_a_rebase(&make().await).await;
    repairs::acknowledged_notes_stay_so_until_a_new_note(&make().await).await;
    repairs::repairs_come_back_for_messages_that_are_there(&make().await).await;
    repairs::a_repair_follows_its_message_and_goes_with_it(&make().await).await;
    repairs::noted_copies_are_found_in_every_source_generation(&make().await).await;
    generations::imprints_are_known_of_what_stayed_behind(&make().await).await;
    origins::a_message_is_known_wherever_it_stands(&make().await).await;
    origins::a_number_belongs_to_the_message_noted_last(&make().await).await;
    origins::one_number_with_two_sizes_is_not_one_message(&make().await).await;
    origins::numbers_go_with_their_source_generation(&make().await).await;
    batches::five_thousand_rows_are_one_call(&make().await).await;
    batches::scattered_uids_are_found_and_forgotten(&make().await).await;
    batches::one_call_may_name_a_message_twice(&make().await).await;
    batches::calls_at_one_time_do_not_harm_each_other(&make().await).await;
    folders::a_closed_ledger_refuses(&make().await).await;
}

/// A UID.
pub(crate) fn uid(number: u32) -> Uid {
    Uid::new(number).expect("tests name real UIDs")
}

/// A generation.
pub(crate) fn validity(number: u32) -> UidValidity {
    UidValidity::new(number).expect("tests name real generations")
}

/// A set from `1:3,7`.
pub(crate) fn set(text: &str) -> UidSet {
    UidSet::parse(text).expect("tests write real sets")
}

/// The key of a folder called `name` that leads to `destination`.
pub(crate) fn key(name: &str, destination: &str) -> FolderKey {
    let path =
        |name: &str| FolderPath::new(vec!["Archive".into(), name.into()]).expect("names are not empty");
    FolderKey {
        source_wire: WireName(name.as_bytes().to_vec()),
        source_path: path(name),
        destination_path: path(destination),
        destination_wire: WireName(destination.as_bytes().to_vec()),
    }
}

/// A record with a destination UID where `destination` is not 0, and other fields that depend on `source`.
pub(crate) fn row(source: u32, state: State, destination: u32) -> Record {
    let octet = (source % 251) as u8;
    let header_key = |part: u32| (!source.is_multiple_of(part)).then_some(HeaderKey([octet; 16]));
    Record {
        source_uid: uid(source),
        state,
        destination_uid: Uid::new(destination),
        keys: Keys {
            content: (!source.is_multiple_of(2)).then_some(ContentHash([octet; 32])),
            body: header_key(3),
            strong: header_key(5),
            loose: header_key(7),
            imprint: (!source.is_multiple_of(13)).then_some(Imprint([octet; 16])),
        },
        octets: u64::from(source) * 1_000,
        internal_unix_seconds: (!source.is_multiple_of(11)).then_some(i64::from(source) - 100),
        flags: Flags::parse(if source.is_multiple_of(2) { r"\Seen $Forwarded" } else { "" }),
    }
}

/// A note on a message.
pub(crate) fn note(source: u32, attempts: u32) -> QuarantineNote {
    QuarantineNote {
        source_uid: uid(source),
        reason: "refused".into(),
        detail: format!("NO [LIMIT] message {source} is 'too' \"odd\"; naïve – 日本"),
        message_id: format!("<{source}@example.org>"),
        octets: u64::from(source) << 40,
        file: format!("ab/{source}.eml"),
        attempts,
        is_acknowledged: false,
    }
}

/// A note on a repaired message.
pub(crate) fn repair(source: u32, repairs: &str) -> RepairNote {
    RepairNote {
        source_uid: uid(source),
        findings: "nul bare_line_feed".into(),
        repairs: repairs.into(),
        message_id: format!("<{source}@example.org>"),
        file: format!("ab/{source}.eml"),
        octets: u64::from(source) << 40,
        // A changed message is no item's.
        keys: Keys { imprint: None, ..row(source * 2 + 1, State::Copied, 1).keys },
    }
}

/// A folder whose generations are `source` and `destination`.
pub(crate) async fn folder_in(ledger: &impl Ledger, key: &FolderKey, generations: (u32, u32)) -> FolderId {
    let FolderRow { id, .. } = ledger.folder(key).await.unwrap();
    let tokens = Tokens {
        source_uid_validity: UidValidity::new(generations.0),
        destination_uid_validity: UidValidity::new(generations.1),
        ..Tokens::default()
    };
    ledger.set_tokens(id, &tokens).await.unwrap();
    id
}

/// Every record of the current generation.
pub(crate) async fn all(ledger: &impl Ledger, folder: FolderId) -> Vec<Record> {
    ledger.records(folder, &set("1:4294967295")).await.unwrap()
}

/// The source and destination UIDs of every record of the current generation; 0 for none.
pub(crate) async fn pairs(ledger: &impl Ledger, folder: FolderId) -> Vec<(u32, u32)> {
    let records = all(ledger, folder).await;
    records.iter().map(|row| (row.source_uid.get(), row.destination_uid.map_or(0, Uid::get))).collect()
}

/// The text of the destination UIDs known under a wire name and generation.
pub(crate) async fn known(ledger: &impl Ledger, wire: &str, generation: u32) -> String {
    let wire = WireName(wire.as_bytes().to_vec());
    ledger.destination_uids(&wire, validity(generation)).await.unwrap().to_string()
}

/// The text of those of them that the source generations in force claim.
pub(crate) async fn claimed(ledger: &impl Ledger, wire: &str, generation: u32) -> String {
    let wire = WireName(wire.as_bytes().to_vec());
    ledger.claimed_uids(&wire, validity(generation)).await.unwrap().to_string()
}
