//! Whole sets of rows of a gate as one text: a domain has ten thousand folders, and each row of its own costs more on
//! its way out of the database than all that is done with it. Never decides what counts.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use super::gates::NewCheck;
use super::measures::MeasuresRow;
use super::{Result, StoreError, Transaction};
use crate::binds;

/// A query whose rows come as one list of lists: a domain has ten thousand folders, and each row of its own would cost
/// more on its way out of the database than all that is done with it.
pub struct Set {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Set {
    /// The query in the words of one engine.
    pub const fn text(&self, is_postgres: bool) -> &'static str {
        if is_postgres { self.postgres } else { self.sqlite }
    }
}

macro_rules! set {
    ($columns:literal, $rows:literal) => {
        Set {
            sqlite: concat!("SELECT json_group_array(json_array(", $columns, ")) ", $rows),
            postgres: concat!(
                "SELECT CAST(COALESCE(json_agg(json_build_array(",
                $columns,
                ")), '[]') AS TEXT) ",
                $rows
            ),
        }
    };
}

/// What a job's mailboxes are to the gate, in the order of [`GateMailbox`]. Binds: job.
const MAILBOXES: Set = set!(
    "box.id, box.enabled, box.has_scan, box.source_type, box.dest_host, box.dest_user, job.dest_imap_host,
     COALESCE(box.dest_endpoint_id, job.dest_endpoint_id, ''), COALESCE(box.folder_map_json, ''), box.options_json,
     box.messages_source, box.messages_matched, box.messages_pending, box.messages_quarantined,
     box.messages_acknowledged, box.messages_dest, box.last_delta_at, box.last_delta_status, box.source_login_ok_at,
     box.dest_login_ok_at, box.error_class, box.bytes_source, box.email,
     COALESCE(box.source_endpoint_id, job.source_endpoint_id, ''), COALESCE(box.source_host, ''),
     COALESCE(box.source_user, ''), COALESCE(box.pst_path, ''), box.counted_selection, box.delta_selection",
    "FROM migration_mailboxes AS box JOIN migration_jobs AS job ON job.id = box.job_id WHERE box.job_id = $1"
);
/// Their folders, in the order of [`GateFolder`], as few values as will do. Binds: job.
const FOLDERS: Set = set!(
    "folder.mailbox_id, folder.source_path, folder.dest_path, folder.role,
     folder.is_renamed + CASE folder.last_scan_at WHEN '' THEN 0 ELSE 2 END
         + CASE folder.uidvalidity_first WHEN 0 THEN 4 ELSE 0 END
         + CASE folder.uidvalidity_changes WHEN 0 THEN 0 ELSE 8 END,
     folder.messages_source, folder.messages_matched, folder.messages_pending,
     folder.messages_quarantined + folder.messages_acknowledged",
    "FROM mailbox_folders AS folder
     WHERE folder.mailbox_id IN (SELECT box.id FROM migration_mailboxes AS box WHERE box.job_id = $1)
       AND folder.is_gone = 0"
);
/// What was measured of them, in the order of [`MeasuresRow`]. Binds: job.
const MEASURES: Set = set!(
    "of.mailbox_id, of.sampled_at, of.sample_compared, of.sample_rewritten, of.sample_different, of.bytes_at,
     of.bytes_source, of.bytes_dest, of.duplicates_at, of.duplicates, of.quota_at, of.quota_kind, of.quota_limit,
     of.quota_used, of.merkle_root",
    "FROM mailbox_measures AS of JOIN migration_mailboxes AS box ON box.id = of.mailbox_id WHERE box.job_id = $1"
);
/// Binds: job, checks as a list of lists, now_at, snapshot.
const CHECKS_SQLITE: &str = "
    INSERT INTO migration_gate_checks (job_id, check_id, status, message, checked_at, critical, mailbox_id, snapshot_id,
                                       details_json)
    SELECT $1, one.value ->> 0, one.value ->> 1, one.value ->> 2, $3, one.value ->> 3, one.value ->> 4, $4,
           one.value ->> 5
    FROM json_each($2) AS one";
/// The same for a server.
const CHECKS_POSTGRES: &str = "
    INSERT INTO migration_gate_checks (job_id, check_id, status, message, checked_at, critical, mailbox_id, snapshot_id,
                                       details_json)
    SELECT $1, one ->> 0, one ->> 1, one ->> 2, $3, CAST(one ->> 3 AS BIGINT), CAST(one ->> 4 AS BIGINT), $4,
           one ->> 5
    FROM json_array_elements(CAST($2 AS JSON)) AS one";
