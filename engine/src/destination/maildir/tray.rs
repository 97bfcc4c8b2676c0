//! One Maildir that is written to.
//! Never gives a UID twice: the next one is durable before any message bears it.
//!
//! A message that Malote wrote bears its UID in its name (`,U=17`), so that it appears whole, with its UID, by one
//! rename. Messages that others delivered get theirs from a list beside them. Both come from one counter.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use malote_plan::date;
use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::folder::FolderStatus;
use malote_plan::message::{Flag, Flags, InternalDate, Uid, UidValidity};
use malote_plan::uid_set::UidSet;

use crate::clock::Clock;
use crate::destination::files::{Letter, Tray, unwritten};
use crate::exchange::Stub;
use crate::failure::{Failure, Result};
use crate::source::archive::files as safely;
use crate::source::archive::index::{counted, refusal};
use crate::source::archive::lines::CrLf;
use crate::source::archive::{Content, Refusal, Shelf, packed};
use crate::source::maildir::name::{KEYWORDS_MAX, LETTERS, Name, keywords, letters};
use crate::source::maildir::tree;

/// The file of the counters and of other people's messages, and the file that is locked while one of us writes.
const LIST: &str = "malote-uids";
const LOCK: &str = "malote-lock";

/// One Maildir.
pub(super) struct MaildirTray {
    path: PathBuf,
    name: String,
    clock: Arc<dyn Clock>,
    /// Held as long as the tray lives: the system gives it back when the process ends, however it does.
    _lock: File,
    list: List,
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
    is_own: bool,
}

/// Counters, and the UIDs of messages that others delivered, by the lasting part of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct List {
    validity: u32,
    next: u32,
    others: BTreeMap<Vec<u8>, u32>,
}

impl List {
    /// A line of counters, then UID and name on each line.
    fn to_octets(&self) -> Vec<u8> {
        let mut octets = format!("malote-uids 1 {} {}\n", self.validity, self.next).into_bytes();
        for (name, uid) in &self.others {
            octets.extend_from_slice(format!("{uid} ").as_bytes());
            octets.extend_from_slice(name);
            octets.push(b'\n');
        }
        octets
    }

    fn of_octets(octets: &[u8]) -> Option<Self> {
        let mut lines = octets.split(|octet| *octet == b'\n');
        let counters = std::str::from_utf8(lines.next()?).ok()?.strip_prefix("malote-uids 1 ")?;
        let (validity, next) = counters.split_once(' ')?;
        let (validity, next) = (validity.parse().ok()?, next.parse().ok()?);
        let other = |line: &[u8]| {
            let blank = memchr::memchr(b' ', line)?;
            Some((line[blank + 1..].to_vec(), std::str::from_utf8(&line[..blank]).ok()?.parse().ok()?))
        };
        Some(Self { validity, next, others: lines.filter_map(other).collect() })
    }
}

/// The UID in the name of a message that Malote wrote.
fn own_uid(base: &[u8]) -> Option<u32> {
    let part = base.split(|octet| *octet == b',').skip(1).find_map(|part| part.strip_prefix(b"U="))?;
    std::str::from_utf8(part).ok()?.parse().ok()
}

