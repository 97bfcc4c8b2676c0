//! Every query of a ledger, one text for both engines.
//! Never runs one.

/// Makes the ledger's own row where there is none, and reads it. Binds: pair_key, format.
pub(super) const ENTER: &str = "
    INSERT INTO ledger (pair_key, format) VALUES ($1, $2)
    ON CONFLICT (pair_key) DO UPDATE SET pair_key = excluded.pair_key
    RETURNING id, format";

/// Reads whose ledger it is. Binds: ledger_id.
pub(super) const OWNER: &str = "SELECT source, destination FROM ledger WHERE id = $1";

/// Makes the ledger a pair's. Binds: ledger_id, source, destination.
pub(super) const CLAIM: &str = "UPDATE ledger SET source = $2, destination = $3 WHERE id = $1";

/// Every pair of folders. Binds: ledger_id.
pub(super) const FOLDERS: &str = "
    SELECT id, source_wire, source_path, destination_wire, destination_path,
           source_uid_validity, destination_uid_validity, source_uid_next, source_messages, source_modseq,
           destination_uid_next, destination_messages, destination_modseq, is_complete, is_modseq_distrusted
    FROM folder WHERE ledger_id = $1 ORDER BY id";

/// Makes or finds a pair of folders; its destination becomes the one given.
/// Binds: ledger_id, source_wire, source_path, destination_wire, destination_path.
pub(super) const FOLDER: &str = "
    INSERT INTO folder (ledger_id, source_wire, source_path, destination_wire, destination_path)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (ledger_id, source_wire) DO UPDATE
    SET destination_wire = excluded.destination_wire, destination_path = excluded.destination_path
    RETURNING id, source_wire, source_path, destination_wire, destination_path,
              source_uid_validity, destination_uid_validity, source_uid_next, source_messages, source_modseq,
              destination_uid_next, destination_messages, destination_modseq, is_complete, is_modseq_distrusted";

/// The generations in force; no row where the folder is not one of this ledger. Binds: ledger_id, folder_id.
pub(super) const GENERATIONS: &str = "
    SELECT source_uid_validity, destination_uid_validity FROM folder WHERE ledger_id = $1 AND id = $2";

/// Replaces a folder's tokens. Binds: folder_id, source_uid_validity, destination_uid_validity, source_uid_next,
/// source_messages, source_modseq, destination_uid_next, destination_messages, destination_modseq, is_complete,
/// is_modseq_distrusted.
pub(super) const SET_TOKENS: &str = "
    UPDATE folder
    SET source_uid_validity = $2, destination_uid_validity = $3, source_uid_next = $4, source_messages = $5,
        source_modseq = $6, destination_uid_next = $7, destination_messages = $8, destination_modseq = $9,
        is_complete = $10, is_modseq_distrusted = $11
    WHERE id = $1";

/// What became of each message of a generation. Binds: folder_id, source_uid_validity.
pub(super) const RECORDED: &str = "
    SELECT source_uid, state, destination_uid FROM message
    WHERE folder_id = $1 AND source_uid_validity = $2 ORDER BY source_uid";

/// Destination UIDs of a folder's generation. Binds: ledger_id, destination_wire, destination_uid_validity.
pub(super) const DESTINATION_UIDS: &str = "
    SELECT message.destination_uid
    FROM folder JOIN message ON message.folder_id = folder.id
    WHERE folder.ledger_id = $1 AND folder.destination_wire = $2
      AND message.destination_uid_validity = $3 AND message.destination_uid > 0
    ORDER BY message.folder_id, message.destination_uid";

/// The same as [`DESTINATION_UIDS`], of the source generations in force alone.
pub(super) const CLAIMED_UIDS: &str = "
    SELECT message.destination_uid
    FROM folder JOIN message ON message.folder_id = folder.id
    WHERE folder.ledger_id = $1 AND folder.destination_wire = $2
      AND message.source_uid_validity = folder.source_uid_validity
      AND message.destination_uid_validity = $3 AND message.destination_uid > 0
    ORDER BY message.folder_id, message.destination_uid";

/// Records of bygone source generations. Binds: ledger_id, destination_wire, destination_uid_validity.
pub(super) const BYGONE: &str = "
    SELECT message.folder_id, message.source_uid_validity, message.source_uid, message.destination_uid
    FROM folder JOIN message ON message.folder_id = folder.id
    WHERE folder.ledger_id = $1 AND folder.destination_wire = $2
      AND message.source_uid_validity <> folder.source_uid_validity
      AND message.destination_uid_validity = $3 AND message.destination_uid > 0";

