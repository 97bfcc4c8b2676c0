//! The messages of a Maildir as its folders show them.
//! Never misses one that a program moves from `new` to `cur`, or gives other letters, meanwhile.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::uids::Uids;
use crate::source::maildir::name::Name;

/// Where messages lie, in the order in which they pass through.
const PLACES: [&str; 2] = ["new", "cur"];

/// So often is a Maildir listed that does not keep still; what the last listing shows is taken.
const LISTINGS_MAX: usize = 8;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// The lasting part of its name.
    pub base: Vec<u8>,
    pub path: PathBuf,
    pub unix_seconds: i64,
    pub octets: u64,
    inode: (u64, u64),
}

impl Listed {
    fn of(base: &[u8], path: PathBuf, metadata: &Metadata) -> Self {
        let inode = (metadata.dev(), metadata.ino());
        Self { base: base.to_vec(), path, unix_seconds: metadata.mtime(), octets: metadata.len(), inode }
    }
}

/// Every message in `new` and `cur`, in the order of delivery, and whether the Maildir kept still meanwhile: else one
/// may be missing.
pub(super) fn list(maildir: &Path) -> io::Result<(Vec<Listed>, bool)> {
    list_by(maildir, &mut read)
}

fn list_by(
    maildir: &Path,
    read: &mut dyn FnMut(&Path) -> io::Result<Vec<Listed>>,
) -> io::Result<(Vec<Listed>, bool)> {
    let (mut files, mut is_still) = (HashMap::new(), false);
    for _ in 0..LISTINGS_MAX {
        let before = times(maildir);
        files = HashMap::new();
        for place in PLACES {
            for found in read(&maildir.join(place))? {
                merge(files.entry(found.base.clone()).or_default(), found);
            }
        }
        is_still = times(maildir) == before;
        if is_still {
            break;
        }
    }
    let mut files: Vec<Listed> = files.into_values().flatten().collect();
    files.sort_by_cached_key(|file| (file.unix_seconds, file.base.clone(), file.path.clone()));
    Ok((files, is_still))
}

/// When each folder was changed: entries that come, go or change their names change it.
fn times(maildir: &Path) -> Vec<Option<(i64, i64)>> {
    let time = |place: &&str| {
        fs::metadata(maildir.join(place)).ok().map(|found| (found.mtime(), found.mtime_nsec()))
    };
    PLACES.iter().map(time).collect()
}

/// The messages of one folder.
fn read(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(files),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_vec();
        let metadata = match entry.metadata() {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if metadata.is_file() && !name.starts_with(b".") {
            files.push(Listed::of(Name::of(&name).base, entry.path(), &metadata));
        }
    }
    Ok(files)
}

/// Adds a file to those of the same name. One that is the same message, seen twice on its way, takes its place.
fn merge(named: &mut Vec<Listed>, found: Listed) {
    let is_same = |one: &Listed| {
        one.inode == found.inode
            || (one.octets == found.octets
                && matches!((hash(&one.path), hash(&found.path)), (Some(one), Some(other)) if one == other))
    };
    match named.iter_mut().find(|one| is_same(one)) {
        Some(one) => *one = found,
        None => named.push(found),
    }
}

fn hash(path: &Path) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut file = crate::source::archive::files::open(path, false).ok()?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut file, &mut buffer).ok()? {
            0 => return Some(hasher.finalize()),
            read => hasher.update(&buffer[..read]),
        };
    }
}

/// What each message is known by: the lasting part of its name, and what it holds where another message has, or had,
/// the same name.
pub(super) fn keys(files: &[Listed], uids: &Uids) -> Vec<Vec<u8>> {
    let mut named: HashMap<&[u8], u32> = HashMap::new();
    for file in files {
        *named.entry(&file.base).or_default() += 1;
    }
    let key = |file: &Listed| {
        let is_alone = named.get(file.base.as_slice()).is_none_or(|count| *count < 2);
        if is_alone && !uids.is_told_apart(&file.base) {
            return file.base.clone();
        }
        let content = match hash(&file.path) {
            Some(hash) => hash.to_hex().as_bytes()[..32].to_vec(),
            None => file.path.as_os_str().as_bytes().to_vec(),
        };
        [&file.base, &b"/"[..], &content].concat()
    };
    files.iter().map(key).collect()
}

/// True where a name is of the form that Malote gives, and tells the length that the file has: such a file holds the
/// message's exact octets, in whatever folder it lies by now.
pub(super) fn is_exact(base: &[u8], octets: u64) -> bool {
    let form = || {
        let (stem, told) = std::str::from_utf8(base).ok()?.split_once(".malote,S=")?;
        let (seconds, rest) = stem.split_once(".M")?;
        let (millis, rest) = rest.split_once('P')?;
        let (process, number) = rest.split_once('Q')?;
        let (length, uid) = told.split_once(",U=")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let all = [seconds, millis, process, number, length, uid];
        Some(all.into_iter().all(is_number) && length.parse::<u64>() == Ok(octets))
    };
    form().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_or_renamed_while_it_is_listed_is_listed_once() {
        let top = tempfile::tempdir().unwrap();
        for (name, text) in [("new/1.x", "one"), ("cur/2.x:2,", "two"), ("cur/3.x:2,", "three")] {
            fs::create_dir_all(top.path().join(name).parent().unwrap()).unwrap();
            fs::write(top.path().join(name), text).unwrap();
        }
        let moved = |from: &str, to: &str| fs::rename(top.path().join(from), top.path().join(to)).unwrap();
        let mut calls = 0;
        let (files, is_still) = list_by(top.path(), &mut |folder| {
            calls += 1;
            let mut found = read(folder)?;
            match calls {
                // A mail program opens the mailbox between the looks at its folders.
                1 => moved("new/1.x", "cur/1.x:2,"),
                // One sets a flag while the folder is read, so that neither name is come upon.
                2 => {
                    moved("cur/3.x:2,", "cur/3.x:2,S");
                    found.retain(|file| file.base != b"3.x");
                }
                _ => {}
            }
            Ok(found)
        })
        .unwrap();
        let bases: Vec<&[u8]> = files.iter().map(|file| file.base.as_slice()).collect();
        assert_eq!((bases, is_still), (vec![&b"1.x"[..], b"2.x", b"3.x"], true));
        let mut number = 0;
        let (_, is_still) = list_by(top.path(), &mut |folder| {
            number += 1;
            fs::write(top.path().join("cur").join(number.to_string()), "").unwrap();
            fs::File::open(top.path().join("cur"))
                .unwrap()
                .set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number))?;
            read(folder)
        })
        .unwrap();
        assert!(!is_still, "one that never keeps still is told for what it is");
    }

    #[test]
    fn only_the_whole_form_of_a_name_is_malotes() {
        for (name, octets, expected) in [
            ("1795350471.M340P5270Q0.malote,S=129,U=1", 129, true),
            ("1795350471.M340P5270Q0.malote,S=129,U=1", 128, false),
            ("1795350471.M340P5270Q0.malote,S=129", 129, false),
            ("1900000000.X.host,S=129,U=1", 129, false),
            ("1795350471.M340P5270Q0.host.malote,S=129,U=1", 129, false),
            ("1795350471.M340P5270Q0.malote,S=129,U=1,W=3", 129, false),
        ] {
            assert_eq!(is_exact(name.as_bytes(), octets), expected, "{name}");
        }
    }
}
