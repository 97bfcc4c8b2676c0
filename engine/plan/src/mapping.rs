//! Which source folder goes to which destination folder, under which name, and what has to be created.
//! Never talks to a server: a mapping is shown as it is, and carried out as it is shown.
//!
//! What decides, in this order: the operator's `--map`, what an earlier run recorded, the folder's role, its own
//! name below wherever its parent goes. So children follow a parent that is mapped, recorded or has a role.
//! * INBOX goes to INBOX. Below it names stay below it, `Inbox/Status` is `[INBOX, Status]`; where the destination's
//!   prefix is `INBOX.` this is the same folder as `[Status]`.
//! * A role leads to the destination's folder of that role, by special use or else by name. Where there is none, the
//!   surest source folder of that role keeps its own place, is created with the special use, and takes the others.
//! * Where folders are labels (Gmail), the folder of all mail comes last and goes to the archive, for it is to bring
//!   what stands nowhere else; labels may be gathered there too. The folder that only holds the server's own folders
//!   (`[Gmail]`) is no level of theirs at the destination.
//! * `--into` puts everything below one folder, by its own name and without regard to roles; `--map` names the whole
//!   destination path even then.
//! * Two folders of one role, and what a map leads to another folder, are merged: somebody declared it. Two names
//!   that only a substitution made alike are kept apart by a number. Any other two that meet are a clash.

mod key;
mod labelled;
mod outcome;
mod placement;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::folder::{Folder, FolderPath, NamespaceKind, Naming, Role, WireName};
use crate::labels::LabelPolicy;
use crate::pattern::{Selected, Selection};
use crate::role::{self, Assigned};
pub use crate::substitution::{NameRules, Reason};
use placement::Placement;

/// What to do where two source folders would become one without anybody having declared it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnClash {
    /// Stop before anything is created.
    #[default]
    Block,
    /// The later one gets a number.
    Suffix,
    /// They become one folder.
    Merge,
}

/// What an operator wants of the folders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingPolicy {
    /// Which folders are taken.
    pub selection: Selection,
    /// Source to destination, decoded, levels parted by `/`; children follow.
    pub maps: Vec<(String, String)>,
    /// Everything goes below this folder; levels parted by `/`.
    pub into: Option<String>,
    /// Take `\All`, `\Flagged` and `\Important` too, which show messages of other folders.
    pub include_views: bool,
    /// Take folders of other users and shared ones too.
    pub include_other_namespaces: bool,
    /// What to do with clashes.
    pub on_clash: OnClash,
    /// What becomes of labels; none where the source's folders are folders.
    pub labels: Option<LabelPolicy>,
    /// What the destination's names may hold.
    pub rules: NameRules,
    /// Roles of the source beside `\\All`, `\\Flagged` and `\\Important` that only show messages of other folders.
    pub views: Vec<Role>,
    /// Names at the top of the source that hold no mail, in any case of letters.
    pub without_mail: Vec<String>,
}

/// Where an earlier run brought a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPair {
    /// The source folder, as its server writes it: the first to be compared.
    pub source_wire: WireName,
    /// The source folder, decoded: compared where no folder has that wire name.
    pub source: FolderPath,
    /// The destination folder.
    pub destination: FolderPath,
}

/// One source folder and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPair {
    /// The folder as the source listed it.
    pub source: Folder,
    /// Where it goes, as the destination lists it or will list it.
    pub destination: FolderPath,
    /// The destination folder, where there is one.
    pub existing: Option<Folder>,
    /// What it is for.
    pub role: Option<Role>,
    /// Set where the destination cannot have the name as it is.
    pub renamed: Option<Renaming>,
    /// The other source folders that go to the same destination: nothing may be deleted there by mirroring.
    pub merged_with: Vec<FolderPath>,
}

/// A name that was changed, and how to undo it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// Why, for this level or one above it.
    pub reason: Reason,
    /// What it is called at the source.
    pub original: FolderPath,
}

/// A source folder that is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The folder.
    pub folder: FolderPath,
    /// Why.
    pub reason: LeftOutReason,
    /// Its number of messages, where the server told.
    pub messages: Option<u32>,
}

