//! A store as a mailbox: its folders as the user saw them, and each item as a message, as passed over, or as damaged.
//! Never leaves an item out of its sums: what was listed is carried, skipped or quarantined.

mod arithmetic;
mod damaged;
mod helper;
mod learnt;
mod opening;
mod proving;
mod turn;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use arithmetic::Arithmetic;
pub use damaged::Damaged;
pub use helper::Helper;
pub use opening::{Options, ReaderChoice};
pub use proving::WriteError;

use learnt::Learnt;
use opening::SourceFile;
use turn::{Turn, Turns};

use crate::both::{Both, Comparison};
use crate::imprint::{self, imprint};
use crate::item::{Folder, Item};
use crate::loss::LossKind;
use crate::mime::{
    self, Context, Converted, FolderRole, Glance, ItemKind, MessageReader, Unreadable, Verdict, View,
};
use crate::native::NativeStore;
use crate::property::{Properties, Value};
use crate::store::{Blob, Blobs, Format, NodeId, Store, StoreError, Summary};
use crate::text;
use crate::tree::{self, Placed, Role, Tree};

/// `PidTagMessageClass`.
const MESSAGE_CLASS: u16 = 0x001A;
/// `PidTagSubject`.
const SUBJECT: u16 = 0x0037;
/// `PidTagMessageFlags`; 0x40 is a message that belongs to its folder rather than in it.
const MESSAGE_FLAGS: u16 = 0x0E07;
/// `PidTagRecordKey` of the message store.
const RECORD_KEY: u16 = 0x0FF9;
/// What recovered items lie in, below the visible root.
pub const RECOVERED_FOLDER: &str = "Recovered items";
/// What folders beside the visible root lie in, where they hold more than Outlook's own.
pub const OUTSIDE_FOLDER: &str = "Outside of the visible folders";

/// An open store. Handles on one store share its folders and what it teaches; each reads for itself.
pub struct Mailbox {
    store: Reader,
    file: Arc<Shared>,
    /// What every item is read with: what an 8-bit store teaches, and nothing of others.
    learnt: Arc<Learnt>,
    /// True where that is all that the store can teach.
    is_learnt: bool,
    /// How many more rows of contents tables are looked up.
    rows_left: u32,
    /// Held while the item that was read last is a heavy one.
    turn: Option<Turn>,
}

/// What all handles on one store have in common.
struct Shared {
    source: SourceFile,
    options: Options,
    summary: Summary,
    tree: Tree,
    /// A reader that is cheap to make another of.
    native: Option<NativeStore>,
    /// 8-bit stores need it from the beginning, others when it is first missed.
    learnt: Mutex<Option<Arc<Learnt>>>,
    /// Which handle holds a heavy item.
    turns: Arc<Turns>,
    /// In which folder each item lies, once an item needs it: places in the tree.
    folder_of: OnceLock<HashMap<NodeId, usize>>,
}

impl Shared {
    /// The number that imprints bear: those of two readers, or of 8-bit strings and others, do not compare. Another one
    /// where what they are taken of changes.
    const fn imprints_as(&self) -> u8 {
        let reader = match self.options.reader {
            ReaderChoice::Auto | ReaderChoice::Native => 1,
            ReaderChoice::Libpff => 2,
        };
        if matches!(self.summary.format, Format::Ansi) { reader + 2 } else { reader }
    }
}

/// The reader behind a mailbox.
enum Reader {
    One(Box<dyn Store>),
    Both(Box<Both>),
}

impl Reader {
    fn store(&mut self) -> &mut dyn Store {
        match self {
            Self::One(store) => store.as_mut(),
            Self::Both(store) => store.as_mut(),
        }
    }
}

/// What becomes of one item.
#[derive(Debug)]
pub enum Outcome {
    /// It is carried; the message is there.
    Carried(Box<Converted>),
    /// It is passed over: its class, and why.
    Skipped {
        /// `PidTagMessageClass`.
        class: String,
        /// Why, as reports write it.
        reason: &'static str,
    },
    /// It cannot be carried whole.
    Quarantined(Box<Damaged>),
}

/// What is known of an item without reading its text.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// `PidTagMessageClass`; empty where the item has none.
    pub class: String,
    /// `PidTagMessageSize`, in octets: advice.
    pub octets_claimed: u64,
    /// Flags, date and kind.
    pub glance: Glance,
    /// By what an edit is known; none of an item with damage.
    pub imprint: Option<[u8; imprint::OCTETS]>,
}

