//! Which UID each message of a Maildir has, in a file of lines with a checksum each.
//! Never gives a UID twice: what was written down counts before any message bears it.
//!
//! A message is known by the lasting part of its name. The UID that a name bears (`,U=17`) is for whoever reads it:
//! other programs write such parts too, and users move letters from one Maildir into another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use flate2::Crc;

/// The first line of the file, and that of earlier writers, which had neither checksums nor the names of own messages.
const HEAD: &[u8] = b"malote-uids 2\n";
const HEAD_OLD: &str = "malote-uids 1 ";

/// A counter that has come this far is begun anew with the generation: RFC 3501 §2.3.1.1 lets no UID pass 2³².
const NEXT_MAX: u32 = u32::MAX - (1 << 20);

/// Counters, and the UIDs of messages by the lasting part of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Uids {
    pub validity: u32,
    pub next: u32,
    /// By the escaped key, which holds no line's end.
    known: BTreeMap<String, u32>,
}

/// What a file of UIDs comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All of it can be believed; `is_torn` where the last line is not whole, behind which none may be added.
    Whole { uids: Uids, is_torn: bool },
    /// The list of an earlier writer: messages that it gave a UID by their names have to be looked for there.
    Old(Uids),
    /// A line is wrong; only the generation is told, where it is.
    Damaged { validity: u32 },
}

impl Uids {
    /// A generation without messages.
    pub(super) fn begin(validity: u32) -> Self {
        Self { validity, next: 1, known: BTreeMap::new() }
    }

    /// Reads a file.
    pub(super) fn read(octets: &[u8]) -> Read {
        match octets.strip_prefix(HEAD) {
            Some(lines) => Self::read_lines(lines),
            None => Self::read_old(octets).map_or(Read::Damaged { validity: 0 }, Read::Old),
        }
    }

