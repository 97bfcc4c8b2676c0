//! What was measured of mailboxes beside their counts, and the addresses that a source is known to have.
//! Never measures and never judges: the engine does the one, plan's gate the other.

use serde::Deserialize;

use super::{Result, Row, Store, Transaction};
use crate::binds;

/// Writes what was measured; what was not keeps what an earlier run found. Binds: mailbox, run, whether a sample, its
/// three numbers, whether octets, two numbers, whether duplicates, how many, the quota's kind or the empty word, limit,
/// now_at, used, root or the empty word.
const WRITE: &str = "
    INSERT INTO mailbox_measures (mailbox_id, run_id, sampled_at, sample_compared, sample_rewritten, sample_different,
                                  bytes_at, bytes_source, bytes_dest, duplicates_at, duplicates, quota_at, quota_kind,
                                  quota_limit, quota_used, merkle_root)
    VALUES ($1, $2, CASE WHEN $3 = 1 THEN $14 ELSE '' END, $4, $5, $6, CASE WHEN $7 = 1 THEN $14 ELSE '' END, $8, $9,
            CASE WHEN $10 = 1 THEN $14 ELSE '' END, $11, CASE WHEN $12 = '' THEN '' ELSE $14 END,
            CASE WHEN $12 = '' THEN 'unknown' ELSE $12 END, $13, $15, $16)
    ON CONFLICT (mailbox_id) DO UPDATE
    SET run_id = excluded.run_id,
        sampled_at = CASE WHEN $3 = 1 THEN $14 ELSE mailbox_measures.sampled_at END,
        sample_compared = CASE WHEN $3 = 1 THEN $4 ELSE mailbox_measures.sample_compared END,
        sample_rewritten = CASE WHEN $3 = 1 THEN $5 ELSE mailbox_measures.sample_rewritten END,
        sample_different = CASE WHEN $3 = 1 THEN $6 ELSE mailbox_measures.sample_different END,
        bytes_at = CASE WHEN $7 = 1 THEN $14 ELSE mailbox_measures.bytes_at END,
        bytes_source = CASE WHEN $7 = 1 THEN $8 ELSE mailbox_measures.bytes_source END,
        bytes_dest = CASE WHEN $7 = 1 THEN $9 ELSE mailbox_measures.bytes_dest END,
        duplicates_at = CASE WHEN $10 = 1 THEN $14 ELSE mailbox_measures.duplicates_at END,
        duplicates = CASE WHEN $10 = 1 THEN $11 ELSE mailbox_measures.duplicates END,
        quota_at = CASE WHEN $12 = '' THEN mailbox_measures.quota_at ELSE $14 END,
        quota_kind = CASE WHEN $12 = '' THEN mailbox_measures.quota_kind ELSE $12 END,
        quota_limit = CASE WHEN $12 = '' THEN mailbox_measures.quota_limit ELSE $13 END,
        quota_used = CASE WHEN $12 = '' THEN mailbox_measures.quota_used ELSE $15 END,
        merkle_root = CASE WHEN $16 = '' THEN mailbox_measures.merkle_root ELSE $16 END";

/// What was measured of a job's mailboxes. Binds: job.
const OF_JOB: &str = "
    SELECT of.mailbox_id, of.sampled_at, of.sample_compared, of.sample_rewritten, of.sample_different, of.bytes_at,
           of.bytes_source, of.bytes_dest, of.duplicates_at, of.duplicates, of.quota_at, of.quota_kind, of.quota_limit,
           of.quota_used, of.merkle_root
    FROM mailbox_measures AS of JOIN migration_mailboxes AS box ON box.id = of.mailbox_id
    WHERE box.job_id = $1 ORDER BY of.mailbox_id";