impl Mailbox {
    /// The format, the store's own properties and what is damaged of the file as a whole.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.file.summary
    }

    /// The folders in their places.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.file.tree
    }

    /// What could not be read of the file and its folders, those that are left out too, as sentences.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        let file = self.file.summary.damage.iter().map(|damage| damage.reason.clone());
        let folders = self.file.tree.damage().map(|(path, damage)| {
            let folder = if path.is_empty() { "the topmost folder".to_owned() } else { path.join("/") };
            format!("{folder}: {}", damage.reason)
        });
        file.chain(folders).collect()
    }

    /// What two readers differ in; nothing where only one was to read.
    #[must_use]
    pub fn comparison(&self) -> Option<&Comparison> {
        match &self.store {
            Reader::One(_) => None,
            Reader::Both(both) => Some(both.comparison()),
        }
    }

    /// Reads one item and makes a message of it. Its data is read when the message is written; where parts that
    /// cannot be read are to be replaced, as [`Self::read_proven`] does.
    pub fn read(&mut self, node: NodeId, role: Option<Role>) -> Outcome {
        if self.file.options.unreadable == Unreadable::Stub {
            return self.read_proven(node, role);
        }
        match self.item(node) {
            Ok(item) => self.outcome(&item, role),
            Err(error) => Outcome::Quarantined(Box::new(self.damaged(node, None, error.reason()))),
        }
    }

    /// Like [`Self::read`], after reading all of the item's data: what of it cannot be read counts as damage, which
    /// keeps the item back, or gives a stub in its place.
    pub fn read_proven(&mut self, node: NodeId, role: Option<Role>) -> Outcome {
        match self.item(node) {
            Ok(mut item) => {
                proving::mark(&mut item, self.blobs());
                self.outcome(&item, role)
            }
            Err(error) => Outcome::Quarantined(Box::new(self.damaged(node, None, error.reason()))),
        }
    }

    /// One item, in its turn where it is heavy. What was made of the one before is of no use from here on.
    fn item(&mut self, node: NodeId) -> Result<Item, StoreError> {
        self.turn = None;
        let item = self.store.store().item(node)?;
        if helper::is_heavy(&item) {
            self.turn = self.file.turns.take();
        }
        Ok(item)
    }

    /// What becomes of an item that was read. It depends on the item and the store alone, and not on what was read
    /// before: what the whole store teaches is asked for each item that misses it.
    fn outcome(&mut self, item: &Item, role: Option<Role>) -> Outcome {
        let mut converted = self.convert(item, role, &Arc::clone(&self.learnt));
        let is_missed = converted.losses.iter().any(|loss| loss.kind == LossKind::AddressEncapsulated);
        if is_missed && !self.is_learnt {
            let learnt = self.learn();
            converted = self.convert(item, role, &learnt);
        }
        match &converted.verdict {
            Verdict::Carry | Verdict::CarryWithStubs(_) => Outcome::Carried(Box::new(converted)),
            Verdict::Skip(reason) => {
                Outcome::Skipped { class: self.text(item, MESSAGE_CLASS), reason: reason.as_str() }
            }
            Verdict::Quarantine(reasons) => {
                let reason = reasons.join("; ");
                Outcome::Quarantined(Box::new(self.damaged(item.node, Some(item), reason)))
            }
        }
    }

    /// Looks at one item without making a message of it.
    ///
    /// # Errors
    /// Where nothing of it can be read: then nobody knows its state, which is not the same as having none.
    pub fn look(&mut self, node: NodeId, role: Option<Role>) -> Result<Leaf, StoreError> {
        let item = self.store.store().item(node)?;
        let octets_claimed = item.properties.integer(0x0E08).and_then(|size| u64::try_from(size).ok());
        let context = context(&self.file, &self.learnt, role);
        let glance = mime::glance(&item, &context);
        Ok(Leaf {
            class: self.text(&item, MESSAGE_CLASS),
            octets_claimed: octets_claimed.unwrap_or(0),
            glance,
            imprint: imprint(&item, &self.file.summary.names, self.file.imprints_as()),
        })
    }

    /// The octets of a message that this mailbox gave, as they are asked for.
    pub fn octets<'a>(&'a mut self, message: &'a mime::Message) -> MessageReader<'a> {
        message.reader(self.blobs())
    }

    /// What the blobs of its messages are read by.
    pub fn blobs(&mut self) -> &mut dyn Blobs {
        match &mut self.store {
            Reader::One(store) => store.as_mut(),
            Reader::Both(store) => store.as_mut(),
        }
    }

    fn convert(&mut self, item: &Item, role: Option<Role>, learnt: &Learnt) -> Converted {
        let context = context(&self.file, learnt, role);
        let blobs: &mut dyn Blobs = match &mut self.store {
            Reader::One(store) => store.as_mut(),
            Reader::Both(store) => store.as_mut(),
        };
        mime::convert(item, &context, blobs)
    }

    fn text(&self, item: &Item, id: u16) -> String {
        let context = context(&self.file, &self.learnt, None);
        View::new(item, &context).text(id).map(Cow::into_owned).unwrap_or_default()
    }

    /// Reads every item once, for the addresses and the code page that only the whole store tells. One handle does it
    /// for all; the others wait.
    fn learn(&mut self) -> Arc<Learnt> {
        let mut shared = self.file.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared.get_or_insert_with(|| {
            let tree = &self.file.tree;
            let visible = tree.folders.iter().flat_map(|folder| &folder.items);
            let all = visible.chain(tree.left_out.iter().flat_map(|folder| &folder.items));
            // What is only learnt from is no reading that the second reader has to confirm.
            match &self.file.native {
                Some(native) => {
                    let mut native = native.try_clone();
                    Arc::new(Learnt::of(all.filter_map(|node| native.item(*node).ok())))
                }
                None => {
                    let store = self.store.store();
                    Arc::new(Learnt::of(all.filter_map(|node| store.item(*node).ok())))
                }
            }
        });
        Arc::clone(known)
    }
}

