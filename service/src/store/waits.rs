//! What runs waited because a server asked for it, by parts of the time.
//! Never counts a wait twice: each claim of a run tells how long it waited in a part, not how much more.

use super::{Fence, Result, Row, Store};
use crate::binds;

/// How long a part is, in milliseconds.
pub const PART_MILLIS: i64 = 600_000;

/// Writes what a claim waited in a part, so far. Binds: run_id, fencing_token, from_ms, waited_ms.
const WAITED: &str = "
    INSERT INTO throttle_waits (run_id, fencing_token, from_ms, waited_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (run_id, fencing_token, from_ms) DO UPDATE SET waited_ms = excluded.waited_ms";
/// What the runs of a mailbox waited. Binds: mailbox, from when, rows.
const OF_MAILBOX: &str = "
    SELECT its.from_ms, CAST(SUM(its.waited_ms) AS BIGINT)
    FROM throttle_waits AS its JOIN migration_runs AS run ON run.id = its.run_id
    WHERE run.mailbox_id = $1 AND its.from_ms >= $2 GROUP BY its.from_ms ORDER BY its.from_ms LIMIT $3";
/// What they waited in all, and how many of them did. Binds: mailbox.
const IN_ALL: &str = "
    SELECT CAST(COALESCE(SUM(throttle_ms), 0) AS BIGINT), COUNT(*) FROM migration_runs
    WHERE mailbox_id = $1 AND throttle_ms > 0";

/// Every query of this file, for the test that prepares them.
pub const QUERIES: &[&str] = &[WAITED, OF_MAILBOX, IN_ALL];

/// The beginning of the part in which a moment lies.
#[must_use]
pub const fn part_of(unix_ms: i64) -> i64 {
    unix_ms - unix_ms.rem_euclid(PART_MILLIS)
}

impl Store {
    /// Writes how long a claim of a run waited in each of some parts, in milliseconds.
    ///
    /// # Errors
    /// What the database says; nothing of them stands then.
    pub async fn waited(&self, fence: Fence, parts: &[(i64, i64)]) -> Result<()> {
        let mut transaction = self.begin().await?;
        for (from_ms, waited_ms) in parts {
            let binds = binds![fence.run_id, fence.token, *from_ms, *waited_ms];
            transaction.run("writing what was waited", WAITED, binds).await?;
        }
        transaction.commit().await
    }

    /// What the runs of a mailbox waited since a moment: the beginnings of parts, with milliseconds; parts without any
    /// are left out. The caller has been shown to reach the mailbox.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mailbox_waits(&self, mailbox: i64, since_ms: i64, rows: i64) -> Result<Vec<(i64, i64)>> {
        let read = |row: &Row| Ok((row.int(0)?, row.int(1)?));
        let binds = binds![mailbox, since_ms, rows];
        self.all("reading what was waited", OF_MAILBOX, binds).await?.iter().map(read).collect()
    }

    /// What the runs of a mailbox waited in all, in milliseconds, and how many of them did.
    ///
    /// # Errors
    /// What the database says.
    pub async fn mailbox_waited(&self, mailbox: i64) -> Result<(i64, i64)> {
        let row = self.one("adding up what was waited", IN_ALL, binds![mailbox]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_begins_at_each_ten_minutes() {
        for (moment, expected) in
            [(0, 0), (599_999, 0), (600_000, 600_000), (1_250_000, 1_200_000), (-1, -600_000)]
        {
            assert_eq!(part_of(moment), expected, "{moment}");
        }
    }
}
