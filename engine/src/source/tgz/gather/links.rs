//! Links in a tar archive: a hard link is the earlier entry that it names, one that is to be followed is told.
//! Never follows one, and never believes links that make an archive a multiple of itself.

use std::collections::HashMap;

use super::{Gathered, META, Mail, RATIO_FROM_OCTETS, RATIO_MAX, name_key, readable};
use crate::source::archive::book::Key;
use crate::source::archive::files;
use crate::source::eml::beside;
use crate::source::eml::form::Form;
use crate::source::tgz::entries::Levels;

/// Octets of the names of all links of one archive.
const LINK_OCTETS_MAX: usize = 64 * 1024 * 1024;

/// Another name of an earlier entry.
pub(super) struct HardLink {
    levels: Levels,
    file: Vec<u8>,
    target: Option<Key>,
    pub(super) at: u64,
}

/// A link that is to be followed: its name level by level, and where it says it leads.
pub(super) struct SymbolicLink {
    pub(super) levels: Levels,
    pub(super) target: Vec<u8>,
    pub(super) at: u64,
}

impl Gathered {
    /// True while links are kept: their names lie in memory until all of the archive is known.
    pub(super) fn has_room(&mut self, levels: &[Vec<u8>], octets: usize) -> bool {
        let octets = octets + levels.iter().map(|level| level.len() + size_of::<Vec<u8>>()).sum::<usize>();
        let has_room = self.link_octets + octets <= LINK_OCTETS_MAX;
        if has_room {
            self.link_octets += octets;
        } else {
            self.links_beyond += 1;
        }
        has_room
    }

    pub(super) fn take_hard_link(&mut self, mut levels: Levels, target: Option<Levels>, at: u64) {
        let file = levels.pop().unwrap_or_default();
        if Form::of(&file).is_none() && !file.ends_with(META) {
            return self.take_other(&file);
        }
        let mut above = target.unwrap_or_default();
        let target = above.pop().map(|target| name_key(&above, target.strip_suffix(META).unwrap_or(&target)));
        self.hard_links.push(HardLink { levels, file, target, at });
    }

    /// Makes messages of hard links.
    pub(super) fn resolve(&mut self, damage: &mut Vec<String>) {
        if self.hard_links.is_empty() {
            return;
        }
        // Archives behind one another may each have an entry of a link's name: the last before the link is meant.
        let mut mails: HashMap<Key, Vec<Mail>> = HashMap::new();
        for mail in self.folders.values().flatten() {
            mails.entry(mail.name).or_default().push(mail.clone());
        }
        let (mut missing, mut octets) = (Vec::new(), 0_u64);
        for HardLink { levels, file, target, at } in std::mem::take(&mut self.hard_links) {
            if let Some(owner) = file.strip_suffix(META) {
                let told = target.and_then(|target| self.metas.get(&target));
                let meta = told.and_then(|told| before(told, |(_, end)| *end <= at)?.0.clone());
                self.take_meta(name_key(&levels, owner), meta, at, &file);
                continue;
            }
            let own = name_key(&levels, &file);
            let found = target.and_then(|target| before(mails.get(&target)?, |mail| mail.at < at)).cloned();
            octets += found.as_ref().map_or(0, |mail| mail.octets);
            let is_bomb = octets > RATIO_FROM_OCTETS && octets / RATIO_MAX > self.file_octets;
            match found.filter(|_| !is_bomb) {
                Some(mail) => {
                    let mail = Mail { name: own, at, ..mail };
                    mails.entry(own).or_default().push(mail.clone());
                    self.messages += 1;
                    self.folders.entry(levels).or_default().push(mail);
                }
                None => missing.push(readable(&levels, &file)),
            }
        }
        self.folders.values_mut().for_each(|mails| mails.sort_by_key(|mail| mail.at));
        self.metas.values_mut().for_each(|told| told.sort_by_key(|(_, end)| *end));
        let sentence = |link: String| {
            format!(
                "{}: {link} is a hard link to what is no message of the archive, and is not read",
                self.name
            )
        };
        files::tell(damage, missing.into_iter().map(sentence), "hard links lead to no message");
    }

    /// Tells of links behind which mail may be that is not in the archive.
    pub(super) fn tell_symbolic_links(&mut self, damage: &mut Vec<String>) {
        let mut missing = Vec::new();
        for SymbolicLink { mut levels, target, .. } in std::mem::take(&mut self.symbolic_links) {
            let file = levels.pop().unwrap_or_default();
            let is_own_folder = || {
                followed(&levels, &target).is_some_and(|target| {
                    let mut behind = self.folders.range(target.clone()..);
                    behind.next().is_some_and(|(folder, _)| folder.starts_with(&target))
                })
            };
            let is_mail = Form::of(&file).is_some() || beside::is_called_mail(&file);
            if is_mail || (!file.contains(&b'.') && !is_own_folder()) {
                let link = readable(&levels, &file);
                missing.push(format!(
                    "{}: {link} is a link to {}, and links are not followed, so that this mail is not read; pack the \
                     archive again with what it leads to (tar -h)",
                    self.name,
                    files::readable(&target)
                ));
            } else {
                self.take_other(&file);
            }
        }
        files::tell(damage, missing, "links are messages or folders that are not read");
    }
}

/// The last of these that is before; the first of all where none is.
fn before<T>(all: &[T], is_before: impl Fn(&T) -> bool) -> Option<&T> {
    all.iter().rfind(|one| is_before(one)).or_else(|| all.first())
}

/// Where a link leads, from the folder that it is in; nothing where that is out of the archive.
fn followed(above: &[Vec<u8>], target: &[u8]) -> Option<Levels> {
    if target.starts_with(b"/") {
        return None;
    }
    let mut levels = above.to_vec();
    for level in target.split(|octet| *octet == b'/') {
        match level {
            b"" | b"." => {}
            b".." => {
                levels.pop()?;
            }
            level => levels.push(level.to_vec()),
        }
    }
    Some(levels).filter(|levels| !levels.is_empty())
}