impl MaildirTray {
    /// Locks the Maildir and lists it.
    pub(super) fn open(path: PathBuf, name: String, clock: Arc<dyn Clock>) -> Result<Self> {
        let fail = |cause| unwritten(&format!("opening the Maildir {name}"), cause);
        let options = File::options().read(true).append(true).create(true).clone();
        let lock = options.open(path.join(LOCK)).map_err(fail)?;
        if lock.try_lock().is_err() {
            let message = format!("{name}: another run writes to this Maildir");
            let (class, reach, retry) = (Class::ServerLock, Reach::Folder, Retry::After(1000));
            return Err(Failure::new(Side::Destination, class, reach, retry, message));
        }
        let (list, messages, keywords) = (List::default(), BTreeMap::new(), Vec::new());
        let mut tray = Self { path, name, clock, _lock: lock, list, keywords, messages };
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
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(fail(cause)),
            kept => kept.ok().and_then(|octets| List::of_octets(&octets)),
        };
        let mut list = kept.clone().unwrap_or_default();
        if list.validity == 0 {
            // The time tells every generation from all before it (RFC 3501 §2.3.1.1).
            let seconds = self.clock.now_unix_ms() / 1000;
            list.validity = u32::try_from(seconds).unwrap_or(1).max(1);
            list.next = 1;
        }
        self.keywords = keywords(&tree::text(&self.path.join("dovecot-keywords")).map_err(&fail)?);
        let mut files = read_names(&self.path).map_err(&fail)?;
        files.sort_by(|one, other| (one.2, &one.0).cmp(&(other.2, &other.0)));
        self.messages.clear();
        let mut others = BTreeMap::new();
        let own_highest = files.iter().filter_map(|(base, ..)| own_uid(base)).max().unwrap_or(0);
        // Where the list is lost, its counter is: what names tell is the least that was given.
        list.next = list.next.max(own_highest.saturating_add(1));
        for (base, path, unix_seconds, octets) in files {
            let is_own = own_uid(&base).is_some_and(|uid| uid > 0);
            let uid = own_uid(&base).filter(|uid| *uid > 0).unwrap_or_else(|| {
                let uid = list.others.get(&base).copied().unwrap_or_else(|| {
                    list.next += 1;
                    list.next - 1
                });
                others.insert(base.clone(), uid);
                uid
            });
            let file_name = path.file_name().unwrap_or_default().as_bytes().to_vec();
            let parts = Name::of(&file_name);
            let flags = parts.flags(&self.keywords);
            let octets = parts.octets().filter(|_| !is_own).unwrap_or(octets);
            if let Some(uid) = Uid::new(uid) {
                self.messages.insert(uid, Message { path, flags, octets, unix_seconds, is_own });
            }
        }
        list.others = others;
        self.list = list;
        if kept.as_ref() != Some(&self.list) {
            self.write_list()?;
        }
        Ok(())
    }

    fn write_list(&self) -> Result<()> {
        replace(&self.path.join(LIST), &self.list.to_octets()).map_err(self.fail("writing the UIDs"))
    }

    /// Writes one message into `tmp`, durable; its name there and its length.
    fn write(&self, letter: &mut Letter) -> Result<(PathBuf, u64)> {
        let fail = self.fail("writing a message");
        let now_ms = self.clock.now_unix_ms();
        let (pid, number) = (std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
        let path =
            self.path.join("tmp").join(format!("{}.M{}P{pid}Q{number}.malote", now_ms / 1000, now_ms % 1000));
        let file = File::options().write(true).create_new(true).open(&path).map_err(&fail)?;
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

/// Writes a small file so that it is the old or the new one, whatever happens.
fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(octets)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// The time of a file that was received then.
fn time_of(date: InternalDate) -> Option<SystemTime> {
    let seconds = u64::try_from(date.unix_seconds).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// One file: the lasting part of its name, its path, its time in seconds, its length in octets.
type Listed = (Vec<u8>, PathBuf, i64, u64);

/// Every message in `cur` and `new`.
fn read_names(maildir: &Path) -> io::Result<Vec<Listed>> {
    let mut files = HashMap::new();
    for place in ["cur", "new"] {
        for entry in fs::read_dir(maildir.join(place))? {
            let entry = entry?;
            let name = entry.file_name().into_vec();
            let metadata = match entry.metadata() {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                metadata => metadata?,
            };
            if metadata.is_file() && !name.starts_with(b".") {
                let found = (entry.path(), metadata.mtime(), metadata.len());
                files.entry(Name::of(&name).base.to_vec()).or_insert(found);
            }
        }
    }
    Ok(files.into_iter().map(|(base, (path, time, octets))| (base, path, time, octets)).collect())
}

impl Shelf for MaildirTray {
    fn status(&self) -> FolderStatus {
        FolderStatus {
            messages: u32::try_from(self.messages.len()).unwrap_or(u32::MAX),
            uid_next: Some(self.list.next),
            uid_validity: UidValidity::new(self.list.validity),
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
        if message.is_own {
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
        let mut written = Vec::with_capacity(letters_in.len());
        for mut letter in letters_in {
            let (path, octets) = self.write(&mut letter)?;
            let unix_seconds =
                letter.internal_date.map_or(self.clock.now_unix_ms() / 1000, |date| date.unix_seconds);
            written.push((path, letter.flags, octets, unix_seconds));
        }
        let first = self.list.next;
        self.list.next += u32::try_from(written.len()).unwrap_or(u32::MAX);
        self.write_list()?;
        let fail = self.fail("delivering a message");
        let mut uids = Vec::with_capacity(written.len());
        for (uid, (path, flags, octets, unix_seconds)) in (first..).filter_map(Uid::new).zip(written) {
            let base = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (letters, _) = letters(&flags, &self.keywords);
            let delivered = self.path.join("cur").join(format!("{base},S={octets},U={uid}:2,{letters}"));
            fs::rename(&path, &delivered).map_err(&fail)?;
            self.messages.insert(uid, Message { path: delivered, flags, octets, unix_seconds, is_own: true });
            uids.push(uid);
        }
        self.sync("cur")?;
        Ok(uids)
    }

    fn store(&mut self, uids: &UidSet, add: &[Flag], remove: &[Flag]) -> Result<()> {
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
