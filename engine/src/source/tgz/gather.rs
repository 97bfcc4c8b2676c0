//! What the entries of a tar archive come to: folders of messages, with what stands beside them.
//! Never follows a link out of the archive; a hard link is the earlier entry that it names.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use malote_plan::date;
use malote_plan::message::{Flags, InternalDate};

use super::Place;
use super::entries::{Kind, Name};
use super::expand::{RATIO_FROM_OCTETS, RATIO_MAX};
use super::meta::{self, META_OCTETS_MAX, Meta};
use crate::source::archive::book::{Key, Occurrences, key};
use crate::source::archive::files;
use crate::source::archive::index::{Entry, FlagSets};
use crate::source::archive::lines::{CrLf, measure};

/// Octets of a message's header that are kept while it is indexed.
const HEADER_OCTETS: usize = 64 * 1024;

/// The ending of what tells of another entry.
const META: &str = ".meta";

/// The ending of a message.
const MESSAGE: &str = ".eml";

/// Kinds of entries that are told by name.
const KINDS_MAX: usize = 20;

/// Octets of the names of all links of one archive.
const LINK_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Folders with their messages, by their levels.
pub(super) type Folders = BTreeMap<Vec<String>, Vec<Entry<Place>>>;

/// What was found so far.
#[derive(Default)]
pub(super) struct Gathered {
    folders: BTreeMap<Vec<String>, Vec<Mail>>,
    /// What `.meta` entries told, with where they end.
    metas: HashMap<Key, (Meta, u64)>,
    /// `.meta` entries that cannot be read, wholly or in part, and the name of the first.
    bad_metas: (u64, String),
    /// Entries that are no mail, by their kind.
    others: BTreeMap<String, u64>,
    messages: u64,
    hard_links: Vec<HardLink>,
    /// Octets of the links' names, and how many links there were beyond what is kept of them.
    link_octets: usize,
    links_beyond: u64,
    symbolic_links: Vec<SymbolicLink>,
}

/// What was found in all.
pub(super) struct Finished {
    pub folders: Folders,
    pub remarks: Vec<String>,
    pub damage: Vec<String>,
}

/// One message, before its `.meta` is known for sure.
#[derive(Clone)]
struct Mail {
    name: Key,
    header_date: Option<InternalDate>,
    entry_date: Option<InternalDate>,
    octets: u64,
    place: Place,
}

/// Another name of an earlier entry.
struct HardLink {
    levels: Vec<String>,
    file: String,
    target: Option<Key>,
    at: u64,
}

/// A link that is to be followed: its name level by level, and where it says it leads.
struct SymbolicLink {
    levels: Vec<String>,
    target: String,
    at: u64,
}

impl Gathered {
    /// Messages so far.
    pub(super) const fn messages(&self) -> u64 {
        self.messages
    }

