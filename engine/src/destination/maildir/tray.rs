//! One Maildir that is written to: its lock, its list of UIDs, and what it holds.
//! Never gives a UID twice: it is durable in a list beside the messages before any of them bears it.

mod change;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use malote_plan::date;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flags, InternalDate, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::listing::{self, Listed};
use super::uids::{self, Uids};
use super::underway;
use crate::clock::Clock;
use crate::destination::files::{Remarks, unwritten};
use crate::exchange::Stub;
use crate::failure::{Failure, Result};
use crate::source::archive::files::{self as safely, OwnPlace};
use crate::source::archive::index::counted;
use crate::source::archive::lines::CrLf;
use crate::source::archive::{Content, Refusal, Shelf, packed};
use crate::source::maildir::name::{Name, keywords};
use crate::source::maildir::tree;

/// The file of the UIDs, and the file that is locked while one of us writes.
const LIST: &str = "malote-uids";
const LOCK: &str = "malote-lock";

/// So often is a message looked for that is each time gone from where it was listed.
const LOOKS_MAX: usize = 8;

/// One Maildir.
pub(super) struct MaildirTray {
    path: PathBuf,
    name: String,
    clock: Arc<dyn Clock>,
    remarks: Remarks,
    /// False where nothing is written, neither a message nor the list.
    writes: bool,
    /// Held as long as the tray lives: the system gives it back when the process ends, however it does. Absent where
    /// nothing is written and nobody ever wrote.
    _lock: Option<File>,
    uids: Uids,
    keywords: Vec<Option<String>>,
    messages: BTreeMap<Uid, Message>,
}

/// One message as it was listed.
#[derive(Debug, Clone)]
struct Message {
    path: PathBuf,
    /// The file's device and its number there, where it was listed.
    inode: Option<(u64, u64)>,
    flags: Flags,
    octets: u64,
    unix_seconds: i64,
    /// True where Malote wrote it: its octets are exact, and are given as they are.
    is_exact: bool,
}

/// What a tray is opened with.
pub(super) struct Opening {
    pub name: String,
    pub clock: Arc<dyn Clock>,
    pub remarks: Remarks,
    /// False where nothing is to be written.
    pub writes: bool,
}

impl MaildirTray {
    /// Locks the Maildir and lists it. For reading alone nothing is written, and a Maildir that is not there is an
    /// empty one.
    pub(super) fn open(path: PathBuf, opening: Opening) -> Result<Self> {
        let Opening { name, clock, remarks, writes } = opening;
        let fail = |cause| unwritten(&format!("opening the Maildir {name}"), cause);
        let lock = if writes {
            let options = File::options().read(true).append(true).create(true).mode(0o600).clone();
            Some(options.open(path.join(LOCK)).map_err(fail)?)
        } else {
            File::open(path.join(LOCK)).ok()
        };
        let taken = lock.as_ref().map(|lock| if writes { lock.try_lock() } else { lock.try_lock_shared() });
        if taken.is_some_and(|taken| taken.is_err()) {
            let message = format!("{name}: another run writes to this Maildir");
            let (class, reach, retry) = (Class::ServerLock, Reach::Folder, Retry::After(1000));
            return Err(Failure::new(Side::Destination, class, reach, retry, message));
        }
        if writes {
            underway::clean(&path);
        }
        let (uids, messages, keywords) = (Uids::default(), BTreeMap::new(), Vec::new());
        let mut tray = Self { path, name, clock, remarks, writes, _lock: lock, uids, keywords, messages };
        tray.list_anew()?;
        Ok(tray)
    }

    fn fail(&self, what: &str) -> impl Fn(io::Error) -> Failure + use<> {
        let what = format!("{what} in the Maildir {}", self.name);
        move |cause| unwritten(&what, cause)
    }

    /// Every message that is there: all of them, or a failure.
    fn listed(&self) -> Result<Vec<Listed>> {
        let listed = listing::list(&self.path).map_err(self.fail("listing messages"))?;
        listed.ok_or_else(|| self.restless())
    }

    fn restless(&self) -> Failure {
        let message = format!(
            "{}: the Maildir changed each time that it was looked at, and what is missing from a listing would be \
             taken for absent; run again when its server is quieter",
            self.name
        );
        let (class, reach) = (Class::ServerTemporary, Reach::Connection);
        Failure::new(Side::Destination, class, reach, Retry::Again, message)
    }

    fn list_anew(&mut self) -> Result<()> {
        let fail = self.fail("listing messages");
        let kept = match fs::read(self.path.join(LIST)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            kept => Some(Uids::read(&kept.map_err(&fail)?)),
        };
        let files = self.listed()?;
        let mut uids = self.known(kept.as_ref(), &files);
        self.keywords = keywords(&tree::text(&self.path.join("dovecot-keywords")).map_err(&fail)?);
        let keys = listing::keys(&files, &uids).map_err(&fail)?;
        self.messages.clear();
        let mut there = BTreeMap::new();
        for (file, key) in files.into_iter().zip(keys) {
            let uid = uids.get(&key).or_else(|| uids.give(&key)).ok_or_else(|| self.used_up())?;
            there.insert(key, uid);
            let Some(uid) = Uid::new(uid) else { continue };
            self.messages.insert(uid, self.message(file));
        }
        self.uids = uids.only(&there);
        let is_kept = match &kept {
            Some(uids::Read::Whole { uids, is_torn }) => !is_torn && *uids == self.uids,
            _ => false,
        };
        if self.writes && !is_kept {
            self.uids.write(&self.path.join(LIST)).map_err(self.fail("writing the UIDs"))?;
        }
        Ok(())
    }

