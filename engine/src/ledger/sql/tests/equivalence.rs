//! Random calls on the ledger in memory and on one in a database leave the same to be seen.

use malote_plan::folder::WireName;
use malote_plan::message::{Flags, Uid};
use malote_plan::record::{QuarantineNote, Record, RepairNote, State};
use malote_plan::uid_set::UidSet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::{Config, TestRunner};

use crate::ledger::memory::MemoryLedger;
use crate::ledger::sql::SqliteLedger;
use crate::ledger::suite::{key, note, repair, row, uid, validity};
use crate::ledger::{FolderId, FolderRow, Ledger, Recorded, Tokens};

/// One call; folders and intents by their place among those made so far.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Folder(usize, usize),
    SetTokens(usize, u32, u32),
    Record(usize, Vec<Record>),
    SetFlags(usize, Vec<(Uid, Flags)>),
    Forget(usize, UidSet),
    RebaseSource(usize, u32, Vec<(Uid, Uid)>),
    RebaseDestination(usize, u32, Vec<(Uid, Uid)>),
    OpenIntent(usize, UidSet, u32),
    CloseIntent(usize, usize),
    Note(usize, Vec<QuarantineNote>),
    Acknowledge(usize, UidSet),
    Revoke(usize, UidSet),
    RecordRepaired(usize, Vec<(Record, RepairNote)>),
}

const NAMES: [&str; 3] = ["A", "B", "C"];
const TARGETS: [&str; 2] = ["X", "Y"];

pub(super) fn calls() -> impl Strategy<Value = Vec<Call>> {
    let uids = || (1_u32..12).prop_map(uid);
    let folders = || 0..NAMES.len();
    let pairs = || vec((uids(), uids()), 0..8);
    let set = || vec(uids(), 0..8).prop_map(UidSet::from_iter);
    let states = prop_oneof![
        4 => Just(State::Copied), 2 => Just(State::Adopted), 1 => Just(State::Collapsed), 2 => Just(State::Quarantined),
    ];
    let records =
        vec((1_u32..12, states, 0_u32..12).prop_map(|(source, state, to)| row(source, state, to)), 0..80);
    let flags =
        vec((uids(), "[a-c]{0,2} (\\\\Seen)?").prop_map(|(uid, text)| (uid, Flags::parse(&text))), 0..12);
    let notes = vec((1_u32..12, 0_u32..3).prop_map(|(source, attempts)| note(source, attempts)), 0..12);
    let mend = |(source, to): (u32, u32)| (row(source, State::Copied, to), repair(source, &to.to_string()));
    let repaired = vec((1_u32..12, 0_u32..12).prop_map(mend), 0..12);
    let call = Union::new_weighted(vec![
        (2, (folders(), 0..TARGETS.len()).prop_map(|(name, target)| Call::Folder(name, target)).boxed()),
        (1, (folders(), 0_u32..4, 0_u32..4).prop_map(|(at, from, to)| Call::SetTokens(at, from, to)).boxed()),
        (4, (folders(), records).prop_map(|(at, records)| Call::Record(at, records)).boxed()),
        (2, (folders(), flags).prop_map(|(at, flags)| Call::SetFlags(at, flags)).boxed()),
        (1, (folders(), set()).prop_map(|(at, uids)| Call::Forget(at, uids)).boxed()),
        (
            2,
            (folders(), 1_u32..4, pairs())
                .prop_map(|(at, to, moves)| Call::RebaseSource(at, to, moves))
                .boxed(),
        ),
        (
            2,
            (folders(), 1_u32..4, pairs())
                .prop_map(|(at, to, moves)| Call::RebaseDestination(at, to, moves))
                .boxed(),
        ),
        (1, (folders(), set(), 1_u32..4).prop_map(|(at, uids, to)| Call::OpenIntent(at, uids, to)).boxed()),
        (1, (folders(), 0_usize..6).prop_map(|(at, intent)| Call::CloseIntent(at, intent)).boxed()),
        (2, (folders(), notes).prop_map(|(at, notes)| Call::Note(at, notes)).boxed()),
        (1, (folders(), set()).prop_map(|(at, uids)| Call::Acknowledge(at, uids)).boxed()),
        (1, (folders(), set()).prop_map(|(at, uids)| Call::Revoke(at, uids)).boxed()),
        (2, (folders(), repaired).prop_map(|(at, repaired)| Call::RecordRepaired(at, repaired)).boxed()),
    ]);
    vec(call, 1..30)
}

