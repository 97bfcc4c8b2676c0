//! What each call of a ledger does on a connection, within a transaction where it writes.
//! Never begins, commits or rolls back: the caller does.

use std::collections::BTreeMap;

use malote_plan::folder::WireName;
use malote_plan::message::{Flags, Uid, UidValidity};
use malote_plan::record::{Imprint, Intent, QuarantineNote, Record};
use malote_plan::uid_set::UidSet;

use super::error::Broken;
use super::queries::{self, Batch};
use super::session::{Bind, Row, Session};
use super::{FolderId, FolderKey, FolderRow, PairIdentity, Recorded, Tokens, origins, repairs, rows};
use crate::ledger::batch::{Ranges, latest, one_to_one};

pub(super) type Done<T> = Result<T, Broken>;

/// The generations in force, 0 where none is known.
pub(super) struct Generations {
    pub(super) source: i64,
    pub(super) destination: i64,
}

pub(super) async fn collect<S: Session, T: Send>(
    session: &mut S,
    text: &str,
    binds: Vec<Bind>,
    read: impl Fn(&dyn Row) -> Done<T> + Send + Sync,
) -> Done<Vec<T>> {
    let mut values = Vec::new();
    session
        .rows(text, binds, &mut |row| {
            values.push(read(row)?);
            Ok(())
        })
        .await?;
    Ok(values)
}

/// Runs a batch statement over all items, in pieces of few sizes.
pub(super) async fn run_batch<S: Session, T: Sync>(
    session: &mut S,
    batch: Batch,
    shared: &[i64],
    items: &[T],
    bind: impl Fn(&T, &mut Vec<Bind>) + Send + Sync,
) -> Done<()> {
    for piece in pieces(items, S::BATCH_ROWS) {
        let binds = piece_binds(shared, piece, &bind);
        session.run(&batch.text(piece.len()), binds).await?;
    }
    Ok(())
}

pub(super) fn piece_binds<T>(shared: &[i64], piece: &[T], bind: &impl Fn(&T, &mut Vec<Bind>)) -> Vec<Bind> {
    let mut binds: Vec<Bind> = shared.iter().copied().map(Bind::Int).collect();
    piece.iter().for_each(|item| bind(item, &mut binds));
    binds
}

/// Cuts items into pieces whose lengths are among `sizes`, which fall and end with 1.
pub(super) fn pieces<'a, T>(mut items: &'a [T], sizes: &[usize]) -> Vec<&'a [T]> {
    let mut pieces = Vec::new();
    for &size in sizes {
        while items.len() >= size {
            let (piece, rest) = items.split_at(size);
            pieces.push(piece);
            items = rest;
        }
    }
    assert!(items.is_empty(), "the last size is 1");
    pieces
}

pub(super) fn pair_binds(pair: &(Uid, Uid), binds: &mut Vec<Bind>) {
    binds.extend([pair.0, pair.1].map(|uid| Bind::Int(i64::from(uid.get()))));
}

pub(super) fn range_binds(range: &(u32, u32), binds: &mut Vec<Bind>) {
    binds.extend([range.0, range.1].map(|uid| Bind::Int(i64::from(uid))));
}

/// The shared binds of ascending ranges: those given, and the ranges' bounds.
pub(super) fn bounded([folder, generation]: [i64; 2], ranges: &[(u32, u32)]) -> [i64; 4] {
    let low = ranges.first().map_or(0, |range| range.0);
    let high = ranges.last().map_or(0, |range| range.1);
    [folder, generation, i64::from(low), i64::from(high)]
}

/// Reads a folder's generations, and proves that it is this ledger's.
pub(super) async fn generations<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
) -> Done<Generations> {
    let binds = vec![Bind::Int(ledger), Bind::Int(folder.0)];
    let found = collect(session, queries::GENERATIONS, binds, |row| {
        Ok(Generations { source: row.int(0)?, destination: row.int(1)? })
    });
    found.await?.pop().ok_or(Broken::UnknownFolder(folder))
}

/// Claims the ledger where nobody has; whose it is then.
pub(super) async fn claim<S: Session>(
    session: &mut S,
    ledger: i64,
    asked: &PairIdentity,
) -> Done<PairIdentity> {
    let owners = collect(session, queries::OWNER, vec![Bind::Int(ledger)], |row| {
        Ok(PairIdentity { source: row.text(0)?, destination: row.text(1)? })
    });
    let owner = owners.await?.pop().ok_or(Broken::Row { table: "ledger", column: "id" })?;
    if !(owner.source.is_empty() && owner.destination.is_empty()) {
        return Ok(owner);
    }
    let binds = vec![Bind::Int(ledger), Bind::text(&asked.source), Bind::text(&asked.destination)];
    session.run(queries::CLAIM, binds).await?;
    Ok(asked.clone())
}