/// What items said, of records of bygone source generations. Binds: ledger_id, destination_wire,
/// destination_uid_validity.
pub(super) const BYGONE_IMPRINTS: &str = "
    SELECT message.destination_uid, message.imprint
    FROM folder JOIN message ON message.folder_id = folder.id
    WHERE folder.ledger_id = $1 AND folder.destination_wire = $2
      AND message.source_uid_validity <> folder.source_uid_validity
      AND message.destination_uid_validity = $3 AND message.destination_uid > 0
      AND length(message.imprint) > 0";

/// Removes what a rebase is about to write over. Binds: folder_id, source_uid_validity.
pub(super) const CLEAR_LANDING: &str = "
    DELETE FROM message
    WHERE folder_id = $1 AND source_uid_validity = $2
      AND source_uid IN (SELECT moved.source_uid FROM message AS moved
                         WHERE moved.folder_id = $1 AND moved.source_uid_validity = -1)";

/// Takes the records on the way of a rebase into their generation. Binds: folder_id, source_uid_validity.
pub(super) const LAND: &str = "
    UPDATE message SET source_uid_validity = $2 WHERE folder_id = $1 AND source_uid_validity = -1";

/// The same as [`CLEAR_LANDING`] for notes. Binds: folder_id, source_uid_validity.
pub(super) const CLEAR_LANDING_NOTES: &str = "
    DELETE FROM quarantine
    WHERE folder_id = $1 AND source_uid_validity = $2
      AND source_uid IN (SELECT moved.source_uid FROM quarantine AS moved
                         WHERE moved.folder_id = $1 AND moved.source_uid_validity = -1)";

/// The same as [`LAND`] for notes. Binds: folder_id, source_uid_validity.
pub(super) const LAND_NOTES: &str = "
    UPDATE quarantine SET source_uid_validity = $2 WHERE folder_id = $1 AND source_uid_validity = -1";

/// Sets a folder's source generation, of which nothing else is known yet. Binds: folder_id, source_uid_validity.
pub(super) const SET_SOURCE_GENERATION: &str = "
    UPDATE folder SET source_uid_validity = $2, source_uid_next = 0, source_modseq = 0, is_complete = 0
    WHERE id = $1";

/// Sets a folder's destination generation, of which nothing else is known yet. Binds: folder_id,
/// destination_uid_validity.
pub(super) const SET_DESTINATION_GENERATION: &str = "
    UPDATE folder SET destination_uid_validity = $2, destination_uid_next = 0, destination_modseq = 0, is_complete = 0
    WHERE id = $1";

/// Removes the copied and adopted records that a rebase did not name. Binds: folder_id.
pub(super) const DROP_UNNAMED: &str = "
    DELETE FROM message WHERE folder_id = $1 AND destination_uid_validity <> -1 AND state IN (1, 2)";

/// Takes the bygone destination UIDs off the other records that a rebase did not name. Binds: folder_id.
pub(super) const UNLOCATE_UNNAMED: &str = "
    UPDATE message SET destination_uid = 0, destination_uid_validity = 0
    WHERE folder_id = $1 AND destination_uid_validity <> -1";

/// Gives the named records their destination generation. Binds: folder_id, destination_uid_validity.
pub(super) const LOCATE_NAMED: &str = "
    UPDATE message SET destination_uid_validity = $2 WHERE folder_id = $1 AND destination_uid_validity = -1";

/// Opens an intent. Binds: folder_id, source_uids, destination_uid_validity, destination_uid_next.
pub(super) const OPEN_INTENT: &str = "
    INSERT INTO intent (folder_id, source_uids, destination_uid_validity, destination_uid_next)
    VALUES ($1, $2, $3, $4) RETURNING id";

/// Closes an intent. Binds: folder_id, id.
pub(super) const CLOSE_INTENT: &str = "DELETE FROM intent WHERE folder_id = $1 AND id = $2";

/// Drops a folder's intents. Binds: folder_id.
pub(super) const DROP_INTENTS: &str = "DELETE FROM intent WHERE folder_id = $1";

/// A folder's open intents. Binds: folder_id.
pub(super) const INTENTS: &str = "
    SELECT id, source_uids, destination_uid_validity, destination_uid_next
    FROM intent WHERE folder_id = $1 ORDER BY id";

