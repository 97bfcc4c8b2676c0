//! By which numbers messages are known wherever they stand: the queries, and the calls that run them.
//! Never begins, commits or rolls back: the caller does.

use std::collections::BTreeMap;

use malote_plan::message::Uid;
use malote_plan::uid_set::UidSet;

use super::queries::Batch;
use super::session::{Bind, Session};
use super::work::{Done, bounded, collect, generations, piece_binds, pieces, range_binds, run_batch};
use super::{FolderId, rows};
use crate::ledger::batch::{Ranges, latest};
use crate::ledger::{Numbered, Standing};

/// Which messages' numbers are known. Binds: folder_id, source_uid_validity.
pub(super) const KNOWN_ORIGINS: &str = "
    SELECT source_uid FROM origin WHERE folder_id = $1 AND source_uid_validity = $2 ORDER BY source_uid";

/// Forgets a folder's numbers. Binds: folder_id.
pub(super) const DROP_ORIGINS: &str = "DELETE FROM origin WHERE folder_id = $1";

/// Removes what is about to be written anew. Shared binds: folder_id, source_uid_validity. A row's binds: source_uid.
pub(super) const CLEAR_ORIGINS: Batch = Batch {
    shared: 2,
    row: "(CAST(? AS BIGINT))",
    text: "
    DELETE FROM origin
    WHERE folder_id = $1 AND source_uid_validity = $2
      AND source_uid IN (SELECT given.column1 FROM (VALUES {rows}) AS given)",
};

/// Writes numbers; of one number in one folder the message noted last counts. Shared binds: folder_id,
/// source_uid_validity. A row's binds: source_uid, origin_id, octets.
pub(super) const NOTE_ORIGINS: Batch = Batch {
    shared: 2,
    row: "($1, $2, ?, ?, ?)",
    text: "
    INSERT INTO origin (folder_id, source_uid_validity, source_uid, origin_id, octets)
    VALUES {rows}
    ON CONFLICT (origin_id, folder_id, source_uid_validity) DO UPDATE
    SET source_uid = excluded.source_uid, octets = excluded.octets",
};

/// Where else the messages within ranges of UIDs stand, themselves included, in the generations in force. Binds as
/// for `queries::RECORDS`.
pub(super) const STANDING: Batch = Batch {
    shared: 4,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    SELECT own.source_uid, other.folder_id, other.source_uid, COALESCE(message.state, 0),
           CASE WHEN message.destination_uid_validity = folder.destination_uid_validity
                THEN message.destination_uid ELSE 0 END
    FROM (VALUES {rows}) AS asked CROSS JOIN origin AS own
    JOIN folder AS mine ON mine.id = own.folder_id
    JOIN origin AS other ON other.origin_id = own.origin_id AND other.octets = own.octets
    JOIN folder ON folder.id = other.folder_id AND folder.ledger_id = mine.ledger_id
               AND folder.source_uid_validity = other.source_uid_validity
    LEFT JOIN message ON message.folder_id = other.folder_id AND message.source_uid = other.source_uid
                     AND message.source_uid_validity = other.source_uid_validity
    WHERE own.folder_id = $1 AND own.source_uid_validity = $2
      AND own.source_uid BETWEEN $3 AND $4
      AND own.source_uid BETWEEN asked.column1 AND asked.column2",
};

pub(super) async fn note_origins<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    numbered: &[Numbered],
) -> Done<()> {
    let current = generations(session, ledger, folder).await?.source;
    let shared = [folder.0, current];
    let by_uid = latest(numbered, |one| one.uid);
    let uids: Vec<Uid> = by_uid.keys().copied().collect();
    run_batch(session, CLEAR_ORIGINS, &shared, &uids, |uid, binds| {
        binds.push(Bind::Int(i64::from(uid.get())));
    })
    .await?;
    let by_origin: BTreeMap<_, &Numbered> = by_uid.into_values().map(|one| (one.origin, one)).collect();
    let rows: Vec<&Numbered> = by_origin.into_values().collect();
    run_batch(session, NOTE_ORIGINS, &shared, &rows, |one, binds| {
        let numbers = [one.origin.get().cast_signed(), one.octets.cast_signed()];
        binds.push(Bind::Int(i64::from(one.uid.get())));
        binds.extend(numbers.map(Bind::Int));
    })
    .await
}

pub(super) async fn known_origins<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
) -> Done<UidSet> {
    let current = generations(session, ledger, folder).await?.source;
    let mut ranges = Ranges::default();
    session
        .rows(KNOWN_ORIGINS, vec![Bind::Int(folder.0), Bind::Int(current)], &mut |row| {
            rows::destination_uid(row, 0)?.into_iter().for_each(|uid| ranges.push(uid));
            Ok(())
        })
        .await?;
    Ok(ranges.into_set())
}

pub(super) async fn standing<S: Session>(
    session: &mut S,
    ledger: i64,
    folder: FolderId,
    uids: &UidSet,
) -> Done<Vec<Standing>> {
    let current = generations(session, ledger, folder).await?.source;
    let mut standing = Vec::new();
    for piece in pieces(uids.ranges(), S::BATCH_ROWS) {
        let binds = piece_binds(&bounded([folder.0, current], piece), piece, &range_binds);
        standing.extend(collect(session, &STANDING.text(piece.len()), binds, rows::standing).await?);
    }
    standing.sort_unstable();
    Ok(standing)
}
