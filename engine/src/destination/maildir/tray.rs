//! One Maildir that is written to.
//! Never gives a UID twice: it is durable in a list beside the messages before any of them bears it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use malote_plan::date;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flag, Flags, InternalDate, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use super::listing::{self, Listed};
use super::uids::{self, Uids, replace};
use crate::clock::Clock;
use crate::destination::files::{Letter, Remarks, Tray, unwritten};
use crate::exchange::Stub;
use crate::failure::{Failure, Result};
use crate::source::archive::files as safely;
use crate::source::archive::index::{counted, refusal};
use crate::source::archive::lines::CrLf;
use crate::source::archive::{Content, Refusal, Shelf, packed};
use crate::source::maildir::name::{KEYWORDS_MAX, LETTERS, Name, keywords, letters};
use crate::source::maildir::tree;

/// The file of the UIDs, and the file that is locked while one of us writes.
const LIST: &str = "malote-uids";
const LOCK: &str = "malote-lock";

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

/// Messages that this process wrote into any Maildir: no two get one name.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// One message as it was listed.
#[derive(Debug, Clone)]
struct Message {
    path: PathBuf,
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
        let (uids, messages, keywords) = (Uids::default(), BTreeMap::new(), Vec::new());
        let mut tray = Self { path, name, clock, remarks, writes, _lock: lock, uids, keywords, messages };
        tray.list_anew()?;
        Ok(tray)
    }

    fn fail(&self, what: &str) -> impl Fn(io::Error) -> Failure + use<> {
        let what = format!("{what} in the Maildir {}", self.name);
        move |cause| unwritten(&what, cause)
    }

    fn list_anew(&mut self) -> Result<()> {
        let fail = self.fail("listing messages");
        let kept = match fs::read(self.path.join(LIST)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            kept => Some(Uids::read(&kept.map_err(&fail)?)),
        };
        let (files, is_still) = listing::list(&self.path).map_err(&fail)?;
        let mut uids = self.known(kept.as_ref(), &files);
        self.keywords = keywords(&tree::text(&self.path.join("dovecot-keywords")).map_err(&fail)?);
        self.messages.clear();
        let mut there = BTreeMap::new();
        let keys = listing::keys(&files, &uids);
        for (file, key) in files.into_iter().zip(keys) {
            let uid = uids.get(&key).or_else(|| uids.give(&key)).ok_or_else(|| self.used_up())?;
            there.insert(key, uid);
            let Some(uid) = Uid::new(uid) else { continue };
            self.messages.insert(uid, self.message(file));
        }
        if is_still {
            uids = uids.only(&there);
        }
        self.uids = uids;
        let is_kept = match &kept {
            Some(uids::Read::Whole { uids, is_torn }) => !is_torn && *uids == self.uids,
            _ => false,
        };
        if self.writes && !is_kept {
            self.uids.write(&self.path.join(LIST)).map_err(self.fail("writing the UIDs"))?;
        }
        Ok(())
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
        Message { path: file.path, flags, octets, unix_seconds: file.unix_seconds, is_exact }
    }

    /// Says no where nothing is to be written.
    fn writing(&self) -> Result<()> {
        if self.writes {
            return Ok(());
        }
        let message = format!("{}: the Maildir was opened for reading alone", self.name);
        Err(Failure::new(Side::Destination, Class::Internal, Reach::Folder, Retry::Never, message))
    }

    /// Writes one message into `tmp`, durable; its name there and its length.
    fn write(&self, letter: &mut Letter) -> Result<(PathBuf, u64)> {
        let fail = self.fail("writing a message");
        let now_ms = self.clock.now_unix_ms();
        let (pid, number) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
        let path =
            self.path.join("tmp").join(format!("{}.M{}P{pid}Q{number}.malote", now_ms / 1000, now_ms % 1000));
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(&fail)?;
        let mut buffered = BufWriter::new(file);
        let written = letter.write_to(&mut buffered).and_then(|octets| {
            buffered.flush().map_err(&fail)?;
            if let Some(time) = letter.internal_date.and_then(time_of) {
                buffered.get_ref().set_modified(time).map_err(&fail)?;
            }
            buffered.get_ref().sync_all().map_err(&fail)?;
            Ok(octets)
        });
        if written.is_err() {
            // What is left over in `tmp` is no message; whoever cleans up takes it.
            let _gone = fs::remove_file(&path);
        }
        Ok((path, written?))
    }

    /// Makes keywords known that have no letter yet, as far as there are letters.
    fn learn(&mut self, flags: &[Flag]) -> Result<()> {
        let (_, unknown) = letters(&flags.iter().cloned().collect(), &self.keywords);
        let mut is_changed = false;
        for flag in unknown.iter().filter(|flag| !flag.is_system()) {
            if let Some(free) = self.keywords.iter_mut().find(|keyword| keyword.is_none()) {
                *free = Some(flag.as_str().to_owned());
                is_changed = true;
            }
        }
        if !is_changed {
            return Ok(());
        }
        let known = self.keywords.iter().enumerate();
        let lines = known.filter_map(|(number, name)| Some(format!("{number} {}\n", name.as_deref()?)));
        let text: String = lines.collect();
        replace(&self.path.join("dovecot-keywords"), text.as_bytes())
            .map_err(self.fail("writing the keywords"))
    }

    fn rename(&mut self, uid: Uid, flags: Flags) -> Result<()> {
        let fail = self.fail("setting flags");
        let Some(message) = self.messages.get(&uid).cloned() else { return Ok(()) };
        let name = message.path.file_name().unwrap_or_default().as_bytes().to_vec();
        let (letters, _) = letters(&flags, &self.keywords);
        let name = [Name::of(&name).base, b":2,", letters.as_bytes()].concat();
        let path = self.path.join("cur").join(std::ffi::OsStr::from_bytes(&name));
        if path != message.path {
            fs::rename(&message.path, &path).map_err(fail)?;
        }
        self.messages.insert(uid, Message { path, flags, ..message });
        Ok(())
    }

    fn sync(&self, place: &str) -> Result<()> {
        let synced = File::open(self.path.join(place)).and_then(|folder| folder.sync_all());
        synced.map_err(self.fail("making messages durable"))
    }
}

