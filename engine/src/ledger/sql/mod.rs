//! A ledger in a database: SQLite for one machine, PostgreSQL for several. One logic, one text per query.
//! Never holds a transaction open between two calls.

mod error;
mod migrate;
mod origins;
mod postgres;
mod queries;
mod repairs;
mod rows;
mod session;
mod sqlite;
#[cfg(test)]
mod tests;
mod work;

use std::collections::BTreeMap;
use std::fs::File;

use async_trait::async_trait;
use malote_plan::folder::WireName;
use malote_plan::message::{Flags, Uid, UidValidity};
use malote_plan::record::{Imprint, Intent, QuarantineNote, Record, RepairNote};
use malote_plan::uid_set::UidSet;
use tokio::sync::{Mutex, MutexGuard};

use self::error::Broken;
use self::session::{Bind, Session};
pub use self::sqlite::OpenError;
use super::trouble::{closed, foreign_pair};
use super::{FolderId, FolderKey, FolderRow, Ledger, Numbered, PairIdentity, Recorded, Standing, Tokens};
use crate::failure::{Failure, Result};

/// A ledger in a file; see [`SqliteLedger::open`].
pub type SqliteLedger = SqlLedger<sqlx::SqliteConnection>;

/// A ledger in a PostgreSQL database; see [`PostgresLedger::connect`].
pub type PostgresLedger = SqlLedger<sqlx::PgConnection>;

/// The newest meaning of the tables' contents that this malote knows.
const FORMAT: i64 = 1;

/// A ledger behind one connection, which calls take in turn.
pub struct SqlLedger<S: Session> {
    /// What the ledger is called in failures: `the state file …` or `the ledger … in …`.
    name: String,
    /// The number of this pair's row in the table `ledger`.
    id: i64,
    options: S::Options,
    slot: Mutex<Slot<S>>,
}

struct Slot<S> {
    /// None while a call has it, and after a call that failed or was cancelled: the next one connects anew.
    session: Option<S>,
    /// Keeps other processes away from a file for as long as it is open.
    lock: Option<File>,
    is_closed: bool,
}

/// One call's hold on the connection. Dropped before `finish`, it takes the connection with it, so that what was
/// begun is rolled back: a cancelled call is not done at all.
struct Call<'a, S: Session> {
    name: &'a str,
    slot: MutexGuard<'a, Slot<S>>,
    session: S,
    tried: &'static str,
    is_writing: bool,
}

impl<S: Session> SqlLedger<S> {
    fn new(name: String, id: i64, options: S::Options, session: S, lock: Option<File>) -> Self {
        Self { name, id, options, slot: Mutex::new(Slot { session: Some(session), lock, is_closed: false }) }
    }

    async fn read(&self, tried: &'static str) -> Result<Call<'_, S>> {
        let mut slot = self.slot.lock().await;
        if slot.is_closed {
            return Err(closed(&self.name));
        }
        let session = match slot.session.take() {
            Some(session) => session,
            None => {
                S::connect(&self.options).await.map_err(|broken| broken.into_failure(&self.name, tried))?
            }
        };
        Ok(Call { name: &self.name, slot, session, tried, is_writing: false })
    }

    async fn write(&self, tried: &'static str) -> Result<Call<'_, S>> {
        let mut call = self.read(tried).await?;
        match call.session.batch(S::BEGIN).await {
            Ok(()) => {
                call.is_writing = true;
                Ok(call)
            }
            Err(broken) => call.finish(Err(broken)).await,
        }
    }
}

impl<S: Session> Call<'_, S> {
    /// Commits what was done and gives the connection back, or gives both up.
    async fn finish<T>(self, done: std::result::Result<T, Broken>) -> Result<T> {
        let Self { name, mut slot, mut session, tried, is_writing } = self;
        let done = match done {
            Ok(value) if is_writing => session.batch("COMMIT").await.map(|()| value),
            done => done,
        };
        match done {
            Ok(value) => {
                slot.session = Some(session);
                Ok(value)
            }
            Err(broken) => {
                if let Some(lock) = slot.lock.as_ref().filter(|_| broken.is_corrupt()) {
                    sqlite::mark_damaged(lock);
                }
                Err(broken.into_failure(name, tried))
            }
        }
    }
}

/// Makes or finds the row of the pair called `pair_key`; its number.
async fn enter<S: Session>(session: &mut S, pair_key: &str) -> std::result::Result<i64, Broken> {
    let (mut id, mut format) = (0, 0);
    session
        .rows(queries::ENTER, vec![Bind::text(pair_key), Bind::Int(FORMAT)], &mut |row| {
            (id, format) = (row.int(0)?, row.int(1)?);
            Ok(())
        })
        .await?;
    if format > FORMAT { Err(Broken::Newer { found: format, known: FORMAT }) } else { Ok(id) }
}

#[async_trait]
impl<S: Session> Ledger for SqlLedger<S> {
    async fn claim(&self, identity: &PairIdentity) -> Result<()> {
        let mut call = self.write("claiming").await?;
        let done = work::claim(&mut call.session, self.id, identity).await;
        let owner = call.finish(done).await?;
        if owner == *identity { Ok(()) } else { Err(foreign_pair(&self.name, &owner, identity)) }
    }

