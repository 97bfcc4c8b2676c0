//! Quarantined messages that are taken up again: marked, put back, their acknowledgements taken back.
//! Never decides which: people do.

use super::{Result, Transaction};
use crate::binds;

/// True while somebody stands for an item's being left out: its status alone is nobody's word.
macro_rules! stands {
    ($item:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM quarantine_acknowledgements AS ack WHERE ack.item_id = ",
            $item,
            ".id AND ack.revoked_at = '')"
        )
    };
}
pub(super) use stands;

/// Takes acknowledgements back. Binds: item, now_at.
const REVOKE: &str =
    "UPDATE quarantine_acknowledgements SET revoked_at = $2 WHERE item_id = $1 AND revoked_at = ''";
/// Items that wait for a run that never came to them are open again. Binds: mailbox.
const REOPEN: &str = "
    UPDATE quarantine_items SET status = 'open', version = version + 1 WHERE mailbox_id = $1 AND status = 'retrying'";
/// Binds: mailbox, version, options.
const OPTIONS: &str = "
    UPDATE migration_mailboxes SET options_json = $3, version = version + 1 WHERE id = $1 AND version = $2";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[REVOKE, REOPEN, OPTIONS];

impl Transaction {
    /// Takes back who accepted that a message is left out.
    pub async fn revoke_acknowledgements(&mut self, item: i64, now_at: &str) -> Result<u64> {
        self.run("taking acknowledgements back", REVOKE, binds![item, now_at]).await
    }

    /// Opens what a mailbox's run was to try again and did not come to.
    pub(super) async fn reopen_items(&mut self, mailbox: i64) -> Result<u64> {
        self.run("opening quarantined messages", REOPEN, binds![mailbox]).await
    }

    /// Writes a mailbox's own options; false where it was changed meanwhile.
    pub async fn set_mailbox_options(
        &mut self,
        mailbox: i64,
        version: i64,
        options_json: &str,
    ) -> Result<bool> {
        let binds = binds![mailbox, version, options_json];
        Ok(self.run("writing a mailbox's options", OPTIONS, binds).await? > 0)
    }
}
