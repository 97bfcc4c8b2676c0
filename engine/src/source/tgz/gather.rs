//! What the entries of a tar archive come to: folders of messages, with what stands beside them.
//! Never follows a link out of the archive; a hard link is the earlier entry that it names.

mod links;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use malote_plan::date;
use malote_plan::message::{Flags, InternalDate};

use self::links::{HardLink, SymbolicLink};
use super::Place;
use super::entries::{Kind, Levels, Name};
use super::expand::{RATIO_FROM_OCTETS, RATIO_MAX};
use super::meta::{self, META_OCTETS_MAX, Meta};
use crate::source::archive::book::{Key, Occurrences, key};
use crate::source::archive::files::{self, Sentences};
use crate::source::archive::index::{Entry, FlagSets};
use crate::source::archive::lines::{CrLf, Measured, measure};
use crate::source::archive::packed::Peeking;
use crate::source::eml::beside::{BEGIN_OCTETS, Beside};
use crate::source::eml::form::Form;

/// Octets of a message's header that are kept while it is indexed.
const HEADER_OCTETS: usize = 64 * 1024;

/// The ending of what tells of another entry.
const META: &[u8] = b".meta";

/// Kinds of entries that are told by name.
const KINDS_MAX: usize = 20;

/// Octets of the names of all folders of one archive: they lie in memory more than once.
const FOLDER_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Folders with their messages, by their levels.
pub(super) type Folders = BTreeMap<Levels, Vec<Entry<Place>>>;

/// What was found so far.
#[derive(Default)]
pub(super) struct Gathered {
    /// The archive's own name and length.
    name: String,
    file_octets: u64,
    folders: BTreeMap<Levels, Vec<Mail>>,
    /// Octets of their names.
    folder_octets: usize,
    metas: Metas,
    /// `.meta` entries that cannot be read, wholly or in part, and the name of the first.
    bad_metas: (u64, String),
    /// Entries that are no mail, by their kind.
    others: BTreeMap<String, u64>,
    beside: Beside,
    /// Messages that cannot be read.
    unreadable: Sentences,
    messages: u64,
    /// Octets of all messages.
    expanded: u64,
    hard_links: Vec<HardLink>,
    /// Octets of the links' names, and how many links there were beyond what is kept of them.
    link_octets: usize,
    links_beyond: u64,
    symbolic_links: Vec<SymbolicLink>,
}

/// What `.meta` entries told of each name, in their order, with where they end; nothing where one cannot be read.
type Metas = HashMap<Key, Vec<(Option<Meta>, u64)>>;

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
    /// Where its own entry is; the octets of a hard link are those of an earlier one.
    at: u64,
    header_date: Option<InternalDate>,
    entry_date: Option<InternalDate>,
    octets: u64,
    place: Place,
}

