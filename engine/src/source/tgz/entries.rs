//! Walks the entries of a tar stream.
//! Never writes one by its name, and never follows what points elsewhere: links and devices are counted, no more.

use std::io::{self, Read};

use tar::{EntryType, PaxExtensions};

/// Entries of one archive at most.
pub const ENTRIES_MAX: u64 = 5_000_000;

/// Octets of one entry at most: no message is longer.
pub const ENTRY_OCTETS_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Octets of a name, or of the extensions that hold it.
const NAME_OCTETS_MAX: u64 = 64 * 1024;

/// Levels of a name.
const LEVELS_MAX: usize = 64;

/// A plain file or a folder in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Level by level; never empty, never `..`.
    pub levels: Vec<String>,
    /// True for a folder.
    pub is_folder: bool,
    /// When it was changed, in seconds; 0 where nothing is told.
    pub unix_seconds: i64,
    /// Where its octets begin in the stream.
    pub at: u64,
    /// How many octets it has.
    pub octets: u64,
}

/// What was passed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Links, devices and pipes.
    pub odd: u64,
    /// Names that lead out of the archive, or are none.
    pub hostile: u64,
    /// Entries longer than any message.
    pub too_long: u64,
    /// Entries looked at.
    pub entries: u64,
}

/// Gives every plain file and folder to `each`, with a reader of its octets.
///
/// # Errors
/// Where the stream is cut off, is no tar, or passes a limit: what was given before stays good.
pub fn walk(
    stream: impl Read,
    passed_over: &mut PassedOver,
    each: &mut dyn FnMut(Name, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(stream);
    let mut long_name: Option<Vec<u8>> = None;
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        passed_over.entries += 1;
        if passed_over.entries > ENTRIES_MAX {
            return Err(limit(&format!("it has more than {ENTRIES_MAX} entries")));
        }
        let octets = entry.header().entry_size()?;
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut name = short(&mut entry, octets)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                let extensions = short(&mut entry, octets)?;
                long_name = pax_path(&extensions)?.or(long_name);
                continue;
            }
            EntryType::GNULongLink | EntryType::XGlobalHeader => continue,
            // Its map of holes would have to be believed to find the next entry.
            EntryType::GNUSparse => {
                return Err(limit("a sparse file lies in it, which no export of mail has"));
            }
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
        let is_folder = entry.header().entry_type().is_dir();
        if !is_folder
            && !entry.header().entry_type().is_file()
            && !entry.header().entry_type().is_contiguous()
        {
            passed_over.odd += 1;
            continue;
        }
        if octets > ENTRY_OCTETS_MAX {
            passed_over.too_long += 1;
            continue;
        }
        match levels(&name) {
            Some(levels) if levels.is_empty() => {}
            Some(levels) => {
                let unix_seconds = entry.header().mtime().ok().and_then(|time| i64::try_from(time).ok());
                let at = entry.raw_file_position();
                let name = Name { levels, is_folder, unix_seconds: unix_seconds.unwrap_or(0), at, octets };
                each(name, &mut entry)?;
            }
            None => passed_over.hostile += 1,
        }
    }
    Ok(())
}

/// An extension's octets, which are few or a lie.
fn short(entry: &mut impl Read, octets: u64) -> io::Result<Vec<u8>> {
    if octets > NAME_OCTETS_MAX {
        return Err(limit("a name in it is longer than any"));
    }
    let mut held = Vec::new();
    entry.take(NAME_OCTETS_MAX).read_to_end(&mut held)?;
    if held.len() as u64 == octets {
        Ok(held)
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is cut off in a name"))
    }
}

/// The path of pax extensions (POSIX.1-2001). A size among them would move all that follows.
fn pax_path(extensions: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut path = None;
    for extension in PaxExtensions::new(extensions) {
        let extension = extension?;
        match extension.key_bytes() {
            b"path" => path = Some(extension.value_bytes().to_vec()),
            b"size" => return Err(limit("an entry in it is longer than a header can tell")),
            _ => {}
        }
    }
    Ok(path)
}

/// A name as levels; nothing where it leads out of the archive.
fn levels(name: &[u8]) -> Option<Vec<String>> {
    if name.starts_with(b"/") || name.contains(&0) {
        return None;
    }
    let mut levels = Vec::new();
    for level in name.split(|octet| *octet == b'/') {
        match level {
            b"" | b"." => {}
            b".." => return None,
            level => levels.push(String::from_utf8_lossy(level).into_owned()),
        }
    }
    (levels.len() <= LEVELS_MAX).then_some(levels)
}

fn limit(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_out_of_the_archive_is_none() {
        for (name, expected) in [
            ("Inbox/1.eml", Some(vec!["Inbox", "1.eml"])),
            ("./Inbox//1.eml", Some(vec!["Inbox", "1.eml"])),
            ("./", Some(vec![])),
            ("/etc/passwd", None),
            ("../x", None),
            ("a/../../x", None),
            ("a\0b", None),
        ] {
            let expected = expected.map(|levels| levels.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(levels(name.as_bytes()), expected, "{name:?}");
        }
        assert_eq!(levels("a/".repeat(LEVELS_MAX + 1).as_bytes()), None);
    }
}
