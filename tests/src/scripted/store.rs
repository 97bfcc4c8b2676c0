//! The mail that a scripted server holds: folders, messages, UIDs, flags, dates.
//! Never touches a socket; tests fill it, sessions serve it, tests look at it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// First UIDVALIDITY handed out; each new folder gets the next one.
const FIRST_UIDVALIDITY: u32 = 1_700_000_000;

/// How INTERNALDATE looks in a FETCH answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireDate {
    /// The text between the quotes, whatever it is.
    Quoted(String),
    /// The atom NIL.
    Nil,
    /// The item is left out of the answer.
    Missing,
}

/// A message as a test writes it down, with the lies to tell about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The message's octets.
    pub octets: Vec<u8>,
    /// Flags and keywords.
    pub flags: Vec<String>,
    /// INTERNALDATE.
    pub date: WireDate,
    /// What RFC822.SIZE says instead of the truth.
    pub claimed_size: Option<String>,
    /// FETCH says nothing about it, as if it had just been expunged.
    pub is_unanswered: bool,
    /// Other FETCH items and their raw values, e.g. `X-GM-MSGID`.
    pub attributes: Vec<(String, String)>,
}

impl Letter {
    /// An unseen message received on 17 July 2020.
    #[must_use]
    pub fn new(octets: impl AsRef<[u8]>) -> Self {
        Self {
            octets: octets.as_ref().to_vec(),
            flags: Vec::new(),
            date: WireDate::Quoted("17-Jul-2020 02:44:25 -0300".to_owned()),
            claimed_size: None,
            is_unanswered: false,
            attributes: Vec::new(),
        }
    }

    /// A short well-formed message with this subject and a Message-ID made from it.
    #[must_use]
    pub fn simple(subject: &str) -> Self {
        let id = subject.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        Self::new(format!(
            "Message-ID: <{id}@example.net>\r\nDate: Fri, 17 Jul 2020 02:44:25 -0300\r\n\
             From: Ana <ana@example.net>\r\nTo: Bia <bia@example.com>\r\nSubject: {subject}\r\n\r\nSegue {subject}.\r\n"
        ))
    }

    /// The same with flags, given in one line.
    #[must_use]
    pub fn flagged(self, flags: &str) -> Self {
        Self { flags: flags.split_whitespace().map(str::to_owned).collect(), ..self }
    }

    /// The same with any text between the quotes of INTERNALDATE.
    #[must_use]
    pub fn dated(self, text: &str) -> Self {
        Self { date: WireDate::Quoted(text.to_owned()), ..self }
    }

    /// The same with INTERNALDATE NIL or absent.
    #[must_use]
    pub fn date_on_wire(self, date: WireDate) -> Self {
        Self { date, ..self }
    }

    /// The same with a false RFC822.SIZE, which need not be a number.
    #[must_use]
    pub fn claiming_size(self, size: &str) -> Self {
        Self { claimed_size: Some(size.to_owned()), ..self }
    }

    /// The same, but listed by SEARCH and never answered by FETCH.
    #[must_use]
    pub fn unanswered(self) -> Self {
        Self { is_unanswered: true, ..self }
    }

    /// The same with one more FETCH item.
    #[must_use]
    pub fn with_attribute(mut self, item: &str, value: &str) -> Self {
        self.attributes.push((item.to_owned(), value.to_owned()));
        self
    }
}

/// A message in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its UID.
    pub uid: u32,
    /// Its modification sequence.
    pub modseq: u64,
    /// What it is.
    pub letter: Letter,
}

impl Stored {
    /// Whether it bears this flag, in any case of letters.
    #[must_use]
    pub fn has_flag(&self, flag: &str) -> bool {
        self.letter.flags.iter().any(|own| own.eq_ignore_ascii_case(flag))
    }
}

/// How a folder's name is written in LIST answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// `"Work"`, with quotes and backslashes escaped.
    #[default]
    Quoted,
    /// `{4}` and the octets.
    Literal,
    /// The octets alone, even where the grammar forbids it.
    Bare,
}