/// Does one call where its folder has been made.
async fn act(ledger: &impl Ledger, call: &Call, intents: &mut Vec<i64>) {
    if let Call::Folder(name, target) = call {
        ledger.folder(&key(NAMES[*name], TARGETS[*target])).await.expect("folder");
        return;
    }
    let rows = ledger.folders().await.expect("folders");
    let id = |at: &usize| rows.get(*at % rows.len().max(1)).map(|row| row.id);
    match call {
        Call::Folder(..) => {}
        Call::SetTokens(at, from, to) => {
            let Some(id) = id(at) else { return };
            let tokens = Tokens {
                source_uid_validity: malote_plan::message::UidValidity::new(*from),
                destination_uid_validity: malote_plan::message::UidValidity::new(*to),
                is_complete: from == to,
                is_modseq_distrusted: from == to,
                ..Tokens::default()
            };
            ledger.set_tokens(id, &tokens).await.expect("set_tokens");
        }
        Call::Record(at, records) => {
            let Some(id) = id(at) else { return };
            ledger.record(id, records).await.expect("record");
        }
        Call::SetFlags(at, flags) => {
            let Some(id) = id(at) else { return };
            ledger.set_flags(id, flags).await.expect("set_flags");
        }
        Call::Forget(at, uids) => {
            let Some(id) = id(at) else { return };
            ledger.forget(id, uids).await.expect("forget");
        }
        Call::RebaseSource(at, to, moves) => {
            let Some(id) = id(at) else { return };
            ledger.rebase_source(id, validity(*to), moves).await.expect("rebase_source");
        }
        Call::RebaseDestination(at, to, moves) => {
            let Some(id) = id(at) else { return };
            ledger.rebase_destination(id, validity(*to), moves).await.expect("rebase_destination");
        }
        Call::OpenIntent(at, uids, to) => {
            let Some(id) = id(at) else { return };
            intents.push(ledger.open_intent(id, uids, validity(*to), 7).await.expect("open_intent"));
        }
        Call::CloseIntent(at, intent) => {
            let (Some(id), Some(intent)) = (id(at), intents.get(*intent)) else { return };
            ledger.close_intent(id, *intent).await.expect("close_intent");
        }
        Call::Note(at, notes) => {
            let Some(id) = id(at) else { return };
            ledger.note_quarantine(id, notes).await.expect("note_quarantine");
        }
        Call::Acknowledge(at, uids) => {
            let Some(id) = id(at) else { return };
            ledger.acknowledge(id, uids).await.expect("acknowledge");
        }
        Call::Revoke(at, uids) => {
            let Some(id) = id(at) else { return };
            ledger.revoke_acknowledgements(id, uids).await.expect("revoke_acknowledgements");
        }
        Call::RecordRepaired(at, repaired) => {
            let Some(id) = id(at) else { return };
            ledger.record_repaired(id, repaired).await.expect("record_repaired");
        }
    }
}

/// All that can be seen of a folder; numbers that an engine may choose are left out.
#[derive(Debug, PartialEq)]
struct Seen {
    row: FolderRow,
    recorded: Recorded,
    records: Vec<Record>,
    notes: Vec<QuarantineNote>,
    repairs: Vec<RepairNote>,
    intents: Vec<(String, u32, u32)>,
}

async fn seen(ledger: &impl Ledger) -> (Vec<Seen>, Vec<String>) {
    let mut folders = Vec::new();
    for (place, row) in ledger.folders().await.expect("folders").into_iter().enumerate() {
        let id = row.id;
        let intents = ledger.intents(id).await.expect("intents");
        folders.push(Seen {
            row: FolderRow { id: FolderId(place as i64), ..row },
            recorded: ledger.recorded(id).await.expect("recorded"),
            records: crate::ledger::suite::all(ledger, id).await,
            notes: ledger.quarantine_notes(id).await.expect("quarantine_notes"),
            repairs: ledger.repair_notes(id).await.expect("repair_notes"),
            intents: intents
                .iter()
                .map(|open| {
                    let generation = open.destination_uid_validity.get();
                    (open.source_uids.to_string(), generation, open.destination_uid_next)
                })
                .collect(),
        });
    }
    let mut known = Vec::new();
    for wire in TARGETS {
        for generation in 1..4 {
            let wire = WireName(wire.as_bytes().to_vec());
            let uids = ledger.destination_uids(&wire, validity(generation)).await.expect("destination_uids");
            known.push(uids.to_string());
        }
    }
    (folders, known)
}

/// Does all calls on both and compares what can be seen after each.
pub(super) async fn compare(calls: &[Call], ledger: &impl Ledger) -> Result<(), TestCaseError> {
    let memory = MemoryLedger::new();
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for call in calls {
        act(&memory, call, &mut here).await;
        act(ledger, call, &mut there).await;
        prop_assert_eq!(seen(&memory).await, seen(ledger).await, "after {:?}", call);
    }
    Ok(())
}

#[test]
fn a_file_and_memory_agree_on_any_calls() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let made = std::cell::Cell::new(0);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&calls(), |calls| {
        runtime.block_on(async {
            made.set(made.get() + 1);
            let path = folder.path().join(format!("{}.db", made.get()));
            let ledger = SqliteLedger::open(&path).await.expect("a new file opens");
            compare(&calls, &ledger).await
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