/// Checks of snapshots before this one that nobody decided on and no phase was moved by. Binds: job, snapshot.
const FORGET_CHECKS: &str = "
    DELETE FROM migration_gate_checks WHERE job_id = $1 AND snapshot_id <> $2
      AND snapshot_id NOT IN (SELECT snapshot_id FROM gate_approvals WHERE job_id = $1 AND snapshot_id IS NOT NULL)
      AND snapshot_id NOT IN
          (SELECT gate_snapshot_id FROM phase_history WHERE job_id = $1 AND gate_snapshot_id IS NOT NULL)";
/// What such a snapshot was made of; its digest, verdict and time stay. Binds: job, snapshot.
const FORGET_INPUTS: &str = "
    UPDATE gate_snapshots SET inputs_json = '' WHERE job_id = $1 AND id <> $2 AND inputs_json <> ''
      AND id NOT IN (SELECT snapshot_id FROM gate_approvals WHERE job_id = $1 AND snapshot_id IS NOT NULL)
      AND id NOT IN (SELECT gate_snapshot_id FROM phase_history WHERE job_id = $1 AND gate_snapshot_id IS NOT NULL)";

/// Every query of this file that both engines know, for the test that prepares them.
pub const QUERIES: &[&str] = &[FORGET_CHECKS, FORGET_INPUTS];
/// The others, which each engine has in its own words.
pub const SETS: &[Set] =
    &[MAILBOXES, FOLDERS, MEASURES, Set { sqlite: CHECKS_SQLITE, postgres: CHECKS_POSTGRES }];

/// A mailbox as the gate sees it.
#[derive(Deserialize)]
#[expect(missing_docs, reason = "each field is the column of its name in migration_mailboxes")]
pub struct GateMailbox<'a> {
    pub id: i64,
    #[serde(deserialize_with = "flag")]
    pub enabled: bool,
    #[serde(deserialize_with = "flag")]
    pub has_scan: bool,
    #[serde(borrow)]
    pub source_type: Cow<'a, str>,
    #[serde(borrow)]
    pub dest_host: Cow<'a, str>,
    #[serde(borrow)]
    pub dest_user: Cow<'a, str>,
    #[serde(borrow)]
    pub dest_imap_host: Cow<'a, str>,
    #[serde(borrow)]
    pub dest_endpoint_id: Cow<'a, str>,
    #[serde(borrow)]
    pub folder_map_json: Cow<'a, str>,
    #[serde(borrow)]
    pub options_json: Cow<'a, str>,
    pub messages_source: u64,
    pub messages_matched: u64,
    pub messages_pending: u64,
    pub messages_quarantined: u64,
    pub messages_acknowledged: u64,
    pub messages_dest: u64,
    #[serde(borrow)]
    pub last_delta_at: Cow<'a, str>,
    #[serde(borrow)]
    pub last_delta_status: Cow<'a, str>,
    #[serde(borrow)]
    pub source_login_ok_at: Cow<'a, str>,
    #[serde(borrow)]
    pub dest_login_ok_at: Cow<'a, str>,
    #[serde(borrow)]
    pub error_class: Cow<'a, str>,
    pub bytes_source: u64,
    #[serde(borrow)]
    pub email: Cow<'a, str>,
    #[serde(borrow)]
    pub source_endpoint_id: Cow<'a, str>,
    #[serde(borrow)]
    pub source_host: Cow<'a, str>,
    #[serde(borrow)]
    pub source_user: Cow<'a, str>,
    #[serde(borrow)]
    pub pst_path: Cow<'a, str>,
    #[serde(borrow)]
    pub counted_selection: Cow<'a, str>,
    #[serde(borrow)]
    pub delta_selection: Cow<'a, str>,
}

/// A folder as the gate sees it.
#[derive(Deserialize)]
#[expect(missing_docs, reason = "each field is the column of its name in mailbox_folders")]
pub struct GateFolder<'a> {
    pub mailbox_id: i64,
    #[serde(borrow)]
    pub source_path: Cow<'a, str>,
    #[serde(borrow)]
    pub dest_path: Cow<'a, str>,
    #[serde(borrow)]
    pub role: Cow<'a, str>,
    marks: u8,
    pub messages_source: u64,
    pub messages_matched: u64,
    pub messages_pending: u64,
    /// Acknowledged or not: who said what is counted from the items themselves.
    pub messages_quarantined: u64,
}