pub(super) async fn folders<S: Session>(session: &mut S, ledger: i64) -> Done<Vec<FolderRow>> {
    collect(session, queries::FOLDERS, vec![Bind::Int(ledger)], rows::folder).await
}

pub(super) async fn folder<S: Session>(session: &mut S, ledger: i64, key: &FolderKey) -> Done<FolderRow> {
    let binds = vec![
        Bind::Int(ledger),
        Bind::Octets(key.source_wire.0.clone()),
        rows::path_bind(&key.source_path),
        Bind::Octets(key.destination_wire.0.clone()),
        rows::path_bind(&key.destination_path),
    ];
    let found = collect(session, queries::FOLDER, binds, rows::folder).await?.pop();
    found.ok_or(Broken::Row { table: "folder", column: "id" })
}

pub(super) async fn set_tokens<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    tokens: &Tokens,
) -> Done<()> {
    generations(session, ledger, folder).await?;
    session.run(queries::SET_TOKENS, rows::tokens_binds(folder, tokens)).await
}

pub(super) async fn recorded<S: Session>(session: &mut S, ledger: i64, folder: FolderId) -> Done<Recorded> {
    let current = generations(session, ledger, folder).await?.source;
    let mut recorded = Recorded::default();
    session
        .rows(queries::RECORDED, vec![Bind::Int(folder.0), Bind::Int(current)], &mut |row| {
            let (uid, state, is_located) = rows::outcome(row)?;
            recorded.add(uid, state, is_located);
            Ok(())
        })
        .await?;
    Ok(recorded)
}

pub(super) async fn records<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    uids: &UidSet,
) -> Done<Vec<Record>> {
    let current = generations(session, ledger, folder).await?.source;
    let mut records = Vec::new();
    for piece in pieces(uids.ranges(), S::BATCH_ROWS) {
        let binds = piece_binds(&bounded([folder.0, current], piece), piece, &range_binds);
        records.extend(collect(session, &queries::RECORDS.text(piece.len()), binds, rows::record).await?);
    }
    records.sort_by_key(|record| record.source_uid);
    Ok(records)
}

pub(super) async fn record<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    records: &[Record],
) -> Done<()> {
    let current = generations(session, ledger, folder).await?;
    let records: Vec<&Record> = latest(records, |record| record.source_uid).into_values().collect();
    let shared = [folder.0, current.source, current.destination];
    run_batch(session, queries::RECORD, &shared, &records, |record, binds| rows::record_binds(record, binds))
        .await
}

pub(super) async fn set_flags<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    flags: &[(Uid, Flags)],
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    let flags: Vec<&(Uid, Flags)> = latest(flags, |pair| pair.0).into_values().collect();
    run_batch(session, queries::SET_FLAGS, &[folder.0, current], &flags, |(uid, flags), binds| {
        binds.extend([Bind::Int(i64::from(uid.get())), Bind::text(&flags.to_string())]);
    })
    .await
}

pub(super) async fn forget<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    uids: &UidSet,
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    for piece in pieces(uids.ranges(), S::BATCH_ROWS) {
        let binds = piece_binds(&bounded([folder.0, current], piece), piece, &range_binds);
        session.run(&queries::FORGET.text(piece.len()), binds).await?;
    }
    session.run(repairs::DROP_LONE_REPAIRS, vec![Bind::Int(folder.0)]).await
}

pub(super) async fn destination_uids<S: Session>(
    session: &mut S,
    text: &str,
    ledger: i64,
    (destination_wire, uid_validity): (&WireName, UidValidity),
) -> Done<UidSet> {
    let binds = vec![
        Bind::Int(ledger),
        Bind::Octets(destination_wire.0.clone()),
        Bind::Int(i64::from(uid_validity.get())),
    ];
    let mut ranges = Ranges::default();
    session
        .rows(text, binds, &mut |row| {
            rows::destination_uid(row, 0)?.into_iter().for_each(|uid| ranges.push(uid));
            Ok(())
        })
        .await?;
    Ok(ranges.into_set())
}

pub(super) async fn release<S: Session>(
    session: &mut S,
    ledger: i64,
    (destination_wire, uid_validity): (&WireName, UidValidity),
    uids: &UidSet,
) -> Done<()> {
    let validity = Bind::Int(i64::from(uid_validity.get()));
    let binds = vec![Bind::Int(ledger), Bind::Octets(destination_wire.0.clone()), validity];
    let bygone = collect(session, queries::BYGONE, binds, |row| {
        let source = u32::try_from(row.int(2)?).ok().and_then(Uid::new);
        Ok((row.int(0)?, row.int(1)?, source, rows::destination_uid(row, 3)?))
    });
    let mut gone: BTreeMap<(i64, i64), Vec<Uid>> = BTreeMap::new();
    for (folder, generation, source, destination) in bygone.await? {
        if destination.is_some_and(|uid| uids.contains(uid)) {
            gone.entry((folder, generation)).or_default().extend(source);
        }
    }
    for ((folder, generation), sources) in gone {
        let sources: UidSet = sources.into_iter().collect();
        for piece in pieces(sources.ranges(), S::BATCH_ROWS) {
            let binds = piece_binds(&bounded([folder, generation], piece), piece, &range_binds);
            session.run(&queries::FORGET.text(piece.len()), binds).await?;
        }
        session.run(repairs::DROP_LONE_REPAIRS, vec![Bind::Int(folder)]).await?;
    }
    Ok(())
}