/// When an inventory was given, and its addresses that neither a mailbox of the job has nor a word excuses. A mailbox
/// that is switched off is decided by the reason that stands with it. Binds: job.
const UNDECIDED: &str = "
    SELECT job.inventory_at,
           (SELECT COUNT(*) FROM mailbox_inventory AS item
            WHERE item.job_id = job.id AND item.excluded_reason = '' AND NOT EXISTS (
                SELECT 1 FROM migration_mailboxes AS box
                WHERE box.job_id = job.id AND lower(box.email) = item.address
                  AND (box.enabled = 1 OR box.excluded_reason <> '')))
    FROM migration_jobs AS job WHERE job.id = $1";

/// The inventory, with what decides each address. Binds: job.
const INVENTORY: &str = "
    SELECT item.address, item.excluded_reason,
           CASE WHEN box.id IS NULL THEN 'none' WHEN box.enabled = 1 THEN 'mailbox'
                WHEN box.excluded_reason <> '' THEN 'switched_off' ELSE 'switched_off_without_reason' END
    FROM mailbox_inventory AS item
    LEFT JOIN migration_mailboxes AS box ON box.job_id = item.job_id AND lower(box.email) = item.address
    WHERE item.job_id = $1 ORDER BY item.address";
/// Binds: job, now_at or empty.
const SET_INVENTORY_AT: &str = "UPDATE migration_jobs SET inventory_at = $2 WHERE id = $1";
/// Binds: job.
const CLEAR: &str = "DELETE FROM mailbox_inventory WHERE job_id = $1";
/// Binds: id, job, address, reason, who.
const ADD: &str = "
    INSERT INTO mailbox_inventory (id, job_id, address, excluded_reason, created_by) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (job_id, address) DO UPDATE SET excluded_reason = excluded.excluded_reason";
/// Binds: job, address, reason.
const EXCUSE: &str = "UPDATE mailbox_inventory SET excluded_reason = $3 WHERE job_id = $1 AND address = $2";

/// What one run measured, as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    /// Compared, rewritten, different.
    pub sample: Option<(i64, i64, i64)>,
    /// Octets of matched messages: source, destination.
    pub bytes: Option<(i64, i64)>,
    /// Messages that are twice at the destination.
    pub duplicates: Option<i64>,
    /// The destination's room.
    pub quota: Option<QuotaFound>,
    /// `sha256:…` over what the ledger knows of each message.
    pub merkle_root: Option<String>,
}

/// The destination's room, as its server told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaFound {
    /// No quota is set.
    Endless,
    /// Limit and use, in octets.
    Limited(i64, i64),
}

/// What was measured of a mailbox, each with its time; empty where it was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[expect(missing_docs, reason = "each field is the column of its name in mailbox_measures")]
pub struct MeasuresRow {
    pub mailbox_id: i64,
    pub sampled_at: String,
    pub sample_compared: u64,
    pub sample_rewritten: u64,
    pub sample_different: u64,
    pub bytes_at: String,
    pub bytes_source: u64,
    pub bytes_dest: u64,
    pub duplicates_at: String,
    pub duplicates: u64,
    pub quota_at: String,
    pub quota_kind: String,
    pub quota_limit: u64,
    pub quota_used: u64,
    pub merkle_root: String,
}

impl MeasuresRow {
    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            mailbox_id: row.int(0)?,
            sampled_at: row.text(1)?,
            sample_compared: row.count(2)?,
            sample_rewritten: row.count(3)?,
            sample_different: row.count(4)?,
            bytes_at: row.text(5)?,
            bytes_source: row.count(6)?,
            bytes_dest: row.count(7)?,
            duplicates_at: row.text(8)?,
            duplicates: row.count(9)?,
            quota_at: row.text(10)?,
            quota_kind: row.text(11)?,
            quota_limit: row.count(12)?,
            quota_used: row.count(13)?,
            merkle_root: row.text(14)?,
        })
    }
}

/// One address of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryRow {
    /// In small letters.
    pub address: String,
    /// Why it is left out; empty where nobody said so.
    pub excluded_reason: String,
    /// `mailbox`, `switched_off`, `switched_off_without_reason` or `none`.
    pub found: String,
}

