//! What a server holds: folders, messages, counters.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use malote_engine::plan::folder::{Folder, FolderPath, FolderStatus, NamespaceKind, Naming, Role, WireName};
use malote_engine::plan::message::{Flags, ModSeq, Uid, UidValidity};
use malote_engine::plan::promise::Promises;
use malote_engine::profile::Profile;
use malote_engine::source::{Stub, Survey};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its octets.
    pub octets: Vec<u8>,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE as the server writes it.
    pub date: Option<String>,
    /// When it last changed.
    pub modseq: u64,
    /// The number by which it is known in every folder; 0 for none.
    pub number: u64,
}

impl Letter {
    /// A message with a date and no modification sequence yet.
    #[must_use]
    pub fn new(text: &str, flags: &str) -> Self {
        let date = Some("17-Jul-2024 02:44:25 -0300".to_owned());
        Self { octets: text.as_bytes().to_vec(), flags: Flags::parse(flags), date, modseq: 0, number: 0 }
    }
}

/// One folder's content.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// UIDVALIDITY.
    pub validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// Messages by UID.
    pub letters: BTreeMap<u32, Letter>,
    /// HIGHESTMODSEQ.
    pub modseq: u64,
    /// The special use that LIST tells.
    pub special_use: Option<Role>,
}

impl Shelf {
    /// Adds a message under the next UID.
    pub fn push(&mut self, letter: Letter) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.modseq += 1;
        self.letters.insert(uid, Letter { modseq: self.modseq, ..letter });
        uid
    }

    /// Replaces a message's flags.
    pub fn set_flags(&mut self, uid: u32, flags: &str) {
        self.modseq += 1;
        let modseq = self.modseq;
        if let Some(letter) = self.letters.get_mut(&uid) {
            (letter.flags, letter.modseq) = (Flags::parse(flags), modseq);
        }
    }

    /// Removes a message.
    pub fn remove(&mut self, uid: u32) {
        self.modseq += 1;
        self.letters.remove(&uid);
    }

    /// Gives every message a new UID under a new UIDVALIDITY.
    pub fn renumber(&mut self) {
        self.validity += 1;
        let letters = std::mem::take(&mut self.letters);
        for letter in letters.into_values() {
            self.push(letter);
        }
    }
}

/// What this server is like.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Answers APPEND with UIDs.
    pub uidplus: bool,
    /// Messages in one APPEND.
    pub batch_messages_max: usize,
    /// Keeps modification sequences.
    pub condstore: bool,
    /// Tells STATUS with LIST.
    pub list_status: bool,
    /// Flags kept, and whether new keywords are.
    pub permanent: (Flags, bool),
    /// Refuses messages that hold this text.
    pub refuses: Option<&'static str>,
    /// Gives nothing for messages that hold this text.
    pub unreadable: Option<&'static str>,
    /// Refuses longer messages.
    pub append_octets_max: Option<u64>,
    /// Adds a header to everything that is appended.
    pub rewrites: bool,
    /// Answers every APPEND with the UIDs from 1 on.
    pub lies_about_uids: bool,
    /// Keeps messages that hold this text and refuses them all the same.
    pub keeps_and_refuses: Option<&'static str>,
    /// Keeps what stands before the refused message of a batch.
    pub tears_batches: bool,
    /// Has no room left for messages that hold this text.
    pub full_for: Option<&'static str>,
    /// Gives no octet for messages that hold this text.
    pub empties: Option<&'static str>,
    /// Tells no metadata of messages that hold this text.
    pub omits: Option<&'static str>,
    /// Counts messages that hold this text and does not list them.
    pub hides: Option<&'static str>,
    /// Connections at once.
    pub connections_max: u32,
    /// Folders are labels: letters tell their numbers.
    pub labels: bool,
    /// Copies messages from one of its folders into another.
    pub copies: bool,
    /// What servers of this kind are known for.
    pub profile: Arc<Profile>,
    /// What happens here when a folder is opened for the n-th time.
    pub on_open: Option<fn(&Mailbox, u32)>,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            uidplus: true,
            batch_messages_max: 3,
            condstore: true,
            list_status: false,
            permanent: (Flags::parse("\\Seen \\Flagged \\Answered \\Draft \\Deleted"), true),
            refuses: None,
            unreadable: None,
            append_octets_max: None,
            rewrites: false,
            lies_about_uids: false,
            keeps_and_refuses: None,
            tears_batches: false,
            full_for: None,
            empties: None,
            omits: None,
            hides: None,
            connections_max: u32::MAX,
            labels: false,
            copies: true,
            profile: Arc::default(),
            on_open: None,
        }
    }
}

