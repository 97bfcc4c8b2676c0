//! Which files of a tree are mbox files, and what their folders are called.
//! Never passes a file over in silence in which mail can be seen.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use malote_plan::folder::FolderPath;

use super::letter::Variant;
use super::scan::{self, Flow};
use crate::failure::Result;
use crate::source::archive::contents::{FOLDERS_MAX, path_of};
use crate::source::archive::packed::{self, Packing};
use crate::source::archive::{files, unreadable};

/// Octets at the beginning of a file that tell what it is.
const GLANCE_OCTETS: u64 = 64 * 1024;

/// Octets of a packed file that are unpacked to tell what is in it.
const UNPACKED_OCTETS: u64 = 4096;

/// Endings of a file's name that are no part of its folder's.
const ENDINGS: [&str; 3] = [".mbox", ".mbx", ".mbs"];

/// Endings of packed files, whether or not they can be looked into here.
const PACKED: [&str; 10] = [".gz", ".bz2", ".zst", ".xz", ".lzma", ".lz4", ".Z", ".zip", ".7z", ".rar"];

/// How a file begins that Malote set aside beside an mbox.
pub const ASIDE_BEGIN: &str = "malote set aside ";

/// The first line of a file in which Malote lays out what it writes into the mbox beside it.
pub const BATCH_HEAD: &str =
    "malote batch: being written into the mbox beside it; removed when that is done\n";

/// What the files of a tree are.
#[derive(Default)]
pub(super) struct Tree {
    /// Each mbox by its way from the top.
    pub boxes: Vec<(Vec<u8>, PathBuf)>,
    /// Files that are none.
    pub others: u64,
    pub warnings: Vec<String>,
    pub damage: Vec<String>,
}

/// What one file is.
enum Kind {
    Mbox,
    Packed,
    /// What Malote set aside: whose it is nobody could tell.
    Aside,
    Other,
}

/// Looks at every file below `top`.
///
/// # Errors
/// Where the tree cannot be listed, or holds too many.
pub(super) fn look(top: &Path) -> Result<Tree> {
    let walk =
        files::walk(top).map_err(|cause| unreadable(format!("listing {}", top.display())).because(cause))?;
    let indexed: Vec<&[Vec<u8>]> = walk.files.iter().map(|found| found.levels.as_slice()).collect();
    let mut tree = Tree { warnings: walk.warnings, damage: walk.damage, ..Tree::default() };
    for found in &walk.files {
        let wire = found.levels.join(&b'/');
        let name = found.path.display();
        let is_named = is_named(&wire) || has_index(&indexed, &found.levels);
        match kind(&found.path, false) {
            Err(cause) => tree.damage.push(format!("{name}: cannot be read: {cause}")),
            Ok(Kind::Mbox) => tree.boxes.push((wire, found.path.clone())),
            Ok(Kind::Other) if is_named && found.metadata.len() == 0 => {
                tree.boxes.push((wire, found.path.clone()));
            }
            Ok(Kind::Aside) => {
                let what =
                    "was set aside by malote beside an mbox and is not read; look whether mail is in it";
                tree.warnings.push(format!("{name}: {what}"));
            }
            Ok(Kind::Packed) => tree.damage.push(format!("{name}: {PACKED_MBOX}")),
            Ok(Kind::Other) if is_packed_name(&wire) => tree.damage.push(format!("{name}: {PACKED_MBOX}")),
            Ok(Kind::Other) if is_named => {
                let what = "has the name of an mbox and does not begin as one";
                tree.damage.push(format!("{name}: {what}; nothing of it was read"));
            }
            Ok(Kind::Other) => tree.others += 1,
        }
        if tree.boxes.len() > FOLDERS_MAX {
            return Err(unreadable(format!("{}: more than {FOLDERS_MAX} mbox files", top.display())));
        }
    }
    Ok(tree)
}

/// What is wrong with a packed file.
const PACKED_MBOX: &str = "is a packed mbox, of which nothing was read; unpack it and run again";

