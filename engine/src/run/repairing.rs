//! Has refused messages accepted by the least named change, or puts them into quarantine.
//! Never sends a changed message before the destination was looked at for it, and never parts with the original.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use malote_plan::examine::{self, Circumstances, Finding};
use malote_plan::failure::{Class, Reach};
use malote_plan::identity;
use malote_plan::message::{Uid, UidValidity};
use malote_plan::record::{Keys, RepairNote, State};
use malote_plan::repair::{self, Remedy};
use malote_plan::uid_set::UidSet;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::census::octets_max;
use super::context::FolderRun;
use super::lane::Refused;
use super::manners::Manners;
use super::parcel::{Item, Keeps, Ready, ready};
use super::reading::Ends;
use super::{adopt, quarantining, strangers::Strangers, transfer};
use crate::body::{Body, Held};
use crate::destination::{Answer, Parcel};
use crate::failure::{Failure, Result};
use crate::ledger::FolderId;
use crate::source::{Fetched, Stub};

/// Longest message that is repaired, in octets: it is held in memory twice.
pub(super) const REPAIR_OCTETS_MAX: u64 = 8 * 1024 * 1024;

/// Refusals that one connection is given before it is changed: Exchange closes at the tenth (providers §1.3).
const REFUSALS_ON_A_CONNECTION_MAX: usize = 6;

/// What a run shares about repairs.
pub(super) struct Experience {
    /// One message is repaired at a time, for it is held in memory.
    turn: Semaphore,
    /// What has helped against what.
    helped: Mutex<BTreeMap<String, Remedy>>,
    /// Long messages that broke off at a NUL.
    with_nul: Mutex<BTreeSet<(FolderId, Uid)>>,
}

impl Default for Experience {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), helped: Mutex::default(), with_nul: Mutex::default() }
    }
}

impl Experience {
    /// Waits for leave to hold a whole message that is too long for the budget.
    pub async fn turn(&self) -> SemaphorePermit<'_> {
        self.turn.acquire().await.expect("it is never closed")
    }

    /// Remembers a long message that broke off at a NUL: it is not sent again as it is.
    pub fn met_nul(&self, folder: FolderId, uid: Uid) {
        self.with_nul.lock().unwrap_or_else(PoisonError::into_inner).insert((folder, uid));
    }

    /// True for one that did.
    pub fn has_met_nul(&self, folder: FolderId, uid: Uid) -> bool {
        self.with_nul.lock().unwrap_or_else(PoisonError::into_inner).contains(&(folder, uid))
    }

    fn learn(&self, findings: &str, remedy: &Remedy) {
        let mut helped = self.helped.lock().unwrap_or_else(PoisonError::into_inner);
        helped.insert(findings.to_owned(), remedy.clone());
    }

    /// The remedies in the order of trying: first what has helped another message with the same findings.
    fn ordered(&self, findings: &str, mut remedies: Vec<Remedy>) -> Vec<Remedy> {
        let helped = self.helped.lock().unwrap_or_else(PoisonError::into_inner);
        let known = helped.get(findings);
        if let Some(at) = remedies.iter().position(|remedy| Some(remedy) == known) {
            remedies[..=at].rotate_right(1);
        }
        remedies
    }
}

/// Repairs or quarantines messages that two connections have refused. Returns the ends, which may be fresh ones.
pub(super) async fn mend(
    folder: &mut FolderRun<'_>,
    mut ends: Ends,
    refused: Vec<Refused>,
    validity: UidValidity,
) -> Result<Ends> {
    if refused.is_empty() {
        return Ok(ends);
    }
    for note in folder.run.job.ledger.repair_notes(folder.pair.row.id).await? {
        if let Some(remedy) = Remedy::parse(&note.repairs) {
            folder.run.repairs.learn(&note.findings, &remedy);
        }
    }
    // They stood alone on this very connection.
    let mut desk = Desk { strangers: Strangers::new(validity), refusals: refused.len() };
    for refusal in refused {
        if folder.run.halt.is_cancelled() {
            break;
        }
        let experience = folder.run.repairs;
        let _turn = experience.turn().await;
        ends = desk.attend(folder, ends, refusal).await?;
    }
    Ok(ends)
}

/// What the repairs of one folder go by.
struct Desk {
    strangers: Strangers,
    /// Refusals that the present connection has given.
    refusals: usize,
}

