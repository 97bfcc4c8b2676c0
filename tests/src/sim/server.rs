//! One simulated server: folders, messages, sessions, and batches that are on their way.
//! Never knows of the engine: whoever speaks for a connection calls it.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use malote_engine::plan::folder::{Folder, FolderPath, FolderStatus, NamespaceKind, Role, WireName};
use malote_engine::plan::message::{Flags, ModSeq, Uid, UidValidity};
use malote_engine::source::Stub;
use tokio::time::Instant;

use super::chance::mix;
use super::manner::Manner;
use super::text::Content;

/// Who put a message where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was there before the story began.
    Initial,
    /// Somebody else, meanwhile.
    Stranger,
    /// Malote, in that run.
    Appended { run: u32 },
}

/// One message.
#[derive(Debug, Clone)]
pub struct Letter {
    /// What it says; at the destination: what was sent.
    pub content: Content,
    /// Its octets as they are shown.
    pub octets: Bytes,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE as the server writes it.
    pub date: Option<String>,
    /// When it last changed.
    pub modseq: u64,
    /// Who put it there.
    pub origin: Origin,
    /// The step at which it came; 0 from the beginning.
    pub since: u64,
    /// True once a user here changed its flags.
    pub is_touched: bool,
    /// True once a report named it as a double.
    pub is_named_double: bool,
}

/// A message that its user removed.
#[derive(Debug, Clone)]
pub struct Gone {
    /// The folder's UIDVALIDITY then.
    pub validity: u32,
    /// Its UID then.
    pub uid: u32,
    /// What it was.
    pub letter: Letter,
}

/// One folder.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// UIDVALIDITY.
    pub validity: u32,
    /// UIDNEXT.
    pub uid_next: u32,
    /// HIGHESTMODSEQ.
    pub modseq: u64,
    /// Messages by UID.
    pub letters: BTreeMap<u32, Letter>,
    /// What its users removed or took elsewhere.
    pub gone: Vec<Gone>,
    /// Every message that ever got a UID here, renumbering aside: what it says and its date.
    pub entered: Vec<(Content, Option<String>)>,
    /// Messages that the engine removed.
    pub expunged: u32,
    /// The special use that LIST tells.
    pub special_use: Option<Role>,
}

impl Shelf {
    /// Adds a message under the next UID.
    pub fn push(&mut self, letter: Letter) -> u32 {
        self.entered.push((letter.content, letter.date.clone()));
        self.place(letter)
    }

    fn place(&mut self, letter: Letter) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.modseq += 1;
        self.letters.insert(uid, Letter { modseq: self.modseq, ..letter });
        uid
    }

    /// Takes a message away, by its user.
    pub fn take(&mut self, uid: u32) -> Option<Letter> {
        let letter = self.letters.remove(&uid)?;
        self.modseq += 1;
        self.gone.push(Gone { validity: self.validity, uid, letter: letter.clone() });
        Some(letter)
    }

    /// Replaces a message's flags.
    pub fn set_flags(&mut self, uid: u32, flags: Flags) {
        self.modseq += 1;
        let modseq = self.modseq;
        if let Some(letter) = self.letters.get_mut(&uid) {
            (letter.flags, letter.modseq) = (flags, modseq);
        }
    }

    /// Gives every message a new UID under a new UIDVALIDITY.
    pub fn renumber(&mut self) {
        self.validity += 7;
        self.uid_next = 1 + self.validity % 5;
        for letter in std::mem::take(&mut self.letters).into_values() {
            self.place(letter);
        }
    }

    /// The UID of the message that a number stands for; nothing in an empty folder.
    #[must_use]
    pub fn nth(&self, number: u32) -> Option<u32> {
        let count = self.letters.len();
        self.letters.keys().nth(number as usize % count.max(1)).copied()
    }
}

/// One batch on its way.
#[derive(Debug, Clone)]
pub struct Flight {
    /// The engine's number for it.
    pub id: u64,
    /// The folder it goes to and its generation.
    pub folder: String,
    pub validity: u32,
    /// Octets, flags and date of each message.
    pub parcels: Vec<(Content, Bytes, Flags, Option<String>)>,
    /// What became of it, once the server has done it.
    pub outcome: Option<Outcome>,
}

/// What a server has to say of a batch.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Stored, under these UIDs.
    Stored(Vec<u32>),
    /// Refused as too large.
    TooLarge,
    /// Refused as it is.
    Refused,
    /// No room is left.
    Full,
    /// The folder is no more what it was.
    NoFolder,
}

/// One logged-in connection with a folder open.
#[derive(Debug, Clone)]
pub struct Session {
    /// The folder.
    pub folder: String,
    /// Its generation when it was opened.
    pub validity: u32,
    /// The first UID that this session has not heard of.
    pub seen_below: u32,
    /// Batches on their way, oldest first.
    pub flights: VecDeque<Flight>,
}