/// Looks at the one file that the operator named.
///
/// # Errors
/// Where it cannot be read or is no mbox.
pub(super) fn look_at_one(path: &Path) -> Result<()> {
    let fail = |cause| unreadable(format!("reading {}", path.display())).because(cause);
    let name = path.display();
    match kind(path, true).map_err(fail)? {
        Kind::Mbox => Ok(()),
        Kind::Packed => Err(unreadable(format!("{name}: {PACKED_MBOX}"))),
        Kind::Other if std::fs::metadata(path).map_err(fail)?.len() == 0 => Ok(()),
        Kind::Aside | Kind::Other => {
            Err(unreadable(format!("{name}: is no mbox: its first line does not begin with `From `")))
        }
    }
}

fn kind(path: &Path, may_be_link: bool) -> io::Result<Kind> {
    let begin = begin(files::open(path, may_be_link)?, GLANCE_OCTETS)?;
    if is_mbox(&begin) {
        return Ok(Kind::Mbox);
    }
    if begin.starts_with(ASIDE_BEGIN.as_bytes()) {
        return Ok(Kind::Aside);
    }
    if begin.starts_with(BATCH_HEAD.as_bytes()) {
        return Ok(Kind::Other);
    }
    if Packing::of(&begin) != Packing::Plain {
        let unpacked = packed::read(files::open(path, may_be_link)?).and_then(begin_of);
        return Ok(if unpacked.is_ok_and(|begin| is_mbox(&begin)) { Kind::Packed } else { Kind::Other });
    }
    // A database of a mail program's quotes mail and is none.
    if begin.is_empty() || begin.starts_with(b"SQLite format 3") {
        return Ok(Kind::Other);
    }
    Ok(if has_separator(files::open(path, may_be_link)?)? { Kind::Mbox } else { Kind::Other })
}

fn begin(file: File, octets: u64) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    file.take(octets).read_to_end(&mut begin)?;
    Ok(begin)
}

/// As much of a packed file as can be unpacked, to a limit.
fn begin_of(file: Box<dyn io::Read>) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    file.take(UNPACKED_OCTETS).read_to_end(&mut begin)?;
    Ok(begin)
}

/// True where a message begins anywhere: whose beginning is overwritten is an mbox all the same.
fn has_separator(file: File) -> io::Result<bool> {
    let mut has_any = false;
    let from = io::BufReader::new(file.try_clone()?);
    scan::scan(from, &file, Variant::Mboxrd, &mut |_| {
        has_any = true;
        Flow::Break(())
    })?;
    Ok(has_any)
}

fn is_mbox(begin: &[u8]) -> bool {
    // Blank lines may go before the mark's line as well.
    scan::unmarked(begin).starts_with(b"From ")
}

fn is_named(wire: &[u8]) -> bool {
    ENDINGS.iter().any(|ending| wire.ends_with(ending.as_bytes()))
}

fn is_packed_name(wire: &[u8]) -> bool {
    PACKED.iter().any(|ending| wire.strip_suffix(ending.as_bytes()).is_some_and(is_named))
}

/// True where Thunderbird's index of the file lies beside it.
fn has_index(all: &[&[Vec<u8>]], levels: &[Vec<u8>]) -> bool {
    let mut index = levels.to_vec();
    if let Some(name) = index.last_mut() {
        name.extend_from_slice(b".msf");
    }
    all.binary_search(&index.as_slice()).is_ok()
}

/// The folder that a file is: Thunderbird's `.sbd` folders are levels, Apple's `Name.mbox/mbox` is `Name`.
pub(super) fn folder_path(wire: &[u8]) -> Option<FolderPath> {
    let text = files::readable(wire);
    let mut levels: Vec<&str> = text.split('/').collect();
    if levels.len() > 1 && levels.last() == Some(&"mbox") && levels[levels.len() - 2].ends_with(".mbox") {
        levels.pop();
    }
    let bare = |level: &str, endings: &[&str]| {
        let ending = endings.iter().find(|ending| level.len() > ending.len() && level.ends_with(**ending));
        level[..level.len() - ending.map_or(0, |ending| ending.len())].to_owned()
    };
    let last = levels.pop()?;
    let mut path: Vec<String> = levels.iter().map(|level| bare(level, &[".sbd", ".mbox"])).collect();
    path.push(bare(last, &ENDINGS));
    path_of(path.iter().map(String::as_str))
}