impl Gathered {
    /// Nothing yet, of the archive of this name and length: what makes it a multiple of itself is not believed.
    pub(super) fn new(name: &str, file_octets: u64) -> Self {
        Self { name: name.to_owned(), file_octets, ..Self::default() }
    }

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
        let mut counted = Counted { inner: octets, octets: 0, failure: None };
        let mut octets = Peeking::new(&mut counted);
        let begin = octets.peek(BEGIN_OCTETS)?.to_vec();
        if self.beside.takes(&levels, || Some(begin)) {
            return Ok(());
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
        let Some(form) = Form::of(&file) else {
            self.take_other(&file);
            return Ok(());
        };
        let measured = form.octets(octets).and_then(|octets| measure(CrLf::new(octets), HEADER_OCTETS));
        if counted.octets_in_all()? != length {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file is cut off in the middle of a message, which is not delivered",
            ));
        }
        match measured {
            Ok(measured) => {
                let entry_date =
                    (unix_seconds > 0).then_some(InternalDate { unix_seconds, offset_minutes: 0 });
                self.take_message(levels, &file, form, (at, length), entry_date, &measured)
            }
            Err(cause) => {
                self.unreadable.add(|| format!("{} cannot be read: {cause}", readable(&levels, &file)));
                Ok(())
            }
        }
    }

    fn take_message(
        &mut self,
        levels: Levels,
        file: &[u8],
        form: Form,
        (at, octets): (u64, u64),
        entry_date: Option<InternalDate>,
        measured: &Measured,
    ) -> std::io::Result<()> {
        self.expanded = self.expanded.saturating_add(measured.octets);
        if self.expanded > RATIO_FROM_OCTETS && self.expanded / RATIO_MAX > self.file_octets {
            let what = format!("its messages come to more than {RATIO_MAX} times its size");
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        }
        if !self.folders.contains_key(&levels) {
            self.folder_octets += levels.iter().map(Vec::len).sum::<usize>();
            if self.folder_octets > FOLDER_OCTETS_MAX {
                let what = format!("the names of its folders come to more than {FOLDER_OCTETS_MAX} octets");
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
            }
        }
        self.messages += 1;
        self.beside.note(form);
        let mail = Mail {
            name: name_key(&levels, file),
            at,
            header_date: date::date_of(None, &measured.header, None).0,
            entry_date,
            octets: measured.octets,
            place: Place { at, octets, form, hash: measured.hash },
        };
        self.folders.entry(levels).or_default().push(mail);
        Ok(())
    }

    /// Gives up the messages that end behind the octet `from` of the stream, and those of which something is told
    /// there: it may not be what was packed. Returns how many they are.
    pub(super) fn keep_back(&mut self, from: u64) -> u64 {
        let before = self.messages;
        let metas = &self.metas;
        let is_proven = |mail: &Mail| {
            let is_told_behind =
                metas.get(&mail.name).is_some_and(|told| told.iter().any(|(_, end)| *end > from));
            mail.place.at.saturating_add(mail.place.octets) <= from && !is_told_behind
        };
        self.folders.values_mut().for_each(|mails| mails.retain(is_proven));
        self.folders.retain(|_, mails| !mails.is_empty());
        self.metas.retain(|_, told| {
            told.retain(|(_, end)| *end <= from);
            !told.is_empty()
        });
        self.hard_links.retain(|link| link.at <= from);
        self.symbolic_links.retain(|link| link.at <= from);
        self.messages = self.folders.values().map(|mails| mails.len() as u64).sum();
        before - self.messages
    }

    fn take_meta(&mut self, owner: Key, read: Option<Meta>, end: u64, file: &[u8]) {
        if read.as_ref().is_none_or(|meta| !meta.is_whole) {
            if self.bad_metas.0 == 0 {
                self.bad_metas.1 = files::readable(file);
            }
            self.bad_metas.0 += 1;
        }
        self.metas.entry(owner).or_default().push((read, end));
    }

    fn take_other(&mut self, file: &[u8]) {
        let name = files::readable(file);
        let ending = name.rsplit_once('.').map_or("others", |(_, ending)| ending).to_ascii_lowercase();
        let is_plain = ending.len() <= 8 && ending.bytes().all(|octet| octet.is_ascii_alphanumeric());
        let kind = if is_plain && self.others.len() < KINDS_MAX { ending } else { "others".to_owned() };
        *self.others.entry(kind).or_default() += 1;
    }

    /// Folders with their messages, each with what its `.meta` told. `knows` says whether a folder of these levels was
    /// numbered before.
    pub(super) fn finish(mut self, knows: &dyn Fn(&Levels) -> bool) -> Finished {
        let (mut remarks, mut damage) = (Vec::new(), Vec::new());
        self.resolve(&mut damage);
        self.tell_symbolic_links(&mut damage);
        self.join_as_before(knows);
        let name = &self.name;
        std::mem::take(&mut self.unreadable).tell(name, &mut damage, "messages cannot be read");
        std::mem::take(&mut self.beside).tell(name, &mut remarks, &mut damage);
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
            let (mut occurrences, mut pairs) = (Occurrences::default(), Pairs::of(&mails, &metas));
            mails
                .into_iter()
                .map(|mail| entry(pairs.next(&mail), mail, &mut occurrences, &mut flag_sets))
                .collect()
        };
        let folders = folders.into_iter().map(|(levels, mails)| (levels, finish(mails))).collect();
        Finished { folders, remarks, damage }
    }

    /// Puts messages of folders whose names are no UTF-8 where an older Malote put them, which made one folder of two
    /// such names: its state knows them there.
    fn join_as_before(&mut self, knows: &dyn Fn(&Levels) -> bool) {
        let is_other = |levels: &&Levels| levels.iter().any(|level| std::str::from_utf8(level).is_err());
        for levels in self.folders.keys().filter(is_other).cloned().collect::<Vec<_>>() {
            let former: Levels = levels.iter().map(|level| files::readable(level).into_bytes()).collect();
            if knows(&former) {
                let mails = self.folders.remove(&levels).unwrap_or_default();
                let joined = self.folders.entry(former).or_default();
                joined.extend(mails);
                joined.sort_by_key(|mail| mail.at);
            }
        }
    }
}