impl GateFolder<'_> {
    /// It has another name at the destination.
    pub const fn is_renamed(&self) -> bool {
        self.marks & 1 != 0
    }

    /// It has a time of its last scan.
    pub const fn is_scanned(&self) -> bool {
        self.marks & 2 != 0
    }

    /// Nobody knows its UIDVALIDITY at the first copy.
    pub const fn is_of_unknown_generation(&self) -> bool {
        self.marks & 4 != 0
    }

    /// Its UIDVALIDITY is another since then.
    pub const fn has_another_generation(&self) -> bool {
        self.marks & 8 != 0
    }
}

/// Both engines keep truths as 0 and 1.
fn flag<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<bool, D::Error> {
    Ok(i64::deserialize(from)? != 0)
}

/// Whole sets of rows, each as the one text that the database gave.
pub struct GateSets {
    mailboxes: String,
    folders: String,
    measures: String,
}

fn rows<'a, T: Deserialize<'a>>(list: &'a str) -> Result<Vec<T>> {
    let wrong = |_| StoreError::Column { column: 0, found: "other text", wanted: "a list of rows" };
    serde_json::from_str(list).map_err(wrong)
}

impl GateSets {
    /// The mailboxes of the job, in the order of their ids.
    ///
    /// # Errors
    /// Where a row holds what this program never writes.
    pub fn mailboxes(&self) -> Result<Vec<GateMailbox<'_>>> {
        let mut mailboxes: Vec<GateMailbox<'_>> = rows(&self.mailboxes)?;
        mailboxes.sort_unstable_by_key(|mailbox| mailbox.id);
        Ok(mailboxes)
    }

    /// Their folders, in no order.
    ///
    /// # Errors
    /// Where a row holds what this program never writes.
    pub fn folders(&self) -> Result<Vec<GateFolder<'_>>> {
        rows(&self.folders)
    }

    /// What was measured of them, in no order.
    ///
    /// # Errors
    /// Where a row holds what this program never writes.
    pub fn measures(&self) -> Result<Vec<MeasuresRow>> {
        rows(&self.measures)
    }
}

impl Transaction {
    /// The mailboxes of a job, their folders, and what was measured of them.
    pub async fn gate_sets(&mut self, job: i64) -> Result<GateSets> {
        Ok(GateSets {
            mailboxes: self.set("reading mailboxes", &MAILBOXES, job).await?,
            folders: self.set("reading folders", &FOLDERS, job).await?,
            measures: self.set("reading measures", &MEASURES, job).await?,
        })
    }

    /// The mailboxes of a job alone.
    pub async fn gate_mailboxes(&mut self, job: i64) -> Result<GateSets> {
        let mailboxes = self.set("reading mailboxes", &MAILBOXES, job).await?;
        Ok(GateSets { mailboxes, folders: "[]".to_owned(), measures: "[]".to_owned() })
    }

    async fn set(&mut self, tried: &'static str, set: &Set, job: i64) -> Result<String> {
        let row = self.one(tried, set.text(self.is_postgres()), binds![job]).await?;
        row.map_or_else(|| Ok("[]".to_owned()), |row| row.text(0))
    }

    /// Writes the checks of a snapshot, and forgets those of earlier ones that nothing rests on.
    pub async fn write_checks(
        &mut self,
        job: i64,
        snapshot: &str,
        now_at: &str,
        checks: &[NewCheck<'_>],
    ) -> Result<()> {
        let list: Vec<_> = checks
            .iter()
            .map(|one| {
                (
                    one.id,
                    one.status,
                    one.message.replace('\0', "\u{fffd}"),
                    u8::from(one.is_critical),
                    one.mailbox,
                    one.details_json.replace("\\u0000", "\\ufffd"),
                )
            })
            .collect();
        let list = serde_json::json!(list).to_string();
        let text = if self.is_postgres() { CHECKS_POSTGRES } else { CHECKS_SQLITE };
        self.run("writing checks", text, binds![job, list, now_at, snapshot]).await?;
        self.run("forgetting checks", FORGET_CHECKS, binds![job, snapshot]).await?;
        self.run("forgetting a snapshot", FORGET_INPUTS, binds![job, snapshot]).await.map(|_| ())
    }
}