/// What a conversion has to know of this store.
fn context<'a>(file: &'a Shared, learnt: &'a Learnt, role: Option<Role>) -> Context<'a> {
    let Shared { summary, options, .. } = file;
    Context {
        names: &summary.names,
        store_key: summary.properties.binary(RECORD_KEY).unwrap_or_default(),
        addresses: &learnt.addresses,
        code_page: options.code_page,
        store_code_page: learnt.code_page,
        role: match role {
            Some(Role::Sent) => FolderRole::Sent,
            Some(Role::Drafts) => FolderRole::Drafts,
            _ => FolderRole::Other,
        },
        items: options.items,
        unreadable: options.unreadable,
        now: options.now,
    }
}

/// Carries what lies outside of the visible folders and is not Outlook's own: nobody who moves a mailbox wants to
/// lose mail because a program kept it in another place.
fn bring_in(tree: &mut Tree, folders: &[Folder], store: &mut dyn Store, decode: &dyn Fn(&Value) -> String) {
    let mut is_own = |node: &NodeId| {
        store.item(*node).is_ok_and(|item| {
            let class = item.properties.get(MESSAGE_CLASS).map(decode).unwrap_or_default();
            let is_associated = item.properties.integer(MESSAGE_FLAGS).is_some_and(|flags| flags & 0x40 != 0);
            is_associated || ItemKind::of_class(&class) == ItemKind::System
        })
    };
    let (outside, left_out) =
        std::mem::take(&mut tree.left_out).into_iter().partition::<Vec<_>, _>(|folder| {
            !tree::is_search(folder.node) && !folder.items.iter().all(&mut is_own)
        });
    tree.left_out = left_out;
    for folder in outside {
        let Some(known) = folders.iter().find(|known| known.node == folder.node) else { continue };
        let mut path = vec![OUTSIDE_FOLDER.to_owned()];
        path.extend(folder.path);
        let said = format!("{} items outside of the visible folders are carried", folder.items.len());
        tree.remarks.push(format!("{}: {said}", path.join("/")));
        tree.folders.push(Placed {
            node: folder.node,
            path,
            role: None,
            container_class: None,
            items: folder.items,
            counts: known.counts,
            damage: folder.damage,
        });
    }
}

/// The folders in their places, with recovered items in a folder of their own where they are wanted.
fn arrange(store: &mut dyn Store, options: &Options, learnt: &Learnt) -> Result<Tree, StoreError> {
    let folders = store.folders()?;
    let page = text::page_of_strings(&Properties::default(), options.code_page, learnt.code_page);
    let decode = |value: &Value| text::of_value(value, page).map(Cow::into_owned).unwrap_or_default();
    let mut tree = tree::arrange(store.summary(), &folders, &decode);
    bring_in(&mut tree, &folders, store, &decode);
    if options.recovered {
        let items = store.recovered()?;
        if !items.is_empty() {
            tree.folders.push(Placed {
                node: NodeId(0),
                path: vec![RECOVERED_FOLDER.to_owned()],
                role: None,
                container_class: None,
                items,
                counts: crate::item::Counts::default(),
                damage: Vec::new(),
            });
        }
    }
    Ok(tree)
}

impl Blobs for Mailbox {
    fn read_at(&mut self, blob: &Blob, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        self.blobs().read_at(blob, offset, into)
    }
}
