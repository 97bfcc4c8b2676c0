//! A ledger in memory, for simulations: what it forgets at the end, no run after it will know.
//! Never touches a disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use malote_plan::folder::WireName;
use malote_plan::labels::Origin;
use malote_plan::message::{Flags, Uid, UidValidity};
use malote_plan::record::{Imprint, Intent, QuarantineNote, Record, RepairNote, State};
use malote_plan::uid_set::UidSet;

use super::batch::{Ranges, latest, one_to_one};
use super::trouble::{closed, foreign_pair, unknown_folder};
use super::{FolderId, FolderKey, FolderRow, Ledger, Numbered, PairIdentity, Recorded, Standing, Tokens};
use crate::failure::Result;

/// A ledger that lives as long as the value; the same calls always leave the same contents.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    contents: Mutex<Contents>,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    identity: Option<PairIdentity>,
    folders: BTreeMap<FolderId, Folder>,
    intents_opened: i64,
    is_closed: bool,
}

#[derive(Debug, Clone)]
struct Folder {
    row: FolderRow,
    messages: BTreeMap<Place, Message>,
    notes: BTreeMap<Place, QuarantineNote>,
    repairs: BTreeMap<Place, RepairNote>,
    intents: BTreeMap<i64, Intent>,
    /// Numbers by generation and UID.
    origins: BTreeMap<Place, Numbered>,
    uid_of_origin: BTreeMap<(u32, Origin), Uid>,
}

/// A source generation (0 where none is known) and a UID within it.
type Place = (u32, Uid);

#[derive(Debug, Clone)]
struct Message {
    record: Record,
    /// The destination generation in force when the record was written; 0 where none was known.
    destination_uid_validity: u32,
}

impl Folder {
    fn generation(&self) -> u32 {
        self.row.tokens.source_uid_validity.map_or(0, UidValidity::get)
    }

    fn destination_generation(&self) -> u32 {
        self.row.tokens.destination_uid_validity.map_or(0, UidValidity::get)
    }

    /// The current generation's messages among the UIDs `low..=high`.
    fn current(&self, low: Uid, high: Uid) -> impl Iterator<Item = &Message> {
        let generation = self.generation();
        self.messages.range((generation, low)..=(generation, high)).map(|(_, message)| message)
    }

    fn write(&mut self, records: &[Record]) {
        let (generation, destination_uid_validity) = (self.generation(), self.destination_generation());
        for record in records {
            let message = Message { record: record.clone(), destination_uid_validity };
            self.messages.insert((generation, record.source_uid), message);
        }
    }

    /// Notes whether the operator accepts that messages of the current generation are left out.
    fn acknowledge(&mut self, uids: &UidSet, is_acknowledged: bool) {
        let generation = self.generation();
        let meant =
            self.notes.iter_mut().filter(|(place, _)| place.0 == generation && uids.contains(place.1));
        meant.for_each(|(_, note)| note.is_acknowledged = is_acknowledged);
    }

    fn forget_origin(&mut self, place: Place) {
        if let Some(one) = self.origins.remove(&place) {
            self.uid_of_origin.remove(&(place.0, one.origin));
        }
    }

    /// Where the message of this number stands here.
    fn stands(&self, folder: FolderId, asked: &Numbered) -> Option<Standing> {
        let uid = *self.uid_of_origin.get(&(self.generation(), asked.origin))?;
        self.origins.get(&(self.generation(), uid)).filter(|one| one.octets == asked.octets)?;
        let message = self.messages.get(&(self.generation(), uid));
        let is_current =
            |message: &&Message| message.destination_uid_validity == self.destination_generation();
        Some(Standing {
            asked: asked.uid,
            folder,
            uid,
            state: message.map(|message| message.record.state),
            destination_uid: message.filter(is_current).and_then(|message| message.record.destination_uid),
        })
    }

    /// Removes notes on repairs of messages that are no more.
    fn drop_lone_repairs(&mut self) {
        let messages = &self.messages;
        self.repairs.retain(|place, _| messages.contains_key(place));
    }
}

impl MemoryLedger {
    /// A new, empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A second ledger with the same contents, open even where this one was closed: what a process that starts
    /// after a crash would find.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let mut contents = self.locked().clone();
        contents.is_closed = false;
        Self { contents: Mutex::new(contents) }
    }

    fn locked(&self) -> MutexGuard<'_, Contents> {
        // No change below can panic halfway, so contents seen through a poisoned lock are whole.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, Contents>> {
        let contents = self.locked();
        if contents.is_closed { Err(closed("the ledger")) } else { Ok(contents) }
    }

    fn with<T>(&self, id: FolderId, act: impl FnOnce(&mut Folder) -> T) -> Result<T> {
        let mut contents = self.open()?;
        let folder = contents.folders.get_mut(&id);
        folder.map(act).ok_or_else(|| unknown_folder("the ledger", id))
    }
}

