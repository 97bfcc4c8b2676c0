//! Tells a ledger what people have acknowledged in the service, so that a run may end without it.
//! Never leaves an acknowledgement there that nobody stands for any more.

use std::collections::BTreeMap;

use malote_engine::failure::Result;
use malote_engine::ledger::Ledger;
use malote_engine::plan::message::Uid;
use malote_engine::plan::uid_set::UidSet;

/// Acknowledges in the ledger what `acknowledged` names by folder and UID, and that alone: what was acknowledged
/// there before and is not named is open again. What the ledger does not know is passed over.
pub(super) async fn acknowledge(ledger: &dyn Ledger, acknowledged: &[(String, String)]) -> Result<()> {
    let mut by_folder: BTreeMap<&str, UidSet> = BTreeMap::new();
    for (folder, reference) in acknowledged {
        if let Some(uid) = reference.parse::<u32>().ok().and_then(Uid::new) {
            by_folder.entry(folder).or_default().insert(uid);
        }
    }
    let none = UidSet::new();
    for row in ledger.folders().await? {
        let meant = by_folder.get(row.key.source_path.to_string().as_str()).unwrap_or(&none);
        let (mut revoked, mut missing) = (UidSet::new(), UidSet::new());
        for note in ledger.quarantine_notes(row.id).await? {
            match (note.is_acknowledged, meant.contains(note.source_uid)) {
                (true, false) => revoked.insert(note.source_uid),
                (false, true) => missing.insert(note.source_uid),
                (true, true) | (false, false) => {}
            }
        }
        if !revoked.is_empty() {
            ledger.revoke_acknowledgements(row.id, &revoked).await?;
        }
        if !missing.is_empty() {
            ledger.acknowledge(row.id, &missing).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use malote_engine::ledger::memory::MemoryLedger;
    use malote_engine::ledger::{FolderKey, Tokens};
    use malote_engine::plan::folder::{FolderPath, WireName};
    use malote_engine::plan::message::{Flags, UidValidity};
    use malote_engine::plan::record::{QuarantineNote, Record, State};

    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).expect("a UID is not 0")
    }

    fn lost(number: u32) -> (Record, QuarantineNote) {
        let record = Record {
            source_uid: uid(number),
            state: State::Quarantined,
            destination_uid: None,
            keys: malote_engine::plan::record::Keys::default(),
            octets: 0,
            internal_unix_seconds: None,
            flags: Flags::default(),
        };
        let note = QuarantineNote {
            source_uid: uid(number),
            reason: "refused".to_owned(),
            detail: String::new(),
            message_id: String::new(),
            octets: 0,
            file: String::new(),
            attempts: 1,
            is_acknowledged: false,
        };
        (record, note)
    }

    #[tokio::test]
    async fn the_ledger_has_the_acknowledgements_that_people_stand_for_and_no_others() {
        let ledger = MemoryLedger::default();
        let path = FolderPath::new(vec!["Plans".into()]).expect("the name is not empty");
        let wire = WireName(b"Plans".to_vec());
        let key = FolderKey {
            source_wire: wire.clone(),
            source_path: path.clone(),
            destination_path: path,
            destination_wire: wire,
        };
        let folder = ledger.folder(&key).await.expect("it is new").id;
        let tokens = Tokens { source_uid_validity: UidValidity::new(1), ..Tokens::default() };
        ledger.set_tokens(folder, &tokens).await.expect("the folder is there");
        let (records, notes): (Vec<_>, Vec<_>) = (1..=3).map(lost).unzip();
        ledger.record(folder, &records).await.expect("the folder is there");
        ledger.note_quarantine(folder, &notes).await.expect("the folder is there");
        for (acknowledged, expected) in [
            (vec!["1", "2", "9"], [true, true, false]),
            (vec!["2", "3"], [false, true, true]),
            (vec![], [false; 3]),
        ] {
            let named: Vec<_> =
                acknowledged.iter().map(|uid| ("Plans".to_owned(), (*uid).to_owned())).collect();
            acknowledge(&ledger, &named).await.expect("the ledger is in memory");
            let notes = ledger.quarantine_notes(folder).await.expect("the folder is there");
            let found: Vec<_> = notes.iter().map(|note| note.is_acknowledged).collect();
            assert_eq!(found, expected, "{acknowledged:?}");
        }
    }
}
