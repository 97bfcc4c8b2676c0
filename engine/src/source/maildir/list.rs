//! Lists the messages of one Maildir while its server goes on working in it.
//! Never takes a listing for whole during which the folders changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::name::Name;
use crate::source::archive::book::{Key, key};
use crate::source::archive::files::{self, ENTRIES_MAX, Link, Target};
use crate::source::archive::lines::measure;

/// Where delivered messages lie. A server moves them from the first to the second, so that one that is on its way is
/// in what is read later.
const PLACES: [&str; 2] = ["new", "cur"];

/// Times that a Maildir is listed until it holds still.
pub const LISTINGS_MAX: usize = 16;

/// One message's file.
#[derive(Debug)]
pub struct Letter {
    /// What of its name stays while flags come and go.
    pub base: Vec<u8>,
    /// Where it is.
    pub path: PathBuf,
    /// Its size, times and place.
    pub metadata: Metadata,
    /// What tells it from another of its name and length; nothing where there is no other.
    pub content: Option<Key>,
}

/// The messages of one Maildir.
#[derive(Debug, Default)]
pub struct Listing {
    /// Each message once.
    pub letters: Vec<Letter>,
    /// Pipes and folders among the messages.
    pub odd: u64,
    /// Links among the messages.
    pub links: Vec<Link>,
    /// False where the folders changed during each listing: messages may be missing.
    pub is_whole: bool,
}

/// Lists `new` and `cur`, again while they change. A message that is seen twice while a program moves it is one; two
/// messages of one name are two.
///
/// # Errors
/// Where a folder cannot be listed, or a limit is passed.
pub fn list(maildir: &Path) -> io::Result<Listing> {
    list_between(maildir, &mut |_| ())
}

/// The same; `between` is called after each folder is read, and after both.
pub(super) fn list_between(maildir: &Path, between: &mut dyn FnMut(&str)) -> io::Result<Listing> {
    let mut files = Files::new();
    let mut listing = Listing::default();
    for _ in 0..LISTINGS_MAX {
        let mut now = Files::new();
        let before = times(maildir);
        listing = Listing::default();
        let is_whole = pass(maildir, &mut now, &mut listing, between)?;
        // The time of a folder is no finer than a clock's tick: names are looked at once more.
        let whole = if is_whole && before == times(maildir) && has_all(maildir, &now)? {
            Some(now)
        } else {
            // What one listing misses, another has seen.
            files.extend(now);
            let others = listing.odd + listing.links.len() as u64;
            named(maildir, &mut files, others, between)?
        };
        let Some(whole) = whole else { continue };
        between("all");
        let (contents, are_there) = contents(&whole);
        if are_there {
            return Ok(Listing { letters: letters(whole, &contents), is_whole: true, ..listing });
        }
        files.extend(whole);
    }
    let (contents, _) = contents(&files);
    listing.letters = letters(files, &contents);
    Ok(listing)
}

/// Files by what is the same message for sure: one name and one inode. The latest path is the one that counts.
type Files = BTreeMap<(Vec<u8>, u64, u64), (PathBuf, Metadata)>;

/// Which of the two folders are there.
pub(super) fn places(maildir: &Path) -> [bool; 2] {
    PLACES.map(|place| maildir.join(place).is_dir())
}

/// When the folders were changed.
fn times(maildir: &Path) -> [Option<(i64, i64)>; 2] {
    PLACES.map(|place| {
        let folder = std::fs::metadata(maildir.join(place)).ok()?;
        Some((folder.mtime(), folder.mtime_nsec()))
    })
}

/// One listing; false where a file went away under it.
fn pass(
    maildir: &Path,
    files: &mut Files,
    listing: &mut Listing,
    between: &mut dyn FnMut(&str),
) -> io::Result<bool> {
    let mut is_whole = true;
    walk(maildir, between, |name, entry| {
        let metadata = match entry.metadata() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                is_whole = false;
                return Ok(());
            }
            metadata => metadata?,
        };
        if metadata.is_symlink() {
            listing.links.push(Link::at(&entry.path(), maildir));
        } else if metadata.is_file() {
            let base = Name::of(name).base.to_vec();
            files.insert((base, metadata.dev(), metadata.ino()), (entry.path(), metadata));
        } else {
            listing.odd += 1;
        }
        if files.len() > ENTRIES_MAX {
            let what = format!("more than {ENTRIES_MAX} messages");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(())
    })?;
    Ok(is_whole)
}