/// A server's whole content, shared by all connections and the test.
#[derive(Debug, Clone)]
pub struct Mailbox {
    shelves: Arc<Mutex<BTreeMap<String, Shelf>>>,
    /// Folders opened so far, on all connections.
    pub(super) opened: Arc<AtomicU32>,
    /// Folders open now: each holds a clone.
    pub(super) seats: Arc<AtomicU32>,
    /// What this server is like.
    pub habits: Habits,
}

impl Mailbox {
    /// An empty INBOX.
    #[must_use]
    pub fn new(habits: Habits) -> Self {
        let mailbox = Self { shelves: Arc::default(), opened: Arc::default(), seats: Arc::default(), habits };
        mailbox.create("INBOX", None);
        mailbox
    }

    /// A copy that shares nothing with this one.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self {
            shelves: Arc::new(Mutex::new(self.lock().clone())),
            opened: Arc::default(),
            seats: Arc::default(),
            habits: self.habits.clone(),
        }
    }

    /// Adds a folder, unless it is there.
    pub fn create(&self, name: &str, special_use: Option<Role>) {
        let mut shelves = self.lock();
        let validity = 1000 + shelves.len() as u32;
        shelves.entry(name.to_owned()).or_insert(Shelf {
            validity,
            uid_next: 1,
            letters: BTreeMap::new(),
            modseq: 1,
            special_use,
        });
    }

    /// Works on one folder, made where it is missing.
    pub fn with<T>(&self, name: &str, work: impl FnOnce(&mut Shelf) -> T) -> T {
        self.create(name, None);
        work(self.lock().get_mut(name).expect("it was just made"))
    }

    /// Delivers a message under several labels at once.
    pub fn label(&self, folders: &[&str], number: u64, letter: &Letter) {
        for folder in folders {
            self.with(folder, |shelf| shelf.push(Letter { number, ..letter.clone() }));
        }
    }

    /// What is in each folder: octets, flags and date of each message, sorted.
    #[must_use]
    pub fn content(&self) -> BTreeMap<String, Vec<(String, String, Option<String>)>> {
        let view = |shelf: &Shelf| {
            let letters = shelf.letters.values();
            let mut list: Vec<_> = letters
                .map(|letter| {
                    let octets = letter.octets.escape_ascii().to_string();
                    (octets, letter.flags.to_string(), letter.date.clone())
                })
                .collect();
            list.sort();
            list
        };
        self.lock().iter().map(|(name, shelf)| (name.clone(), view(shelf))).collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn naming() -> Naming {
        Naming { delimiter: Some('/'), prefix: String::new(), is_utf8: true, ignores_case: false }
    }

    pub(super) fn survey(&self) -> Survey {
        let folders = self.lock().iter().map(|(name, shelf)| self.folder(name, shelf)).collect();
        Survey {
            server: "memory".to_owned(),
            naming: Self::naming(),
            promises: Promises {
                uidplus: self.habits.uidplus,
                labels: self.habits.labels,
                ..Promises::default()
            },
            folders,
            profile: Arc::clone(&self.habits.profile),
            dangling_subscriptions: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn folder(&self, name: &str, shelf: &Shelf) -> Folder {
        let levels = name.split('/').map(str::to_owned).collect();
        Folder {
            path: FolderPath::new(levels).expect("folder names in tests have no empty level"),
            wire: WireName(name.as_bytes().to_vec()),
            delimiter: Some('/'),
            is_selectable: true,
            may_have_children: true,
            is_subscribed: true,
            special_use: shelf.special_use,
            namespace: NamespaceKind::Personal,
            status: self.habits.list_status.then(|| self.status(shelf)),
        }
    }

    pub(super) fn status(&self, shelf: &Shelf) -> FolderStatus {
        FolderStatus {
            messages: shelf.letters.len() as u32,
            uid_next: Some(shelf.uid_next),
            uid_validity: UidValidity::new(shelf.validity),
            highest_modseq: ModSeq::new(shelf.modseq).filter(|_| self.habits.condstore),
            size_octets: None,
        }
    }

    pub(super) fn stub(&self, uid: u32, letter: &Letter) -> Stub {
        Stub {
            uid: Uid::new(uid).expect("UIDs start at 1"),
            flags: letter.flags.clone(),
            internal_date: letter.date.clone(),
            octets_claimed: letter.octets.len() as u64,
            modseq: ModSeq::new(letter.modseq).filter(|_| self.habits.condstore),
            imprint: None,
        }
    }
}