impl Clone for MemoryLedger {
    fn clone(&self) -> Self {
        Self { contents: Mutex::new(self.locked().clone()) }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn claim(&self, identity: &PairIdentity) -> Result<()> {
        let mut contents = self.open()?;
        let owner = contents.identity.get_or_insert_with(|| identity.clone());
        if owner == identity { Ok(()) } else { Err(foreign_pair("the ledger", owner, identity)) }
    }

    async fn folders(&self) -> Result<Vec<FolderRow>> {
        Ok(self.open()?.folders.values().map(|folder| folder.row.clone()).collect())
    }

    async fn folder(&self, key: &FolderKey) -> Result<FolderRow> {
        let mut contents = self.open()?;
        let known =
            contents.folders.values_mut().find(|folder| folder.row.key.source_wire == key.source_wire);
        if let Some(folder) = known {
            folder.row.key.destination_path = key.destination_path.clone();
            folder.row.key.destination_wire = key.destination_wire.clone();
            return Ok(folder.row.clone());
        }
        let id = FolderId(contents.folders.len() as i64 + 1);
        let row = FolderRow { id, key: key.clone(), tokens: Tokens::default() };
        let folder = Folder {
            row: row.clone(),
            messages: BTreeMap::new(),
            notes: BTreeMap::new(),
            repairs: BTreeMap::new(),
            intents: BTreeMap::new(),
            origins: BTreeMap::new(),
            uid_of_origin: BTreeMap::new(),
        };
        contents.folders.insert(id, folder);
        Ok(row)
    }

    async fn set_tokens(&self, folder: FolderId, tokens: &Tokens) -> Result<()> {
        self.with(folder, |folder| folder.row.tokens = *tokens)
    }

    async fn recorded(&self, folder: FolderId) -> Result<Recorded> {
        self.with(folder, |folder| {
            let mut recorded = Recorded::default();
            for message in folder.current(UID_MIN, UID_MAX) {
                let record = &message.record;
                recorded.add(record.source_uid, record.state, record.destination_uid.is_some());
            }
            recorded
        })
    }

    async fn records(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Record>> {
        self.with(folder, |folder| {
            let ranges = uids.ranges().iter().filter_map(|(low, high)| Uid::new(*low).zip(Uid::new(*high)));
            ranges
                .flat_map(|(low, high)| folder.current(low, high).map(|message| message.record.clone()))
                .collect()
        })
    }

    async fn record(&self, folder: FolderId, records: &[Record]) -> Result<()> {
        self.with(folder, |folder| folder.write(records))
    }

    async fn set_flags(&self, folder: FolderId, flags: &[(Uid, Flags)]) -> Result<()> {
        self.with(folder, |folder| {
            let generation = folder.generation();
            for (uid, flags) in latest(flags, |pair| pair.0).into_values() {
                if let Some(message) = folder.messages.get_mut(&(generation, *uid)) {
                    message.record.flags = flags.clone();
                }
            }
        })
    }

    async fn forget(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.with(folder, |folder| {
            let generation = folder.generation();
            folder.messages.retain(|place, _| place.0 != generation || !uids.contains(place.1));
            folder.drop_lone_repairs();
        })
    }

    async fn destination_uids(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<UidSet> {
        let contents = self.open()?;
        let mut ranges = Ranges::default();
        for folder in
            contents.folders.values().filter(|folder| folder.row.key.destination_wire == *destination_wire)
        {
            let here = |message: &&Message| message.destination_uid_validity == uid_validity.get();
            let uids =
                folder.messages.values().filter(here).filter_map(|message| message.record.destination_uid);
            uids.for_each(|uid| ranges.push(uid));
        }
        Ok(ranges.into_set())
    }

    async fn claimed_uids(&self, destination_wire: &WireName, uid_validity: UidValidity) -> Result<UidSet> {
        let contents = self.open()?;
        let leads_here = |folder: &&Folder| folder.row.key.destination_wire == *destination_wire;
        let mut ranges = Ranges::default();
        for folder in contents.folders.values().filter(leads_here) {
            let here = |message: &&Message| message.destination_uid_validity == uid_validity.get();
            let current = folder.current(UID_MIN, UID_MAX).filter(here);
            current.filter_map(|message| message.record.destination_uid).for_each(|uid| ranges.push(uid));
        }
        Ok(ranges.into_set())
    }

    async fn noted_uids(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
        repairs: &str,
    ) -> Result<UidSet> {
        let contents = self.open()?;
        let leads_here = |folder: &&Folder| folder.row.key.destination_wire == *destination_wire;
        let mut ranges = Ranges::default();
        for folder in contents.folders.values().filter(leads_here) {
            let noted = folder.repairs.iter().filter(|(_, note)| note.repairs == repairs);
            let messages = noted.filter_map(|(place, _)| folder.messages.get(place));
            let here = messages.filter(|message| message.destination_uid_validity == uid_validity.get());
            here.filter_map(|message| message.record.destination_uid).for_each(|uid| ranges.push(uid));
        }
        Ok(ranges.into_set())
    }

    async fn bygone_imprints(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
    ) -> Result<BTreeMap<Uid, Imprint>> {
        let contents = self.open()?;
        let leads_here = |folder: &&Folder| folder.row.key.destination_wire == *destination_wire;
        let mut imprints = BTreeMap::new();
        for folder in contents.folders.values().filter(leads_here) {
            let bygone = folder.messages.iter().filter(|(place, _)| place.0 != folder.generation());
            let here = bygone.filter(|(_, message)| message.destination_uid_validity == uid_validity.get());
            let records = here.map(|(_, message)| &message.record);
            imprints.extend(records.filter_map(|one| Some((one.destination_uid?, one.keys.imprint?))));
        }
        Ok(imprints)
    }

    async fn release(
        &self,
        destination_wire: &WireName,
        uid_validity: UidValidity,
        uids: &UidSet,
    ) -> Result<()> {
        let mut contents = self.open()?;
        for folder in contents.folders.values_mut() {
            if folder.row.key.destination_wire != *destination_wire {
                continue;
            }
            let current = folder.generation();
            folder.messages.retain(|place, message| {
                let is_meant = message.record.destination_uid.is_some_and(|uid| uids.contains(uid));
                let is_here = message.destination_uid_validity == uid_validity.get();
                place.0 == current || !is_here || !is_meant
            });
            folder.drop_lone_repairs();
        }
        Ok(())
    }

    async fn rebase_source(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        self.with(folder, |folder| {
            let (old, new) = (folder.generation(), uid_validity.get());
            let moves = one_to_one(moves);
            let repairs = moved(&mut folder.repairs, old, &moves);
            for (to, mut message) in moved(&mut folder.messages, old, &moves) {
                message.record.source_uid = to;
                folder.messages.insert((new, to), message);
                folder.repairs.remove(&(new, to));
            }
            for (to, mut note) in repairs {
                note.source_uid = to;
                folder.repairs.insert((new, to), note);
            }
            for (to, mut note) in moved(&mut folder.notes, old, &moves) {
                note.source_uid = to;
                folder.notes.insert((new, to), note);
            }
            let before = folder.row.tokens;
            folder.row.tokens = Tokens {
                source_uid_validity: Some(uid_validity),
                source_uid_next: 0,
                source_modseq: None,
                is_complete: false,
                ..before
            };
            folder.intents.clear();
            folder.origins.clear();
            folder.uid_of_origin.clear();
        })
    }

    async fn rebase_destination(
        &self,
        folder: FolderId,
        uid_validity: UidValidity,
        moves: &[(Uid, Uid)],
    ) -> Result<()> {
        self.with(folder, |folder| {
            let generation = folder.generation();
            let named = latest(moves, |pair| pair.0);
            folder.messages.retain(|place, message| {
                let found = named.get(&place.1).filter(|_| place.0 == generation);
                message.record.destination_uid = found.map(|pair| pair.1);
                message.destination_uid_validity = if found.is_some() { uid_validity.get() } else { 0 };
                found.is_some() || !matches!(message.record.state, State::Copied | State::Adopted)
            });
            folder.drop_lone_repairs();
            let before = folder.row.tokens;
            folder.row.tokens = Tokens {
                destination_uid_validity: Some(uid_validity),
                destination_uid_next: 0,
                destination_modseq: None,
                is_complete: false,
                ..before
            };
            folder.intents.clear();
        })
    }

    async fn open_intent(
        &self,
        folder: FolderId,
        source_uids: &UidSet,
        destination_uid_validity: UidValidity,
        destination_uid_next: u32,
    ) -> Result<i64> {
        let mut contents = self.open()?;
        let id = contents.intents_opened + 1;
        let kept = contents.folders.get_mut(&folder).ok_or_else(|| unknown_folder("the ledger", folder))?;
        let source_uids = source_uids.clone();
        kept.intents.insert(id, Intent { id, source_uids, destination_uid_next, destination_uid_validity });
        contents.intents_opened = id;
        Ok(id)
    }

    async fn close_intent(&self, folder: FolderId, intent: i64) -> Result<()> {
        self.with(folder, |folder| {
            folder.intents.remove(&intent);
        })
    }

    async fn intents(&self, folder: FolderId) -> Result<Vec<Intent>> {
        self.with(folder, |folder| folder.intents.values().cloned().collect())
    }

    async fn note_quarantine(&self, folder: FolderId, notes: &[QuarantineNote]) -> Result<()> {
        self.with(folder, |folder| {
            let generation = folder.generation();
            for note in notes {
                folder.notes.insert((generation, note.source_uid), note.clone());
            }
        })
    }

    async fn quarantine_notes(&self, folder: FolderId) -> Result<Vec<QuarantineNote>> {
        self.with(folder, |folder| {
            let quarantined = folder
                .current(UID_MIN, UID_MAX)
                .filter(|message| message.record.state == State::Quarantined)
                .map(|message| (folder.generation(), message.record.source_uid));
            quarantined.filter_map(|place| folder.notes.get(&place).cloned()).collect()
        })
    }

    async fn acknowledge(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.with(folder, |folder| folder.acknowledge(uids, true))
    }

    async fn revoke_acknowledgements(&self, folder: FolderId, uids: &UidSet) -> Result<()> {
        self.with(folder, |folder| folder.acknowledge(uids, false))
    }

    async fn record_repaired(&self, folder: FolderId, repaired: &[(Record, RepairNote)]) -> Result<()> {
        self.with(folder, |folder| {
            let generation = folder.generation();
            for (record, note) in repaired {
                folder.write(std::slice::from_ref(record));
                folder.repairs.insert((generation, record.source_uid), note.clone());
            }
        })
    }

    async fn repair_notes(&self, folder: FolderId) -> Result<Vec<RepairNote>> {
        self.with(folder, |folder| {
            let there = folder
                .current(UID_MIN, UID_MAX)
                .filter(|message| matches!(message.record.state, State::Copied | State::Adopted))
                .map(|message| (folder.generation(), message.record.source_uid));
            there.filter_map(|place| folder.repairs.get(&place).cloned()).collect()
        })
    }

    async fn note_origins(&self, folder: FolderId, numbered: &[Numbered]) -> Result<()> {
        self.with(folder, |folder| {
            let generation = folder.generation();
            let origins = latest(numbered, |one| one.uid);
            for uid in origins.keys() {
                folder.forget_origin((generation, *uid));
            }
            for one in origins.into_values() {
                if let Some(before) = folder.uid_of_origin.insert((generation, one.origin), one.uid) {
                    folder.origins.remove(&(generation, before));
                }
                folder.origins.insert((generation, one.uid), *one);
            }
        })
    }

    async fn known_origins(&self, folder: FolderId) -> Result<UidSet> {
        self.with(folder, |folder| {
            let current =
                folder.origins.range((folder.generation(), UID_MIN)..=(folder.generation(), UID_MAX));
            current.map(|(place, _)| place.1).collect()
        })
    }

    async fn standing(&self, folder: FolderId, uids: &UidSet) -> Result<Vec<Standing>> {
        let contents = self.open()?;
        let own = contents.folders.get(&folder).ok_or_else(|| unknown_folder("the ledger", folder))?;
        let generation = own.generation();
        let asked = own.origins.range((generation, UID_MIN)..=(generation, UID_MAX));
        let asked = asked.filter(|(place, _)| uids.contains(place.1));
        let mut standing = Vec::new();
        for (_, asked) in asked {
            standing.extend(contents.folders.iter().filter_map(|(id, other)| other.stands(*id, asked)));
        }
        Ok(standing)
    }

    async fn close(&self) {
        self.locked().is_closed = true;
    }
}

const UID_MIN: Uid = Uid(std::num::NonZeroU32::MIN);
const UID_MAX: Uid = Uid(std::num::NonZeroU32::MAX);

/// Takes what lies under the first UIDs of `moves` in the generation `old`, each with its second UID.
fn moved<T>(rows: &mut BTreeMap<Place, T>, old: u32, moves: &BTreeMap<Uid, Uid>) -> Vec<(Uid, T)> {
    moves.iter().filter_map(|(from, to)| rows.remove(&(old, *from)).map(|row| (*to, row))).collect()
}