    fn read_lines(octets: &[u8]) -> Read {
        let (mut uids, mut is_torn) = (Self::begin(0), false);
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            // The last line of a writer that died; what it was to tell had not begun.
            let Some(line) = line.strip_suffix(b"\n") else {
                is_torn = true;
                break;
            };
            if uids.take(line).is_none() {
                return Read::Damaged { validity: uids.validity };
            }
        }
        if uids.validity == 0 || uids.next > NEXT_MAX {
            return Read::Damaged { validity: uids.validity };
        }
        Read::Whole { uids, is_torn }
    }

    fn take(&mut self, line: &[u8]) -> Option<()> {
        let (checksum, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        if u32::from_str_radix(checksum, 16).ok()? != checksum_of(text) {
            return None;
        }
        let (word, rest) = text.split_once(' ')?;
        if word == "next" {
            let (validity, next) = rest.split_once(' ')?;
            (self.validity, self.next) = (validity.parse().ok()?, self.next.max(next.parse().ok()?));
        } else {
            let uid: u32 = word.parse().ok()?;
            self.next = self.next.max(uid.saturating_add(1));
            self.known.insert(rest.to_owned(), uid);
        }
        Some(())
    }

    fn read_old(octets: &[u8]) -> Option<Self> {
        let mut lines = octets.split(|octet| *octet == b'\n');
        let counters = std::str::from_utf8(lines.next()?).ok()?.strip_prefix(HEAD_OLD)?;
        let (validity, next) = counters.split_once(' ')?;
        let (validity, next) = (validity.parse().ok()?, next.parse().ok()?);
        let other = |line: &[u8]| {
            let blank = memchr::memchr(b' ', line)?;
            Some((escaped(&line[blank + 1..]), std::str::from_utf8(&line[..blank]).ok()?.parse().ok()?))
        };
        let known = lines.filter_map(other).collect();
        Some(Self { validity, next, known }).filter(|uids| uids.validity > 0 && uids.next <= NEXT_MAX)
    }

    /// The UID of a message.
    pub(super) fn get(&self, key: &[u8]) -> Option<u32> {
        self.known.get(&escaped(key)).copied()
    }

    /// True where a message of this name is known by what it holds, for another one has the same name.
    pub(super) fn is_told_apart(&self, base: &[u8]) -> bool {
        let begin = escaped(&[base, b"/"].concat());
        self.known.range(begin.clone()..).next().is_some_and(|(key, _)| key.starts_with(&begin))
    }

    /// Gives a message a UID, where there is one left.
    pub(super) fn give(&mut self, key: &[u8]) -> Option<u32> {
        let uid = self.next;
        self.next = uid.checked_add(1)?;
        self.known.insert(escaped(key), uid);
        Some(uid)
    }

    /// The same with those messages alone that are there, each with the UID that it has.
    pub(super) fn only(&self, there: &BTreeMap<Vec<u8>, u32>) -> Self {
        let known = there.iter().map(|(key, uid)| (escaped(key), *uid)).collect();
        Self { validity: self.validity, next: self.next, known }
    }

    /// Takes over what names tell in a Maildir of an earlier writer, which believed every name; nothing where that
    /// leads to one UID for two messages.
    pub(super) fn with_names(&self, bases: &[Vec<u8>]) -> Option<Self> {
        let mut uids = self.clone();
        for base in bases {
            let Some(uid) = uid_in(base) else { continue };
            uids.known.insert(escaped(base), uid);
        }
        let all: BTreeSet<u32> = uids.known.values().copied().collect();
        let is_in_order = all.len() == uids.known.len() && all.last().is_none_or(|last| *last < uids.next);
        is_in_order.then_some(uids)
    }

    /// Writes all of it in one step.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = Vec::from(HEAD);
        text.extend(line(&format!("next {} {}", self.validity, self.next)).into_bytes());
        for (key, uid) in &self.known {
            text.extend(line(&format!("{uid} {key}")).into_bytes());
        }
        // A run of somebody else who cannot read it says so.
        replace(path, &text).map(|_is_kept| ())
    }

    /// Adds what was given to these messages, durable when this returns. The file is one that `write` wrote.
    pub(super) fn add(&self, path: &Path, keys: &[Vec<u8>]) -> io::Result<()> {
        let given = keys.iter().filter_map(|key| Some(line(&format!("{} {}", self.get(key)?, escaped(key)))));
        let next = line(&format!("next {} {}", self.validity, self.next));
        let text: String = given.chain([next]).collect();
        let mut file = File::options().append(true).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

/// The UID that a name bears, whoever wrote it.
fn uid_in(base: &[u8]) -> Option<u32> {
    let part = base.split(|octet| *octet == b',').skip(1).find_map(|part| part.strip_prefix(b"U="))?;
    std::str::from_utf8(part).ok()?.parse().ok().filter(|uid| *uid > 0)
}

fn escaped(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

fn line(text: &str) -> String {
    format!("{:08x} {text}\n", checksum_of(text))
}

fn checksum_of(text: &str) -> u32 {
    let mut checksum = Crc::new();
    checksum.update(text.as_bytes());
    checksum.sum()
}

/// Writes a small file so that it is the old or the new one, whatever happens. It stays its owner's, and whoever could
/// read it can; false where that could not be kept for all of them.
pub(super) fn replace(path: &Path, octets: &[u8]) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(octets)?;
    let old = fs::symlink_metadata(path).ok().filter(Metadata::is_file);
    let is_kept = old.map_or(Ok(true), |old| keep_access(file.as_file(), &old))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    Ok(is_kept)
}

/// Gives a file the owner, the group and the mode of an older one. Root alone may give a file away (chown(2)); for
/// anybody else the group is enough, where it may read and write. Another group never gets what the old one had.
fn keep_access(file: &File, old: &Metadata) -> io::Result<bool> {
    let own = file.metadata()?;
    let give = |owner, group| match fchown(file, owner, group).map_err(|cause| (cause.kind(), cause)) {
        // The second is said of users that a container does not know.
        Err((ErrorKind::PermissionDenied | ErrorKind::InvalidInput, _)) => Ok(false),
        Err((_, cause)) => Err(cause),
        Ok(()) => Ok(true),
    };
    let is_owners = own.uid() == old.uid() || give(Some(old.uid()), None)?;
    let is_groups = own.gid() == old.gid() || give(None, Some(old.gid()))?;
    let mode = old.mode() & 0o7777;
    let others = mode & 0o007;
    let mode = if is_groups { mode } else { (mode & !0o070) | (mode & (others << 3)) };
    file.set_permissions(Permissions::from_mode(mode))?;
    let both = if is_groups { 0o060 } else { 0o006 };
    Ok((is_owners && is_groups) || mode & both == both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (tempfile::TempDir, std::path::PathBuf, Uids) {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("malote-uids");
        let mut uids = Uids::begin(9);
        uids.give(b"a b\nc\\").unwrap();
        uids.write(&path).unwrap();
        uids.give(b"d").unwrap();
        uids.add(&path, &[b"d".to_vec()]).unwrap();
        (top, path, uids)
    }

    #[test]
    fn what_was_written_is_read_and_a_wrong_digit_is_not_believed() {
        let (_top, path, uids) = written();
        let octets = fs::read(&path).unwrap();
        assert_eq!(Uids::read(&octets), Read::Whole { uids: uids.clone(), is_torn: false });
        assert_eq!((uids.get(b"a b\nc\\"), uids.get(b"d"), uids.next), (Some(1), Some(2), 3));
        for at in 0..octets.len() - 1 {
            let mut wrong = octets.clone();
            wrong[at] ^= 1;
            assert!(matches!(Uids::read(&wrong), Read::Damaged { .. }), "octet {at}");
        }
    }

    #[test]
    fn a_line_that_a_crash_tore_is_none() {
        let (_top, path, _) = written();
        let octets = fs::read(&path).unwrap();
        let whole = octets.len() - octets.split_inclusive(|octet| *octet == b'\n').next_back().unwrap().len();
        for cut in whole..octets.len() {
            let Read::Whole { uids, is_torn } = Uids::read(&octets[..cut]) else { panic!("cut at {cut}") };
            let found = (uids.get(b"d"), uids.next, is_torn);
            assert_eq!(found, (Some(2), 3, cut > whole), "cut at {cut}");
        }
    }

    #[test]
    fn a_list_of_an_earlier_writer_is_read_with_the_names_beside_it() {
        let Read::Old(old) = Uids::read(b"malote-uids 1 9 8\n7 other\n") else { panic!("it is an old one") };
        let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>();
        let all = old.with_names(&names(&["1.M1P1Q0.malote,S=3,U=5", "2.x,U=6", "other"])).unwrap();
        assert_eq!(
            (all.validity, all.next, all.get(b"other"), all.get(b"2.x,U=6")),
            (9, 8, Some(7), Some(6))
        );
        for twice in [["1.malote,S=3,U=5", "2.x,U=5"], ["1.x,U=7", "other"], ["1.x,U=4294967295", "y"]] {
            assert_eq!(old.with_names(&names(&twice)), None, "{twice:?}");
        }
        assert_eq!(Uids::read(b"malote-uids 1 9 4294967295\n"), Read::Damaged { validity: 0 });
    }
}
