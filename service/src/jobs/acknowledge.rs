//! Tells a ledger what people have acknowledged in the service, so that a run may end without it.
//! Never takes an acknowledgement back.

use std::collections::BTreeMap;

use malote_engine::failure::Result;
use malote_engine::ledger::Ledger;
use malote_engine::plan::message::Uid;
use malote_engine::plan::uid_set::UidSet;

/// Acknowledges in the ledger what `acknowledged` names by folder and UID; what it does not know is passed over.
pub(super) async fn acknowledge(ledger: &dyn Ledger, acknowledged: &[(String, String)]) -> Result<()> {
    let mut by_folder: BTreeMap<&str, UidSet> = BTreeMap::new();
    for (folder, reference) in acknowledged {
        if let Some(uid) = reference.parse::<u32>().ok().and_then(Uid::new) {
            by_folder.entry(folder).or_default().insert(uid);
        }
    }
    if by_folder.is_empty() {
        return Ok(());
    }
    for row in ledger.folders().await? {
        if let Some(uids) = by_folder.get(row.key.source_path.to_string().as_str()) {
            ledger.acknowledge(row.id, uids).await?;
        }
    }
    Ok(())
}