/// Notes on messages in state `Quarantined`. Binds: folder_id, source_uid_validity.
pub(super) const QUARANTINE_NOTES: &str = "
    SELECT quarantine.source_uid, quarantine.reason, quarantine.detail, quarantine.message_id,
           quarantine.octets, quarantine.file, quarantine.attempts, quarantine.is_acknowledged
    FROM quarantine JOIN message
      ON message.folder_id = quarantine.folder_id AND message.source_uid = quarantine.source_uid
     AND message.source_uid_validity = quarantine.source_uid_validity
    WHERE quarantine.folder_id = $1 AND quarantine.source_uid_validity = $2 AND message.state = 4
    ORDER BY quarantine.source_uid";

/// A statement on many rows at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    /// The statement, with `{rows}` where the rows go.
    pub(super) text: &'static str,
    /// One row, with `?` for each bind of its own.
    pub(super) row: &'static str,
    /// How many binds all rows share: they come first, as `$1` and so on.
    pub(super) shared: usize,
}

impl Batch {
    /// The statement's text for so many rows.
    pub(super) fn text(&self, rows: usize) -> String {
        let mut list = String::with_capacity(rows * (self.row.len() + 30));
        let mut bind = self.shared;
        for index in 0..rows {
            if index > 0 {
                list.push_str(", ");
            }
            for letter in self.row.chars() {
                if letter == '?' {
                    bind += 1;
                    list.push('$');
                    list.push_str(&bind.to_string());
                } else {
                    list.push(letter);
                }
            }
        }
        self.text.replace("{rows}", &list)
    }
}

/// Writes records. Shared binds: folder_id, source_uid_validity, destination_uid_validity. A row's binds:
/// source_uid, state, destination_uid, content_hash, body_key, strong_key, loose_key, octets,
/// internal_unix_seconds, flags.
pub(super) const RECORD: Batch = Batch {
    shared: 3,
    row: "($1, $2, $3, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    text: "
    INSERT INTO message (folder_id, source_uid_validity, destination_uid_validity, source_uid, state,
                         destination_uid, content_hash, body_key, strong_key, loose_key, octets,
                         internal_unix_seconds, flags, imprint)
    VALUES {rows}
    ON CONFLICT (folder_id, source_uid_validity, source_uid) DO UPDATE
    SET destination_uid_validity = excluded.destination_uid_validity, state = excluded.state,
        destination_uid = excluded.destination_uid, content_hash = excluded.content_hash,
        body_key = excluded.body_key, strong_key = excluded.strong_key, loose_key = excluded.loose_key,
        octets = excluded.octets, internal_unix_seconds = excluded.internal_unix_seconds,
        flags = excluded.flags, imprint = excluded.imprint",
};

/// Reads records within ranges of UIDs. `CROSS JOIN` keeps SQLite from scanning the folder for each range.
/// The
/// bounds of all ranges keep PostgreSQL from it, whose planner knows nothing yet of rows just written. Shared
/// binds: folder_id, source_uid_validity, lowest and highest source_uid of all ranges. A row's binds: lowest and
/// highest source_uid.
pub(super) const RECORDS: Batch = Batch {
    shared: 4,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    SELECT message.source_uid, message.state, message.destination_uid, message.content_hash, message.body_key,
           message.strong_key, message.loose_key, message.octets, message.internal_unix_seconds, message.flags,
           message.imprint
    FROM (VALUES {rows}) AS asked CROSS JOIN message
    WHERE message.folder_id = $1 AND message.source_uid_validity = $2
      AND message.source_uid BETWEEN $3 AND $4
      AND message.source_uid BETWEEN asked.column1 AND asked.column2",
};

/// Removes records within ranges of UIDs. Binds as for [`RECORDS`].
pub(super) const FORGET: Batch = Batch {
    shared: 4,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    DELETE FROM message
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid BETWEEN $3 AND $4 AND source_uid IN (
        SELECT gone.source_uid
        FROM (VALUES {rows}) AS asked CROSS JOIN message AS gone
        WHERE gone.folder_id = $1 AND gone.source_uid_validity = $2
          AND gone.source_uid BETWEEN $3 AND $4
          AND gone.source_uid BETWEEN asked.column1 AND asked.column2)",
};

/// Sets flags. `UPDATE … FROM` would read better, but lets SQLite scan the folder once for each statement, as this
/// and the updates below do not. Shared binds: folder_id, source_uid_validity. A row's binds: source_uid, flags.
pub(super) const SET_FLAGS: Batch = Batch {
    shared: 2,
    row: "(CAST(? AS BIGINT), CAST(? AS TEXT))",
    text: "
    WITH given (uid, flags) AS (VALUES {rows})
    UPDATE message SET flags = (SELECT given.flags FROM given WHERE given.uid = message.source_uid)
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid IN (SELECT given.uid FROM given)",
};

