//! The messages of a Maildir as its folders show them.
//! Never takes a listing for whole that may lack one which a program moved or renamed meanwhile.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::uids::Uids;
use super::underway;
use crate::source::maildir::list::{self, Letter, Listing};

/// One file.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// The lasting part of its name.
    pub base: Vec<u8>,
    pub path: PathBuf,
    pub unix_seconds: i64,
    pub octets: u64,
    /// Its device and its number there.
    pub inode: (u64, u64),
}

impl From<Letter> for Listed {
    fn from(letter: Letter) -> Self {
        let Letter { base, path, metadata, .. } = letter;
        let inode = (metadata.dev(), metadata.ino());
        Self { base, path, unix_seconds: metadata.mtime(), octets: metadata.len(), inode }
    }
}

/// Every message in `new` and `cur`, in the order of delivery; nothing where the Maildir did not keep still, for one
/// that is missing would be taken for absent and sent again.
pub(super) fn list(maildir: &Path) -> io::Result<Option<Vec<Listed>>> {
    Ok(whole(list::list(maildir)?))
}

fn whole(listing: Listing) -> Option<Vec<Listed>> {
    if !listing.is_whole {
        return None;
    }
    let mut files: Vec<Listed> = listing.letters.into_iter().map(Listed::from).collect();
    files.sort_by_cached_key(|file| (file.unix_seconds, file.base.clone(), file.path.clone()));
    Some(files)
}

fn hash(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut file = crate::source::archive::files::open(path, false)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hasher.finalize()),
            read => hasher.update(&buffer[..read]),
        };
    }
}

/// What each message is known by: the lasting part of its name, and what it holds where another message has, or had,
/// the same name.
///
/// # Errors
/// Where one of several of a name went away since it was listed: its key would make it another message.
pub(super) fn keys(files: &[Listed], uids: &Uids) -> io::Result<Vec<Vec<u8>>> {
    let mut named: HashMap<&[u8], u32> = HashMap::new();
    for file in files {
        *named.entry(&file.base).or_default() += 1;
    }
    let key = |file: &Listed| {
        let is_alone = named.get(file.base.as_slice()).is_none_or(|count| *count < 2);
        if is_alone && !uids.is_told_apart(&file.base) {
            return Ok(file.base.clone());
        }
        let content = match hash(&file.path) {
            Ok(hash) => hash.to_hex().as_bytes()[..32].to_vec(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(cause),
            Err(_) => file.path.as_os_str().as_bytes().to_vec(),
        };
        Ok([&file.base, &b"/"[..], &content].concat())
    };
    files.iter().map(key).collect()
}

/// True where a name is of the form that Malote gives, and tells the length that the file has: such a file holds the
/// message's exact octets, in whatever folder it lies by now.
pub(super) fn is_exact(base: &[u8], octets: u64) -> bool {
    let form = || {
        let (name, told) = std::str::from_utf8(base).ok()?.split_once(",S=")?;
        let (length, uid) = told.split_once(",U=")?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let are_numbers = is_number(length) && is_number(uid);
        Some(underway::is_own(name.as_bytes()) && are_numbers && length.parse::<u64>() == Ok(octets))
    };
    form().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildir_that_does_not_keep_still_gives_nothing() {
        for is_whole in [true, false] {
            let listing = Listing { is_whole, ..Listing::default() };
            assert_eq!(whole(listing).is_some(), is_whole);
        }
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