    /// Finds the messages again that programs have moved or renamed since they were listed; those that are gone are
    /// gone for sure. Others that came meanwhile have to wait for the next listing.
    fn look_again(&mut self) -> Result<()> {
        let files = self.listed()?;
        let keys = listing::keys(&files, &self.uids).map_err(self.fail("listing messages"))?;
        let base = |path: &Path| Name::of(path.file_name().unwrap_or_default().as_bytes()).base.to_vec();
        let known = self.messages.iter();
        let by_file: HashMap<_, Uid> =
            known.filter_map(|(uid, one)| Some(((base(&one.path), one.inode?), *uid))).collect();
        let mut found = BTreeMap::new();
        for (file, key) in files.into_iter().zip(keys) {
            let by_key = self.uids.get(&key).and_then(Uid::new);
            // Another of its name may have come, so that it is known by what it holds from now on.
            let uid = by_key.or_else(|| by_file.get(&(file.base.clone(), file.inode)).copied());
            if let Some(uid) = uid.filter(|uid| self.messages.contains_key(uid)) {
                found.insert(uid, self.message(file));
            }
        }
        self.messages = found;
        Ok(())
    }

    /// Opens a message's file under whatever name it has by now; nothing where it is gone. What the system refuses
    /// says nothing of the message.
    fn open_file(&mut self, uid: Uid) -> Result<Option<File>> {
        for _ in 0..LOOKS_MAX {
            let Some(message) = self.messages.get(&uid) else { return Ok(None) };
            match safely::open(&message.path, false) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.look_again()?,
                opened => return opened.map(Some).map_err(self.fail("reading a message")),
            }
        }
        Err(self.restless())
    }

    /// The UIDs that count: those of the list, or a new generation where it cannot be believed.
    fn known(&self, kept: Option<&uids::Read>, files: &[Listed]) -> Uids {
        match kept {
            Some(uids::Read::Whole { uids, .. }) => uids.clone(),
            Some(uids::Read::Old(old)) => {
                let bases: Vec<Vec<u8>> = files.iter().map(|file| file.base.clone()).collect();
                old.with_names(&bases).unwrap_or_else(|| self.new_generation(old.validity))
            }
            Some(uids::Read::Damaged { validity }) => {
                self.remarks.tell(format!(
                    "{}: is damaged and was not believed; the messages beside it are numbered anew",
                    self.path.join(LIST).display()
                ));
                self.new_generation(*validity)
            }
            None => self.new_generation(0),
        }
    }

    /// The time tells every generation from all before it (RFC 3501 §2.3.1.1). For reading alone it need only be
    /// another one, the same at each opening.
    fn new_generation(&self, before: u32) -> Uids {
        let next = before.saturating_add(1);
        let now = u32::try_from(self.clock.now_unix_ms() / 1000).unwrap_or(1);
        Uids::begin(if self.writes { now.max(next) } else { next })
    }

    fn used_up(&self) -> Failure {
        let message = format!(
            "{}: no UID is left; remove {} so that the messages are numbered anew",
            self.name,
            self.path.join(LIST).display()
        );
        Failure::new(Side::Destination, Class::FolderRefused, Reach::Folder, Retry::Never, message)
    }

    fn message(&self, file: Listed) -> Message {
        let file_name = file.path.file_name().unwrap_or_default().as_bytes().to_vec();
        let parts = Name::of(&file_name);
        let flags = parts.flags(&self.keywords);
        let is_exact = listing::is_exact(&file.base, file.octets);
        let octets = parts.octets().filter(|_| !is_exact).unwrap_or(file.octets);
        let (inode, unix_seconds) = (Some(file.inode), file.unix_seconds);
        Message { path: file.path, inode, flags, octets, unix_seconds, is_exact }
    }
}

impl Shelf for MaildirTray {
    fn status(&self) -> FolderStatus {
        FolderStatus {
            messages: u32::try_from(self.messages.len()).unwrap_or(u32::MAX),
            uid_next: Some(self.uids.next),
            uid_validity: UidValidity::new(self.uids.validity),
            highest_modseq: None,
            size_octets: None,
        }
    }

    fn uids(&self) -> UidSet {
        self.messages.keys().copied().collect()
    }

    fn stub(&mut self, uid: Uid) -> Result<Option<Stub>> {
        let Some(message) = self.messages.get(&uid) else { return Ok(None) };
        let date = InternalDate { unix_seconds: message.unix_seconds, offset_minutes: 0 };
        Ok(Some(Stub {
            uid,
            flags: message.flags.clone(),
            internal_date: Some(date::fmt_internal(date)),
            octets_claimed: message.octets,
            modseq: None,
            imprint: None,
        }))
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        let file = self.open_file(uid).map_err(Refusal::Failed)?.ok_or(Refusal::Gone)?;
        if self.messages.get(&uid).is_some_and(|message| message.is_exact) {
            let found =
                file.metadata().map_err(|cause| Refusal::Failed(self.fail("reading a message")(cause)))?;
            return Ok(Content { octets: found.len(), reader: Box::new(file) });
        }
        // Read twice, a file may have another name by then.
        let file = Arc::new(file);
        counted("reading its file", move || {
            let octets = packed::expanded(OwnPlace::new(Arc::clone(&file)))?;
            Ok(Box::new(CrLf::new(octets)) as Box<dyn Read>)
        })
    }
}
