//! What was repaired and what the operator acknowledged: the queries, and the calls that run them.
//! Never begins, commits or rolls back: the caller does.

use malote_plan::folder::WireName;
use malote_plan::message::UidValidity;
use malote_plan::record::{Record, RepairNote};
use malote_plan::uid_set::UidSet;

use super::queries::Batch;
use super::session::{Bind, Session};
use super::work::{Done, bounded, collect, generations, piece_binds, pieces, range_binds, record, run_batch};
use super::{FolderId, rows};
use crate::ledger::batch::latest;

/// Notes on repaired messages that are at the destination. Binds: folder_id, source_uid_validity.
pub(super) const REPAIR_NOTES: &str = "
    SELECT repair.source_uid, repair.findings, repair.repairs, repair.message_id, repair.file, repair.octets,
           repair.content_hash, repair.body_key, repair.strong_key, repair.loose_key
    FROM repair JOIN message
      ON message.folder_id = repair.folder_id AND message.source_uid = repair.source_uid
     AND message.source_uid_validity = repair.source_uid_validity
    WHERE repair.folder_id = $1 AND repair.source_uid_validity = $2 AND message.state IN (1, 2)
    ORDER BY repair.source_uid";

/// Destination UIDs of messages with a note of just these repairs. Binds: ledger_id, destination_wire,
/// destination_uid_validity, repairs.
pub(super) const NOTED_UIDS: &str = "
    SELECT message.destination_uid
    FROM folder
    JOIN repair ON repair.folder_id = folder.id
    JOIN message
      ON message.folder_id = repair.folder_id AND message.source_uid = repair.source_uid
     AND message.source_uid_validity = repair.source_uid_validity
    WHERE folder.ledger_id = $1 AND folder.destination_wire = $2
      AND message.destination_uid_validity = $3 AND message.destination_uid > 0 AND repair.repairs = $4
    ORDER BY message.folder_id, message.destination_uid";

/// Removes notes on messages that a rebase is about to write over; comes before the records land. Binds:
/// folder_id, source_uid_validity.
pub(super) const CLEAR_LANDING_REPAIRS: &str = "
    DELETE FROM repair
    WHERE folder_id = $1 AND source_uid_validity = $2
      AND source_uid IN (SELECT moved.source_uid FROM message AS moved
                         WHERE moved.folder_id = $1 AND moved.source_uid_validity = -1)";

/// Takes the notes on the way of a rebase into their generation. Binds: folder_id, source_uid_validity.
pub(super) const LAND_REPAIRS: &str = "
    UPDATE repair SET source_uid_validity = $2 WHERE folder_id = $1 AND source_uid_validity = -1";

/// Removes notes on messages that are no more. Binds: folder_id.
pub(super) const DROP_LONE_REPAIRS: &str = "
    DELETE FROM repair
    WHERE folder_id = $1
      AND NOT EXISTS (SELECT 1 FROM message
                      WHERE message.folder_id = repair.folder_id AND message.source_uid = repair.source_uid
                        AND message.source_uid_validity = repair.source_uid_validity)";

/// Sends notes on the way to a new source generation, as `queries::MOVE` does with records. Shared binds:
/// folder_id, source_uid_validity. A row's binds: first and second source_uid.
pub(super) const MOVE_REPAIRS: Batch = Batch {
    shared: 2,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    WITH given (uid, next) AS (VALUES {rows})
    UPDATE repair
    SET source_uid_validity = -1,
        source_uid = (SELECT given.next FROM given WHERE given.uid = repair.source_uid)
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid IN (SELECT given.uid FROM given)",
};

/// Writes notes. Shared binds: folder_id, source_uid_validity. A row's binds: source_uid, findings, repairs,
/// message_id, file, octets, content_hash, body_key, strong_key, loose_key.
pub(super) const NOTE_REPAIR: Batch = Batch {
    shared: 2,
    row: "($1, $2, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    text: "
    INSERT INTO repair (folder_id, source_uid_validity, source_uid, findings, repairs, message_id, file, octets,
                        content_hash, body_key, strong_key, loose_key)
    VALUES {rows}
    ON CONFLICT (folder_id, source_uid_validity, source_uid) DO UPDATE
    SET findings = excluded.findings, repairs = excluded.repairs, message_id = excluded.message_id,
        file = excluded.file, octets = excluded.octets, content_hash = excluded.content_hash,
        body_key = excluded.body_key, strong_key = excluded.strong_key, loose_key = excluded.loose_key",
};

/// Acknowledges notes within ranges of UIDs, or takes that back. Shared binds: those of `queries::RECORDS`,
/// is_acknowledged. A row's binds: as there.
pub(super) const ACKNOWLEDGE: Batch = Batch {
    shared: 5,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    UPDATE quarantine SET is_acknowledged = $5
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid BETWEEN $3 AND $4 AND source_uid IN (
        SELECT meant.source_uid
        FROM (VALUES {rows}) AS asked CROSS JOIN quarantine AS meant
        WHERE meant.folder_id = $1 AND meant.source_uid_validity = $2
          AND meant.source_uid BETWEEN $3 AND $4
          AND meant.source_uid BETWEEN asked.column1 AND asked.column2)",
};

pub(super) async fn acknowledge<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    uids: &UidSet,
    is_acknowledged: bool,
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    for piece in pieces(uids.ranges(), S::BATCH_ROWS) {
        let [folder, generation, low, high] = bounded([folder.0, current], piece);
        let shared = [folder, generation, low, high, i64::from(is_acknowledged)];
        let binds = piece_binds(&shared, piece, &range_binds);
        session.run(&ACKNOWLEDGE.text(piece.len()), binds).await?;
    }
    Ok(())
}

pub(super) async fn record_repaired<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    repaired: &[(Record, RepairNote)],
) -> Done<()> {
    let records: Vec<Record> = repaired.iter().map(|(record, _)| record.clone()).collect();
    record(session, ledger, folder, &records).await?;
    let current = generations(session, ledger, folder).await?.source;
    let notes: Vec<&RepairNote> =
        latest(repaired, |(_, note)| note.source_uid).into_values().map(|(_, note)| note).collect();
    run_batch(session, NOTE_REPAIR, &[folder.0, current], &notes, |note, binds| {
        rows::repair_binds(note, binds)
    })
    .await
}

pub(super) async fn repair_notes<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
) -> Done<Vec<RepairNote>> {
    let current = generations(session, ledger, folder).await?.source;
    collect(session, REPAIR_NOTES, vec![Bind::Int(folder.0), Bind::Int(current)], rows::repair).await
}

pub(super) async fn noted_uids<S: Session>(
    session: &mut S,
    ledger: i64,
    (destination_wire, uid_validity): (&WireName, UidValidity),
    repairs: &str,
) -> Done<UidSet> {
    let binds = vec![
        Bind::Int(ledger),
        Bind::Octets(destination_wire.0.clone()),
        Bind::Int(i64::from(uid_validity.get())),
        Bind::Text(repairs.to_owned()),
    ];
    let found = collect(session, NOTED_UIDS, binds, |row| rows::destination_uid(row, 0)).await?;
    Ok(found.into_iter().flatten().collect())
}