impl InventoryRow {
    /// Somebody has decided what becomes of it.
    pub fn is_decided(&self) -> bool {
        !self.excluded_reason.is_empty() || matches!(self.found.as_str(), "mailbox" | "switched_off")
    }
}

impl Transaction {
    /// Writes what a run measured of a mailbox.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write_measures(
        &mut self,
        mailbox: i64,
        run: i64,
        measures: &Measures,
        now_at: &str,
    ) -> Result<()> {
        if *measures == Measures::default() {
            return Ok(());
        }
        let (compared, rewritten, different) = measures.sample.unwrap_or_default();
        let (source, destination) = measures.bytes.unwrap_or_default();
        let (kind, limit, used) = match measures.quota {
            None => ("", 0, 0),
            Some(QuotaFound::Endless) => ("endless", 0, 0),
            Some(QuotaFound::Limited(limit, used)) => ("limited", limit, used),
        };
        let binds = binds![
            mailbox,
            Some(run),
            measures.sample.is_some(),
            compared,
            rewritten,
            different,
            measures.bytes.is_some(),
            source,
            destination,
            measures.duplicates.is_some(),
            measures.duplicates.unwrap_or(0),
            kind,
            limit,
            now_at,
            used,
            measures.merkle_root.as_deref().unwrap_or_default(),
        ];
        self.run("writing measures", WRITE, binds).await.map(|_| ())
    }

    /// How many addresses of a job's inventory are undecided; nothing where none was given.
    ///
    /// # Errors
    /// What the database says.
    pub async fn undecided(&mut self, job: i64) -> Result<Option<u64>> {
        let row = self.one("counting addresses", UNDECIDED, binds![job]).await?;
        let Some(row) = row.filter(|row| row.text(0).is_ok_and(|at| !at.is_empty())) else { return Ok(None) };
        row.count(1).map(Some)
    }

    /// Adds an address to an inventory, or changes the word about it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn add_address(
        &mut self,
        job: i64,
        (id, address, reason): (&str, &str, &str),
        who: &str,
    ) -> Result<()> {
        let binds = binds![id, job, address, reason, who];
        self.run("writing an address", ADD, binds).await.map(|_| ())
    }

    /// Forgets a job's inventory.
    ///
    /// # Errors
    /// What the database says.
    pub async fn clear_inventory(&mut self, job: i64) -> Result<()> {
        self.run("forgetting an inventory", CLEAR, binds![job]).await.map(|_| ())
    }

    /// Notes when an inventory was given; the empty word for none.
    ///
    /// # Errors
    /// What the database says.
    pub async fn set_inventory_at(&mut self, job: i64, now_at: &str) -> Result<()> {
        self.run("noting an inventory", SET_INVENTORY_AT, binds![job, now_at]).await.map(|_| ())
    }

    /// Says why an address is left out; the empty word takes it back. False where the inventory does not have it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn excuse(&mut self, job: i64, address: &str, reason: &str) -> Result<bool> {
        Ok(self.run("deciding an address", EXCUSE, binds![job, address, reason]).await? > 0)
    }
}

impl Store {
    /// A job's inventory. The caller has been shown to reach the job.
    ///
    /// # Errors
    /// What the database says.
    pub async fn inventory(&self, job: i64) -> Result<Vec<InventoryRow>> {
        let rows = self.all("reading an inventory", INVENTORY, binds![job]).await?;
        let read = |row: &Row| {
            Ok(InventoryRow { address: row.text(0)?, excluded_reason: row.text(1)?, found: row.text(2)? })
        };
        rows.iter().map(read).collect()
    }

    /// What was measured of a job's mailboxes. The caller has been shown to reach the job.
    ///
    /// # Errors
    /// What the database says.
    pub async fn job_measures(&self, job: i64) -> Result<Vec<MeasuresRow>> {
        let rows = self.all("reading measures", OF_JOB, binds![job]).await?;
        rows.iter().map(MeasuresRow::of).collect()
    }
}
