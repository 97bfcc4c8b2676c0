//! What is written into a Maildir: messages, flags, keywords, and what is removed.
//! Never takes a message for gone that another program renamed meanwhile, nor puts one in another's place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use malote_plan::failure::{Class, Reach, Retry, Side};
use malote_plan::message::{Flag, Flags, Uid};
use malote_plan::uid_set::UidSet;

use super::super::moving;
use super::super::uids::replace;
use super::super::underway::Underway;
use super::{LIST, LOOKS_MAX, MaildirTray, Message};
use crate::destination::files::{Letter, Tray};
use crate::failure::{Failure, Result};
use crate::source::maildir::name::{KEYWORDS_MAX, LETTERS, Name, letters};

impl MaildirTray {
    /// Says no where nothing is to be written.
    fn writing(&self) -> Result<()> {
        if self.writes {
            return Ok(());
        }
        let message = format!("{}: the Maildir was opened for reading alone", self.name);
        Err(Failure::new(Side::Destination, Class::Internal, Reach::Folder, Retry::Never, message))
    }

    /// Letters that names have, whatever they mean: one that was given a meaning would set that flag on each of them.
    fn letters_used(&self) -> BTreeSet<u8> {
        let names = self.messages.values().filter_map(|message| message.path.file_name());
        names.flat_map(|name| Name::of(name.as_bytes()).letters).copied().collect()
    }

    /// Makes keywords known that have no letter yet, as far as there are letters.
    fn learn(&mut self, flags: &[Flag]) -> Result<()> {
        let (_, unknown) = letters(&flags.iter().cloned().collect(), &self.keywords);
        if unknown.iter().all(Flag::is_system) {
            return Ok(());
        }
        let used = self.letters_used();
        let mut is_changed = false;
        for flag in unknown.iter().filter(|flag| !flag.is_system()) {
            let mut slots = self.keywords.iter_mut().zip(b'a'..=b'z');
            if let Some((free, _)) =
                slots.find(|(keyword, letter)| keyword.is_none() && !used.contains(letter))
            {
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
        let path = self.path.join("dovecot-keywords");
        if !replace(&path, text.as_bytes()).map_err(self.fail("writing the keywords"))? {
            self.remarks.tell(format!(
                "{}: holds a new keyword and could not stay its owner's or its group's, for only root may give a file \
                 away; see that its mail server may still read and write it",
                path.display()
            ));
        }
        Ok(())
    }

    /// Adds and removes flags of one message, under whatever name it has by now. Where the new name is another
    /// message's, both stay as they are.
    fn change(&mut self, uid: Uid, add: &[Flag], remove: &[Flag]) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            let Some(message) = self.messages.get(&uid).cloned() else { return Ok(()) };
            let mut flags = message.flags.clone();
            flags.0.retain(|flag| !remove.contains(flag));
            flags.0.extend(add.iter().cloned());
            if flags == message.flags {
                return Ok(());
            }
            let name = message.path.file_name().unwrap_or_default().as_bytes();
            let name = Name::of(name).with_flags(&flags, &self.keywords);
            let path = self.path.join("cur").join(std::ffi::OsStr::from_bytes(&name));
            let is_same = path == message.path;
            match if is_same { Ok(()) } else { moving::to_free_name(&message.path, &path) } {
                Ok(()) => {
                    self.messages.insert(uid, Message { path, flags, ..message });
                    return Ok(());
                }
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.look_again()?,
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                    self.remarks.tell(format!(
                        "{}: has the name that new flags would give {}; those flags were not set",
                        path.display(),
                        message.path.display()
                    ));
                    return Ok(());
                }
                Err(cause) => return Err(self.fail("setting flags")(cause)),
            }
        }
        Err(self.restless())
    }

    fn sync(&self, place: &str) -> Result<()> {
        let synced = File::open(self.path.join(place)).and_then(|folder| folder.sync_all());
        synced.map_err(self.fail("making messages durable"))
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
        let mut underway = Underway::to(&self.path, &self.name);
        let mut written = Vec::with_capacity(letters_in.len());
        for mut letter in letters_in {
            let (path, octets) = underway.write(&mut letter, self.clock.now_unix_ms())?;
            let unix_seconds =
                letter.internal_date.map_or(self.clock.now_unix_ms() / 1000, |date| date.unix_seconds);
            written.push((path, letter.flags, octets, unix_seconds));
        }
        let mut named = Vec::with_capacity(written.len());
        for (path, flags, octets, unix_seconds) in written {
            let stem = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let base = format!("{stem},S={octets},U={}", self.uids.next);
            let uid = self.uids.give(base.as_bytes()).and_then(Uid::new).ok_or_else(|| self.used_up())?;
            named.push((
                uid,
                base,
                Message { path, inode: None, flags, octets, unix_seconds, is_exact: true },
            ));
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
            moving::to_free_name(&message.path, &delivered).map_err(&fail)?;
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
            self.change(uid, add, remove)?;
        }
        self.sync("cur")
    }

    fn remove(&mut self, uids: &UidSet) -> Result<()> {
        self.writing()?;
        let fail = self.fail("removing a message");
        let there = |tray: &Self| -> BTreeMap<Uid, Message> {
            uids.iter().filter_map(|uid| Some((uid, tray.messages.get(&uid)?.clone()))).collect()
        };
        let meant = there(self);
        for _ in 0..LOOKS_MAX {
            let left = there(self);
            if left.is_empty() {
                self.sync("new")?;
                return self.sync("cur");
            }
            // Another file that has the name by now may be another message: the next pass looks at it first.
            if left.iter().any(|(uid, one)| meant.get(uid).is_none_or(|meant| meant.inode != one.inode)) {
                break;
            }
            for message in left.values() {
                match fs::remove_file(&message.path) {
                    Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(fail(cause)),
                    _ => {}
                }
            }
            // One that a program renamed meanwhile is there under another name, as is one that had two.
            self.look_again()?;
        }
        Err(self.restless())
    }
}