/// Why a source folder is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOutReason {
    /// Patterns name what to take, and it is none of it.
    NotTaken,
    /// A pattern says so.
    Excluded,
    /// It shows messages of other folders.
    View(Role),
    /// It is another user's, or shared.
    OtherNamespace(NamespaceKind),
    /// The server keeps something else than mail in it.
    NoMail,
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken => f.write_str("no --folder pattern means it"),
            Self::Excluded => f.write_str("an --exclude pattern means it"),
            Self::View(role) => write!(f, "a view ({}): its messages are in other folders", role.as_str()),
            Self::OtherNamespace(NamespaceKind::Other) => f.write_str("it belongs to another user"),
            Self::OtherNamespace(_) => f.write_str("it is shared with others"),
            Self::NoMail => f.write_str("this server keeps no mail there; name it with --folder to take it"),
        }
    }
}

/// How two names are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClashKind {
    /// They lead to one place.
    Place,
    /// Only upper and lower case differ, which the destination takes for the same.
    Case,
    /// They look the same and are composed differently in Unicode.
    Composition,
}

/// Source folders that would become one, and nobody said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// What they would become.
    pub destination: FolderPath,
    /// Which they are.
    pub sources: Vec<FolderPath>,
    /// How they are alike.
    pub kind: ClashKind,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            ClashKind::Place => "lead to one place",
            ClashKind::Case => "differ in upper and lower case only",
            ClashKind::Composition => "differ in the composition of letters only",
        };
        for (index, source) in self.sources.iter().enumerate() {
            write!(f, "{}`{source}`", if index == 0 { "" } else { ", " })?;
        }
        write!(f, " would all become `{}`: they {why}", self.destination)
    }
}

/// A destination folder to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Which.
    pub path: FolderPath,
    /// The special use to give it, where the server takes one.
    pub special_use: Option<Role>,
    /// True where a source folder that goes there is subscribed.
    pub subscribe: bool,
}

/// Folders that one warning names.
const FOLDERS_NAMED_MAX: usize = 5;

/// What is worth a look, though the mapping copes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A map names a source folder that does not exist and has nothing below it.
    MapWithoutSource(String),
    /// A map or `--into` names no destination folder.
    NoDestination(String),
    /// `\All` is left out, and may hold messages that no other folder shows.
    AllLeftOut(FolderPath),
    /// `--into` names a folder below which folders do not lie that earlier runs brought elsewhere, each with its place.
    IntoTooLate {
        /// What `--into` names.
        into: FolderPath,
        /// Source and destination of each.
        folders: Vec<(FolderPath, FolderPath)>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MapWithoutSource(source) => {
                write!(f, "the map of `{source}` has no effect: the source has no such folder")
            }
            Self::NoDestination(text) => write!(f, "`{text}` names no destination folder and is passed over"),
            Self::AllLeftOut(folder) => write!(
                f,
                "`{folder}` is left out; messages that were archived out of every other folder are only there: \
                name it with --folder to take it"
            ),
            Self::IntoTooLate { into, folders } => {
                for (at, (source, destination)) in folders.iter().take(FOLDERS_NAMED_MAX).enumerate() {
                    write!(f, "{}`{source}` went to `{destination}`", if at == 0 { "" } else { ", " })?;
                }
                if folders.len() > FOLDERS_NAMED_MAX {
                    write!(f, " and {} more elsewhere", folders.len() - FOLDERS_NAMED_MAX)?;
                }
                write!(
                    f,
                    " in an earlier run and stay there, not below `{into}` as --into says: name another place with \
                     --map, where all their mail is copied again, or use a new --state"
                )
            }
        }
    }
}

/// What goes where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Every folder that is taken, in the order of the work: INBOX, Sent, Drafts, Archive, others by path, and Junk
    /// and Trash with what lies below them last.
    pub pairs: Vec<FolderPair>,
    /// Every other folder that holds messages, by path.
    pub left_out: Vec<LeftOut>,
    /// What needs a decision: where there is one, nothing of this mapping may be carried out.
    pub clashes: Vec<Clash>,
    /// What has to be created, parents first. Folders that only lead to others are left to the server, which makes
    /// them by itself (RFC 9051 §6.3.4).
    pub create: Vec<Creation>,
    /// What is worth a look.
    pub warnings: Vec<Warning>,
}