pub(super) async fn bygone_imprints<S: Session>(
    session: &mut S,
    ledger: i64,
    (destination_wire, uid_validity): (&WireName, UidValidity),
) -> Done<BTreeMap<Uid, Imprint>> {
    let validity = Bind::Int(i64::from(uid_validity.get()));
    let binds = vec![Bind::Int(ledger), Bind::Octets(destination_wire.0.clone()), validity];
    let found = collect(session, queries::BYGONE_IMPRINTS, binds, rows::bygone_imprint).await?;
    Ok(found.into_iter().flatten().collect())
}

pub(super) async fn rebase_source<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    uid_validity: UidValidity,
    moves: &[(Uid, Uid)],
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    let moves: Vec<(Uid, Uid)> = one_to_one(moves).into_iter().collect();
    let (shared, next) = ([folder.0, current], [folder.0, i64::from(uid_validity.get())]);
    run_batch(session, queries::MOVE, &shared, &moves, pair_binds).await?;
    run_batch(session, queries::MOVE_NOTES, &shared, &moves, pair_binds).await?;
    run_batch(session, repairs::MOVE_REPAIRS, &shared, &moves, pair_binds).await?;
    for text in [
        repairs::CLEAR_LANDING_REPAIRS,
        repairs::LAND_REPAIRS,
        queries::CLEAR_LANDING,
        queries::LAND,
        queries::CLEAR_LANDING_NOTES,
        queries::LAND_NOTES,
        queries::SET_SOURCE_GENERATION,
    ] {
        session.run(text, next.map(Bind::Int).to_vec()).await?;
    }
    session.run(origins::DROP_ORIGINS, vec![Bind::Int(folder.0)]).await?;
    session.run(queries::DROP_INTENTS, vec![Bind::Int(folder.0)]).await
}

pub(super) async fn rebase_destination<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    uid_validity: UidValidity,
    moves: &[(Uid, Uid)],
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    let named: Vec<(Uid, Uid)> = latest(moves, |pair| pair.0).into_values().copied().collect();
    run_batch(session, queries::LOCATE, &[folder.0, current], &named, pair_binds).await?;
    for text in
        [queries::DROP_UNNAMED, queries::UNLOCATE_UNNAMED, repairs::DROP_LONE_REPAIRS, queries::DROP_INTENTS]
    {
        session.run(text, vec![Bind::Int(folder.0)]).await?;
    }
    for text in [queries::LOCATE_NAMED, queries::SET_DESTINATION_GENERATION] {
        let next = [folder.0, i64::from(uid_validity.get())];
        session.run(text, next.map(Bind::Int).to_vec()).await?;
    }
    Ok(())
}

pub(super) async fn open_intent<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    (source_uids, destination_uid_validity, destination_uid_next): (&UidSet, UidValidity, u32),
) -> Done<i64> {
    generations(session, ledger, folder).await?;
    let binds = vec![
        Bind::Int(folder.0),
        Bind::Text(source_uids.to_string()),
        Bind::Int(i64::from(destination_uid_validity.get())),
        Bind::Int(i64::from(destination_uid_next)),
    ];
    let ids = collect(session, queries::OPEN_INTENT, binds, |row| row.int(0));
    ids.await?.pop().ok_or(Broken::Row { table: "intent", column: "id" })
}

pub(super) async fn close_intent<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    intent: i64,
) -> Done<()> {
    generations(session, ledger, folder).await?;
    session.run(queries::CLOSE_INTENT, vec![Bind::Int(folder.0), Bind::Int(intent)]).await
}

pub(super) async fn intents<S: Session>(session: &mut S, ledger: i64, folder: FolderId) -> Done<Vec<Intent>> {
    generations(session, ledger, folder).await?;
    collect(session, queries::INTENTS, vec![Bind::Int(folder.0)], rows::intent).await
}

pub(super) async fn note_quarantine<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    notes: &[QuarantineNote],
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    let notes: Vec<&QuarantineNote> = latest(notes, |note| note.source_uid).into_values().collect();
    run_batch(session, queries::NOTE_QUARANTINE, &[folder.0, current], &notes, |note, binds| {
        rows::note_binds(note, binds);
    })
    .await
}

pub(super) async fn quarantine_notes<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
) -> Done<Vec<QuarantineNote>> {
    let current = generations(session, ledger, folder).await?.source;
    collect(session, queries::QUARANTINE_NOTES, vec![Bind::Int(folder.0), Bind::Int(current)], rows::note)
        .await
}