#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) uidvalidity: u32,
    pub(super) uidnext: u32,
    pub(super) highest_modseq: u64,
    /// True where no change raises it.
    pub(super) is_modseq_frozen: bool,
    pub(super) attributes: Vec<String>,
    pub(super) is_subscribed: bool,
    pub(super) spelling: Spelling,
    pub(super) messages: Vec<Stored>,
}

impl Folder {
    pub(super) fn is_selectable(&self) -> bool {
        !self
            .attributes
            .iter()
            .any(|own| own.eq_ignore_ascii_case("\\Noselect") || own.eq_ignore_ascii_case("\\NonExistent"))
    }

    pub(super) fn raise_modseq(&mut self) {
        self.highest_modseq += u64::from(!self.is_modseq_frozen);
    }

    pub(super) fn push(&mut self, letter: Letter) -> u32 {
        let uid = self.uidnext;
        self.uidnext += 1;
        self.raise_modseq();
        self.messages.push(Stored { uid, modseq: self.highest_modseq, letter });
        uid
    }

    pub(super) fn touch(&mut self, uid: u32, change: impl FnOnce(&mut Letter)) {
        self.raise_modseq();
        let modseq = self.highest_modseq;
        if let Some(stored) = self.messages.iter_mut().find(|stored| stored.uid == uid) {
            stored.modseq = modseq;
            change(&mut stored.letter);
        }
    }

    pub(super) fn keywords(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .messages
            .iter()
            .flat_map(|stored| stored.letter.flags.iter().filter(|flag| !flag.starts_with('\\')).cloned())
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) folders: BTreeMap<Vec<u8>, Folder>,
    /// Subscriptions to folders that do not exist.
    pub(super) dangling: Vec<Vec<u8>>,
    /// Messages that all folders together may hold; without end when absent.
    pub(super) room_messages: Option<usize>,
    next_uidvalidity: u32,
}

impl State {
    /// Whether so many messages more are within the quota.
    pub(super) fn has_room_for(&self, messages: usize) -> bool {
        let held: usize = self.folders.values().map(|folder| folder.messages.len()).sum();
        self.room_messages.is_none_or(|room| held + messages <= room)
    }

    /// The key of a folder: `INBOX` in any case is one folder (RFC 3501 §5.1).
    pub(super) fn key(name: &[u8]) -> Vec<u8> {
        if name.eq_ignore_ascii_case(b"INBOX") { b"INBOX".to_vec() } else { name.to_vec() }
    }

    pub(super) fn make(&mut self, name: &[u8]) -> &mut Folder {
        let next = &mut self.next_uidvalidity;
        self.folders.entry(Self::key(name)).or_insert_with(|| {
            *next += 1;
            Folder {
                uidvalidity: *next,
                uidnext: 1,
                highest_modseq: 1,
                is_modseq_frozen: false,
                attributes: Vec::new(),
                is_subscribed: false,
                spelling: Spelling::default(),
                messages: Vec::new(),
            }
        })
    }
}

/// One account's mail, shared by the test and every session.
#[derive(Clone, Debug)]
pub struct World {
    state: Arc<Mutex<State>>,
}