impl Desk {
    /// Settles one message.
    async fn attend(&mut self, folder: &mut FolderRun<'_>, mut ends: Ends, refusal: Refused) -> Result<Ends> {
        let Some(case) = Case::open(folder, &mut ends, &refusal).await? else {
            quarantining::keep_refused(folder, &mut ends, refusal).await?;
            return Ok(ends);
        };
        let (mut failure, mut tried) = (refusal.failure, Vec::new());
        // What a filter refuses for its content is no matter of form.
        let is_form = matches!(failure.class, Class::ItemRefused | Class::ItemMalformed);
        let may_repair = folder.run.job.policy.repairs && is_form;
        let remedies = if may_repair { case.remedies(folder) } else { Vec::new() };
        for remedy in &remedies {
            let Some(changed) = remedy.apply(&case.octets) else { continue };
            // What must not be sent is not tried.
            if !case.carries_nul && changed.contains(&0) {
                continue;
            }
            let octets = Bytes::from(changed.into_owned());
            ends = self.rested(folder, ends).await?;
            if self.finds(folder, &mut ends, &case, &remedies, tried.is_empty()).await? {
                return Ok(ends);
            }
            match case.send(folder, &mut ends, remedy, octets.clone()).await? {
                Ok(uids) => {
                    let uid = self.strangers.appended(uids);
                    case.record_copied(folder, remedy, &octets, uid).await?;
                    return Ok(ends);
                }
                Err(refused) => failure = refused,
            }
            tried.push(remedy.names());
            self.refusals += 1;
        }
        if !self.finds(folder, &mut ends, &case, &remedies, tried.is_empty()).await? {
            case.quarantine(folder, &failure, &tried).await?;
        }
        Ok(ends)
    }

    /// The same ends, or fresh ones where this connection has refused enough.
    async fn rested(&mut self, folder: &FolderRun<'_>, ends: Ends) -> Result<Ends> {
        if self.refusals < REFUSALS_ON_A_CONNECTION_MAX {
            return Ok(ends);
        }
        self.refusals = 0;
        transfer::fresh(folder, ends).await
    }

    /// True where the destination holds the message after all, as it was or as a remedy leaves it: a server may
    /// keep what it refuses. Unless `is_first`, only what is new there counts.
    async fn finds(
        &mut self,
        folder: &mut FolderRun<'_>,
        ends: &mut Ends,
        case: &Case<'_>,
        remedies: &[Remedy],
        is_first: bool,
    ) -> Result<bool> {
        let is_new = self.strangers.look(folder, ends).await?;
        Ok((is_new || is_first) && case.is_found(folder, ends, &mut self.strangers, remedies).await?)
    }
}

type Uids = Option<(UidValidity, Vec<Uid>)>;

/// A refused message with everything that is known of it.
struct Case<'a> {
    stub: Stub,
    octets: Bytes,
    /// Where the original lies.
    file: String,
    message_id: String,
    findings: Vec<Finding>,
    /// The flags that the destination keeps.
    permanent: (malote_plan::message::Flags, bool),
    /// False where the destination may be sent no NUL.
    carries_nul: bool,
    manners: &'a Manners,
}

impl<'a> Case<'a> {
    /// Reads the message and keeps its octets; nothing for one that is gone or too long to be repaired.
    async fn open(folder: &FolderRun<'a>, ends: &mut Ends, refusal: &Refused) -> Result<Option<Self>> {
        if refusal.octets > REPAIR_OCTETS_MAX {
            return Ok(None);
        }
        let uids = UidSet::from_iter([refusal.uid]);
        let Some(stub) = ends.source.stubs(&uids).await?.into_iter().find(|stub| stub.uid == refusal.uid)
        else {
            return Ok(None);
        };
        let octets = match refusal.kept.clone() {
            Some(octets) => Some(octets),
            None => {
                ends.source().whole(refusal.uid, &folder.run.job.read_limits(), REPAIR_OCTETS_MAX).await?
            }
        };
        let Some(octets) = octets else { return Ok(None) };
        let hint = quarantining::hint(folder, refusal.uid);
        let file = folder.run.job.quarantine.keep(&hint, Body::Memory(octets.clone())).await?;
        let message_id = quarantining::message_id(&octets);
        let (permanent, carries_nul) = (ends.destination.permanent_flags(), ends.destination.carries_nul());
        let mut case = Self {
            stub,
            octets,
            file,
            message_id,
            findings: Vec::new(),
            permanent,
            carries_nul,
            manners: folder.run.manners,
        };
        let internal_date = case.item().await.internal_date;
        let around = Circumstances { internal_date, octets_max: octets_max(folder, ends) };
        case.findings = examine::examine(&case.octets, &around);
        Ok(Some(case))
    }

    /// The message as a transfer would send it.
    async fn item(&self) -> Item {
        let (permanent, takes_new) = self.permanent.clone();
        let (stub, body, held) = (self.stub.clone(), Body::Memory(self.octets.clone()), Held::default());
        let Ready { item, .. } = ready(
            Fetched { stub, body, held },
            &Keeps { permanent, takes_new, carries_nul: self.carries_nul, manners: self.manners },
            None,
        )
        .await;
        item
    }

    fn remedies(&self, folder: &FolderRun<'_>) -> Vec<Remedy> {
        let remedies = repair::remedies(&self.octets, &self.findings);
        folder.run.repairs.ordered(&examine::kinds(&self.findings), remedies)
    }

