//! Sources whose folders are labels: which folder copies a message, and which only show it.
//! Never sets a message aside before the folder that stands for it has settled it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use malote_plan::folder::{Folder, Role};
use malote_plan::labels::{LabelPolicy, keyword, precedence};
use malote_plan::message::{Flag, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::context::{FolderRun, Pair, Stage};
use super::reading::Ends;
use crate::failure::Result;
use crate::ledger::{FolderId, Numbered, Standing};
use crate::source::{Labelled, OpenSource, Stub};

/// Messages whose labels are held at once.
const LABEL_WINDOW_MESSAGES: u64 = 2000;

/// Where a Gmail user may have capped what a folder shows (Settings, Forwarding and POP/IMAP, Folder size limits).
const FOLDER_CAPS: [u64; 4] = [1000, 2000, 5000, 10_000];

/// What the folders of a run know of each other.
pub(super) struct Labels {
    pub policy: LabelPolicy,
    /// The order of the folders: of those that show a message, the one of the smallest number copies it.
    ranks: BTreeMap<FolderId, usize>,
    /// The folder that shows every message, where it is listed.
    all: Option<FolderId>,
    shelves: Mutex<BTreeMap<FolderId, Shelf>>,
    /// True once a folder could not be looked at whole.
    is_unsure: AtomicBool,
}

/// What one folder showed when it was last looked at.
#[derive(Clone)]
pub(super) struct Shelf {
    present: UidSet,
    /// Where its copies are.
    pub destination: Folder,
    pub generation: Option<UidValidity>,
}

/// What becomes of messages in one look.
#[derive(Default)]
struct Parted {
    /// To be settled by this folder.
    own: Vec<Uid>,
    /// Settled in another folder, of which this is another view.
    aside: Vec<Uid>,
    /// To be settled by another folder first.
    later: Vec<Uid>,
}

/// True for the folder that shows every message.
pub(super) fn is_all(pair: &Pair) -> bool {
    shows_all(&pair.source)
}

/// The same of a folder as it is listed.
pub(super) fn shows_all(folder: &Folder) -> bool {
    folder.special_use == Some(Role::All)
}

impl Labels {
    /// Sets up the order of `pairs`. `is_whole` is false where folders are missing among them.
    pub fn new(policy: LabelPolicy, pairs: &[Pair], is_whole: bool) -> Self {
        let mut order: Vec<(u8, usize, FolderId)> = pairs
            .iter()
            .enumerate()
            .map(|(index, pair)| (precedence(pair.role, is_all(pair)), index, pair.row.id))
            .collect();
        order.sort_unstable();
        Self {
            policy,
            ranks: order.into_iter().enumerate().map(|(rank, (.., id))| (id, rank)).collect(),
            all: pairs.iter().find(|pair| is_all(pair)).map(|pair| pair.row.id),
            shelves: Mutex::default(),
            is_unsure: AtomicBool::new(!is_whole),
        }
    }

    fn shelves(&self) -> MutexGuard<'_, BTreeMap<FolderId, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a folder showed when it was last looked at.
    pub fn shelf(&self, folder: FolderId) -> Option<Shelf> {
        self.shelves().get(&folder).cloned()
    }

    /// Notes that a folder could not be looked at: what the folder of all mail shows may stand there.
    pub fn miss(&self) {
        self.is_unsure.store(true, Ordering::Relaxed);
    }

    /// Where a message is copied from: the first of the folders that show it now.
    fn owner(&self, shelves: &BTreeMap<FolderId, Shelf>, standing: &[Standing]) -> Option<FolderId> {
        let is_shown =
            |one: &&Standing| shelves.get(&one.folder).is_some_and(|shelf| shelf.present.contains(one.uid));
        let ranked = standing
            .iter()
            .filter(is_shown)
            .filter_map(|one| Some((self.ranks.get(&one.folder)?, one.folder)));
        ranked.min().map(|(_, folder)| folder)
    }

    /// What becomes of one message of `folder`. One that is known by no number is a message of its own.
    fn place(&self, folder: &FolderRun<'_>, standing: &[Standing], parted: &mut Parted, uid: Uid) {
        let id = folder.pair.row.id;
        let shelves = self.shelves();
        let Some(owner) = self.owner(&shelves, standing).filter(|owner| *owner != id) else {
            return parted.own.push(uid);
        };
        let leads_there = |other: FolderId| {
            shelves.get(&other).is_some_and(|shelf| shelf.destination.wire == folder.pair.destination.wire)
        };
        let has_copy = self.policy == LabelPolicy::Folders && self.all != Some(id) && !leads_there(owner);
        let is_settled = || standing.iter().any(|one| one.folder == owner && one.state.is_some());
        if folder.stage != Stage::Rest {
            parted.later.push(uid);
        } else if has_copy {
            parted.own.push(uid);
        } else if is_settled() {
            parted.aside.push(uid);
        } else {
            parted.later.push(uid);
        }
    }
}

/// Asks for the numbers of messages that are not known yet, and notes what the folder shows.
pub(super) async fn note(folder: &FolderRun<'_>, source: &mut dyn OpenSource, uids: &UidSet) -> Result<()> {
    let Some(labels) = folder.run.labels else { return Ok(()) };
    let (ledger, id) = (&folder.run.job.ledger, folder.pair.row.id);
    let unknown = uids.difference(&ledger.known_origins(id).await?);
    for window in unknown.chunks(LABEL_WINDOW_MESSAGES, usize::MAX) {
        let labelled = source.labelled(&window).await?;
        let numbered =
            |one: &Labelled| Numbered { uid: one.uid, origin: one.origin, octets: one.octets_claimed };
        let numbered: Vec<Numbered> = labelled.iter().map(numbered).collect();
        ledger.note_origins(id, &numbered).await?;
    }
    if u64::from(source.status().messages) > uids.len() {
        labels.miss();
    }
    if FOLDER_CAPS.contains(&uids.len()) {
        folder.run.findings.warn(format!(
            "{}: exactly {} messages, at which Gmail's own setting may cap a folder; look whether it holds more",
            folder.pair.source.path,
            uids.len()
        ));
    }
    shelve(folder, uids);
    Ok(())
}

fn shelve(folder: &FolderRun<'_>, present: &UidSet) {
    let Some(labels) = folder.run.labels else { return };
    let shelf = Shelf {
        present: present.clone(),
        destination: folder.pair.destination.clone(),
        generation: folder.pair.row.tokens.destination_uid_validity,
    };
    labels.shelves().insert(folder.pair.row.id, shelf);
}

/// True where `present`, which the ledger remembers of an unchanged folder, needs no new look: all numbers are known.
pub(super) async fn are_known(folder: &FolderRun<'_>, present: &UidSet) -> Result<bool> {
    if folder.run.labels.is_none() {
        return Ok(true);
    }
    let known = folder.run.job.ledger.known_origins(folder.pair.row.id).await?;
    let are_known = present.difference(&known).is_empty();
    if are_known {
        shelve(folder, present);
    }
    Ok(are_known)
}

/// Takes out of `open` what another folder copies. What that one has not settled yet is left for a later stage.
pub(super) async fn part(folder: &mut FolderRun<'_>, ends: &mut Ends, open: UidSet) -> Result<UidSet> {
    let Some(labels) = folder.run.labels else { return Ok(open) };
    folder.deferred = UidSet::new();
    let mut parted = Parted::default();
    for window in open.chunks(LABEL_WINDOW_MESSAGES, usize::MAX) {
        let mut of_uid = by_message(folder, &window).await?;
        for uid in window.iter() {
            let standing = of_uid.remove(&uid).unwrap_or_default();
            labels.place(folder, &standing, &mut parted, uid);
        }
    }
    let Parted { own, aside, later } = parted;
    let (mut own, aside, later): (UidSet, UidSet, UidSet) =
        (own.into_iter().collect(), aside.into_iter().collect(), later.into_iter().collect());
    if labels.all == Some(folder.pair.row.id) && labels.is_unsure.load(Ordering::Relaxed) && !own.is_empty() {
        folder.run.findings.warn(format!(
            "{}: {} messages stand in no folder that could be looked at; they wait until all can be, for they may \
             belong into another",
            folder.pair.source.path,
            own.len()
        ));
        own = UidSet::new();
    }
    folder.run.job.progress.messages_done(aside.difference(&folder.tally.aside).len());
    folder.tally.aside = aside;
    folder.deferred = later;
    mark(folder, ends, &own).await?;
    Ok(own)
}

/// Where the messages of a window stand, by message.
pub(super) async fn by_message(
    folder: &FolderRun<'_>,
    window: &UidSet,
) -> Result<BTreeMap<Uid, Vec<Standing>>> {
    let mut of_uid: BTreeMap<Uid, Vec<Standing>> = BTreeMap::new();
    for standing in folder.run.job.ledger.standing(folder.pair.row.id, window).await? {
        of_uid.entry(standing.asked).or_default().push(standing);
    }
    Ok(of_uid)
}

/// Remembers which keywords the messages that are about to be copied get for their labels.
async fn mark(folder: &mut FolderRun<'_>, ends: &mut Ends, wanted: &UidSet) -> Result<()> {
    if folder.run.labels.is_none_or(|labels| labels.policy != LabelPolicy::Keywords) {
        return Ok(());
    }
    for window in wanted.chunks(LABEL_WINDOW_MESSAGES, usize::MAX) {
        for one in ends.source.labelled(&window).await? {
            for keyword in keywords(&one).filter(|flag| !flag.is_system()) {
                folder.keywords.entry(keyword).or_default().insert(one.uid);
            }
        }
    }
    Ok(())
}

fn keywords(one: &Labelled) -> impl Iterator<Item = Flag> + '_ {
    one.labels.iter().filter_map(|label| keyword(label))
}