    /// Takes one entry.
    ///
    /// # Errors
    /// Where its octets cannot be read to their end.
    pub(super) fn take(&mut self, name: Name, octets: &mut dyn Read) -> std::io::Result<()> {
        let Name { mut levels, kind, unix_seconds, at, octets: length } = name;
        match kind {
            Kind::File => {}
            // A folder of its own only where it holds mail, or nothing at all.
            Kind::Folder => return Ok(()),
            Kind::HardLink(target) => {
                if self.has_room(&levels, 0) {
                    self.take_hard_link(levels, target, at);
                }
                return Ok(());
            }
            Kind::SymbolicLink(target) => {
                if self.has_room(&levels, target.len()) {
                    self.symbolic_links.push(SymbolicLink { levels, target, at });
                }
                return Ok(());
            }
        }
        let file = levels.pop().unwrap_or_default();
        if let Some(owner) = file.strip_suffix(META) {
            let mut text = Vec::new();
            if length <= META_OCTETS_MAX {
                octets.read_to_end(&mut text)?;
            }
            self.take_meta(name_key(&levels, owner), meta::read(&text), at + length, &file);
            return Ok(());
        }
        if !is_message(&file) {
            self.take_other(&file);
            return Ok(());
        }
        let mut counted = Counted { inner: octets, octets: 0 };
        let measured = measure(CrLf::new(&mut counted), HEADER_OCTETS)?;
        if counted.octets != length {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file is cut off in the middle of a message, which is not delivered",
            ));
        }
        let entry_date = (unix_seconds > 0).then_some(InternalDate { unix_seconds, offset_minutes: 0 });
        self.messages += 1;
        let mail = Mail {
            name: name_key(&levels, &file),
            header_date: date::date_of(None, &measured.header, None).0,
            entry_date,
            octets: measured.octets,
            place: Place { at, octets: length, hash: measured.hash },
        };
        self.folders.entry(levels).or_default().push(mail);
        Ok(())
    }

    /// Gives up the messages that end behind the octet `from` of the stream, and those of which something is told there:
    /// it may not be what was packed. Returns how many they are.
    pub(super) fn keep_back(&mut self, from: u64) -> u64 {
        let before = self.messages;
        let metas = &self.metas;
        let is_proven = |mail: &Mail| {
            let is_told_behind = metas.get(&mail.name).is_some_and(|(_, end)| *end > from);
            mail.place.at.saturating_add(mail.place.octets) <= from && !is_told_behind
        };
        self.folders.values_mut().for_each(|mails| mails.retain(is_proven));
        self.folders.retain(|_, mails| !mails.is_empty());
        self.metas.retain(|_, (_, end)| *end <= from);
        self.hard_links.retain(|link| link.at <= from);
        self.symbolic_links.retain(|link| link.at <= from);
        self.messages = self.folders.values().map(|mails| mails.len() as u64).sum();
        before - self.messages
    }

    fn take_meta(&mut self, owner: Key, read: Option<Meta>, end: u64, file: &str) {
        if read.as_ref().is_none_or(|meta| !meta.is_whole) {
            if self.bad_metas.0 == 0 {
                file.clone_into(&mut self.bad_metas.1);
            }
            self.bad_metas.0 += 1;
        }
        self.metas.extend(read.map(|meta| (owner, (meta, end))));
    }

    fn take_other(&mut self, file: &str) {
        let ending = file.rsplit_once('.').map_or("others", |(_, ending)| ending).to_ascii_lowercase();
        let is_plain = ending.len() <= 8 && ending.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let kind = if is_plain && self.others.len() < KINDS_MAX { ending } else { "others".to_owned() };
        *self.others.entry(kind).or_default() += 1;
    }

    /// True while links are kept: their names lie in memory until all of the archive is known.
    fn has_room(&mut self, levels: &[String], octets: usize) -> bool {
        let octets = octets + levels.iter().map(|level| level.len() + size_of::<String>()).sum::<usize>();
        let has_room = self.link_octets + octets <= LINK_OCTETS_MAX;
        if has_room {
            self.link_octets += octets;
        } else {
            self.links_beyond += 1;
        }
        has_room
    }

    fn take_hard_link(&mut self, mut levels: Vec<String>, target: Option<Vec<String>>, at: u64) {
        let file = levels.pop().unwrap_or_default();
        if !is_message(&file) && !file.ends_with(META) {
            return self.take_other(&file);
        }
        let mut above = target.unwrap_or_default();
        let target = above.pop().map(|target| name_key(&above, target.strip_suffix(META).unwrap_or(&target)));
        self.hard_links.push(HardLink { levels, file, target, at });
    }

    /// Folders with their messages, each with what its `.meta` told. `name` is the archive's own and `file_octets` its
    /// length: links that make it a multiple of itself are not believed.
    pub(super) fn finish(mut self, name: &str, file_octets: u64) -> Finished {
        let (mut remarks, mut damage) = (Vec::new(), Vec::new());
        self.resolve(name, file_octets, &mut damage);
        self.tell_symbolic_links(name, &mut damage);
        if self.links_beyond > 0 {
            damage.push(format!("{name}: it has too many links; {} of them are not read", self.links_beyond));
        }
        if self.bad_metas.0 > 0 {
            remarks.push(format!(
                "{name}: {} .meta entries are not as Zimbra writes them, the first of them {}; flags, tags and dates \
                 of their messages may be missing",
                self.bad_metas.0, self.bad_metas.1
            ));
        }
        if !self.others.is_empty() {
            let kinds: Vec<String> =
                self.others.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            remarks.push(format!("entries that are no mail are passed over: {}", kinds.join(", ")));
        }
        let Self { folders, metas, .. } = self;
        let mut flag_sets = FlagSets::default();
        let mut finish = |mails: Vec<Mail>| {
            let mut occurrences = Occurrences::default();
            mails.into_iter().map(|mail| entry(mail, &metas, &mut occurrences, &mut flag_sets)).collect()
        };
        let folders = folders.into_iter().map(|(levels, mails)| (levels, finish(mails))).collect();
        Finished { folders, remarks, damage }
    }

    /// Makes messages of hard links.
    fn resolve(&mut self, name: &str, file_octets: u64, damage: &mut Vec<String>) {
        if self.hard_links.is_empty() {
            return;
        }
        let mut mails: HashMap<Key, Mail> =
            self.folders.values().flatten().map(|mail| (mail.name, mail.clone())).collect();
        let (mut missing, mut octets) = (Vec::new(), 0_u64);
        for HardLink { levels, file, target, .. } in std::mem::take(&mut self.hard_links) {
            if let Some(owner) = file.strip_suffix(META) {
                let meta = target.and_then(|target| self.metas.get(&target).cloned());
                let end = meta.as_ref().map_or(0, |(_, end)| *end);
                self.take_meta(name_key(&levels, owner), meta.map(|(meta, _)| meta), end, &file);
                continue;
            }
            let own = name_key(&levels, &file);
            let found = target.and_then(|target| mails.get(&target)).cloned();
            octets += found.as_ref().map_or(0, |mail| mail.octets);
            let is_bomb = octets > RATIO_FROM_OCTETS && octets / RATIO_MAX > file_octets;
            match found.filter(|_| !is_bomb) {
                Some(mail) => {
                    let mail = Mail { name: own, ..mail };
                    mails.insert(own, mail.clone());
                    self.messages += 1;
                    self.folders.entry(levels).or_default().push(mail);
                }
                None => missing.push(readable(&levels, &file)),
            }
        }
        let sentence = |link: String| {
            format!("{name}: {link} is a hard link to what is no message of the archive, and is not read")
        };
        files::tell(damage, missing.into_iter().map(sentence), "hard links lead to no message");
    }

    /// Tells of links behind which mail may be that is not in the archive.
    fn tell_symbolic_links(&mut self, name: &str, damage: &mut Vec<String>) {
        let mut missing = Vec::new();
        for SymbolicLink { mut levels, target, .. } in std::mem::take(&mut self.symbolic_links) {
            let file = levels.pop().unwrap_or_default();
            let is_own_folder = || {
                followed(&levels, &target).is_some_and(|target| {
                    let mut behind = self.folders.range(target.clone()..);
                    behind.next().is_some_and(|(folder, _)| folder.starts_with(&target))
                })
            };
            if is_message(&file) || (!file.contains('.') && !is_own_folder()) {
                let link = readable(&levels, &file);
                missing.push(format!(
                    "{name}: {link} is a link to {target}, and links are not followed, so that this mail is not read; \
                     pack the archive again with what it leads to (tar -h)"
                ));
            } else {
                self.take_other(&file);
            }
        }
        files::tell(damage, missing, "links are messages or folders that are not read");
    }
}