/// What is told of each message of one folder. Archives that lie behind one another may have entries of one name in
/// each, so that the second message of a name has what was told second.
struct Pairs<'a> {
    metas: &'a Metas,
    /// How many messages there are of a name, and how many of them were asked for.
    names: HashMap<Key, (usize, usize)>,
}

impl<'a> Pairs<'a> {
    fn of(mails: &[Mail], metas: &'a Metas) -> Self {
        let mut names = HashMap::new();
        for mail in mails.iter().filter(|mail| metas.contains_key(&mail.name)) {
            names.entry(mail.name).or_insert((0, 0)).0 += 1;
        }
        Self { metas, names }
    }

    /// What is told of the next message of this one's name, and whether that leaves it out. Where nobody can say which
    /// of several is meant, none is left out for another's sake.
    fn next(&mut self, mail: &Mail) -> (Option<&'a Meta>, bool) {
        let told = self.metas.get(&mail.name).map(Vec::as_slice).unwrap_or_default();
        let (count, number) = self.names.get_mut(&mail.name).map_or((0, 0), |(count, asked)| {
            *asked += 1;
            (*count, *asked - 1)
        });
        let is_none = |meta: &Option<Meta>| meta.as_ref().is_some_and(|meta| !meta.is_message);
        if told.len() == count {
            let meta = told.get(number).map(|(meta, _)| meta);
            return (meta.and_then(Option::as_ref), meta.is_some_and(is_none));
        }
        let is_left_out = count < told.len() && told.iter().all(|(meta, _)| is_none(meta));
        (told.iter().rev().find_map(|(meta, _)| meta.as_ref()), is_left_out)
    }
}

fn entry(
    (meta, is_left_out): (Option<&Meta>, bool),
    mail: Mail,
    occurrences: &mut Occurrences,
    flag_sets: &mut FlagSets,
) -> Entry<Place> {
    let mut content = Key::default();
    content.copy_from_slice(&mail.place.hash[..16]);
    let told = meta.and_then(|meta| meta.date);
    Entry {
        key: occurrences.next(content),
        octets: mail.octets,
        flags: flag_sets.one(meta.map_or_else(Flags::default, |meta| meta.flags.clone())),
        // Without Zimbra's word, the time of an entry is when it was written to some disk.
        date: told.or(mail.header_date).or(mail.entry_date),
        is_left_out,
        place: mail.place,
    }
}

fn readable(levels: &[Vec<u8>], file: &[u8]) -> String {
    files::readable(&levels.iter().map(Vec::as_slice).chain([file]).collect::<Vec<_>>().join(&b'/'))
}

fn name_key(levels: &[Vec<u8>], file: &[u8]) -> Key {
    key(&[&levels.join(&b'/'), file])
}

/// Counts what passes, and keeps why nothing more does: that is the archive's failure, not the message's.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    octets: u64,
    failure: Option<std::io::Error>,
}

impl Counted<'_> {
    /// Reads what a form left unread; how many octets there were in all.
    fn octets_in_all(mut self) -> std::io::Result<u64> {
        if self.failure.is_none() {
            // Why that fails is kept.
            let _read = std::io::copy(&mut self, &mut std::io::sink());
        }
        self.failure.map_or(Ok(self.octets), Err)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let again = |cause: &std::io::Error| std::io::Error::new(cause.kind(), cause.to_string());
        if let Some(cause) = &self.failure {
            return Err(again(cause));
        }
        match self.inner.read(into) {
            Ok(read) => {
                self.octets += read as u64;
                Ok(read)
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => Err(cause),
            Err(cause) => Err(again(self.failure.insert(cause))),
        }
    }
}