/// Those of the files `seen` whose names are there with their inodes, where nothing changes meanwhile: names alone are
/// read in a fraction of the time that all files take, so that a large Maildir need not hold still for longer. `others`
/// are its links, pipes and folders. What had not been seen is added to `seen`.
fn named(
    maildir: &Path,
    seen: &mut Files,
    others: u64,
    between: &mut dyn FnMut(&str),
) -> io::Result<Option<Files>> {
    let before = times(maildir);
    let mut names: BTreeMap<Vec<u8>, Vec<(PathBuf, u64)>> = BTreeMap::new();
    let mut others_now = 0;
    walk(maildir, between, |name, entry| {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let base = Name::of(name).base.to_vec();
            names.entry(base).or_default().push((entry.path(), entry.ino()));
        } else {
            others_now += 1;
        }
        Ok(())
    })?;
    let mut is_whole = before == times(maildir) && others == others_now;
    let mut now = Files::new();
    for (base, paths) in names {
        let known: Vec<_> = seen.range((base.clone(), 0, 0)..=(base.clone(), u64::MAX, u64::MAX)).collect();
        // A folder tells each name's inode with it: another one is another file that took the name.
        if let ([(path, inode)], [(key, (_, metadata))]) = (paths.as_slice(), known.as_slice())
            && *inode == metadata.ino()
        {
            now.insert((*key).clone(), (path.clone(), (*metadata).clone()));
            continue;
        }
        for (path, _) in paths {
            match std::fs::symlink_metadata(&path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => is_whole = false,
                metadata => {
                    let metadata = metadata?;
                    now.insert((base.clone(), metadata.dev(), metadata.ino()), (path, metadata));
                }
            }
        }
    }
    if is_whole && has_all(maildir, &now)? {
        return Ok(Some(now));
    }
    seen.extend(now);
    Ok(None)
}

/// Takes each entry of `new` and `cur` with its name, hidden ones left out; a folder that is not there has none.
fn walk(
    maildir: &Path,
    between: &mut dyn FnMut(&str),
    mut take: impl FnMut(&[u8], &DirEntry) -> io::Result<()>,
) -> io::Result<()> {
    for place in PLACES {
        let entries = match std::fs::read_dir(maildir.join(place)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name().into_vec();
            if !name.starts_with(b".") {
                take(&name, &entry)?;
            }
        }
        between(place);
    }
    Ok(())
}

/// True where the folders hold no name whose message was not listed.
fn has_all(maildir: &Path, files: &Files) -> io::Result<bool> {
    let known: HashSet<&[u8]> = files.keys().map(|(base, _, _)| base.as_slice()).collect();
    let mut has_all = true;
    walk(maildir, &mut |_| (), |name, entry| {
        has_all &= known.contains(Name::of(name).base) || !entry.file_type().is_ok_and(|kind| kind.is_file());
        Ok(())
    })?;
    Ok(has_all)
}

/// What files hold that have a name in common with others, by their paths.
type Contents = HashMap<PathBuf, Key>;

/// Reads those files; false where one of them went away since it was listed: by what it holds it may be the other, or
/// be moved and not gone.
fn contents(files: &Files) -> (Contents, bool) {
    let all: Vec<_> = files.iter().collect();
    let (mut contents, mut are_there) = (Contents::new(), true);
    let alike = all.chunk_by(|one, other| one.0.0 == other.0.0).filter(|alike| alike.len() > 1);
    for (_, (path, metadata)) in alike.flatten() {
        let content = content(path).unwrap_or_else(|cause| {
            are_there &= cause.kind() != io::ErrorKind::NotFound;
            // One that cannot be read is like no other.
            key(&[b"unread", &metadata.ino().to_le_bytes()])
        });
        contents.insert(path.clone(), content);
    }
    (contents, are_there)
}