fn entry(
    mail: Mail,
    metas: &HashMap<Key, (Meta, u64)>,
    occurrences: &mut Occurrences,
    flag_sets: &mut FlagSets,
) -> Entry<Place> {
    let meta = metas.get(&mail.name).map(|(meta, _)| meta);
    let mut content = Key::default();
    content.copy_from_slice(&mail.place.hash[..16]);
    let told = meta.and_then(|meta| meta.date);
    Entry {
        key: occurrences.next(content),
        octets: mail.octets,
        flags: flag_sets.one(meta.map_or_else(Flags::default, |meta| meta.flags.clone())),
        // Without Zimbra's word, the time of an entry is when it was written to some disk.
        date: told.or(mail.header_date).or(mail.entry_date),
        is_left_out: meta.is_some_and(|meta| !meta.is_message),
        place: mail.place,
    }
}

/// Where a link leads, from the folder that it is in; nothing where that is out of the archive.
fn followed(above: &[String], target: &str) -> Option<Vec<String>> {
    if target.starts_with('/') {
        return None;
    }
    let mut levels = above.to_vec();
    for level in target.split('/') {
        match level {
            "" | "." => {}
            ".." => {
                levels.pop()?;
            }
            level => levels.push(level.to_owned()),
        }
    }
    Some(levels).filter(|levels| !levels.is_empty())
}

fn is_message(file: &str) -> bool {
    file.to_ascii_lowercase().ends_with(MESSAGE)
}

fn readable(levels: &[String], file: &str) -> String {
    levels.iter().map(String::as_str).chain([file]).collect::<Vec<_>>().join("/")
}

fn name_key(levels: &[String], file: &str) -> Key {
    key(&[levels.join("/").as_bytes(), file.as_bytes()])
}

/// Counts what passes.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    octets: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.octets += read as u64;
        Ok(read)
    }
}