/// One server.
pub struct Server {
    /// What it is like.
    pub manner: Manner,
    /// Its folders.
    pub shelves: BTreeMap<String, Shelf>,
    /// Connections with a folder open.
    pub sessions: BTreeMap<u64, Session>,
    /// The number of the next connection.
    pub next_session: u64,
    /// What it goes on with for lost connections.
    pub late: Vec<(Instant, Flight)>,
    /// Until when no connection is to be had.
    pub down_until: Option<Instant>,
    /// True once it tells no more lies that were only for a while.
    pub is_calm: bool,
    /// Messages appended so far.
    pub appended: u32,
}

impl Server {
    /// A server with an INBOX.
    #[must_use]
    pub fn new(manner: Manner) -> Self {
        let mut server = Self {
            manner,
            shelves: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_session: 1,
            late: Vec::new(),
            down_until: None,
            is_calm: false,
            appended: 0,
        };
        server.shelf("INBOX");
        server
    }

    /// A folder, made where it is missing.
    pub fn shelf(&mut self, name: &str) -> &mut Shelf {
        let validity = 1000 + self.shelves.len() as u32;
        self.shelves.entry(name.to_owned()).or_insert_with(|| Shelf {
            validity,
            uid_next: 1,
            modseq: 1,
            letters: BTreeMap::new(),
            gone: Vec::new(),
            entered: Vec::new(),
            expunged: 0,
            special_use: None,
        })
    }

    /// The name of the folder that a number stands for.
    #[must_use]
    pub fn nth(&self, number: u32) -> String {
        self.shelves.keys().nth(number as usize % self.shelves.len()).cloned().unwrap_or_default()
    }

    /// A number for all that the folders hold.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (name, shelf) in &self.shelves {
            (name, shelf.validity, shelf.uid_next).hash(&mut hasher);
            for (uid, letter) in &shelf.letters {
                (uid, letter.content.0, letter.flags.to_string(), &letter.date).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    /// A folder as LIST shows it.
    #[must_use]
    pub fn listed(&self, name: &str) -> Folder {
        let levels = name.split('/').map(str::to_owned).collect();
        let shelf = self.shelves.get(name);
        Folder {
            path: FolderPath::new(levels).expect("no folder of a simulation has an empty level"),
            wire: WireName(name.as_bytes().to_vec()),
            delimiter: Some('/'),
            is_selectable: true,
            may_have_children: true,
            is_subscribed: true,
            special_use: shelf.and_then(|shelf| shelf.special_use),
            namespace: NamespaceKind::Personal,
            status: shelf.filter(|_| self.manner.list_status).map(|shelf| self.status(shelf)),
        }
    }

    /// A folder's counters.
    #[must_use]
    pub fn status(&self, shelf: &Shelf) -> FolderStatus {
        let modseq = if self.manner.frozen_modseq { 7 } else { shelf.modseq };
        FolderStatus {
            messages: shelf.letters.len() as u32,
            uid_next: Some(shelf.uid_next).filter(|_| !self.manner.hides_uid_next),
            uid_validity: UidValidity::new(shelf.validity).filter(|_| !self.manner.hides_validity),
            highest_modseq: ModSeq::new(modseq).filter(|_| self.manner.condstore),
            size_octets: None,
        }
    }

    /// A message's metadata. `number` is its text's.
    #[must_use]
    pub fn stub(&self, uid: u32, letter: &Letter, number: u32) -> Stub {
        let modseq = if self.manner.frozen_modseq { 7 } else { letter.modseq };
        let octets = letter.octets.len() as u64;
        let lie = if is_chosen(number, self.manner.misjudges_every) { u64::from(number % 5) } else { 0 };
        Stub {
            uid: Uid::new(uid).expect("UIDs start at 1"),
            flags: letter.flags.clone(),
            internal_date: letter.date.clone(),
            octets_claimed: octets + lie,
            modseq: ModSeq::new(modseq).filter(|_| self.manner.condstore),
            imprint: None,
        }
    }

    /// Ends a connection. What it had on the way is stored, forgotten, or stored a while later: in their order,
    /// by `chance`.
    pub fn lose(&mut self, session: u64, chance: u64, now: Instant) -> Vec<Flight> {
        let Some(lost) = self.sessions.remove(&session) else { return Vec::new() };
        let open: Vec<Flight> = lost.flights.into_iter().filter(|flight| flight.outcome.is_none()).collect();
        let (mut done, mut fate) = (Vec::new(), 0);
        for (index, flight) in open.into_iter().enumerate() {
            fate = fate.max(mix(chance, index as u64) % 4);
            match fate {
                0 | 1 => done.push(flight),
                2 if self.manner.late_ms_max > 0 => {
                    let ms = 1 + mix(chance, 99) % u64::from(self.manner.late_ms_max);
                    self.late.push((now + std::time::Duration::from_millis(ms), flight));
                }
                2 => {}
                _ => {
                    if self.manner.tears_batches && flight.parcels.len() > 1 {
                        let kept = 1 + mix(chance, 98) as usize % (flight.parcels.len() - 1);
                        let parcels = flight.parcels[..kept].to_vec();
                        done.push(Flight { parcels, ..flight });
                    }
                    break;
                }
            }
        }
        done
    }
}

/// True for one number in `every`; for none where that is 0.
#[must_use]
pub fn is_chosen(number: u32, every: u32) -> bool {
    every > 0 && number % every == 1 % every
}
