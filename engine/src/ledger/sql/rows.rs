//! The ledger's values as columns, and back.
//! Never asks a database.

use malote_plan::folder::{FolderPath, WireName};
use malote_plan::message::{ContentHash, Flags, ModSeq, Uid, UidValidity};
use malote_plan::record::{HeaderKey, Imprint, Intent, Keys, QuarantineNote, Record, RepairNote, State};
use malote_plan::uid_set::UidSet;

use super::error::Broken;
use super::session::{Bind, Row};
use crate::ledger::{FolderId, FolderKey, FolderRow, Standing, Tokens};

/// A path as a JSON array of its levels.
pub(super) fn path_bind(path: &FolderPath) -> Bind {
    let levels = path.levels().iter().map(|level| serde_json::Value::from(level.as_str())).collect();
    Bind::Text(serde_json::Value::Array(levels).to_string())
}

fn path(row: &dyn Row, column: usize, name: &'static str) -> Result<FolderPath, Broken> {
    let levels = serde_json::from_str(&row.text(column)?).ok();
    levels.and_then(FolderPath::new).ok_or(Broken::Row { table: "folder", column: name })
}

/// Reads a number that fits 32 bits.
fn small(row: &dyn Row, column: usize, table: &'static str, name: &'static str) -> Result<u32, Broken> {
    u32::try_from(row.int(column)?).map_err(|_| Broken::Row { table, column: name })
}

fn uid(row: &dyn Row, column: usize, table: &'static str) -> Result<Uid, Broken> {
    let number = small(row, column, table, "source_uid")?;
    Uid::new(number).ok_or(Broken::Row { table, column: "source_uid" })
}

/// Reads one row of `FOLDERS` or `FOLDER`.
pub(super) fn folder(row: &dyn Row) -> Result<FolderRow, Broken> {
    let number = |column, name| small(row, column, "folder", name);
    let modseq = |column| row.int(column).map(|number| ModSeq::new(number.cast_unsigned()));
    Ok(FolderRow {
        id: FolderId(row.int(0)?),
        key: FolderKey {
            source_wire: WireName(row.octets(1)?),
            source_path: path(row, 2, "source_path")?,
            destination_wire: WireName(row.octets(3)?),
            destination_path: path(row, 4, "destination_path")?,
        },
        tokens: Tokens {
            source_uid_validity: UidValidity::new(number(5, "source_uid_validity")?),
            destination_uid_validity: UidValidity::new(number(6, "destination_uid_validity")?),
            source_uid_next: number(7, "source_uid_next")?,
            source_messages: number(8, "source_messages")?,
            source_modseq: modseq(9)?,
            destination_uid_next: number(10, "destination_uid_next")?,
            destination_messages: number(11, "destination_messages")?,
            destination_modseq: modseq(12)?,
            is_complete: row.int(13)? == 1,
            is_modseq_distrusted: row.int(14)? == 1,
        },
    })
}

/// The binds of `SET_TOKENS`.
pub(super) fn tokens_binds(folder: FolderId, tokens: &Tokens) -> Vec<Bind> {
    let generation = |validity: Option<UidValidity>| i64::from(validity.map_or(0, UidValidity::get));
    let modseq = |modseq: Option<ModSeq>| modseq.map_or(0, |modseq| modseq.get().cast_signed());
    let numbers = [
        folder.0,
        generation(tokens.source_uid_validity),
        generation(tokens.destination_uid_validity),
        i64::from(tokens.source_uid_next),
        i64::from(tokens.source_messages),
        modseq(tokens.source_modseq),
        i64::from(tokens.destination_uid_next),
        i64::from(tokens.destination_messages),
        modseq(tokens.destination_modseq),
        i64::from(tokens.is_complete),
        i64::from(tokens.is_modseq_distrusted),
    ];
    numbers.map(Bind::Int).to_vec()
}

/// Adds the binds of one row of `RECORD`.
pub(super) fn record_binds(record: &Record, binds: &mut Vec<Bind>) {
    binds.extend([
        Bind::Int(i64::from(record.source_uid.get())),
        Bind::Int(i64::from(record.state.code())),
        Bind::Int(i64::from(record.destination_uid.map_or(0, Uid::get))),
    ]);
    key_binds(record.keys, binds);
    binds.extend([
        Bind::Int(record.octets.cast_signed()),
        Bind::IntOrNull(record.internal_unix_seconds),
        Bind::text(&record.flags.to_string()),
        Bind::Octets(record.keys.imprint.map_or_else(Vec::new, |imprint| imprint.0.to_vec())),
    ]);
}

fn key_binds(keys: Keys, binds: &mut Vec<Bind>) {
    let key = |key: Option<HeaderKey>| Bind::Octets(key.map_or_else(Vec::new, |key| key.0.to_vec()));
    let Keys { content, body, strong, loose, imprint: _ } = keys;
    let content = Bind::Octets(content.map_or_else(Vec::new, |hash| hash.0.to_vec()));
    binds.extend([content, key(body), key(strong), key(loose)]);
}

/// Reads four columns of keys, from `column` on.
fn keys(row: &dyn Row, column: usize) -> Result<Keys, Broken> {
    Ok(Keys {
        content: octets(row, column, "content_hash")?.map(ContentHash),
        body: octets(row, column + 1, "body_key")?.map(HeaderKey),
        strong: octets(row, column + 2, "strong_key")?.map(HeaderKey),
        loose: octets(row, column + 3, "loose_key")?.map(HeaderKey),
        imprint: None,
    })
}