/// Adds to flags the keywords that labels are, where they are to be.
pub(super) async fn dress(folder: &FolderRun<'_>, ends: &mut Ends, stubs: &mut [Stub]) -> Result<()> {
    if folder.run.labels.is_none_or(|labels| labels.policy != LabelPolicy::Keywords) || stubs.is_empty() {
        return Ok(());
    }
    let uids: UidSet = stubs.iter().map(|stub| stub.uid).collect();
    let mut keywords_of: BTreeMap<Uid, Vec<Flag>> = BTreeMap::new();
    for one in ends.source.labelled(&uids).await? {
        keywords_of.insert(one.uid, keywords(&one).collect());
    }
    for stub in stubs {
        stub.flags.0.extend(keywords_of.remove(&stub.uid).unwrap_or_default());
    }
    Ok(())
}

/// Which of `open` another folder has settled, by the ledger alone: what a copy sets aside.
pub(super) async fn settled_elsewhere(folder: &FolderRun<'_>, open: &UidSet) -> Result<UidSet> {
    let (job, own) = (folder.run.job, &folder.pair);
    let mut aside = Vec::new();
    let rows = job.ledger.folders().await?;
    let leads_there = |one: &Standing| {
        rows.iter()
            .any(|row| row.id == one.folder && row.key.destination_wire == own.row.key.destination_wire)
    };
    let shows_only = is_all(own) || job.policy.labels != LabelPolicy::Folders;
    for window in open.chunks(LABEL_WINDOW_MESSAGES, usize::MAX) {
        for (uid, standing) in by_message(folder, &window).await? {
            let stands_for = |one: &Standing| {
                one.folder != own.row.id && one.state.is_some() && (shows_only || leads_there(one))
            };
            if standing.iter().any(stands_for) {
                aside.push(uid);
            }
        }
    }
    Ok(aside.into_iter().collect())
}

/// Says how many messages this folder only shows.
pub(super) fn tell(folder: &FolderRun<'_>) {
    let aside = folder.tally.aside.len();
    if aside > 0 {
        folder.run.findings.warn(format!(
            "{}: {aside} messages stand in other folders too and are copied once; they are counted as collapsed here",
            folder.pair.source.path
        ));
    }
}