    /// Looks among the destination's strangers for this message as any remedy would leave it, and records it.
    async fn is_found(
        &self,
        folder: &mut FolderRun<'_>,
        ends: &mut Ends,
        strangers: &mut Strangers,
        remedies: &[Remedy],
    ) -> Result<bool> {
        if strangers.is_empty() {
            return Ok(false);
        }
        let octets = self.octets.len() as u64;
        let unchanged = Changed { remedy: Remedy::default(), keys: identity::keys(&self.octets), octets };
        let mut wanted = vec![unchanged];
        wanted.extend(Changed::all(&self.octets, remedies.iter().cloned()));
        let Some((at, copy)) = strangers.find(folder, ends, &wanted).await? else { return Ok(false) };
        let mut record = self.item().await.record(Some(copy)).await;
        // The base of the flag merge is empty, so that flags of both sides unite on the next pass.
        (record.state, record.flags) = (State::Adopted, malote_plan::message::Flags::default());
        adopt::release(folder, [&record]).await?;
        let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
        match &wanted[at] {
            _ if at == 0 => ledger.record(id, &[record]).await?,
            Changed { remedy, keys, octets } => {
                ledger.record_repaired(id, &[(record, self.note(remedy, *octets, *keys))]).await?;
            }
        }
        folder.tally.adopted.insert(self.stub.uid);
        folder.run.job.progress.messages_done(1);
        Ok(true)
    }

    /// Sends the changed octets alone. The inner failure is a refusal of this message.
    async fn send(
        &self,
        folder: &FolderRun<'_>,
        ends: &mut Ends,
        remedy: &Remedy,
        octets: Bytes,
    ) -> Result<std::result::Result<Uids, Failure>> {
        folder.run.job.pace.take(octets.len() as u64).await;
        let item = self.item().await;
        let internal_date = remedy.date(&self.octets, item.internal_date);
        let parcel = Parcel { body: Body::Memory(octets), flags: item.destination_flags, internal_date };
        ends.is_stale = true;
        ends.destination.send(vec![parcel]).await?;
        match ends.destination.answer().await?.1 {
            Answer::Appended { uids } => Ok(Ok(uids)),
            Answer::Refused(failure) if failure.reach != Reach::Message => Err(failure),
            Answer::Refused(failure) => Ok(Err(failure)),
        }
    }

    async fn record_copied(
        &self,
        folder: &mut FolderRun<'_>,
        remedy: &Remedy,
        octets: &Bytes,
        destination_uid: Option<Uid>,
    ) -> Result<()> {
        let (uid, mut item) = (self.stub.uid, self.item().await);
        folder.run.findings.drop_flags(&std::mem::take(&mut item.dropped));
        for keyword in std::mem::take(&mut item.keywords) {
            folder.keywords.entry(keyword).or_default().insert(uid);
        }
        let length = octets.len() as u64;
        let note = self.note(remedy, length, identity::keys(octets));
        let record = item.record(destination_uid).await;
        folder.run.job.ledger.record_repaired(folder.pair.row.id, &[(record, note)]).await?;
        folder.run.repairs.learn(&examine::kinds(&self.findings), remedy);
        folder.tally.copied.insert(uid);
        folder.tally.bytes_copied += length;
        folder.run.job.progress.messages_copied(1, length);
        Ok(())
    }

    fn note(&self, remedy: &Remedy, octets: u64, keys: Keys) -> RepairNote {
        RepairNote {
            source_uid: self.stub.uid,
            findings: examine::kinds(&self.findings),
            repairs: remedy.names(),
            message_id: self.message_id.clone(),
            file: self.file.clone(),
            octets,
            keys,
        }
    }

    async fn quarantine(
        &self,
        folder: &mut FolderRun<'_>,
        failure: &Failure,
        tried: &[String],
    ) -> Result<()> {
        let mut detail =
            format!("{}; found in it: {}", failure.full_message(), examine::sentence(&self.findings));
        if !tried.is_empty() {
            detail.push_str(&format!("; tried in vain: {}", tried.join(", ")));
        }
        let (reason, octets) = (quarantining::reason(failure), self.octets.len() as u64);
        let mut note = quarantining::note(self.stub.uid, reason, detail, octets);
        (note.file, note.message_id) = (self.file.clone(), self.message_id.clone());
        note.attempts = 2 + u32::try_from(tried.len()).unwrap_or(u32::MAX - 2);
        quarantining::keep(folder, note).await
    }
}

/// A message as a remedy leaves it.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub remedy: Remedy,
    pub keys: Keys,
    pub octets: u64,
}

impl Changed {
    /// What each remedy that can be made leaves.
    pub fn all(octets: &[u8], remedies: impl IntoIterator<Item = Remedy>) -> Vec<Self> {
        let change = |remedy: Remedy| {
            let changed = remedy.apply(octets)?;
            let (keys, octets) = (identity::keys(&changed), changed.len() as u64);
            Some(Self { remedy, keys, octets })
        };
        remedies.into_iter().filter_map(change).collect()
    }
}
