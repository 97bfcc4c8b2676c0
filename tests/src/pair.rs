//! Two scripted servers, `ana`'s mail on both, and the migration from one to the other.
//! Never keeps what was said in an earlier run: each copy has a transcript of its own.

use anyhow::{Result, ensure};
use malote_engine::report::Report;

use crate::migration::Migration;
use crate::scripted::{FolderHandle, Letter, Script, Scripted};

/// Both servers and what brings mail from one to the other.
pub struct Pair {
    /// Where mail comes from.
    pub source: Scripted,
    /// Where it goes to.
    pub destination: Scripted,
    /// How it goes.
    pub migration: Migration,
}

impl Pair {
    /// Two well-mannered servers.
    ///
    /// # Errors
    /// Where a server cannot be started.
    pub fn plain() -> Result<Self> {
        Self::of(Script::new(), Script::new())
    }

    /// Two servers under these scripts.
    ///
    /// # Errors
    /// As `plain`.
    pub fn of(source: Script, destination: Script) -> Result<Self> {
        let (source, destination) = (source.start()?, destination.start()?);
        let mut migration = Migration::between(&source.url("ana"), &destination.url("ana"))?;
        // A scripted server is done at once with what a lost connection sent.
        migration.policy.quiet_ms = 20;
        Ok(Self { source, destination, migration })
    }

    /// The source's INBOX.
    #[must_use]
    pub fn inbox(&self) -> FolderHandle {
        self.source.world().folder("INBOX")
    }

    /// The destination's INBOX.
    #[must_use]
    pub fn there(&self) -> FolderHandle {
        self.destination.world().folder("INBOX")
    }

    /// Delivers to the source's INBOX.
    pub fn deliver(&self, letters: impl IntoIterator<Item = Letter>) {
        let _ = self.inbox().holding(letters);
    }

    /// Copies, on empty transcripts. The ledger equation must hold.
    ///
    /// # Errors
    /// Where the run could not be made, or its counts do not add up.
    pub async fn copy(&self) -> Result<Report> {
        self.source.transcript().clear();
        self.destination.transcript().clear();
        let report = self.migration.copy().await?;
        ensure!(report.balances(), "the counts do not add up: {report:?}");
        Ok(report)
    }

    /// Commands of the last copy that change something at the destination.
    #[must_use]
    pub fn writes(&self) -> usize {
        let transcript = self.destination.transcript();
        ["APPEND", "UID STORE", "STORE", "UID EXPUNGE", "EXPUNGE"]
            .map(|verb| transcript.count(verb))
            .iter()
            .sum()
    }

    /// Messages whose whole octets the last copy asked for, on both sides.
    #[must_use]
    pub fn bodies_read(&self) -> usize {
        self.source.transcript().bodies_asked().len() + self.destination.transcript().bodies_asked().len()
    }

    /// Whether both INBOXes hold the same octets, each as often.
    #[must_use]
    pub fn is_twin(&self) -> bool {
        texts(&self.inbox()) == texts(&self.there())
    }
}

/// The octets of a folder's messages, sorted.
#[must_use]
pub fn texts(folder: &FolderHandle) -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = folder.messages().into_iter().map(|stored| stored.letter.octets).collect();
    texts.sort();
    texts
}

/// How a run ended, with every counter that is not 0: `success: 3 copied, 1 vanished`.
#[must_use]
pub fn told(report: &Report) -> String {
    let totals = &report.totals;
    let counters = [
        (totals.copied, "copied"),
        (totals.adopted, "adopted"),
        (totals.already, "already"),
        (totals.collapsed, "collapsed"),
        (totals.filtered, "filtered"),
        (totals.quarantined, "quarantined"),
        (totals.pending, "pending"),
        (totals.vanished, "vanished"),
        (totals.flag_changes, "flagged"),
        (totals.deleted, "deleted"),
    ];
    let known = counters.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = known.map(|(count, name)| format!("{count} {name}")).collect();
    format!("{:?}: {}", report.status, words.join(", ")).to_lowercase()
}

/// The classes of a report's errors.
#[must_use]
pub fn classes(report: &Report) -> Vec<&str> {
    report.errors.iter().map(|error| error.class.as_str()).collect()
}