/// Decides what goes where. `naming` is the destination's; `recorded` are the pairs of earlier runs, which stay as
/// they are so that later runs do not drift.
#[must_use]
pub fn map(
    source: &[Folder],
    destination: &[Folder],
    naming: &Naming,
    recorded: &[RecordedPair],
    policy: &MappingPolicy,
) -> Mapping {
    let source = by_path(source);
    let mut roles = role::roles(&source);
    if let Some(labels) = policy.labels {
        labelled::cast(&source, &mut roles, destination, labels);
    }
    let mut mapping = Mapping::default();
    let mut placement = Placement::new(&source, &roles, destination, naming, recorded, policy);
    for (index, folder) in source.iter().enumerate().filter(|(_, folder)| folder.is_selectable) {
        let is_asked_for = placement.is_mapped(&folder.path) || placement.is_recorded(index);
        match left_out(folder, roles[index], policy, (placement.is_mapped(&folder.path), is_asked_for)) {
            Some(reason) => mapping.left_out.push(LeftOut {
                folder: folder.path.clone(),
                reason,
                messages: folder.status.map(|status| status.messages),
            }),
            None => placement.taken.push(index),
        }
    }
    for left in &mapping.left_out {
        if left.reason == LeftOutReason::View(Role::All) {
            mapping.warnings.push(Warning::AllLeftOut(left.folder.clone()));
        }
    }
    mapping.warnings.append(&mut placement.warnings);
    placement.place_all();
    mapping.pairs = placement.pairs();
    mapping.warnings.extend(placement.too_late(&mapping.pairs));
    mapping.clashes = placement.clashes();
    mapping.create = creations(&mapping.pairs, &placement);
    mapping
}

/// The folders in an order that does not depend on how they were listed, each wire name once.
fn by_path(folders: &[Folder]) -> Vec<Folder> {
    let mut folders = folders.to_vec();
    folders.sort_by(|a, b| (&a.path, &a.wire).cmp(&(&b.path, &b.wire)));
    folders.dedup_by(|a, b| a.path == b.path && a.wire == b.wire);
    folders
}

fn left_out(
    folder: &Folder,
    role: Option<Assigned>,
    policy: &MappingPolicy,
    (is_mapped, is_known): (bool, bool),
) -> Option<LeftOutReason> {
    let selected = policy.selection.of(&folder.path);
    let is_asked_for = is_mapped || selected == Selected::ByName;
    match selected {
        Selected::Left => return Some(LeftOutReason::Excluded),
        Selected::NotTaken => return Some(LeftOutReason::NotTaken),
        Selected::ByName | Selected::Taken => {}
    }
    if folder.namespace != NamespaceKind::Personal {
        // Whoever spells the root of a namespace, `Shared/**`, asks for it.
        let is_in =
            policy.include_other_namespaces || is_asked_for || policy.selection.names_root(&folder.path);
        return (!is_in).then_some(LeftOutReason::OtherNamespace(folder.namespace));
    }
    if role.is_none() && !is_known && !is_asked_for && holds_no_mail(folder, policy) {
        return Some(LeftOutReason::NoMail);
    }
    let is_view = |role: &Role| is_view(*role) || policy.views.contains(role);
    let view = role.map(|assigned| assigned.role).filter(is_view)?;
    if view == Role::All && policy.labels.is_some() {
        return None;
    }
    (!policy.include_views && !is_asked_for).then_some(LeftOutReason::View(view))
}

/// True for a folder of a name, or below one, that the server uses for something else than mail.
fn holds_no_mail(folder: &Folder, policy: &MappingPolicy) -> bool {
    let top = folder.path.levels().first().map(|level| level.to_lowercase());
    folder.special_use.is_none() && policy.without_mail.iter().any(|name| Some(name.to_lowercase()) == top)
}

/// True for folders that show messages of other folders.
fn is_view(role: Role) -> bool {
    matches!(role, Role::All | Role::Flagged | Role::Important)
}

fn creations(pairs: &[FolderPair], placement: &Placement<'_>) -> Vec<Creation> {
    let mut by_path: BTreeMap<(usize, FolderPath), Creation> = BTreeMap::new();
    let mut given: Vec<Role> = placement.destination_roles();
    for pair in pairs {
        if pair.existing.as_ref().is_some_and(|existing| existing.is_selectable) {
            continue;
        }
        let path = pair.destination.clone();
        let creation = by_path.entry((path.levels().len(), path.clone())).or_insert(Creation {
            path,
            special_use: None,
            subscribe: false,
        });
        creation.subscribe |= pair.source.is_subscribed;
        let role =
            pair.role.filter(|role| *role != Role::Inbox && !is_view(*role) && placement.follows_roles());
        if let Some(role) = role.filter(|role| creation.special_use.is_none() && !given.contains(role)) {
            creation.special_use = Some(role);
            given.push(role);
        }
    }
    by_path.into_values().collect()
}