/// Sends records on the way to a new source generation: they wait in generation -1 until all are gathered, so
/// that one never lands on another that has yet to move. Shared binds: folder_id, source_uid_validity. A row's
/// binds: first and second source_uid.
pub(super) const MOVE: Batch = Batch {
    shared: 2,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    WITH given (uid, next) AS (VALUES {rows})
    UPDATE message
    SET source_uid_validity = -1,
        source_uid = (SELECT given.next FROM given WHERE given.uid = message.source_uid)
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid IN (SELECT given.uid FROM given)",
};

/// The same as [`MOVE`] for notes.
pub(super) const MOVE_NOTES: Batch = Batch {
    shared: 2,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    WITH given (uid, next) AS (VALUES {rows})
    UPDATE quarantine
    SET source_uid_validity = -1,
        source_uid = (SELECT given.next FROM given WHERE given.uid = quarantine.source_uid)
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid IN (SELECT given.uid FROM given)",
};

/// Gives records their destination UIDs in a new generation, and marks them as named by generation -1. Shared
/// binds: folder_id, source_uid_validity. A row's binds: source_uid, destination_uid.
pub(super) const LOCATE: Batch = Batch {
    shared: 2,
    row: "(CAST(? AS BIGINT), CAST(? AS BIGINT))",
    text: "
    WITH given (uid, destination) AS (VALUES {rows})
    UPDATE message
    SET destination_uid_validity = -1,
        destination_uid = (SELECT given.destination FROM given WHERE given.uid = message.source_uid)
    WHERE folder_id = $1 AND source_uid_validity = $2 AND source_uid IN (SELECT given.uid FROM given)",
};

/// Writes notes. Shared binds: folder_id, source_uid_validity. A row's binds: source_uid, reason, detail,
/// message_id, octets, file, attempts, is_acknowledged.
pub(super) const NOTE_QUARANTINE: Batch = Batch {
    shared: 2,
    row: "($1, $2, ?, ?, ?, ?, ?, ?, ?, ?)",
    text: "
    INSERT INTO quarantine (folder_id, source_uid_validity, source_uid, reason, detail, message_id, octets,
                            file, attempts, is_acknowledged)
    VALUES {rows}
    ON CONFLICT (folder_id, source_uid_validity, source_uid) DO UPDATE
    SET reason = excluded.reason, detail = excluded.detail, message_id = excluded.message_id,
        octets = excluded.octets, file = excluded.file, attempts = excluded.attempts,
        is_acknowledged = excluded.is_acknowledged",
};

/// Every query on single rows, for the test that both engines can prepare them.
#[cfg(test)]
pub(super) const ALL: &[&str] = &[
    ENTER,
    OWNER,
    CLAIM,
    FOLDERS,
    FOLDER,
    GENERATIONS,
    SET_TOKENS,
    RECORDED,
    DESTINATION_UIDS,
    CLAIMED_UIDS,
    BYGONE,
    BYGONE_IMPRINTS,
    CLEAR_LANDING,
    LAND,
    CLEAR_LANDING_NOTES,
    LAND_NOTES,
    SET_SOURCE_GENERATION,
    SET_DESTINATION_GENERATION,
    DROP_UNNAMED,
    UNLOCATE_UNNAMED,
    LOCATE_NAMED,
    OPEN_INTENT,
    CLOSE_INTENT,
    DROP_INTENTS,
    INTENTS,
    QUARANTINE_NOTES,
    super::repairs::REPAIR_NOTES,
    super::repairs::NOTED_UIDS,
    super::repairs::CLEAR_LANDING_REPAIRS,
    super::repairs::LAND_REPAIRS,
    super::repairs::DROP_LONE_REPAIRS,
    super::origins::KNOWN_ORIGINS,
    super::origins::DROP_ORIGINS,
];

/// Every statement on many rows, for the same test.
#[cfg(test)]
pub(super) const ALL_BATCHES: &[Batch] = &[
    RECORD,
    RECORDS,
    FORGET,
    SET_FLAGS,
    MOVE,
    MOVE_NOTES,
    LOCATE,
    NOTE_QUARANTINE,
    super::repairs::ACKNOWLEDGE,
    super::repairs::MOVE_REPAIRS,
    super::repairs::NOTE_REPAIR,
    super::origins::CLEAR_ORIGINS,
    super::origins::NOTE_ORIGINS,
    super::origins::STANDING,
];