/// Each message once: of several files of one name those whose octets differ.
fn letters(files: Files, contents: &Contents) -> Vec<Letter> {
    let mut by_base: HashMap<Vec<u8>, Vec<Letter>> = HashMap::new();
    for ((base, _, _), (path, metadata)) in files {
        let letter = Letter { base: base.clone(), content: contents.get(&path).copied(), path, metadata };
        by_base.entry(base).or_default().push(letter);
    }
    let mut letters = Vec::with_capacity(by_base.len());
    for mut alike in by_base.into_values() {
        if alike.len() > 1 {
            alike = told_apart(alike);
        }
        letters.append(&mut alike);
    }
    letters
}

fn told_apart(mut alike: Vec<Letter>) -> Vec<Letter> {
    // What lies in `cur` and is named last has the flags.
    alike.sort_by(|one, other| one.path.cmp(&other.path));
    let mut seen = HashSet::new();
    alike.retain(|letter| seen.insert(letter.content));
    let mut lengths: HashMap<u64, u64> = HashMap::new();
    for letter in &alike {
        *lengths.entry(letter.metadata.len()).or_default() += 1;
    }
    for letter in &mut alike {
        letter.content = letter.content.filter(|_| lengths.get(&letter.metadata.len()) > Some(&1));
    }
    alike
}

fn content(path: &Path) -> io::Result<Key> {
    let measured = measure(files::open(path, false)?, 0)?;
    let mut content = Key::default();
    content.copy_from_slice(&measured.hash[..16]);
    Ok(content)
}

impl Listing {
    /// What of this Maildir, called `folder`, is not read, as sentences.
    #[must_use]
    pub fn damage(&self, folder: &str) -> Vec<String> {
        let mut damage = Vec::new();
        let missing = self.links.iter().filter(|link| link.target() != Target::OwnFolder);
        files::tell(
            &mut damage,
            missing.map(Link::damage),
            &format!("links in {folder} are messages that are not read"),
        );
        damage
    }