/// The time of a file that was received then.
fn time_of(date: InternalDate) -> Option<SystemTime> {
    let seconds = u64::try_from(date.unix_seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
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
        }))
    }

    fn body(&mut self, uid: Uid) -> std::result::Result<Content<'_>, Refusal> {
        let Some(message) = self.messages.get(&uid) else { return Err(Refusal::Gone) };
        let what = "reading its file";
        if message.is_exact {
            let file = safely::open(&message.path, false).map_err(|cause| refusal(what, &cause))?;
            let octets = file.metadata().map_err(|cause| refusal(what, &cause))?.len();
            return Ok(Content { octets, reader: Box::new(file) });
        }
        let path = message.path.clone();
        counted(what, move || {
            let octets: Box<dyn Read> = packed::read(safely::open(&path, false)?)?;
            Ok(Box::new(CrLf::new(octets)) as Box<dyn Read>)
        })
    }
}

impl Tray for MaildirTray {
    fn refresh(&mut self) -> Result<()> {
        self.list_anew()
    }

    fn permanent_flags(&self) -> (Flags, bool) {
        let standard = LETTERS.iter().map(|(_, name)| *name);
        let known = self.keywords.iter().flatten().map(String::as_str);
        let takes_new = self.keywords.iter().take(KEYWORDS_MAX).any(Option::is_none);
        (standard.chain(known).filter_map(Flag::new).collect(), takes_new)
    }

    fn append(&mut self, letters_in: Vec<Letter>) -> Result<Vec<Uid>> {
        self.writing()?;
        let mut written = Vec::with_capacity(letters_in.len());
        for mut letter in letters_in {
            let (path, octets) = self.write(&mut letter)?;
            let unix_seconds =
                letter.internal_date.map_or(self.clock.now_unix_ms() / 1000, |date| date.unix_seconds);
            written.push((path, letter.flags, octets, unix_seconds));
        }
        let mut named = Vec::with_capacity(written.len());
        for (path, flags, octets, unix_seconds) in written {
            let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let base = format!("{stem},S={octets},U={}", self.uids.next);
            let uid = self.uids.give(base.as_bytes()).and_then(Uid::new).ok_or_else(|| self.used_up())?;
            named.push((uid, base, Message { path, flags, octets, unix_seconds, is_exact: true }));
        }
        let keys: Vec<Vec<u8>> = named.iter().map(|(_, base, _)| base.clone().into_bytes()).collect();
        let list = self.path.join(LIST);
        let given = self.uids.add(&list, &keys).or_else(|_| self.uids.write(&list));
        given.map_err(self.fail("writing the UIDs"))?;
        let fail = self.fail("delivering a message");
        let mut uids = Vec::with_capacity(named.len());
        for (uid, base, message) in named {
            let (letters, _) = letters(&message.flags, &self.keywords);
            let delivered = self.path.join("cur").join(format!("{base}:2,{letters}"));
            fs::rename(&message.path, &delivered).map_err(&fail)?;
            self.messages.insert(uid, Message { path: delivered, ..message });
            uids.push(uid);
        }
        self.sync("cur")?;
        Ok(uids)
    }

    fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
        self.writing()?;
        self.learn(add)?;
        let (_, lost) = letters(&add.iter().cloned().collect(), &self.keywords);
        if !lost.is_empty() {
            let message = format!("{}: a Maildir keeps no more than {KEYWORDS_MAX} keywords", self.name);
            let (class, reach) = (Class::ItemRefused, Reach::Message);
            return Err(Failure::new(Side::Destination, class, reach, Retry::Never, message));
        }
        for uid in uids.iter() {
            let Some(message) = self.messages.get(&uid) else { continue };
            let mut flags = message.flags.clone();
            flags.0.retain(|flag| !remove.contains(flag));
            flags.0.extend(add.iter().cloned());
            if flags != message.flags {
                self.rename(uid, flags)?;
            }
        }
        self.sync("cur")
    }

    fn remove(&mut self, uids: &UidSet) -> Result<()> {
        self.writing()?;
        let fail = self.fail("removing a message");
        for uid in uids.iter() {
            if let Some(message) = self.messages.remove(&uid) {
                match fs::remove_file(&message.path) {
                    Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(fail(cause)),
                    _ => {}
                }
            }
        }
        self.sync("cur")
    }
}