/// Reads one row of `RECORDS`.
pub(super) fn record(row: &dyn Row) -> Result<Record, Broken> {
    Ok(Record {
        source_uid: uid(row, 0, "message")?,
        state: state(row, 1)?,
        destination_uid: destination_uid(row, 2)?,
        keys: Keys { imprint: imprint(row, 10)?, ..keys(row, 3)? },
        octets: row.int(7)?.cast_unsigned(),
        internal_unix_seconds: row.int_or_null(8)?,
        flags: Flags::parse(&row.text(9)?),
    })
}

fn imprint(row: &dyn Row, column: usize) -> Result<Option<Imprint>, Broken> {
    Ok(octets(row, column, "imprint")?.map(Imprint))
}

/// Reads one row of `BYGONE_IMPRINTS`.
pub(super) fn bygone_imprint(row: &dyn Row) -> Result<Option<(Uid, Imprint)>, Broken> {
    Ok(destination_uid(row, 0)?.zip(imprint(row, 1)?))
}

/// Reads one row of `RECORDED`: the source UID, its state, whether its destination UID is proven.
pub(super) fn outcome(row: &dyn Row) -> Result<(Uid, State, bool), Broken> {
    Ok((uid(row, 0, "message")?, state(row, 1)?, destination_uid(row, 2)?.is_some()))
}

fn state(row: &dyn Row, column: usize) -> Result<State, Broken> {
    let code = i16::try_from(row.int(column)?).ok();
    code.and_then(State::from_code).ok_or(Broken::Row { table: "message", column: "state" })
}

/// Reads a destination UID, where there is one.
pub(super) fn destination_uid(row: &dyn Row, column: usize) -> Result<Option<Uid>, Broken> {
    Ok(Uid::new(small(row, column, "message", "destination_uid")?))
}

/// Reads one row of `STANDING`.
pub(super) fn standing(row: &dyn Row) -> Result<Standing, Broken> {
    let state = i16::try_from(row.int(3)?).map_err(|_| Broken::Row { table: "message", column: "state" })?;
    Ok(Standing {
        asked: uid(row, 0, "origin")?,
        folder: FolderId(row.int(1)?),
        uid: uid(row, 2, "origin")?,
        state: State::from_code(state),
        destination_uid: destination_uid(row, 4)?,
    })
}

/// Reads octets of a fixed length, or none.
fn octets<const LENGTH: usize>(
    row: &dyn Row,
    column: usize,
    name: &'static str,
) -> Result<Option<[u8; LENGTH]>, Broken> {
    let octets = row.octets(column)?;
    if octets.is_empty() {
        return Ok(None);
    }
    octets.try_into().map(Some).map_err(|_| Broken::Row { table: "message", column: name })
}

/// Reads one row of `INTENTS`.
pub(super) fn intent(row: &dyn Row) -> Result<Intent, Broken> {
    let wrong = |column| Broken::Row { table: "intent", column };
    Ok(Intent {
        id: row.int(0)?,
        source_uids: UidSet::parse(&row.text(1)?).ok_or_else(|| wrong("source_uids"))?,
        destination_uid_validity: UidValidity::new(small(row, 2, "intent", "destination_uid_validity")?)
            .ok_or_else(|| wrong("destination_uid_validity"))?,
        destination_uid_next: small(row, 3, "intent", "destination_uid_next")?,
    })
}

/// Adds the binds of one row of `NOTE_QUARANTINE`.
pub(super) fn note_binds(note: &QuarantineNote, binds: &mut Vec<Bind>) {
    binds.extend([
        Bind::Int(i64::from(note.source_uid.get())),
        Bind::text(&note.reason),
        Bind::text(&note.detail),
        Bind::text(&note.message_id),
        Bind::Int(note.octets.cast_signed()),
        Bind::text(&note.file),
        Bind::Int(i64::from(note.attempts)),
        Bind::Int(i64::from(note.is_acknowledged)),
    ]);
}

/// Reads one row of `QUARANTINE_NOTES`.
pub(super) fn note(row: &dyn Row) -> Result<QuarantineNote, Broken> {
    Ok(QuarantineNote {
        source_uid: uid(row, 0, "quarantine")?,
        reason: row.text(1)?,
        detail: row.text(2)?,
        message_id: row.text(3)?,
        octets: row.int(4)?.cast_unsigned(),
        file: row.text(5)?,
        attempts: small(row, 6, "quarantine", "attempts")?,
        is_acknowledged: row.int(7)? == 1,
    })
}

/// Adds the binds of one row of `NOTE_REPAIR`.
pub(super) fn repair_binds(note: &RepairNote, binds: &mut Vec<Bind>) {
    binds.extend([
        Bind::Int(i64::from(note.source_uid.get())),
        Bind::text(&note.findings),
        Bind::text(&note.repairs),
        Bind::text(&note.message_id),
        Bind::text(&note.file),
        Bind::Int(note.octets.cast_signed()),
    ]);
    key_binds(note.keys, binds);
}

/// Reads one row of `REPAIR_NOTES`.
pub(super) fn repair(row: &dyn Row) -> Result<RepairNote, Broken> {
    Ok(RepairNote {
        source_uid: uid(row, 0, "repair")?,
        findings: row.text(1)?,
        repairs: row.text(2)?,
        message_id: row.text(3)?,
        file: row.text(4)?,
        octets: row.int(5)?.cast_unsigned(),
        keys: keys(row, 6)?,
    })
}