    async fn folders(&self) -> Result<Vec<FolderRow>> {
        let mut call = self.read("reading folders from").await?;
        let done = work::folders(&mut call.session, self.id).await;
        call.finish(done).await
    }

    async fn folder(&self, key: &FolderKey) -> Result<FolderRow> {
        let mut call = self.write("writing a folder into").await?;
        let done = work::folder(&mut call.session, self.id, key).await;
        call.finish(done).await
    }

    async fn set_tokens(&self, folder: FolderId, tokens: &Tokens) -> Result<()> {
        let mut call = self.write("writing a folder's state into").await?;
        let done = work::set_tokens(&mut call.session, self.id, folder, tokens).await;
        call.finish(done).await
    }

    async fn recorded(&self, folder: FolderId) -> Result<Recorded> {
        let mut call = self.read("reading records from").await?;
        let done = work::recorded(&mut call.session, self.id, folder).await;
        call.finish(done).await
    }

    async fn records(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Record>> {
        let mut call = self.read("reading records from").await?;
        let done = work::records(&mut call.session, self.id, folder, uids).await;
        call.finish(done).await
    }

    async fn record(&self, folder: FolderId, records: &[Record]) -> Result<()> {
        let mut call = self.write("writing records into").await?;
        let done = work::record(&mut call.session, self.id, folder, records).await;
        call.finish(done).await
    }

    async fn set_flags(&self, folder: FolderId, flags: &[(Uid, Flags)]) -> Result<()> {
        let mut call = self.write("writing flags into").await?;
        let done = work::set_flags(&mut call.session, self.id, folder, flags).await;
        call.finish(done).await
    }

    async fn forget(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        let mut call = self.write("removing records from").await?;
        let done = work::forget(&mut call.session, self.id, folder, uids).await;
        call.finish(done).await
    }

    async fn destination_uids(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<UidSet> {
        let mut call = self.read("reading destination UIDs from").await?;
        let place = (destination_wire, uid_validity);
        let text = queries::DESTINATION_UIDS;
        let done = work::destination_uids(&mut call.session, text, self.id, place).await;
        call.finish(done).await
    }

    async fn claimed_uids(&self, destination_wire: &WireName, uid_validity: UidValidity) -> Result<UidSet> {
        let mut call = self.read("reading destination UIDs from").await?;
        let place = (destination_wire, uid_validity);
        let done = work::destination_uids(&mut call.session, queries::CLAIMED_UIDS, self.id, place).await;
        call.finish(done).await
    }

    async fn noted_uids(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
        repairs: &str,
    ) -> Result<UidSet> {
        let mut call = self.read("reading noted destination UIDs from").await?;
        let place = (destination_wire, uid_validity);
        let done = repairs::noted_uids(&mut call.session, self.id, place, repairs).await;
        call.finish(done).await
    }

    async fn bygone_imprints(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<BTreeMap<Uid, Imprint>> {
        let mut call = self.read("reading imprints from").await?;
        let place = (destination_wire, uid_validity);
        let done = work::bygone_imprints(&mut call.session, self.id, place).await;
        call.finish(done).await
    }

    async fn release(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
        uids: &UidSet,
    ) -> Result<()> {
        let mut call = self.write("removing bygone records from").await?;
        let place = (destination_wire, uid_validity);
        let done = work::release(&mut call.session, self.id, place, uids).await;
        call.finish(done).await
    }

    async fn rebase_source(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        let mut call = self.write("starting a source generation in").await?;
        let done = work::rebase_source(&mut call.session, self.id, folder, uid_validity, moves).await;
        call.finish(done).await
    }

    async fn rebase_destination(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        let mut call = self.write("starting a destination generation in").await?;
        let done = work::rebase_destination(&mut call.session, self.id, folder, uid_validity, moves).await;
        call.finish(done).await
    }

    async fn open_intent(
        &self,
        folder: FolderId,
        source_uids: &UidSet,
        destination_uid_validity: UidValidity,
        destination_uid_next: u32,
    ) -> Result<i64> {
        let mut call = self.write("writing an intent into").await?;
        let intent = (source_uids, destination_uid_validity, destination_uid_next);
        let done = work::open_intent(&mut call.session, self.id, folder, intent).await;
        call.finish(done).await
    }

    async fn close_intent(&self, folder: FolderId, intent: i64) -> Result<()> {
        let mut call = self.write("removing an intent from").await?;
        let done = work::close_intent(&mut call.session, self.id, folder, intent).await;
        call.finish(done).await
    }

    async fn intents(&self, folder: FolderId) -> Result<Vec<Intent>> {
        let mut call = self.read("reading intents from").await?;
        let done = work::intents(&mut call.session, self.id, folder).await;
        call.finish(done).await
    }

    async fn note_quarantine(&self, folder: FolderId, notes: &[QuarantineNote]) -> Result<()> {
        let mut call = self.write("writing quarantine notes into").await?;
        let done = work::note_quarantine(&mut call.session, self.id, folder, notes).await;
        call.finish(done).await
    }

    async fn quarantine_notes(&self, folder: FolderId) -> Result<Vec<QuarantineNote>> {
        let mut call = self.read("reading quarantine notes from").await?;
        let done = work::quarantine_notes(&mut call.session, self.id, folder).await;
        call.finish(done).await
    }

    async fn acknowledge(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        let mut call = self.write("acknowledging quarantine notes in").await?;
        let done = repairs::acknowledge(&mut call.session, self.id, folder, uids, true).await;
        call.finish(done).await
    }

    async fn revoke_acknowledgements(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        let mut call = self.write("taking acknowledgements back in").await?;
        let done = repairs::acknowledge(&mut call.session, self.id, folder, uids, false).await;
        call.finish(done).await
    }

    async fn record_repaired(&self, folder: FolderId, repaired: &[(Record, RepairNote)]) -> Result<()> {
        let mut call = self.write("writing records of repaired messages into").await?;
        let done = repairs::record_repaired(&mut call.session, self.id, folder, repaired).await;
        call.finish(done).await
    }

    async fn repair_notes(&self, folder: FolderId) -> Result<Vec<RepairNote>> {
        let mut call = self.read("reading what was repaired from").await?;
        let done = repairs::repair_notes(&mut call.session, self.id, folder).await;
        call.finish(done).await
    }

    async fn note_origins(&self, folder: FolderId, numbered: &[Numbered]) -> Result<()> {
        let mut call = self.write("writing where messages stand into").await?;
        let done = origins::note_origins(&mut call.session, self.id, folder, numbered).await;
        call.finish(done).await
    }

    async fn known_origins(&self, folder: FolderId) -> Result<UidSet> {
        let mut call = self.read("reading where messages stand from").await?;
        let done = origins::known_origins(&mut call.session, self.id, folder).await;
        call.finish(done).await
    }

    async fn standing(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Standing>> {
        let mut call = self.read("reading where messages stand from").await?;
        let done = origins::standing(&mut call.session, self.id, folder, uids).await;
        call.finish(done).await
    }

    async fn close(&self) {
        let mut slot = self.slot.lock().await;
        slot.is_closed = true;
        if let Some(session) = slot.session.take()
            && let Err(broken) = session.end().await
        {
            let failure: Failure = broken.into_failure(&self.name, "closing");
            tracing::warn!("{}: every call before it was committed, nothing is lost", failure.full_message());
        }
        slot.lock = None;
    }
}