impl Default for World {
    fn default() -> Self {
        let mut state = State {
            folders: BTreeMap::new(),
            dangling: Vec::new(),
            room_messages: None,
            next_uidvalidity: FIRST_UIDVALIDITY,
        };
        state.make(b"INBOX");
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

impl World {
    /// A folder, made when it does not exist. Names are the octets of the wire.
    #[must_use]
    pub fn folder(&self, name: impl AsRef<[u8]>) -> FolderHandle {
        self.lock().make(name.as_ref());
        FolderHandle { world: self.clone(), name: State::key(name.as_ref()) }
    }

    /// What a folder holds, in order of UID; empty when there is no such folder.
    #[must_use]
    pub fn messages(&self, name: impl AsRef<[u8]>) -> Vec<Stored> {
        self.lock()
            .folders
            .get(&State::key(name.as_ref()))
            .map(|folder| folder.messages.clone())
            .unwrap_or_default()
    }

    /// The names of all folders; octets that are not UTF-8 are shown as U+FFFD.
    #[must_use]
    pub fn folders(&self) -> Vec<String> {
        self.lock().folders.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// The names of subscribed folders, dangling subscriptions included.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<String> {
        let state = self.lock();
        let existing = state.folders.iter().filter(|(_, folder)| folder.is_subscribed).map(|(name, _)| name);
        existing.chain(&state.dangling).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Subscribes to a folder that does not exist.
    pub fn subscribe_dangling(&self, name: &str) {
        self.lock().dangling.push(name.as_bytes().to_vec());
    }

    /// Gives the account a quota, in messages; APPEND beyond it is told `NO [OVERQUOTA]`.
    pub fn set_room(&self, messages: Option<usize>) {
        self.lock().room_messages = messages;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One folder of a [`World`], for filling and for playing the user who changes it meanwhile.
#[derive(Clone, Debug)]
pub struct FolderHandle {
    world: World,
    name: Vec<u8>,
}

impl FolderHandle {
    /// Delivers a message and gives its UID.
    pub fn push(&self, letter: Letter) -> u32 {
        self.with(|folder| folder.push(letter))
    }

    /// Delivers several messages.
    pub fn holding(self, letters: impl IntoIterator<Item = Letter>) -> Self {
        for letter in letters {
            self.push(letter);
        }
        self
    }

    /// Sets the LIST attributes, given in one line, e.g. `\Sent \HasNoChildren`.
    pub fn with_attributes(self, attributes: &str) -> Self {
        self.with(|folder| folder.attributes = attributes.split_whitespace().map(str::to_owned).collect());
        self
    }

    /// Subscribes to it.
    pub fn subscribed(self) -> Self {
        self.with(|folder| folder.is_subscribed = true);
        self
    }

    /// Chooses how LIST writes its name.
    pub fn spelled(self, spelling: Spelling) -> Self {
        self.with(|folder| folder.spelling = spelling);
        self
    }

    /// Makes the next message get this UID.
    pub fn set_uidnext(&self, uid: u32) {
        self.with(|folder| folder.uidnext = uid);
    }

    /// The UIDVALIDITY at present.
    #[must_use]
    pub fn uidvalidity(&self) -> u32 {
        self.with(|folder| folder.uidvalidity)
    }

    /// Gives the folder a new UIDVALIDITY and every message a new UID, as a restored backup does.
    pub fn renumber(&self) {
        self.with(|folder| {
            folder.uidvalidity += 1000;
            let shift = folder.uidnext;
            folder.uidnext += shift;
            for stored in &mut folder.messages {
                stored.uid += shift;
            }
        });
    }

    /// Lets modification sequences stand still from now on, whatever changes.
    pub fn freeze_modseq(&self) {
        self.with(|folder| folder.is_modseq_frozen = true);
    }

    /// Expunges one message, as its user would.
    pub fn remove(&self, uid: u32) {
        self.with(|folder| {
            folder.raise_modseq();
            folder.messages.retain(|stored| stored.uid != uid);
        });
    }

    /// Expunges everything.
    pub fn clear(&self) {
        self.with(|folder| folder.messages.clear());
    }

    /// Replaces the flags of one message, as its user would.
    pub fn set_flags(&self, uid: u32, flags: &str) {
        let flags = flags.split_whitespace().map(str::to_owned).collect();
        self.with(|folder| folder.touch(uid, |letter| letter.flags = flags));
    }

    /// Replaces the labels of one message, as its user would.
    pub fn relabel(&self, uid: u32, labels: &str) {
        self.with(|folder| {
            folder.touch(uid, |letter| {
                letter.attributes.retain(|(item, _)| item != "X-GM-LABELS");
                letter.attributes.push(("X-GM-LABELS".to_owned(), labels.to_owned()));
            });
        });
    }

    /// What the folder holds, in order of UID.
    #[must_use]
    pub fn messages(&self) -> Vec<Stored> {
        self.world.messages(&self.name)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Folder) -> T) -> T {
        change(self.world.lock().make(&self.name))
    }
}