    /// What may be otherwise when it is listed again, as a sentence.
    #[must_use]
    pub fn unsettled(&self, folder: &str, maildir: &Path) -> Option<String> {
        let sentence = format!(
            "{folder}: {} changed each of the {LISTINGS_MAX} times that it was listed; what was found is copied and \
             nothing counts as gone; run again when its server is quieter",
            maildir.display()
        );
        (!self.is_whole).then_some(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maildir(files: &[&str]) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        PLACES.iter().for_each(|place| std::fs::create_dir(top.path().join(place)).unwrap());
        files.iter().for_each(|name| std::fs::write(top.path().join(name), name).unwrap());
        top
    }

    fn bases(listing: &Listing) -> Vec<String> {
        let mut bases: Vec<_> =
            listing.letters.iter().map(|letter| String::from_utf8_lossy(&letter.base).into_owned()).collect();
        bases.sort();
        bases
    }

    #[test]
    fn a_letter_that_is_moved_while_its_folders_are_listed_is_listed() {
        for (from, to) in
            [("new/2.b", "cur/2.b:2,"), ("cur/1.a:2,", "new/1.a"), ("cur/1.a:2,", "cur/1.a:2,S")]
        {
            let top = maildir(&["cur/1.a:2,", "new/2.b", "cur/3.c:2,S"]);
            let mut is_moved = false;
            let listing = list_between(top.path(), &mut |place| {
                if place == "new" && !is_moved {
                    std::fs::rename(top.path().join(from), top.path().join(to)).unwrap();
                    is_moved = true;
                }
            });
            let listing = listing.unwrap();
            assert!(listing.is_whole, "{from}");
            assert_eq!(bases(&listing), ["1.a", "2.b", "3.c"], "{from}");
            assert!(listing.letters.iter().all(|letter| letter.path.exists()), "{from}");
        }
    }

    #[test]
    fn a_maildir_that_never_holds_still_is_told_and_nothing_of_it_is_missed() {
        let top = maildir(&["cur/1.a:2,", "cur/2.b:2,"]);
        let mut count = 0;
        let path = |name: String| top.path().join(name);
        let listing = list_between(top.path(), &mut |place| {
            if place == "new" {
                // It is in `cur` when `new` is read, and in `new` when `cur` is; only each second look can see it.
                let (from, to) = if count % 2 == 0 { ("cur", "new") } else { ("new", "cur") };
                std::fs::rename(path(format!("{from}/1.a:2,")), path(format!("{to}/1.a:2,"))).unwrap();
                count += 1;
            }
        });
        let listing = listing.unwrap();
        assert_eq!(count, 2 * LISTINGS_MAX);
        assert!(!listing.is_whole);
        assert_eq!(bases(&listing), ["1.a", "2.b"]);
        let told = listing.unsettled("INBOX", top.path()).unwrap_or_default();
        assert!(told.contains("nothing counts as gone"), "{told}");
    }

    #[test]
    fn a_maildir_that_holds_still_for_its_names_alone_is_whole() {
        let top = maildir(&["cur/1.a:2,", "cur/2.b:2,", "cur/4.d:2,", "new/4.d"]);
        std::os::unix::fs::symlink("/dev/null", top.path().join("cur/link")).unwrap();
        let path = |name: &str| top.path().join(name);
        let mut count = 0;
        let listing = list_between(top.path(), &mut |place| {
            count += 1;
            match (count, place) {
                (1, "new") => {
                    std::fs::rename(path("cur/1.a:2,"), path("new/1.a")).unwrap();
                    std::fs::rename(path("cur/2.b:2,"), path("cur/2.b:2,S")).unwrap();
                }
                (2, "cur") => {
                    std::fs::rename(path("cur/2.b:2,S"), path("cur/2.b:2,")).unwrap();
                    std::fs::write(path("new/3.c"), "3").unwrap();
                }
                _ => {}
            }
        });
        let listing = listing.unwrap();
        assert_eq!((count, listing.is_whole, listing.links.len()), (5, true, 1));
        assert_eq!(bases(&listing), ["1.a", "2.b", "3.c", "4.d", "4.d"]);
        assert!(listing.letters.iter().all(|letter| letter.path.exists()));
    }

    #[test]
    fn a_file_that_took_anothers_name_between_two_looks_is_another() {
        let top = maildir(&["cur/1.a:2,", "cur/2.b:2,"]);
        let path = |name: &str| top.path().join(name);
        let mut count = 0;
        let listing = list_between(top.path(), &mut |_| {
            count += 1;
            if count == 2 {
                std::fs::write(path("new/3.c"), "3").unwrap();
                std::fs::write(path("other"), "another message").unwrap();
                std::fs::rename(path("other"), path("cur/1.a:2,")).unwrap();
            }
        });
        let listing = listing.unwrap();
        assert_eq!((count, listing.is_whole), (5, true));
        for letter in listing.letters {
            let there = std::fs::symlink_metadata(&letter.path).unwrap();
            let told = (letter.metadata.ino(), letter.metadata.len());
            assert_eq!(told, (there.ino(), there.len()), "{}", letter.path.display());
        }
    }

    #[test]
    fn two_files_of_one_message_stay_one_while_a_program_moves_one_of_them() {
        let top = maildir(&["cur/2.b:2,"]);
        let path = |name: &str| top.path().join(name);
        for name in ["cur/1.a:2,", "new/1.a"] {
            std::fs::write(path(name), "the same octets").unwrap();
        }
        let mut is_moved = false;
        let listing = list_between(top.path(), &mut |place| {
            if place == "all" && !is_moved {
                std::fs::rename(path("new/1.a"), path("cur/1.a:2,S")).unwrap();
                is_moved = true;
            }
        });
        let listing = listing.unwrap();
        assert_eq!((bases(&listing), listing.is_whole), (vec!["1.a".to_owned(), "2.b".to_owned()], true));
    }

    #[test]
    fn a_name_that_only_a_second_look_shows_makes_a_listing_a_part() {
        let top = maildir(&["cur/1.a:2,", "cur/2.b:2,"]);
        let mut files = Files::new();
        pass(top.path(), &mut files, &mut Listing::default(), &mut |_| ()).unwrap();
        assert!(has_all(top.path(), &files).unwrap());
        files.pop_last();
        assert!(!has_all(top.path(), &files).unwrap());
    }
}
